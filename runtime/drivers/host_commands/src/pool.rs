//! Connections to one or several HSMs: deadlines, back-pressure, fail-over, load spread.
//!
//! A connection carries one request at a time. After anything but a whole, fitting answer it is
//! closed, so that a late answer is never taken for another request's.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::error::{self, Refused};
use crate::framing::MESSAGE_MAX;

/// How connections are made and shared.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// The HSMs; load is spread over those that answer.
    pub hosts: Vec<SocketAddr>,
    /// Most connections to one HSM.
    pub connections: usize,
    /// Time to make a connection.
    pub connect: Duration,
    /// Time from sending a request to having its whole answer.
    pub answer: Duration,
    /// Time to wait for a free connection.
    pub wait: Duration,
    /// How long an HSM that failed is left alone while others answer.
    pub rest: Duration,
}

impl PoolSettings {
    /// Usual times for HSMs at these addresses: four connections each, 2 s, 10 s, 10 s, 30 s.
    pub fn new(hosts: Vec<SocketAddr>) -> Self {
        Self {
            hosts,
            connections: 4,
            connect: Duration::from_secs(2),
            answer: Duration::from_secs(10),
            wait: Duration::from_secs(10),
            rest: Duration::from_secs(30),
        }
    }
}

/// How a try to get an answer failed.
pub(crate) struct Failed {
    pub(crate) refused: Refused,
    /// Whether the request may have reached the HSM.
    pub(crate) sent: bool,
}

#[derive(Default)]
struct Host {
    idle: Vec<TcpStream>,
    open: usize,
    failed_at: Option<Instant>,
    /// Its first connection was looked at and found to be the right HSM.
    known: bool,
    /// It is another HSM, or its diagnostics failed: no further command.
    shut: bool,
}

/// The pool.
pub(crate) struct Pool {
    settings: PoolSettings,
    hosts: Mutex<State>,
    freed: Condvar,
}

struct State {
    hosts: Vec<Host>,
    next: usize,
}

/// A connection out of the pool; given back or closed.
pub(crate) struct Lease<'p> {
    pool: &'p Pool,
    host: usize,
    stream: Option<TcpStream>,
    /// Whether the HSM behind it must be looked at first.
    pub(crate) unknown: bool,
}

impl Pool {
    pub(crate) fn new(settings: PoolSettings) -> Self {
        let hosts = settings.hosts.iter().map(|_| Host::default()).collect();
        Self {
            settings,
            hosts: Mutex::new(State { hosts, next: 0 }),
            freed: Condvar::new(),
        }
    }

    /// How many HSMs there are.
    pub(crate) fn hosts(&self) -> usize {
        self.settings.hosts.len()
    }

    /// Most requests at a time.
    pub(crate) fn connections(&self) -> usize {
        self.settings.connections.saturating_mul(self.hosts())
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, Refused> {
        self.hosts
            .lock()
            .map_err(|_| error::BUSY.found("the pool was left locked by a worker that failed"))
    }

    /// A connection: an idle one, a new one, or the next that is given back in time.
    pub(crate) fn lease(&self) -> Result<Lease<'_>, Refused> {
        let until = Instant::now() + self.settings.wait;
        let mut state = self.state()?;
        loop {
            if state.hosts.iter().all(|h| h.shut) {
                return Err(error::IDENTITY.found("no HSM at the addresses is the right one"));
            }
            if let Some((host, idle)) = self.choose(&mut state) {
                let unknown = state.hosts.get(host).is_some_and(|h| !h.known);
                drop(state);
                let mut lease = Lease {
                    pool: self,
                    host,
                    stream: idle,
                    unknown,
                };
                if lease.stream.is_none() {
                    lease.connect()?;
                }
                return Ok(lease);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(error::BUSY.passing(format!(
                    "none of {} connections in time",
                    self.hosts() * self.settings.connections
                )));
            }
            let waited = self.freed.wait_timeout(state, left);
            state = waited
                .map_err(|_| error::BUSY.found("the pool was left locked"))?
                .0;
        }
    }

    /// A host with room, in turn; those that failed lately only when no other has room. An idle
    /// connection comes with it if there is one, else its place is counted.
    fn choose(&self, state: &mut State) -> Option<(usize, Option<TcpStream>)> {
        let count = state.hosts.len();
        let first = state.next;
        state.next = (first + 1) % count.max(1);
        let resting = |host: &Host| {
            host.failed_at
                .is_some_and(|at| at.elapsed() < self.settings.rest)
        };
        for rested in [false, true] {
            for step in 0..count {
                let place = (first + step) % count;
                let Some(host) = state.hosts.get_mut(place) else {
                    continue;
                };
                if host.shut || resting(host) != rested {
                    continue;
                }
                while let Some(stream) = host.idle.pop() {
                    if alive(&stream) {
                        return Some((place, Some(stream)));
                    }
                    host.open = host.open.saturating_sub(1);
                }
                if host.open < self.settings.connections {
                    host.open += 1;
                    return Some((place, None));
                }
            }
        }
        None
    }
}

