//! The chip of a card in a slot: one chip, however many channels look at it.

use crate::codes::error;
use cardwright_ports::{CardChannel, CardError, MachineError, SecretBytes};
use std::sync::{Arc, Mutex};

/// The contacts of one slot; empty once the card has left.
#[derive(Clone)]
pub(crate) struct Contacts(Arc<Mutex<Option<Box<dyn CardChannel>>>>);

impl Contacts {
    pub(crate) fn new(chip: Box<dyn CardChannel>) -> Self {
        Self(Arc::new(Mutex::new(Some(chip))))
    }

    /// The card leaves; every open channel goes dead.
    pub(crate) fn lift(&self) {
        if let Ok(mut chip) = self.0.lock() {
            *chip = None;
        }
    }

    pub(crate) fn channel(&self) -> Result<Box<dyn CardChannel>, MachineError> {
        match self.0.lock() {
            Ok(chip) if chip.is_some() => Ok(Box::new(self.clone())),
            _ => Err(error("R1263", "no chip at these contacts", false)),
        }
    }

    fn with<T>(
        &self,
        act: impl FnOnce(&mut dyn CardChannel) -> Result<T, CardError>,
    ) -> Result<T, CardError> {
        let gone = |what: &str| CardError {
            code: "R1263",
            what: what.to_owned(),
        };
        let mut chip = self
            .0
            .lock()
            .map_err(|_| gone("the reader failed before"))?;
        match chip.as_mut() {
            Some(chip) => act(chip.as_mut()),
            None => Err(gone("the card has left the contacts")),
        }
    }
}

impl CardChannel for Contacts {
    fn reset(&mut self) -> Result<Vec<u8>, CardError> {
        self.with(|chip| chip.reset())
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardError> {
        self.with(|chip| chip.transmit(command))
    }

    fn enter_field(&mut self) -> Result<(), CardError> {
        self.with(|chip| chip.enter_field())
    }

    fn snapshot(&self) -> Option<SecretBytes> {
        let chip = self.0.lock().ok()?;
        chip.as_ref().and_then(|c| c.snapshot())
    }
}
