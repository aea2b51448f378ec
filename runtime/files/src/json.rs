//! JSON: members as nodes; the items of an array stand one after another under the array's name.

use crate::{
    DEPTH_MAX, FileError,
    characters::Characters,
    read::{State, Unicode},
    tree::{Assembler, Tree, broken},
};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::{cell::RefCell, collections::BTreeSet, fmt, io::BufRead};

/// What a walk over the file shares.
struct Shared<'w, 'a> {
    assembler: &'w mut Assembler<'a>,
    characters: &'w Characters,
    state: State,
    error: Option<FileError>,
    depth: usize,
}

/// Reads one or more documents: records may also stand one object a line.
pub(crate) fn read(
    file: &mut dyn BufRead,
    characters: &Characters,
    assembler: &mut Assembler<'_>,
) -> Result<(), FileError> {
    let input = Unicode::new(file, characters);
    let state = input.state();
    let shared = RefCell::new(Shared {
        assembler,
        characters,
        state: state.clone(),
        error: None,
        depth: 0,
    });
    let mut reader = serde_json::Deserializer::from_reader(input);
    loop {
        // `end` reads white space and then says whether anything follows.
        if reader.end().is_ok() {
            return match shared.into_inner().error {
                Some(error) => Err(error),
                None => Ok(()),
            };
        }
        let walk = Walk {
            name: "",
            shared: &shared,
        };
        let walked = walk.deserialize(&mut reader);
        let mut shared = shared.borrow_mut();
        if shared.assembler.stopped {
            return Ok(());
        }
        if let Err(error) = walked {
            let at = error.line();
            return Err(match shared.error.take() {
                Some(error) => error,
                None if error.is_eof() => {
                    FileError::cut(format!("line {at}: the JSON ends too early"))
                }
                None => state.failure(&format!("line {at}: the JSON is not well formed")),
            });
        }
        state.record_ended();
    }
}

/// A value under a name; the outermost has none.
#[derive(Clone, Copy)]
struct Walk<'s, 'w, 'a> {
    name: &'s str,
    shared: &'s RefCell<Shared<'w, 'a>>,
}

impl Walk<'_, '_, '_> {
    fn leaf<E: Error>(&self, text: &str) -> Result<(), E> {
        let mut shared = self.shared.borrow_mut();
        let place = shared.state.place();
        let octets = match shared.characters.encode(text) {
            Some(octets) => octets,
            None => shared.characters.encode("\u{1A}").unwrap_or_default(),
        };
        let result = shared.assembler.leaf(self.name, &octets, place);
        keep(&mut shared, result)
    }
}

/// Keeps our own error while serde's says only that there is one.
fn keep<E: Error>(shared: &mut Shared<'_, '_>, result: Result<(), FileError>) -> Result<(), E> {
    match result {
        Err(error) => {
            shared.error = Some(error);
            Err(E::custom("refused"))
        }
        Ok(()) if shared.assembler.stopped => Err(E::custom("stopped")),
        Ok(()) => Ok(()),
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.leaf(if value { "true" } else { "false" })
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.leaf(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.leaf(&value.to_string())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        let mut shared = self.shared.borrow_mut();
        let what = format!(
            "line {}: `{}` is a number with a fraction or of more than 64 bits",
            shared.state.line(),
            self.name
        );
        let error = FileError::new("R1523", what, "write it as text in quotes");
        keep(&mut shared, Err(error))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.leaf(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        {
            let mut shared = self.shared.borrow_mut();
            shared.depth += 1;
            if shared.depth > DEPTH_MAX {
                let result = Err(broken(format!("nested more than {DEPTH_MAX} deep")));
                keep(&mut shared, result)?;
            }
        }
        while items.next_element_seed(self)?.is_some() {}
        self.shared.borrow_mut().depth -= 1;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        {
            let mut shared = self.shared.borrow_mut();
            let place = shared.state.place();
            let opened = shared.assembler.open(self.name, place);
            keep(&mut shared, opened)?;
        }
        let mut names = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if names.contains(&name) {
                let mut shared = self.shared.borrow_mut();
                let line = shared.state.line();
                let result = Err(broken(format!("line {line}: one object says a name twice")));
                keep(&mut shared, result)?;
            }
            let inner = Walk {
                name: &name,
                shared: self.shared,
            };
            members.next_value_seed(inner)?;
            names.insert(name);
        }
        let mut shared = self.shared.borrow_mut();
        shared.assembler.close();
        shared.state.record_ended();
        keep(&mut shared, Ok(()))
    }
}

/// A tree as a JSON object, or as text when it has no parts.
pub(crate) fn value(tree: &Tree, characters: &Characters) -> serde_json::Value {
    if tree.children.is_empty() {
        let text = characters.decode(&tree.octets).unwrap_or_default();
        return serde_json::Value::String(text);
    }
    serde_json::Value::Object(members(tree, characters))
}

/// The members of an object; parts of one name become an array.
pub(crate) fn members(
    tree: &Tree,
    characters: &Characters,
) -> serde_json::Map<String, serde_json::Value> {
    let mut members = serde_json::Map::new();
    for child in &tree.children {
        let value = value(child, characters);
        match members.get_mut(&child.name) {
            None => {
                members.insert(child.name.clone(), value);
            }
            Some(serde_json::Value::Array(items)) => items.push(value),
            Some(first) => {
                let items = vec![first.take(), value];
                *first = serde_json::Value::Array(items);
            }
        }
    }
    members
}
