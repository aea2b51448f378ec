//! Framing: where one record of a file ends and the next begins.

use crate::{FileError, Place, RECORD_BYTES_MAX, characters::Characters};
use cardwright_bundle::{Format, Framing, Line, Prefix};
use std::io::{BufRead, Read};

/// One record's octets.
pub(crate) struct Frame {
    pub(crate) place: Place,
    pub(crate) octets: Vec<u8>,
}

/// Reads frames.
pub(crate) struct Frames<'a> {
    file: &'a mut dyn BufRead,
    framing: Framing,
    line: Line,
    characters: &'a Characters,
    number: u64,
    octet: u64,
}

impl<'a> Frames<'a> {
    /// Begins behind the byte order mark, `octet` octets into the file.
    pub(crate) fn new(
        file: &'a mut dyn BufRead,
        format: &Format,
        characters: &'a Characters,
        octet: u64,
    ) -> Self {
        Self {
            file,
            framing: format.framing.clone(),
            line: format.line,
            characters,
            number: 0,
            octet,
        }
    }

    /// The next record that is not empty, or none at the end.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>, FileError> {
        loop {
            let begin = self.octet;
            let octets = match self.framing.clone() {
                Framing::Lines => self.line()?,
                Framing::Blocks { octets } => self.block(octets as usize)?,
                Framing::Prefixed {
                    prefix,
                    counts_itself,
                } => self.prefixed(prefix, counts_itself)?,
            };
            let Some(octets) = octets else {
                return Ok(None);
            };
            if octets.is_empty() {
                continue;
            }
            let place = Place {
                line: self.number,
                octet: begin,
            };
            return Ok(Some(Frame { place, octets }));
        }
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        let end = LineEnd::new(self.line, self.characters);
        let mut octets = Vec::new();
        loop {
            let room = (RECORD_BYTES_MAX + 4).saturating_sub(octets.len()) as u64;
            let read = (&mut *self.file)
                .take(room)
                .read_until(end.last, &mut octets)
                .map_err(|e| FileError::unreadable(&e))?;
            if end.pairs && !octets.len().is_multiple_of(2) {
                // The other half of a unit whose low octet comes first.
                (&mut *self.file)
                    .take(1)
                    .read_to_end(&mut octets)
                    .map_err(|e| FileError::unreadable(&e))?;
            }
            if octets.len() > RECORD_BYTES_MAX + 2 {
                self.number += 1;
                return Err(self.too_long("line"));
            }
            if read == 0 || end.is_complete(&octets) {
                break;
            }
        }
        if octets.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        self.octet += octets.len() as u64;
        match end.strip(&octets) {
            Ok(body) if body.len() > RECORD_BYTES_MAX => Err(self.too_long("line")),
            Ok(body) => Ok(Some(body.to_vec())),
            Err(expected) => Err(FileError::new(
                "R1516",
                format!(
                    "line {} does not end with {expected} as the format says",
                    self.number
                ),
                "transfer the file in binary mode",
            )),
        }
    }

    fn too_long(&self, what: &str) -> FileError {
        FileError::too_large(format!(
            "{what} {} is longer than {RECORD_BYTES_MAX} octets",
            self.number
        ))
    }

    /// Reads exactly so many octets; none at the end of the file.
    fn exactly(&mut self, count: usize) -> Result<Option<Vec<u8>>, FileError> {
        let mut octets = Vec::new();
        (&mut *self.file)
            .take(count as u64)
            .read_to_end(&mut octets)
            .map_err(|e| FileError::unreadable(&e))?;
        self.octet += octets.len() as u64;
        match octets.len() {
            0 if count > 0 => Ok(None),
            found if found < count => Err(FileError::cut(format!(
                "record {} has {found} octets of {count}",
                self.number
            ))),
            _ => Ok(Some(octets)),
        }
    }

    fn block(&mut self, octets: usize) -> Result<Option<Vec<u8>>, FileError> {
        self.number += 1;
        self.exactly(octets.clamp(1, RECORD_BYTES_MAX))
    }

    fn prefixed(
        &mut self,
        prefix: Prefix,
        counts_itself: bool,
    ) -> Result<Option<Vec<u8>>, FileError> {
        self.number += 1;
        let size = prefix_octets(prefix);
        let Some(octets) = self.exactly(size)? else {
            return Ok(None);
        };
        let wrong = |number: u64| {
            FileError::new(
                "R1521",
                format!("the length before record {number} is none"),
                "transfer the file in binary mode, with the lengths that the format names",
            )
        };
        let length = length_of(prefix, &octets, self.characters).ok_or(wrong(self.number))?;
        let counts_itself = counts_itself || prefix == Prefix::Rdw;
        let length = if counts_itself {
            length.checked_sub(size as u64).ok_or(wrong(self.number))?
        } else {
            length
        };
        if length > RECORD_BYTES_MAX as u64 {
            return Err(self.too_long("record"));
        }
        match self.exactly(usize::try_from(length).unwrap_or(0))? {
            None => Err(FileError::cut(format!(
                "record {} ends behind its length",
                self.number
            ))),
            found => Ok(found),
        }
    }
}

fn prefix_octets(prefix: Prefix) -> usize {
    match prefix {
        Prefix::Big(n) | Prefix::Little(n) | Prefix::Decimal(n) => usize::from(n.clamp(1, 8)),
        Prefix::Rdw => 4,
    }
}

