//! The card behind the framing of the vpcd driver; the test is the driver.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests may fail as tests do"
)]

mod common;

use cardwright_ports::CardChannel;
use cardwright_virtual_card::vpcd::serve;
use common::profile::golden;
use common::{h, personalized};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

fn write(stream: &mut TcpStream, message: &[u8]) {
    // As the driver does it: length and body apart.
    let length = u16::try_from(message.len()).unwrap();
    stream.write_all(&length.to_be_bytes()).unwrap();
    stream.write_all(message).unwrap();
}

fn read(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).unwrap();
    message
}

fn ask(stream: &mut TcpStream, message: &[u8]) -> Vec<u8> {
    write(stream, message);
    read(stream)
}

#[test]
fn a_reader_powers_asks_and_leaves() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let card = personalized(&golden());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let served = scope.spawn(|| serve(card, &address, &stop));
        let (mut stream, _) = listener.accept().unwrap();
        let atr = ask(&mut stream, &[4]);
        // Check octet: the exclusive or of all but the first octet is zero (ISO/IEC 7816-3).
        assert_eq!((atr[0], atr[1..].iter().fold(0, |x, o| x ^ o)), (0x3B, 0));
        write(&mut stream, &[1]);
        let select = h("00A4040007A000000003101000");
        assert_eq!(ask(&mut stream, &select)[..2], [0x6F, 0x1A]);
        let options = h("80A8000002830000");
        assert_eq!(ask(&mut stream, &options)[..2], [0x77, 0x12]);
        write(&mut stream, &[2]);
        // After the reset nothing is selected: this goes to the issuer domain.
        assert_eq!(ask(&mut stream, &options), [0x6D, 0x00]);
        write(&mut stream, &[0]);
        write(&mut stream, &[1]);
        ask(&mut stream, &select);
        assert_eq!(ask(&mut stream, &h("80CA9F3600")), h("9F36020001 9000"));
        drop(stream);
        let mut card = served.join().unwrap().unwrap();
        assert!(
            card.transmit(&select).is_err(),
            "the reader took the power away"
        );
        assert!(card.reset().is_ok());
    });
}

#[test]
fn a_caller_may_stop() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stop = AtomicBool::new(false);
    let card = personalized(&golden());
    std::thread::scope(|scope| {
        let served = scope.spawn(|| serve(card, &address, &stop));
        let (mut stream, _) = listener.accept().unwrap();
        // Half a frame is on its way.
        stream.write_all(&[0]).unwrap();
        stop.store(true, Ordering::Relaxed);
        assert!(served.join().unwrap().is_ok());
    });
}

#[test]
fn no_reader() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let stop = AtomicBool::new(false);
    let fault = serve(personalized(&golden()), &free.to_string(), &stop)
        .err()
        .unwrap();
    assert_eq!(fault.code, "R1283");
}

#[test]
fn a_command_without_power_is_answered_not_ended() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stop = AtomicBool::new(false);
    let card = personalized(&golden());
    std::thread::scope(|scope| {
        let served = scope.spawn(|| serve(card, &address, &stop));
        let (mut stream, _) = listener.accept().unwrap();
        write(&mut stream, &[0]);
        assert_eq!(ask(&mut stream, &h("00A4040000")), [0x6F, 0x00]);
        drop(stream);
        assert!(served.join().unwrap().is_ok());
    });
}
