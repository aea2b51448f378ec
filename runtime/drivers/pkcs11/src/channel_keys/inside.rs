//! Session keys inside a token as the protocols use them: each step is a call in the session that holds
//! them.

use std::sync::Arc;

use cardwright_pkcs11_raw::{Failure, Outcome, Session};
use cardwright_standards::globalplatform::{ChannelError, scp02, scp03};
use zeroize::Zeroizing;

use super::{AesKeys, TdesKeys};
use crate::error::Refused;
use crate::held::Kept;

/// Why a step of a channel failed.
#[derive(Debug)]
pub(crate) enum Step {
    /// The card's fault or the caller's.
    Channel(ChannelError),
    /// The token, asked directly.
    Token(Failure),
    /// The token, asked in a lane's session.
    Hsm(Refused),
}

impl From<ChannelError> for Step {
    fn from(e: ChannelError) -> Self {
        Self::Channel(e)
    }
}

/// Who asks the token.
pub(crate) trait Asks {
    /// Carries a step out in the session that holds the keys.
    fn ask<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Session) -> Outcome<T> + Send + 'static,
    ) -> Result<T, Step>;
}

impl Asks for &Session {
    fn ask<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Session) -> Outcome<T> + Send + 'static,
    ) -> Result<T, Step> {
        step(self).map_err(Step::Token)
    }
}

impl Asks for Arc<Kept> {
    fn ask<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Session) -> Outcome<T> + Send + 'static,
    ) -> Result<T, Step> {
        let held = self.held();
        held.work(move |tool| Ok(step(tool.session()?)?))
            .map_err(Step::Hsm)
    }
}

/// Keys with who asks for them.
pub(crate) struct Inside<A, K> {
    pub(crate) asks: A,
    pub(crate) keys: K,
}

impl<A: Asks> scp02::Keys for Inside<A, TdesKeys> {
    type Error = Step;

    fn encipher(&self, data: &mut Vec<u8>) -> Result<(), Step> {
        let (keys, clear) = (self.keys, Zeroizing::new(std::mem::take(data)));
        *data = self
            .asks
            .ask(move |session| keys.encipher(session, &clear))?;
        Ok(())
    }

    fn mac(&self, key: scp02::MacKey, initial: [u8; 8], text: &[u8]) -> Result<[u8; 8], Step> {
        let (keys, text) = (self.keys, Zeroizing::new(text.to_vec()));
        self.asks
            .ask(move |session| keys.mac(session, key, initial, &text))
    }

    fn vector(&self, block: [u8; 8]) -> Result<[u8; 8], Step> {
        let keys = self.keys;
        self.asks.ask(move |session| keys.vector(session, block))
    }
}

impl<A: Asks> scp03::Keys for Inside<A, AesKeys> {
    type Error = Step;

    fn cmac(&self, key: scp03::MacKey, parts: &[&[u8]]) -> Result<[u8; 16], Step> {
        let (keys, text) = (self.keys, Zeroizing::new(parts.concat()));
        self.asks.ask(move |session| keys.cmac(session, key, &text))
    }

    fn encipher(&self, counter: [u8; 16], data: &mut Vec<u8>) -> Result<(), Step> {
        let (keys, clear) = (self.keys, Zeroizing::new(std::mem::take(data)));
        *data = self
            .asks
            .ask(move |session| keys.encipher(session, counter, &clear))?;
        Ok(())
    }

    fn decipher(&self, counter: [u8; 16], data: &mut Vec<u8>) -> Result<(), Step> {
        let (keys, secured) = (self.keys, std::mem::take(data));
        let mut clear = self
            .asks
            .ask(move |session| keys.decipher(session, counter, &secured))?;
        *data = std::mem::take(&mut *clear);
        Ok(())
    }
}
