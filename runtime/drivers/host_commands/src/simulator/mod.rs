//! A payment HSM simulator of ours, for tests and trials: TEST keys only.
//!
//! It is no vendor's product and does not pretend to be: its firmware number in NC says so. The LMK
//! comes from a seed that everybody may know. It answers the commands of [`crate::layout`] with
//! the standards' functions, and it can be slow, late, wrong or cut on demand.

mod commands;
mod emv;
mod faults;
mod lmk;
mod pins;
mod proposed;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

pub use faults::Fault;
pub use lmk::Lmk;

use crate::framing::{self, MESSAGE_MAX};
use crate::layout::{self, Context, LAYOUTS, Layout, Values};

/// The firmware number that NC gives.
pub const FIRMWARE: &str = "CARDWRIGHT SIMULATOR, TEST KEYS ONLY";
/// Connections at a time.
const CONNECTIONS_MAX: usize = 64;
/// How often a silent connection looks whether the simulator has stopped.
const LOOK: Duration = Duration::from_millis(100);

/// How the simulator is set.
#[derive(Clone, Debug)]
pub struct SimulatorSettings {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// Characters of the message header.
    pub header: usize,
    /// LMK identifier that requests may name.
    pub lmk: Option<[u8; 2]>,
    /// Seed of the LMK; the same seed, the same LMK.
    pub seed: [u8; 32],
    /// Calls a second, over all connections.
    pub rate: Option<u32>,
    /// Whether it is in the authorised state: clear PINs may leave (NG).
    pub authorised: bool,
}

impl SimulatorSettings {
    /// A simulator on a free port of the loopback address.
    pub fn local(seed: [u8; 32]) -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            header: 4,
            lmk: None,
            seed,
            rate: None,
            authorised: true,
        }
    }
}

/// What a handler gives: the fields of the answer, or an error code.
type Handled = Result<Vec<Vec<u8>>, &'static str>;
/// What answers a layout.
type Handler = fn(&Core, &Values) -> Handled;

/// The running simulator; stops when it is dropped.
pub struct Simulator {
    address: SocketAddr,
    core: Arc<Core>,
    acceptor: Option<JoinHandle<()>>,
}

/// What all connections share.
pub(crate) struct Core {
    pub(crate) lmk: Lmk,
    pub(crate) settings: SimulatorSettings,
    faults: Mutex<Vec<Fault>>,
    slot: Mutex<Option<Instant>>,
    calls: AtomicU64,
    open: AtomicUsize,
    stopped: AtomicBool,
}

