//! What the simulator can do wrong on demand, for tests of drivers.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Core;

/// A spoilt answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The answer comes later.
    Late(Duration),
    /// The connection ends without an answer.
    Close,
    /// The connection ends after so many octets of the frame.
    Cut(usize),
    /// One bit of the frame is flipped.
    Flip(usize),
    /// The answer of another request: another header.
    Header,
    /// An error code in place of the answer.
    Error([u8; 2]),
    /// Octets that are no frame at all.
    Garbage,
}

impl Fault {
    /// Sends what is left of a frame; whether the connection goes on.
    pub(super) fn send(
        self,
        core: &Core,
        stream: &mut TcpStream,
        frame: &[u8],
    ) -> std::io::Result<bool> {
        let mut spoilt = frame.to_vec();
        let header = core.settings.header;
        match self {
            Self::Late(time) => {
                // A driver that has given up closes the connection; the simulator is not to be
                // held up by its own pretence when it stops.
                let until = Instant::now() + time;
                while Instant::now() < until
                    && !core.stopped.load(std::sync::atomic::Ordering::Relaxed)
                {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            Self::Close => return Ok(false),
            Self::Cut(length) => {
                spoilt.truncate(length);
                stream.write_all(&spoilt)?;
                return Ok(false);
            }
            Self::Flip(bit) => {
                let place = bit / 8 % spoilt.len().max(1);
                if let Some(octet) = spoilt.get_mut(place) {
                    *octet ^= 1 << (bit % 8);
                }
            }
            Self::Header => {
                if let Some(octet) = spoilt.get_mut(2) {
                    *octet ^= 0x01;
                }
            }
            Self::Error(code) => {
                spoilt.truncate(2 + header + 2);
                spoilt.extend_from_slice(&code);
                let length = u16::try_from(spoilt.len().saturating_sub(2)).unwrap_or_default();
                for (slot, octet) in spoilt.iter_mut().zip(length.to_be_bytes()) {
                    *slot = octet;
                }
            }
            Self::Garbage => spoilt = b"\x00\x10HTTP/1.1 400 Bad".to_vec(),
        }
        stream.write_all(&spoilt)?;
        Ok(true)
    }
}
