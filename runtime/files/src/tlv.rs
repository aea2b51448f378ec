//! Files of BER-TLV data objects, nested (EMV Book 3, Annex B; ISO/IEC 8825-1, 8.1).

use crate::{
    FileError, Place, RECORD_BYTES_MAX,
    tree::{Assembler, Tree, broken},
};
use std::io::{BufRead, Read};

/// Most octets of a tag.
const TAG_OCTETS_MAX: usize = 4;

struct Source<'a> {
    file: &'a mut dyn BufRead,
    octet: u64,
    /// Where the templates that are open end.
    ends: Vec<u64>,
}

impl Source<'_> {
    fn octet(&mut self) -> Result<Option<u8>, FileError> {
        let mut one = [0u8];
        let read = self
            .file
            .read(&mut one)
            .map_err(|e| FileError::unreadable(&e))?;
        self.octet += read as u64;
        Ok(if read == 0 { None } else { Some(one[0]) })
    }

    /// An octet that must be there.
    fn next(&mut self) -> Result<u8, FileError> {
        let end = self.ends.last().copied().unwrap_or(u64::MAX);
        if self.octet >= end {
            return Err(self.wrong("a data object that goes on after its template"));
        }
        match self.octet()? {
            Some(octet) => Ok(octet),
            None => Err(FileError::cut(format!(
                "octet {}: the file ends inside a data object",
                self.octet
            ))),
        }
    }

    fn wrong(&self, what: &str) -> FileError {
        broken(format!("octet {}: {what}", self.octet))
    }

    fn length(&mut self) -> Result<u64, FileError> {
        let first = self.next()?;
        let length = match first {
            0..=0x7F => u64::from(first),
            0x80 => return Err(self.wrong("a length that is not said (indefinite form)")),
            0x81..=0x84 => {
                let mut length = 0u64;
                for _ in 0..first & 0x0F {
                    length = length << 8 | u64::from(self.next()?);
                }
                length
            }
            _ => return Err(self.wrong("a length of more than four octets")),
        };
        let end = self.ends.last().copied().unwrap_or(u64::MAX);
        if self.octet.checked_add(length).is_none_or(|ends| ends > end) {
            return Err(FileError::new(
                "R1521",
                format!(
                    "octet {}: a length that goes beyond its template",
                    self.octet
                ),
                "have the file written again",
            ));
        }
        Ok(length)
    }
}

/// Reads data objects until the end of the file.
pub(crate) fn read(file: &mut dyn BufRead, assembler: &mut Assembler<'_>) -> Result<(), FileError> {
    let mut source = Source {
        file,
        octet: 0,
        ends: Vec::new(),
    };
    while !assembler.stopped {
        while source.ends.last().is_some_and(|end| *end == source.octet) {
            source.ends.pop();
            assembler.close();
        }
        let begin = source.octet;
        let first = match source.ends.is_empty() {
            true => match source.octet()? {
                None => return Ok(()),
                Some(octet) => octet,
            },
            false => source.next()?,
        };
        // ISO/IEC 7816-4, 5.2.2.1: zeros may stand between data objects.
        if first == 0 {
            continue;
        }
        let tag = tag(first, &mut source)?;
        let length = source.length()?;
        let place = Place {
            line: assembler.records() + 1,
            octet: begin,
        };
        if first & 0x20 != 0 {
            assembler.open(&tag, place)?;
            source.ends.push(source.octet + length);
            continue;
        }
        if length > RECORD_BYTES_MAX as u64 {
            let what = format!("octet {begin}: a value of more than {RECORD_BYTES_MAX} octets");
            return Err(FileError::too_large(what));
        }
        let mut value = Vec::new();
        (&mut *source.file)
            .take(length)
            .read_to_end(&mut value)
            .map_err(|e| FileError::unreadable(&e))?;
        source.octet += value.len() as u64;
        if (value.len() as u64) < length {
            return Err(FileError::cut(format!(
                "octet {}: the file ends inside a data object",
                source.octet
            )));
        }
        assembler.leaf(&tag, &value, place)?;
    }
    Ok(())
}

fn tag(first: u8, source: &mut Source<'_>) -> Result<String, FileError> {
    let mut octets = vec![first];
    if first & 0x1F == 0x1F {
        loop {
            let next = source.next()?;
            octets.push(next);
            if next & 0x80 == 0 {
                break;
            }
            if octets.len() >= TAG_OCTETS_MAX {
                return Err(source.wrong("a tag of more than four octets"));
            }
        }
    }
    Ok(hex::encode_upper(octets))
}

/// The octets of a tree; `None` when a name is no tag or a value too long.
pub(crate) fn octets(tree: &Tree) -> Option<Vec<u8>> {
    let tag = hex::decode(&tree.name).ok()?;
    let mut value = tree.octets.clone();
    for child in &tree.children {
        value.extend(octets(child)?);
    }
    let length = u32::try_from(value.len()).ok()?.to_be_bytes();
    let mut out = tag;
    match length {
        [0, 0, 0, short @ 0..=0x7F] => out.push(short),
        _ => {
            let used: Vec<u8> = length.iter().copied().skip_while(|b| *b == 0).collect();
            out.push(0x80 | u8::try_from(used.len()).ok()?);
            out.extend(used);
        }
    }
    out.append(&mut value);
    Some(out)
}
