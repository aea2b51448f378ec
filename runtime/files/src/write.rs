//! Writing: records by a format give octets, such that reading gives the same records again.

use crate::{
    CellError, Cells,
    characters::Characters,
    flat, framing, json, tagged, tlv,
    tree::{self, Tree, below, is_inside},
    xml,
};
use cardwright_bundle::{Encoding, FileKind, Format, Record};

/// Writes the records of one file.
pub struct Writer<'f> {
    format: &'f Format,
    characters: Characters,
    mixed: bool,
    /// Nested formats: names of what is open around records, outermost first.
    open: Vec<String>,
    /// JSON: whether something stands already in each object that is open, and in the array.
    filled: Vec<bool>,
    /// JSON: the array that is open.
    array: Option<String>,
    /// Nested formats: the order that waits for its parts.
    order: Option<(usize, Tree)>,
}

impl<'f> Writer<'f> {
    /// Prepares a format.
    pub fn new(format: &'f Format) -> Self {
        Self {
            format,
            characters: Characters::new(format.encoding),
            mixed: flat::is_mixed(format),
            open: Vec::new(),
            filled: Vec::new(),
            array: None,
            order: None,
        }
    }

    /// What stands before the first record.
    pub fn begin(&mut self) -> Result<Vec<u8>, CellError> {
        let mark = match self.format.encoding {
            Encoding::Utf16 => "\u{FEFF}",
            _ => "",
        };
        let text = match &self.format.kind {
            FileKind::Xml => format!(
                "{mark}<?xml version=\"1.0\" encoding=\"{}\"?>\n",
                self.name()
            ),
            FileKind::Json => {
                self.filled.push(false);
                format!("{mark}{{")
            }
            FileKind::Delimited {
                heading: true,
                delimiter,
                quote,
            } => {
                let mut octets = self.encode(mark)?;
                let line = flat::join(&self.heading(), *delimiter, *quote);
                octets.extend(self.frame(&self.encode(&line)?)?);
                return Ok(octets);
            }
            _ => mark.to_owned(),
        };
        self.encode(&text)
    }

