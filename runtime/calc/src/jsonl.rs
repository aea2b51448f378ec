//! One JSON object a line in, one a line out.

use crate::{CalcError, calc};
use serde_json::{Value, json};
use std::io::{self, BufRead, Read, Write};

/// Longest line without its line end.
pub const LINE_OCTETS_MAX: usize = 1 << 20;

/// Answers each line until the end; a bad line gets its error and the next one is read. Blank lines
/// are skipped. Ends with an error only when reading or writing fails.
pub fn run_jsonl(mut reader: impl BufRead, mut writer: impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    while let Some(complete) = read_line(&mut reader, &mut line)? {
        let result = if !complete {
            Err(CalcError::new(
                "E0094",
                format!("a line has up to {LINE_OCTETS_MAX} octets"),
            ))
        } else if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        } else {
            answer(&line)
        };
        let answer = match result {
            Ok(result) => json!({ "ok": true, "result": result }),
            Err(error) => json!({ "ok": false, "code": error.code, "error": error.message }),
        };
        writeln!(writer, "{answer}")?;
        writer.flush()?;
        zeroize::Zeroize::zeroize(&mut line);
    }
    Ok(())
}

fn answer(line: &[u8]) -> Result<Value, CalcError> {
    let fault = |what: &str| CalcError::new("E0090", what.to_owned());
    // The parser's own message may repeat a part of the line: only the column is passed on.
    let value: Value = serde_json::from_slice(line).map_err(|error| {
        fault(&format!(
            "the line is not JSON at column {}",
            error.column()
        ))
    })?;
    let object = value
        .as_object()
        .ok_or_else(|| fault("the line is not a JSON object"))?;
    let op = object.get("op").and_then(Value::as_str);
    calc(
        op.ok_or_else(|| fault("the object has no member `op` with a text"))?,
        object,
    )
}

/// Reads a line without its end; none at the end of the input, false when it was too long.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let limit = LINE_OCTETS_MAX as u64 + 1;
    if reader.by_ref().take(limit).read_until(b'\n', line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(Some(true));
    }
    if line.len() <= LINE_OCTETS_MAX {
        return Ok(Some(true));
    }
    skip_line(reader)?;
    Ok(Some(false))
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        let (taken, found) = match buffer.iter().position(|octet| *octet == b'\n') {
            Some(end) => (end + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        reader.consume(taken);
        if found {
            return Ok(());
        }
    }
}
