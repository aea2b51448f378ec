//! Orders of a sorted file, kept on the disk until their sequence is known. What is kept is no more
//! secret than the file itself, lies beside it, and is taken away when the file is whole.

use crate::{StationError, error::file_error, outputs::rows::no_fit};
use cardwright_runtime::Value;
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// Most octets of keys that are held in memory to sort by.
const KEYS_BYTES_MAX: usize = 1 << 30;

/// A value to sort by: numbers and dates by size, texts by their characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum SortKey {
    Number(i64),
    Text(String),
}

impl SortKey {
    pub(super) fn of(value: &Value) -> Result<Self, StationError> {
        match value {
            Value::Number(number) => Ok(Self::Number(*number)),
            Value::Text(text) => Ok(Self::Text(text.clone())),
            Value::Date(date) => Ok(Self::Text(date.format("YYYYMMDD"))),
            _ => Err(no_fit("(sort)", "something that has no sequence")),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Number(_) => 16,
            Self::Text(text) => text.len() + 24,
        }
    }
}

/// What an order gives to a file.
#[derive(Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) sort: Vec<SortKey>,
    /// How many of the keys make its group.
    pub(super) groups: usize,
    pub(super) file: String,
    /// Records by index, with their texts by field.
    pub(super) records: Vec<(usize, Vec<Vec<String>>)>,
}

impl Item {
    pub(super) fn new(file: String) -> Self {
        Self {
            sort: Vec::new(),
            groups: 0,
            file,
            records: Vec::new(),
        }
    }

    /// What its group has in common; none when the file has no groups.
    pub(super) fn group(&self) -> Option<&[SortKey]> {
        (self.groups > 0).then(|| self.sort.get(..self.groups))?
    }
}

/// Orders on the disk, and where each begins.
pub(super) struct Spool {
    path: PathBuf,
    out: BufWriter<File>,
    at: u64,
    index: Vec<(String, Vec<SortKey>, u64, usize)>,
    bytes: usize,
}

impl Spool {
    pub(super) fn create(path: &Path) -> Result<Self, StationError> {
        let file = crate::report::private_file(path).map_err(|e| failed(&e))?;
        Ok(Self {
            path: path.to_owned(),
            out: BufWriter::new(file),
            at: 0,
            index: Vec::new(),
            bytes: 0,
        })
    }

    pub(super) fn add(&mut self, item: &Item) -> Result<(), StationError> {
        let octets = serde_json::to_vec(item).map_err(|e| failed(&e.into()))?;
        self.out.write_all(&octets).map_err(|e| failed(&e))?;
        self.bytes += item.file.len() + 64 + item.sort.iter().map(SortKey::size).sum::<usize>();
        if self.bytes > KEYS_BYTES_MAX {
            return Err(no_fit("(sort)", "more orders than can be sorted at once"));
        }
        let key = (item.file.clone(), item.sort.clone(), self.at, octets.len());
        self.index.push(key);
        self.at += octets.len() as u64;
        Ok(())
    }

    /// Gives the orders in sequence; equal ones as they came.
    pub(super) fn replay(
        self,
        give: &mut dyn FnMut(Item) -> Result<(), StationError>,
    ) -> Result<(), StationError> {
        drop(self.out.into_inner().map_err(|e| failed(&e.into_error()))?);
        let mut file = File::open(&self.path).map_err(|e| failed(&e))?;
        let mut index = self.index;
        index.sort();
        for (_, _, at, length) in index {
            file.seek(SeekFrom::Start(at)).map_err(|e| failed(&e))?;
            let mut octets = vec![0; length];
            file.read_exact(&mut octets).map_err(|e| failed(&e))?;
            let item = serde_json::from_slice(&octets).map_err(|e| failed(&e.into()))?;
            give(item)?;
        }
        std::fs::remove_file(&self.path).map_err(|e| failed(&e))
    }
}

fn failed(error: &std::io::Error) -> StationError {
    file_error("an output file that is being sorted", error)
}