    /// The name that an XML declaration gives the encoding.
    fn name(&self) -> &'static str {
        match self.format.encoding {
            Encoding::Ascii => "US-ASCII",
            Encoding::Utf16 | Encoding::Utf16be | Encoding::Utf16le => "UTF-16",
            Encoding::Latin1 => "ISO-8859-1",
            Encoding::Latin2 => "ISO-8859-2",
            Encoding::Latin3 => "ISO-8859-3",
            Encoding::Latin4 => "ISO-8859-4",
            Encoding::Latin5 => "ISO-8859-9",
            Encoding::Latin6 => "ISO-8859-10",
            Encoding::Latin7 => "ISO-8859-13",
            Encoding::Latin8 => "ISO-8859-14",
            Encoding::Latin9 => "ISO-8859-15",
            Encoding::Latin10 => "ISO-8859-16",
            Encoding::Ebcdic037 => "IBM037",
            Encoding::Ebcdic500 => "IBM500",
            Encoding::Ebcdic1047 => "IBM1047",
            Encoding::Ebcdic1140 => "IBM01140",
            Encoding::Utf8 => "UTF-8",
        }
    }

    /// Names of the columns: those of the record that stands many times.
    fn heading(&self) -> Vec<String> {
        let record = self.format.records.iter().find(|r| !r.once);
        let fields = record.map(|r| r.fields.as_slice()).unwrap_or_default();
        let mut names = Vec::new();
        for field in fields {
            let name = field.place.as_ref().unwrap_or(&field.name);
            let at = field.at.saturating_sub(1) as usize;
            let end = at.saturating_add(field.repeat as usize);
            if names.len() < end {
                names.resize(end, String::new());
            }
            for place in names.iter_mut().skip(at).take(field.repeat as usize) {
                place.clone_from(name);
            }
        }
        names
    }

    /// One record.
    pub fn record(&mut self, index: usize, cells: &Cells) -> Result<Vec<u8>, CellError> {
        let Some(record) = self.format.records.get(index) else {
            return Err(CellError::record("R1526", "a record that the format lacks"));
        };
        match &self.format.kind {
            FileKind::Xml | FileKind::Json | FileKind::Tlv => self.nested(index, record, cells),
            FileKind::Tagged(tagging) => {
                let octets = tagged::written(record, cells, tagging, &self.characters)?;
                self.frame(&octets)
            }
            FileKind::Delimited { .. } => {
                let line = flat::delimited(record, cells, self.format).unwrap_or_default();
                self.frame(&self.encode(&line)?)
            }
            FileKind::FixedWidth => {
                let octets = flat::fixed(record, cells, &self.characters, self.mixed)?;
                self.frame(&octets)
            }
            FileKind::Spreadsheet { .. } | FileKind::Cps | FileKind::Machine => Err(
                CellError::record("R1526", "a format whose records are not written by fields"),
            ),
        }
    }

    /// What stands behind the last record.
    pub fn end(&mut self) -> Result<Vec<u8>, CellError> {
        let mut text = String::new();
        let mut octets = Vec::new();
        match self.format.kind {
            FileKind::Xml => {
                text.push_str(&self.flush_xml(""));
            }
            FileKind::Json => {
                text.push_str(&self.flush_json());
                text.push_str(&self.close_json(0));
                text.push_str("\n}\n");
            }
            FileKind::Tlv => octets = self.flush_tlv()?,
            _ => {}
        }
        octets.extend(self.encode(&text)?);
        Ok(octets)
    }

    fn encode(&self, text: &str) -> Result<Vec<u8>, CellError> {
        let lacks = || CellError::record("R1526", "a character that the file's encoding lacks");
        self.characters.encode(text).ok_or_else(lacks)
    }

    fn frame(&self, octets: &[u8]) -> Result<Vec<u8>, CellError> {
        framing::frame(self.format, &self.characters, octets)
            .ok_or_else(|| CellError::record("R1526", "a record that is longer than its frame"))
    }

    fn nested(
        &mut self,
        index: usize,
        record: &'f Record,
        cells: &Cells,
    ) -> Result<Vec<u8>, CellError> {
        let planted = tree::plant(record, cells, &self.characters)?;
        if let Some((order, tree)) = &mut self.order
            && let Some(order) = self.format.records.get(*order)
            && let Some(path) = below(order, record)
        {
            attach(tree, path, planted);
            return Ok(Vec::new());
        }
        let records = &self.format.records;
        let holds = records
            .iter()
            .any(|r| is_inside(&record.path, &r.path) && !tree::is_below_its_order(self.format, r));
        match self.format.kind {
            FileKind::Tlv if holds => Err(CellError::record(
                "R1526",
                "a template around other records, whose length nobody knows yet",
            )),
            FileKind::Tlv => {
                let octets = self.flush_tlv();
                self.order = Some((index, planted));
                octets
            }
            FileKind::Xml => {
                let text = if holds {
                    let before = self.flush_xml(&record.path);
                    format!("{before}{}", self.container_xml(record, &planted))
                } else {
                    let around = record
                        .path
                        .rsplit_once('/')
                        .map_or("", |(around, _)| around);
                    let before = self.flush_xml(around);
                    self.order = Some((index, planted));
                    before
                };
                self.encode(&text)
            }
            _ => {
                let text = self.nested_json(index, record, planted, holds);
                self.encode(&text)
            }
        }
    }

    fn flush_tlv(&mut self) -> Result<Vec<u8>, CellError> {
        match self.order.take() {
            None => Ok(Vec::new()),
            Some((_, tree)) => tlv::octets(&tree)
                .ok_or_else(|| CellError::record("R1526", "a name that is no tag")),
        }
    }

    /// Writes the order that waits, and closes and opens elements until `around` is open.
    fn flush_xml(&mut self, around: &str) -> String {
        let mut text = String::new();
        if let Some((_, tree)) = self.order.take() {
            text.push_str(&xml::whole(&tree, self.open.len(), &self.characters));
        }
        let wanted: Vec<&str> = around.split('/').filter(|step| !step.is_empty()).collect();
        let same = self
            .open
            .iter()
            .zip(&wanted)
            .take_while(|(open, wanted)| open == *wanted)
            .count();
        while self.open.len() > same {
            let name = self.open.pop().unwrap_or_default();
            let space = "  ".repeat(self.open.len());
            text.push_str(&format!("{space}</{name}>\n"));
        }
        for name in wanted.into_iter().skip(same) {
            let space = "  ".repeat(self.open.len());
            // A container record brings its attributes: its element is begun by itself.
            let is_container = {
                let all: Vec<&str> = self.open.iter().map(String::as_str).chain([name]).collect();
                let path = all.join("/");
                path == around && self.format.records.iter().any(|r| r.path == path)
            };
            if !is_container {
                text.push_str(&format!("{space}<{name}>\n"));
            }
            self.open.push(name.to_owned());
        }
        text
    }

    /// A record whose element holds others: its beginning, or, when it is open, what is in it.
    fn container_xml(&mut self, record: &Record, tree: &Tree) -> String {
        let depth = self.open.len().saturating_sub(1);
        let inner = xml::inside(tree, depth + 1, &self.characters);
        if self.array.as_deref() == Some(record.path.as_str()) {
            return inner;
        }
        self.array = Some(record.path.clone());
        let space = "  ".repeat(depth);
        format!("{space}{}\n{inner}", xml::begin(tree, &self.characters))
    }

    fn nested_json(&mut self, index: usize, record: &Record, tree: Tree, holds: bool) -> String {
        let mut text = self.flush_json();
        if holds {
            text.push_str(&self.open_json(&record.path));
            for (name, value) in json::members(&tree, &self.characters) {
                text.push_str(&self.item(&name, &value));
            }
            return text;
        }
        let (around, name) = record.path.rsplit_once('/').unwrap_or(("", &record.path));
        let same = self.array.as_deref() == Some(record.path.as_str());
        if !same {
            text.push_str(&self.open_json(around));
            if !record.once {
                text.push_str(&self.comma());
                text.push_str(&format!("{}: [", serde_json::Value::from(name)));
                self.array = Some(record.path.clone());
                self.filled.push(false);
            }
        }
        self.order = Some((index, tree));
        text
    }

    fn comma(&mut self) -> String {
        let space = "  ".repeat(self.filled.len());
        let comma = match self.filled.last_mut() {
            Some(filled) => std::mem::replace(filled, true),
            None => false,
        };
        format!("{}\n{space}", if comma { "," } else { "" })
    }

    fn item(&mut self, name: &str, value: &serde_json::Value) -> String {
        format!("{}{}: {value}", self.comma(), serde_json::Value::from(name))
    }

    fn flush_json(&mut self) -> String {
        let Some((index, tree)) = self.order.take() else {
            return String::new();
        };
        let value = json::members(&tree, &self.characters);
        let value = serde_json::Value::Object(value);
        let record = self.format.records.get(index);
        match record {
            Some(record) if record.once => {
                let name = record
                    .path
                    .rsplit('/')
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                self.item(&name, &value)
            }
            _ => format!("{}{value}", self.comma()),
        }
    }

    /// Closes the array and objects until so many are open.
    fn close_json(&mut self, keep: usize) -> String {
        let mut text = String::new();
        if self.array.take().is_some() {
            self.filled.pop();
            text.push_str(&format!("\n{}]", "  ".repeat(self.filled.len())));
        }
        while self.open.len() > keep {
            self.open.pop();
            self.filled.pop();
            text.push_str(&format!("\n{}}}", "  ".repeat(self.filled.len())));
        }
        text
    }

    fn open_json(&mut self, around: &str) -> String {
        let wanted: Vec<&str> = around.split('/').filter(|step| !step.is_empty()).collect();
        let same = self
            .open
            .iter()
            .zip(&wanted)
            .take_while(|(open, wanted)| open == *wanted)
            .count();
        let mut text = self.close_json(same);
        for name in wanted.into_iter().skip(same) {
            text.push_str(&self.comma());
            text.push_str(&format!("{}: {{", serde_json::Value::from(name)));
            self.open.push(name.to_owned());
            self.filled.push(false);
        }
        text
    }
}

/// Puts a part into its order at its path.
fn attach(order: &mut Tree, path: &str, mut part: Tree) {
    let mut at = order;
    let mut steps: Vec<&str> = path.split('/').collect();
    part.name = steps.pop().unwrap_or_default().to_owned();
    for step in steps {
        let known = at.children.iter().position(|child| child.name == step);
        let index = known.unwrap_or(at.children.len());
        if known.is_none() {
            at.children.push(Tree::named(step));
        }
        match at.children.get_mut(index) {
            Some(child) => at = child,
            None => return,
        }
    }
    at.children.push(part);
}