fn length_of(prefix: Prefix, octets: &[u8], characters: &Characters) -> Option<u64> {
    let fold = |octets: &mut dyn Iterator<Item = &u8>| {
        octets.fold(0u64, |sum, octet| sum.wrapping_shl(8) | u64::from(*octet))
    };
    match prefix {
        Prefix::Big(_) => Some(fold(&mut octets.iter())),
        Prefix::Little(_) => Some(fold(&mut octets.iter().rev())),
        Prefix::Decimal(_) => {
            let text = characters.decode(octets).ok()?;
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten()
        }
        // The last two octets tell segments of spanned records apart; those are not read.
        Prefix::Rdw => {
            let (length, rest) = octets.split_at_checked(2)?;
            rest.iter()
                .all(|octet| *octet == 0)
                .then(|| fold(&mut length.iter()))
        }
    }
}

/// A record with its framing, to be written; `None` when it can't be framed.
pub(crate) fn frame(format: &Format, characters: &Characters, octets: &[u8]) -> Option<Vec<u8>> {
    match &format.framing {
        Framing::Lines => {
            let end = LineEnd::new(format.line, characters);
            Some([octets, &end.octets].concat())
        }
        Framing::Blocks { octets: size } => {
            let size = *size as usize;
            let mut record = octets.to_vec();
            let fill = characters.encode(" ")?;
            while record.len() < size {
                record.extend_from_slice(&fill);
            }
            (record.len() == size).then_some(record)
        }
        Framing::Prefixed {
            prefix,
            counts_itself,
        } => {
            let size = prefix_octets(*prefix);
            let counts_itself = *counts_itself || *prefix == Prefix::Rdw;
            let length = octets.len() + if counts_itself { size } else { 0 };
            let mut record = written_length(*prefix, length, size, characters)?;
            record.extend_from_slice(octets);
            Some(record)
        }
    }
}

fn written_length(
    prefix: Prefix,
    length: usize,
    size: usize,
    characters: &Characters,
) -> Option<Vec<u8>> {
    let big = (length as u64).to_be_bytes();
    let (high, low) = big.split_at_checked(8usize.checked_sub(size)?)?;
    let fits = high.iter().all(|octet| *octet == 0);
    match prefix {
        Prefix::Big(_) => fits.then(|| low.to_vec()),
        Prefix::Little(_) => fits.then(|| low.iter().rev().copied().collect()),
        Prefix::Decimal(_) => {
            let text = format!("{length:0>size$}");
            (text.len() == size).then(|| characters.encode(&text))?
        }
        Prefix::Rdw => {
            let length = u16::try_from(length).ok()?.to_be_bytes();
            Some([length.as_slice(), &[0, 0]].concat())
        }
    }
}

/// The octets that end a line.
struct LineEnd {
    octets: Vec<u8>,
    /// What a line that ends otherwise shows: a CR before LF, or none.
    other: Vec<u8>,
    last: u8,
    pairs: bool,
    name: &'static str,
}

impl LineEnd {
    fn new(line: Line, characters: &Characters) -> Self {
        let (text, other, name) = match line {
            Line::Lf => ("\n", "\r\n", "LF"),
            Line::Crlf => ("\r\n", "\n", "CR LF"),
            Line::Nel => ("\u{85}", "\r\u{85}", "NEL"),
        };
        let encode = |text: &str| {
            let octets = characters.encode(text);
            octets.unwrap_or_else(|| text.bytes().filter(u8::is_ascii).collect())
        };
        let octets = encode(text);
        let pairs = matches!(
            characters.encoding(),
            cardwright_bundle::Encoding::Utf16
                | cardwright_bundle::Encoding::Utf16be
                | cardwright_bundle::Encoding::Utf16le
        );
        Self {
            // In UTF-16 the octet to look for is the one that is not zero, whichever side it is on.
            last: octets
                .iter()
                .rev()
                .copied()
                .find(|o| *o != 0)
                .unwrap_or(b'\n'),
            other: encode(other),
            octets,
            pairs,
            name,
        }
    }

    /// Whether the octets read so far end a line.
    fn is_complete(&self, octets: &[u8]) -> bool {
        !self.pairs && octets.last() == Some(&self.last)
            || self.pairs
                && octets.len().is_multiple_of(2)
                && (octets.ends_with(&self.octets) || octets.ends_with(&self.other))
    }

    /// The line without its end, or the name of the end that it should have.
    fn strip<'b>(&self, octets: &'b [u8]) -> Result<&'b [u8], &'static str> {
        let carriage: &[u8] = if self.pairs && self.octets.first() != Some(&0) {
            b"\r\0"
        } else if self.pairs {
            b"\0\r"
        } else {
            b"\r"
        };
        let longer_is_right = self.octets.len() > self.other.len();
        let (longer, shorter) = if longer_is_right {
            (&self.octets, &self.other)
        } else {
            (&self.other, &self.octets)
        };
        if let Some(body) = octets.strip_suffix(longer.as_slice()) {
            return if longer_is_right {
                Ok(body)
            } else {
                Err(self.name)
            };
        }
        if let Some(body) = octets.strip_suffix(shorter.as_slice()) {
            return if longer_is_right {
                Err(self.name)
            } else {
                Ok(body)
            };
        }
        // The last line may lack its end; a lone CR then belongs to a torn line end.
        Ok(octets.strip_suffix(carriage).unwrap_or(octets))
    }
}
