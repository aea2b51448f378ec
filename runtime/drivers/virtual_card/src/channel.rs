//! The secure channel as the rest of the chip sees it: one level, either protocol.

use crate::apdu::{Command, Sw, sw};
use crate::crypto::Secret;
use crate::{scp02, scp03};

/// Level bit: commands carry a C-MAC.
const C_MAC: u8 = 0x01;
/// Level bit: command data are enciphered.
const C_DECRYPTION: u8 = 0x02;
/// Level bit: answers carry an R-MAC.
const R_MAC: u8 = 0x10;
/// Level bit: answer data are enciphered.
const R_ENCRYPTION: u8 = 0x20;

/// Session of either protocol.
pub(crate) enum Session {
    Scp02(scp02::Session),
    Scp03(scp03::Session),
}

/// INITIALIZE UPDATE has been answered; EXTERNAL AUTHENTICATE is due.
pub(crate) struct Handshake {
    pub(crate) session: Session,
    pub(crate) host_cryptogram: [u8; 8],
}

/// An authenticated channel.
pub(crate) struct Channel {
    session: Session,
    level: u8,
}

impl Handshake {
    /// Checks EXTERNAL AUTHENTICATE: first the host cryptogram, then the C-MAC.
    pub(crate) fn authenticate(mut self, command: Command) -> Result<Channel, Sw> {
        let level = command.p1;
        let cryptogram = command.data.first_chunk::<8>().ok_or(sw::WRONG_LENGTH)?;
        if !crate::crypto::same(cryptogram, &self.host_cryptogram) {
            return Err(sw::AUTHENTICATION_FAILED);
        }
        let opened = match &mut self.session {
            Session::Scp02(session) => session.open(command, false),
            Session::Scp03(session) => session.open(command, false),
        };
        opened.ok_or(sw::SECURITY)?;
        Ok(Channel {
            session: self.session,
            level,
        })
    }
}

impl Channel {
    /// Takes the security off a command. An error closes the channel.
    pub(crate) fn open(&mut self, command: Command) -> Result<Command, Sw> {
        let secured = command.cla & 0x04 != 0;
        match (secured, self.level & C_MAC != 0) {
            (false, false) => return Ok(command),
            (true, true) => {}
            _ => return Err(sw::SECURITY),
        }
        let deciphers = self.level & C_DECRYPTION != 0;
        match &mut self.session {
            Session::Scp02(session) => session.open(command, deciphers),
            Session::Scp03(session) => {
                session.count(command.data.len() > 8);
                session.open(command, deciphers)
            }
        }
        .ok_or(sw::SECURITY)
    }

    /// Secures an answer as the level asks.
    pub(crate) fn close(&self, data: &[u8], status: Sw) -> Vec<u8> {
        if let (Session::Scp03(session), true) = (&self.session, self.level & R_MAC != 0) {
            let enciphers = self.level & R_ENCRYPTION != 0;
            if let Some(answer) = session.close(data, status, enciphers) {
                return answer;
            }
        }
        [data, &status.to_be_bytes()].concat()
    }

    /// Deciphers the value of a sensitive grouping.
    pub(crate) fn decipher(&self, text: &[u8]) -> Option<Secret> {
        match &self.session {
            Session::Scp02(session) => session.decipher(text),
            Session::Scp03(session) => session.decipher(text),
        }
    }
}
