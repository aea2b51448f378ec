//! The card in a PC/SC reader: the client side of the vpcd driver's framing.
//!
//! Each message is a two-octet big-endian length and that many octets. One octet is a control:
//! 0 power off, 1 power on, 2 reset, 4 answer to reset; longer is a command APDU.

use crate::{CardFault, VirtualCard};
use cardwright_ports::CardChannel;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Port of the driver's first slot.
pub const DEFAULT_PORT: u16 = 35_963;

/// How long a read waits before it looks at the stop flag.
const POLL: Duration = Duration::from_millis(200);
/// How long the driver may take to accept an answer.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

const POWER_OFF: u8 = 0;
const POWER_ON: u8 = 1;
const RESET: u8 = 2;
const ANSWER_TO_RESET: u8 = 4;

/// Puts a card into the reader at `address` (`HOST:PORT`) and serves it until the reader closes
/// the connection or `stop` is set; gives the card back, with what it has learned.
///
/// # Errors
/// R1283 when the reader can't be reached, the connection breaks, or a frame is out of bounds.
pub fn serve(
    mut card: VirtualCard,
    address: &str,
    stop: &AtomicBool,
) -> Result<VirtualCard, CardFault> {
    let stream = TcpStream::connect(address)
        .map_err(|e| CardFault::reader(format!("no connection to {address}: {}", e.kind())))?;
    let broken = |e: std::io::Error| CardFault::reader(format!("connection lost: {}", e.kind()));
    stream.set_nodelay(true).map_err(broken)?;
    stream.set_read_timeout(Some(POLL)).map_err(broken)?;
    stream
        .set_write_timeout(Some(WRITE_PATIENCE))
        .map_err(broken)?;
    let mut reader = Reader {
        stream: &stream,
        stop,
    };
    while let Some(message) = reader.message()? {
        if let Some(answer) = obey(&mut card, &message)? {
            send(&stream, &answer)?;
        }
    }
    card.power_off();
    Ok(card)
}

/// What the card says to one message; nothing for a control without an answer.
fn obey(card: &mut VirtualCard, message: &[u8]) -> Result<Option<Vec<u8>>, CardFault> {
    let failed = |e: cardwright_ports::CardError| CardFault::reader(e.what);
    match message {
        [POWER_OFF] => card.power_off(),
        [POWER_ON | RESET] => {
            card.reset().map_err(failed)?;
        }
        [ANSWER_TO_RESET] => return Ok(Some(card.atr().to_vec())),
        [] | [_] => {}
        // A reader that forgets to power the card gets a status word, not the end of the session.
        command => return Ok(Some(card.transmit(command).unwrap_or(vec![0x6F, 0x00]))),
    }
    Ok(None)
}

fn send(mut stream: &TcpStream, answer: &[u8]) -> Result<(), CardFault> {
    let length = u16::try_from(answer.len())
        .map_err(|_| CardFault::reader("an answer does not fit a frame"))?;
    // One write, so that the driver gets it in one segment.
    let frame = [&length.to_be_bytes(), answer].concat();
    stream
        .write_all(&frame)
        .map_err(|e| CardFault::reader(format!("an answer was not taken: {}", e.kind())))
}

/// Reads frames and looks at the stop flag between reads.
struct Reader<'a> {
    stream: &'a TcpStream,
    stop: &'a AtomicBool,
}

impl Reader<'_> {
    /// The next message; nothing when the reader has gone or the caller wants to stop.
    fn message(&mut self) -> Result<Option<Vec<u8>>, CardFault> {
        let Some(header) = self.exactly(2)? else {
            return Ok(None);
        };
        let length = header
            .iter()
            .fold(0, |n, octet| n << 8 | usize::from(*octet));
        self.exactly(length)
    }

    /// That many octets, however the driver cuts them into segments.
    fn exactly(&mut self, length: usize) -> Result<Option<Vec<u8>>, CardFault> {
        let mut octets = vec![0; length];
        let mut rest = octets.as_mut_slice();
        while !rest.is_empty() {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            acknowledge_at_once(self.stream);
            match self.stream.read(rest) {
                Ok(0) => return Ok(None),
                Ok(count) => rest = rest.get_mut(count..).unwrap_or_default(),
                Err(e)
                    if matches!(
                        e.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                Err(e) => {
                    return Err(CardFault::reader(format!("connection lost: {}", e.kind())));
                }
            }
        }
        Ok(Some(octets))
    }
}

/// The driver sends length and body in two writes; without a prompt acknowledgement of the first
/// its system holds the second back: 46 ms an APDU on the loopback, 0.06 ms with it. The flag wears
/// off, so it is set before each read. A system that refuses it is only slower.
fn acknowledge_at_once(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_quickack(true);
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}