/// Whether an idle connection is still there and silent.
fn alive(stream: &TcpStream) -> bool {
    let mut octet = [0; 1];
    if stream.set_nonblocking(true).is_err() {
        return false;
    }
    let silent = matches!(stream.peek(&mut octet), Err(e) if e.kind() == ErrorKind::WouldBlock);
    silent && stream.set_nonblocking(false).is_ok()
}

impl Lease<'_> {
    fn connect(&mut self) -> Result<(), Refused> {
        let settings = &self.pool.settings;
        let made = settings
            .hosts
            .get(self.host)
            .ok_or_else(|| std::io::Error::from(ErrorKind::NotFound))
            .and_then(|address| TcpStream::connect_timeout(address, settings.connect))
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        match made {
            Ok(stream) => {
                self.stream = Some(stream);
                Ok(())
            }
            Err(e) => {
                self.failed();
                Err(error::CONNECTION.passing(format!("connecting failed: {}", e.kind())))
            }
        }
    }

    /// Sends a frame and reads the message of the answer.
    pub(crate) fn exchange(&mut self, frame: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failed> {
        let until = Instant::now() + self.pool.settings.answer;
        let Some(stream) = self.stream.as_mut() else {
            let refused = error::CONNECTION.passing("a closed connection");
            return Err(Failed {
                refused,
                sent: false,
            });
        };
        let exchanged = send(stream, frame, until).and_then(|()| receive(stream, until));
        exchanged.map_err(|refused| {
            self.failed();
            Failed {
                refused,
                sent: true,
            }
        })
    }

    /// The HSM behind this connection is the right one.
    pub(crate) fn is_known(&mut self) {
        self.unknown = false;
        self.change(|host| host.known = true);
    }

    /// The HSM behind this connection gets no further command.
    pub(crate) fn shut(&mut self) {
        self.change(|host| host.shut = true);
    }

    /// The connection is closed when the lease ends, and its HSM rests for a while.
    fn failed(&mut self) {
        self.stream = None;
        self.change(|host| host.failed_at = Some(Instant::now()));
    }

    /// Closes the connection, without a word about its HSM.
    pub(crate) fn close(&mut self) {
        self.stream = None;
    }

    fn change(&self, what: impl FnOnce(&mut Host)) {
        if let Ok(mut state) = self.pool.hosts.lock()
            && let Some(host) = state.hosts.get_mut(self.host)
        {
            what(host);
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let stream = self.stream.take();
        self.change(|host| match stream {
            Some(stream) => {
                host.failed_at = None;
                host.idle.push(stream);
            }
            None => host.open = host.open.saturating_sub(1),
        });
        self.pool.freed.notify_one();
    }
}

fn late(e: &std::io::Error) -> Refused {
    let what = match e.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "no answer before the deadline".to_owned(),
        kind => format!("the connection broke: {kind}"),
    };
    error::CONNECTION.passing(what)
}

fn left(until: Instant) -> Result<Duration, Refused> {
    let left = until.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(late(&std::io::Error::from(ErrorKind::TimedOut))),
        false => Ok(left),
    }
}

fn send(stream: &mut TcpStream, frame: &[u8], until: Instant) -> Result<(), Refused> {
    stream
        .set_write_timeout(Some(left(until)?))
        .and_then(|()| stream.write_all(frame))
        .map_err(|e| late(&e))
}

fn receive(stream: &mut TcpStream, until: Instant) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let mut length = [0; 2];
    fill(stream, &mut length, until)?;
    let length = usize::from(u16::from_be_bytes(length));
    if length > MESSAGE_MAX {
        return Err(error::ANSWER.found(format!("an answer of {length} octets")));
    }
    let mut message = Zeroizing::new(vec![0; length]);
    fill(stream, &mut message, until)?;
    Ok(message)
}

/// Fills a buffer before the deadline, whatever pieces it comes in.
fn fill(stream: &mut TcpStream, mut buffer: &mut [u8], until: Instant) -> Result<(), Refused> {
    while !buffer.is_empty() {
        stream
            .set_read_timeout(Some(left(until)?))
            .map_err(|e| late(&e))?;
        match stream.read(buffer) {
            Ok(0) => return Err(late(&std::io::Error::from(ErrorKind::UnexpectedEof))),
            Ok(read) => buffer = buffer.get_mut(read..).unwrap_or_default(),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(late(&e)),
        }
    }
    Ok(())
}
