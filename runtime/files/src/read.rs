//! Reading: a format and octets give records, one after another.

use crate::{
    CellError, Cells, FileError, Place, RECORD_BYTES_MAX,
    characters::Characters,
    flat,
    framing::{Frame, Frames},
    json, spreadsheet, tagged, tlv,
    tree::{Assembler, broken},
    xml,
};
use cardwright_bundle::{Encoding, FileKind, Format};
use std::{
    cell::{Cell, RefCell},
    io::{self, BufRead, Read},
    ops::ControlFlow,
    rc::Rc,
};

/// Most octets between two records of XML and JSON: the records themselves, and what is around.
const BETWEEN_BYTES_MAX: u64 = RECORD_BYTES_MAX as u64 * 4;

/// A record that was found.
pub struct Found {
    /// Where it begins.
    pub place: Place,
    /// Its index in the format's records; none when no record is like it.
    pub record: Option<usize>,
    /// Its texts, or why it has none.
    pub cells: Result<Cells, CellError>,
}

/// Reads a file and shows each record; what is wrong with the whole refuses it. `visit` may end the
/// reading by a break.
pub fn read(
    format: &Format,
    file: &mut dyn BufRead,
    visit: &mut dyn FnMut(Found) -> ControlFlow<()>,
) -> Result<(), FileError> {
    let mut characters = Characters::new(format.encoding);
    if let FileKind::Spreadsheet { sheet, heading } = &format.kind {
        return spreadsheet::read(file, format, (sheet.as_deref(), *heading), visit);
    }
    let mut first = Vec::new();
    file.take(3)
        .read_to_end(&mut first)
        .map_err(|e| FileError::unreadable(&e))?;
    let skip = match format.kind {
        FileKind::Tlv => 0,
        // Spreadsheet programs and XML writers put a mark before UTF-8; in a host's file of
        // columns it is a sign that somebody has edited it.
        FileKind::FixedWidth | FileKind::Tagged(_) if format.encoding == Encoding::Utf8 => 0,
        _ => characters.mark(&first),
    };
    let octets = first.get(skip..).unwrap_or_default().to_vec();
    let mut file = io::Cursor::new(octets).chain(file);
    match &format.kind {
        FileKind::Tlv => tlv::read(&mut file, &mut Assembler::new(format, &characters, visit)),
        FileKind::Xml => {
            let mut assembler = Assembler::new(format, &characters, visit);
            xml::read(&mut file, &characters, &mut assembler)
        }
        FileKind::Json => {
            let mut assembler = Assembler::new(format, &characters, visit);
            json::read(&mut file, &characters, &mut assembler)
        }
        _ => frames(format, &mut file, &characters, skip as u64, visit),
    }
}

fn frames(
    format: &Format,
    file: &mut dyn BufRead,
    characters: &Characters,
    skipped: u64,
    visit: &mut dyn FnMut(Found) -> ControlFlow<()>,
) -> Result<(), FileError> {
    let mut frames = Frames::new(file, format, characters, skipped);
    let mut heading = None;
    if let FileKind::Delimited {
        heading: true,
        delimiter,
        quote,
    } = format.kind
    {
        // The first line names the columns; they count where a field says its column by name.
        if let Some(frame) = frames.next_frame()? {
            let line = characters.decode(&frame.octets);
            heading = line
                .ok()
                .and_then(|l| flat::split(&l, delimiter, quote).ok());
        }
    }
    let mixed = flat::is_mixed(format);
    while let Some(frame) = frames.next_frame()? {
        let (record, cells) = match &format.kind {
            FileKind::Tagged(tagging) => {
                let fields = tagged::split(tagging, &frame.octets, characters);
                match fields {
                    Err(error) => (None, Err(error)),
                    Ok(fields) => {
                        let record = tagged::find(format, &fields, characters);
                        let cells = cut(format, record, |record| {
                            tagged::cut(record, &fields, characters)
                        });
                        (record, cells)
                    }
                }
            }
            _ if mixed => {
                let record = flat::find_octets(format, &frame.octets, characters);
                let cells = cut(format, record, |record| {
                    flat::cut_octets(record, &frame.octets, characters)
                });
                (record, cells)
            }
            _ => text(format, &frame, characters, heading.as_deref()),
        };
        let found = Found {
            place: frame.place,
            record,
            cells,
        };
        if visit(found).is_break() {
            return Ok(());
        }
    }
    Ok(())
}

fn cut(
    format: &Format,
    record: Option<usize>,
    cut: impl Fn(&cardwright_bundle::Record) -> Result<Cells, CellError>,
) -> Result<Cells, CellError> {
    match record.and_then(|index| format.records.get(index)) {
        Some(record) => cut(record),
        None => Err(CellError::record(
            "R1505",
            "no record of the format begins like this line",
        )),
    }
}

