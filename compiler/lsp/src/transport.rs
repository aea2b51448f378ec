//! Messages over standard input and output. Broken messages are passed over; nothing ends the
//! server but the end of its input, or `exit`.

use lsp_server::{Connection, Message};
use std::io::{self, BufRead, BufReader, Read};

/// Longest message that is read, octets.
const MESSAGE_MAX: usize = 64 << 20;
/// Longest line of a message's head, octets.
const HEAD_LINE_MAX: u64 = 4 << 10;

/// Serves an editor over standard input and output until it says `exit`; gives the exit code.
#[must_use]
pub fn serve_stdio() -> u8 {
    let (editor, server) = Connection::memory();
    let Connection { sender, receiver } = editor;
    // The reader ends with the process: an input that never ends must not keep it alive.
    std::thread::spawn(move || {
        let mut input = BufReader::new(io::stdin());
        while let Some(message) = read(&mut input) {
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    let writer = std::thread::spawn(move || {
        let mut output = io::stdout().lock();
        for message in receiver {
            if message.write(&mut output).is_err() {
                break;
            }
        }
    });
    let code = crate::serve(&server);
    drop(server);
    // What was said last is written before the process ends.
    let _ = writer.join();
    code
}

/// The next message; `None` at the end of the input.
fn read(input: &mut impl BufRead) -> Option<Message> {
    loop {
        let Some(length) = content_length(input)? else {
            continue;
        };
        if length > MESSAGE_MAX {
            let rest = u64::try_from(length).unwrap_or(u64::MAX);
            io::copy(&mut input.take(rest), &mut io::sink()).ok()?;
            continue;
        }
        let mut content = vec![0; length];
        input.read_exact(&mut content).ok()?;
        if let Ok(message) = serde_json::from_slice(&content) {
            return Some(message);
        }
    }
}

/// Reads a message's head; the inner `None` is a head without a length.
fn content_length(input: &mut impl BufRead) -> Option<Option<usize>> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        let mut limited = input.take(HEAD_LINE_MAX);
        if limited.read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if line.is_empty() {
            return Some(length);
        }
        if let Some((name, value)) = line.split_once(':')
            && name.trim().eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods(text: &str) -> Vec<String> {
        let mut input = text.as_bytes();
        let mut found = Vec::new();
        while let Some(message) = read(&mut input) {
            if let Message::Notification(n) = message {
                found.push(n.method);
            }
        }
        found
    }

    fn framed(content: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{content}", content.len())
    }

    #[test]
    fn broken_messages_are_passed_over() {
        let good = framed(r#"{"jsonrpc":"2.0","method":"a","params":null}"#);
        let bad = framed("{nonsense");
        let none = "X-Head: 1\r\n\r\n";
        let typed = format!(
            "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n{}",
            framed(r#"{"jsonrpc":"2.0","method":"b"}"#)
        );
        assert_eq!(methods(&format!("{good}{bad}{none}{typed}")), ["a", "b"]);
        assert!(methods("Content-Length: 999\r\n\r\n{}").is_empty());
        assert!(methods("Content-Length: 99999999999999999999\r\n\r\n").is_empty());
        assert!(methods(&"x".repeat(10_000)).is_empty());
    }
}
