//! Lines of a file in its encoding, each no longer than the limit.

use super::{LINE_BYTES_MAX, refused};
use crate::RuntimeError;
use cardwright_bundle::{Encoding, Format, Line as LineEnd};
use std::io::{BufRead, Read};

/// One line.
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    /// Its text, or why it has none.
    pub(super) text: Result<String, String>,
}

/// Reads lines.
pub(super) struct Lines<'a> {
    file: &'a mut dyn BufRead,
    encoding: Encoding,
    end: LineEnd,
    number: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn new(file: &'a mut dyn BufRead, format: &Format) -> Self {
        Self {
            file,
            encoding: format.encoding,
            end: format.line,
            number: 0,
        }
    }

    /// The next line that is not empty, or none at the end.
    pub(super) fn next_line(&mut self) -> Result<Option<Line>, RuntimeError> {
        loop {
            let mut bytes = Vec::new();
            let limit = LINE_BYTES_MAX as u64 + 2;
            (&mut *self.file)
                .take(limit)
                .read_until(b'\n', &mut bytes)
                .map_err(|error| {
                    let what = format!("the order file can't be read: {}", error.kind());
                    refused("R1501", what, "check the file and the disk")
                })?;
            if bytes.is_empty() {
                return Ok(None);
            }
            self.number += 1;
            let ended = bytes.last() == Some(&b'\n');
            if bytes.len() > LINE_BYTES_MAX {
                let what = format!(
                    "line {} is longer than {LINE_BYTES_MAX} octets",
                    self.number
                );
                return Err(refused("R1503", what, "check that this is the right file"));
            }
            let body = self.strip(&bytes, ended)?;
            if body.is_empty() {
                continue;
            }
            return Ok(Some(Line {
                number: self.number,
                text: decode(body, self.encoding),
            }));
        }
    }

    fn strip<'b>(&self, bytes: &'b [u8], ended: bool) -> Result<&'b [u8], RuntimeError> {
        if !ended {
            // The last line may lack its end; a lone CR then belongs to a torn line end.
            return Ok(bytes.strip_suffix(b"\r").unwrap_or(bytes));
        }
        let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let carriage = body.strip_suffix(b"\r");
        match (self.end, carriage) {
            (LineEnd::Crlf, Some(body)) => Ok(body),
            (LineEnd::Lf, None) => Ok(body),
            (end, _) => {
                let expected = if end == LineEnd::Crlf { "CR LF" } else { "LF" };
                let what = format!(
                    "line {} does not end with {expected} as the format says",
                    self.number
                );
                Err(refused("R1516", what, "transfer the file in binary mode"))
            }
        }
    }
}

fn decode(bytes: &[u8], encoding: Encoding) -> Result<String, String> {
    match encoding {
        Encoding::Ascii if bytes.is_ascii() => {
            Ok(bytes.iter().map(|byte| char::from(*byte)).collect())
        }
        Encoding::Ascii => Err("a character that is not ASCII".into()),
        Encoding::Latin1 => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
        Encoding::Utf8 => std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|e| format!("octet {} is not valid UTF-8", e.valid_up_to() + 1)),
    }
}