/// A record that is text as a whole.
fn text(
    format: &Format,
    frame: &Frame,
    characters: &Characters,
    heading: Option<&[String]>,
) -> (Option<usize>, Result<Cells, CellError>) {
    let line = match characters.decode(&frame.octets) {
        Ok(line) => line,
        Err(reason) => return (None, Err(CellError::record("R1502", reason))),
    };
    let FileKind::Delimited {
        delimiter, quote, ..
    } = format.kind
    else {
        let record = flat::find_text(format, &line, None);
        return (
            record,
            cut(format, record, |record| flat::cut_text(record, &line)),
        );
    };
    match flat::split(&line, delimiter, quote) {
        Ok(cells) => {
            let record = flat::find_text(format, &line, Some(&cells));
            let cells = cut(format, record, |record| {
                flat::cut_cells(record, &cells, heading)
            });
            (record, cells)
        }
        // What record it would have been can still be told by its beginning.
        Err(error) => (flat::find_text(format, &line, None), Err(error)),
    }
}

/// Where a reader of text stands, shared with whoever reads through it.
#[derive(Clone, Default)]
pub(crate) struct State(Rc<Inner>);

#[derive(Default)]
struct Inner {
    line: Cell<u64>,
    octet: Cell<u64>,
    since: Cell<u64>,
    failure: RefCell<Option<FileError>>,
}

impl State {
    /// The line, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.0.line.get() + 1
    }

    /// Line and octet.
    pub(crate) fn place(&self) -> Place {
        Place {
            line: self.line(),
            octet: self.0.octet.get(),
        }
    }

    /// What came so far needs no more room.
    pub(crate) fn record_ended(&self) {
        self.0.since.set(0);
    }

    /// The reader's own failure, or that the structure is broken.
    pub(crate) fn failure(&self, what: &str) -> FileError {
        let own = self.0.failure.borrow_mut().take();
        own.unwrap_or_else(|| broken(what))
    }
}

/// A file as UTF-8, whatever its encoding is; bounds what may stand between two records.
pub(crate) struct Unicode<'a> {
    file: &'a mut dyn BufRead,
    characters: &'a Characters,
    buffer: Vec<u8>,
    start: usize,
    /// Octets that are not yet a whole character.
    rest: Vec<u8>,
    state: State,
}

impl<'a> Unicode<'a> {
    pub(crate) fn new(file: &'a mut dyn BufRead, characters: &'a Characters) -> Self {
        Self {
            file,
            characters,
            buffer: Vec::new(),
            start: 0,
            rest: Vec::new(),
            state: State::default(),
        }
    }

    /// Where it stands.
    pub(crate) fn state(&self) -> State {
        self.state.clone()
    }

    fn fail(&self, error: FileError) -> io::Error {
        *self.state.0.failure.borrow_mut() = Some(error);
        io::Error::from(io::ErrorKind::InvalidData)
    }

    fn refill(&mut self) -> io::Result<()> {
        let mut octets = std::mem::take(&mut self.rest);
        let found = self.file.fill_buf()?;
        let read = found.len().min(8192);
        octets.extend_from_slice(found.get(..read).unwrap_or_default());
        self.file.consume(read);
        if self.characters.encoding() == Encoding::Utf8 {
            self.buffer = octets;
            self.start = 0;
            return Ok(());
        }
        let keep = if self.characters.encoding().is_single() || read == 0 {
            0
        } else {
            unfinished(&octets, self.characters.is_little())
        };
        self.rest = octets.split_off(octets.len() - keep);
        let text = self.characters.decode(&octets).map_err(|reason| {
            let line = self.state.line();
            self.fail(FileError::new(
                "R1502",
                format!("near line {line}: {reason}"),
                "have the file written in the encoding that the format names",
            ))
        })?;
        self.buffer = text.into_bytes();
        self.start = 0;
        Ok(())
    }
}

/// How many octets at the end begin a UTF-16 character that goes on.
fn unfinished(octets: &[u8], little: bool) -> usize {
    let odd = octets.len() % 2;
    let whole = octets.len() - odd;
    let high = octets
        .get(whole.saturating_sub(2)..whole)
        .and_then(|pair| if little { pair.last() } else { pair.first() });
    match high {
        Some(0xD8..=0xDB) => odd + 2,
        _ => odd,
    }
}

impl BufRead for Unicode<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.state.0.since.get() > BETWEEN_BYTES_MAX {
            let line = self.state.line();
            return Err(self.fail(FileError::too_large(format!(
                "line {line}: a record of more than {BETWEEN_BYTES_MAX} octets"
            ))));
        }
        if self.start >= self.buffer.len() {
            self.refill()?;
            // Half a pair of UTF-16 units alone is no text yet.
            if self.buffer.is_empty() && !self.rest.is_empty() {
                self.refill()?;
            }
        }
        Ok(self.buffer.get(self.start..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        let end = (self.start + count).min(self.buffer.len());
        let used = self.buffer.get(self.start..end).unwrap_or_default();
        let lines = used.iter().filter(|octet| **octet == b'\n').count() as u64;
        let inner = &self.state.0;
        inner.line.set(inner.line.get() + lines);
        inner.octet.set(inner.octet.get() + used.len() as u64);
        inner.since.set(inner.since.get() + used.len() as u64);
        self.start = end;
    }
}

impl Read for Unicode<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let found = self.fill_buf()?;
        let count = found.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..count), found.get(..count)) {
            to.copy_from_slice(from);
        }
        self.consume(count);
        Ok(count)
    }
}