impl Simulator {
    /// Starts to listen.
    ///
    /// # Errors
    /// When the address can't be taken.
    pub fn start(settings: SimulatorSettings) -> std::io::Result<Self> {
        let listener = TcpListener::bind(settings.address)?;
        let address = listener.local_addr()?;
        let core = Arc::new(Core {
            lmk: Lmk::new(&settings.seed),
            settings,
            faults: Mutex::new(Vec::new()),
            slot: Mutex::new(None),
            calls: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let shared = Arc::clone(&core);
        let acceptor = std::thread::spawn(move || accept(&listener, &shared));
        Ok(Self {
            address,
            core,
            acceptor: Some(acceptor),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its LMK, for whoever makes test keys.
    pub fn lmk(&self) -> &Lmk {
        &self.core.lmk
    }

    /// Commands answered so far.
    pub fn calls(&self) -> u64 {
        self.core.calls.load(Ordering::Relaxed)
    }

    /// Spoils the next answers, one fault each, in this order.
    pub fn spoil(&self, faults: &[Fault]) {
        if let Ok(mut waiting) = self.core.faults.lock() {
            waiting.extend(faults.iter().rev().cloned());
        }
    }

    /// Answers one message without a connection: what a frame holds behind its length.
    pub fn answer(&self, message: &[u8]) -> Vec<u8> {
        self.core.answer(message).to_vec()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.core.stopped.store(true, Ordering::Relaxed);
        // Wakes the acceptor.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, core: &Arc<Core>) {
    for stream in listener.incoming() {
        if core.stopped.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if core.open.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
            core.open.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let core = Arc::clone(core);
        std::thread::spawn(move || {
            let _ = serve(&core, stream);
            core.open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

fn serve(core: &Core, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LOOK))?;
    loop {
        let Some(message) = receive(core, &mut stream)? else {
            return Ok(());
        };
        core.wait_for_slot();
        let answer = core.answer(&message);
        core.calls.fetch_add(1, Ordering::Relaxed);
        let fault = core.faults.lock().ok().and_then(|mut f| f.pop());
        let frame = framing::frame(&[&answer]).map_err(std::io::Error::other)?;
        match fault {
            None => stream.write_all(&frame)?,
            Some(fault) => {
                if !fault.send(core, &mut stream, &frame)? {
                    return Ok(());
                }
            }
        }
    }
}

/// The next message; none when the other side has gone or the simulator stops.
fn receive(core: &Core, stream: &mut TcpStream) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut length = [0; 2];
    if !fill(core, stream, &mut length)? {
        return Ok(None);
    }
    let length = usize::from(u16::from_be_bytes(length));
    if length > MESSAGE_MAX {
        return Ok(None);
    }
    let mut message = Zeroizing::new(vec![0; length]);
    Ok(fill(core, stream, &mut message)?.then_some(message))
}

fn fill(core: &Core, stream: &mut TcpStream, mut buffer: &mut [u8]) -> std::io::Result<bool> {
    use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    while !buffer.is_empty() {
        if core.stopped.load(Ordering::Relaxed) {
            return Ok(false);
        }
        match stream.read(buffer) {
            Ok(0) => return Ok(false),
            Ok(read) => buffer = buffer.get_mut(read..).unwrap_or_default(),
            Err(e) if matches!(e.kind(), Interrupted | TimedOut | WouldBlock) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(true)
}

impl Core {
    /// Waits until the rate allows the next call.
    fn wait_for_slot(&self) {
        let Some(rate) = self.settings.rate.filter(|r| *r > 0) else {
            return;
        };
        let step = Duration::from_secs(1) / rate;
        let now = Instant::now();
        let at = {
            let Ok(mut slot) = self.slot.lock() else {
                return;
            };
            let at = slot.map_or(now, |slot| slot.max(now));
            *slot = Some(at + step);
            at
        };
        let wait = at.saturating_duration_since(now);
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
    }

    /// Header, answer code, error code and fields for a message.
    fn answer(&self, message: &[u8]) -> Zeroizing<Vec<u8>> {
        let header = self.settings.header;
        let (head, rest) = message.split_at_checked(header).unwrap_or((message, &[]));
        let (code, body) = rest.split_at_checked(2).unwrap_or((b"??", &[]));
        let mut answer = Zeroizing::new(head.to_vec());
        let next = |code: &[u8]| -> Vec<u8> {
            let mut code = code.to_vec();
            if let Some(last) = code.last_mut() {
                *last = last.wrapping_add(1);
            }
            code
        };
        answer.extend_from_slice(&next(code));
        match self.handle(code, body) {
            Ok(fields) => {
                answer.extend_from_slice(b"00");
                answer.extend_from_slice(&fields);
            }
            Err(error) => answer.extend_from_slice(error.as_bytes()),
        }
        answer
    }

    fn handle(&self, code: &[u8], body: &[u8]) -> Result<Zeroizing<Vec<u8>>, &'static str> {
        let context = Context {
            pin_characters: lmk::PIN_CHARACTERS,
            lmk: self.settings.lmk,
        };
        let mut known = false;
        for layout in LAYOUTS.iter().filter(|l| l.code.as_bytes() == code) {
            known = true;
            let Ok(values) = layout::decode(layout.request, body, &context) else {
                continue;
            };
            let handler = handler_of(layout).ok_or("68")?;
            let fields = handler(self, &values)?;
            let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
            return layout::encode(layout.answer, &fields, &context).map_err(|_| "41");
        }
        Err(if known { "15" } else { "68" })
    }
}

fn handler_of(layout: &Layout) -> Option<Handler> {
    [
        commands::HANDLERS,
        pins::HANDLERS,
        emv::HANDLERS,
        proposed::HANDLERS,
    ]
    .into_iter()
    .flatten()
    .find(|(known, _)| *known == layout)
    .map(|(_, handler)| *handler)
}

/// One value of a request.
fn at(values: &Values, place: usize) -> &[u8] {
    values.get(place).map(|v| v.as_slice()).unwrap_or_default()
}

/// One value of a request as text.
fn text(values: &Values, place: usize) -> Result<&str, &'static str> {
    std::str::from_utf8(at(values, place)).map_err(|_| "15")
}
