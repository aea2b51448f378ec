//! Nested records: elements of XML, members of JSON, data objects of TLV, all as one kind of tree.
//!
//! Readers say what opens, what stands inside and what closes; the [`Assembler`] knows from the
//! format which of it are records, holds one record at a time, and shows each when it is whole.

use crate::{
    CellError, Cells, DEPTH_MAX, FileError, Found, NODES_MAX, Place, characters::Characters, coding,
};
use cardwright_bundle::{Field, FieldType, Format, Record};
use std::ops::ControlFlow;

/// A node: an element, a member, a data object.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) name: String,
    /// Text, as the octets of the file's encoding.
    pub(crate) octets: Vec<u8>,
    pub(crate) children: Vec<Tree>,
}

impl Drop for Tree {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.octets);
    }
}

impl Tree {
    /// A node without anything in it.
    pub(crate) fn named(name: &str) -> Self {
        let mut tree = Self::default();
        name.clone_into(&mut tree.name);
        tree
    }

    /// All nodes at a path below this one; an empty path is the node itself.
    fn at<'t>(&'t self, path: &str) -> Vec<&'t Tree> {
        let mut found = vec![self];
        for step in path.split('/').filter(|step| !step.is_empty()) {
            found = found
                .into_iter()
                .flat_map(|tree| tree.children.iter().filter(|child| child.name == step))
                .collect();
        }
        found
    }
}

/// What a path of the file is to the format.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Nothing of it is kept.
    Neutral,
    /// A record is inside, or around the node a container is.
    Kept,
    /// The node is a record.
    Record,
    /// The node is a record, and others are inside it.
    Container,
}

struct Open {
    tree: Tree,
    part: Part,
    place: Place,
    /// Containers: whether the record that stands before the others was shown.
    shown: bool,
}

/// Puts nodes together and shows records.
pub(crate) struct Assembler<'a> {
    format: &'a Format,
    characters: &'a Characters,
    visit: &'a mut dyn FnMut(Found) -> ControlFlow<()>,
    open: Vec<Open>,
    nodes: usize,
    records: u64,
    /// Whether whoever reads the file has asked to stop.
    pub(crate) stopped: bool,
}

impl<'a> Assembler<'a> {
    pub(crate) fn new(
        format: &'a Format,
        characters: &'a Characters,
        visit: &'a mut dyn FnMut(Found) -> ControlFlow<()>,
    ) -> Self {
        Self {
            format,
            characters,
            visit,
            open: Vec::new(),
            nodes: 0,
            records: 0,
            stopped: false,
        }
    }

    /// How many records were shown.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    fn path(&self, name: &str) -> String {
        let names = self.open.iter().map(|open| open.tree.name.as_str());
        // The outermost object of a JSON file has no name.
        let all: Vec<&str> = names.chain([name]).filter(|n| !n.is_empty()).collect();
        all.join("/")
    }

    fn inside(&self) -> bool {
        self.open.iter().any(|open| open.part == Part::Record)
    }

    fn record_at(&self, path: &str) -> bool {
        let whole = |record: &&Record| !is_below_its_order(self.format, record);
        self.format
            .records
            .iter()
            .filter(whole)
            .any(|r| r.path == path)
    }

    fn part(&self, path: &str) -> Part {
        if self.inside() {
            return Part::Kept;
        }
        let whole = |record: &&Record| !is_below_its_order(self.format, record);
        let mut records = self.format.records.iter().filter(whole);
        let holds = records.any(|r| is_inside(path, &r.path));
        match (self.record_at(path), holds) {
            (true, false) => Part::Record,
            (true, true) => Part::Container,
            // What stands in a container beside its records are the container's own fields.
            (false, _) if self.open.iter().any(|o| o.part == Part::Container) => Part::Kept,
            (false, _) => Part::Neutral,
        }
    }

    /// A node begins.
    pub(crate) fn open(&mut self, name: &str, place: Place) -> Result<(), FileError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(broken(format!(
                "line {}: nested more than {DEPTH_MAX} deep",
                place.line
            )));
        }
        let path = self.path(name);
        let part = self.part(&path);
        if matches!(part, Part::Record | Part::Container) {
            self.show_containers();
        }
        self.nodes += usize::from(part == Part::Kept);
        if self.nodes > NODES_MAX {
            let what = format!(
                "line {}: a record of more than {NODES_MAX} parts",
                place.line
            );
            return Err(FileError::too_large(what));
        }
        self.open.push(Open {
            tree: Tree::named(name),
            part,
            place,
            shown: false,
        });
        Ok(())
    }

    /// Text inside the node that is open.
    pub(crate) fn text(&mut self, octets: &[u8]) {
        if let Some(open) = self.open.last_mut()
            && open.part != Part::Neutral
        {
            open.tree.octets.extend_from_slice(octets);
        }
    }

    /// A node that is only a name and a text.
    pub(crate) fn leaf(
        &mut self,
        name: &str,
        octets: &[u8],
        place: Place,
    ) -> Result<(), FileError> {
        self.open(name, place)?;
        self.text(octets);
        self.close();
        Ok(())
    }

    /// The node that is open ends.
    pub(crate) fn close(&mut self) {
        let Some(open) = self.open.pop() else {
            return;
        };
        match open.part {
            Part::Neutral => {}
            Part::Kept => {
                if let Some(owner) = self.open.last_mut() {
                    owner.tree.children.push(open.tree);
                }
            }
            Part::Record => {
                self.show(&open.tree, open.place, None);
                self.nodes = 0;
            }
            Part::Container => {
                let path = self.path(&open.tree.name);
                let late = if open.shown { Some(false) } else { None };
                let mut indices = self.container(&path);
                indices.retain(|(_, early)| late.is_none() || !early);
                for (index, _) in indices {
                    self.show(&open.tree, open.place, Some(index));
                }
                self.nodes = 0;
            }
        }
    }

    /// Records of a container: their numbers, and whether they stand before the records inside.
    fn container(&self, path: &str) -> Vec<(usize, bool)> {
        let records = &self.format.records;
        let inner = records.iter().position(|r| is_inside(path, &r.path));
        let own = records.iter().enumerate().filter(|(_, r)| r.path == path);
        own.map(|(index, _)| (index, inner.is_some_and(|inner| index < inner)))
            .collect()
    }

    /// The first record inside a container begins: what came before is the container's header.
    fn show_containers(&mut self) {
        let mut path = String::new();
        for at in 0..self.open.len() {
            let Some(open) = self.open.get_mut(at) else {
                return;
            };
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(&open.tree.name);
            if open.part != Part::Container || open.shown {
                continue;
            }
            open.shown = true;
            let name = open.tree.name.clone();
            let place = open.place;
            let before = std::mem::replace(&mut open.tree, Tree::named(&name));
            for (index, early) in self.container(&path) {
                if early {
                    self.show(&before, place, Some(index));
                }
            }
        }
    }

    /// Shows the record that a tree is, and the records of its order that it holds.
    fn show(&mut self, tree: &Tree, place: Place, known: Option<usize>) {
        let path = self.path(&tree.name);
        let found = known.or_else(|| self.find(&path, tree));
        let format = self.format;
        let cells = match found.and_then(|index| format.records.get(index)) {
            Some(record) => cut(record, tree, self.characters),
            None => {
                let reason = "no record of the format has this mark";
                Err(CellError::record("R1505", reason))
            }
        };
        self.give(place, found, cells);
        let Some(order) = found.and_then(|index| format.records.get(index)) else {
            return;
        };
        for (index, part) in format.records.iter().enumerate() {
            let Some(below) = below(order, part) else {
                continue;
            };
            for node in tree.at(below) {
                let cells = cut(part, node, self.characters);
                self.give(place, Some(index), cells);
            }
        }
    }

    fn give(&mut self, place: Place, record: Option<usize>, cells: Result<Cells, CellError>) {
        self.records += 1;
        if !self.stopped {
            let found = Found {
                place,
                record,
                cells,
            };
            self.stopped = (self.visit)(found).is_break();
        }
    }

    fn find(&self, path: &str, tree: &Tree) -> Option<usize> {
        self.format.records.iter().position(|record| {
            record.path == path
                && match &record.when {
                    None => true,
                    Some(test) => tree
                        .at(test.place.as_deref().unwrap_or_default())
                        .first()
                        .and_then(|node| self.characters.decode(&node.octets).ok())
                        .is_some_and(|text| text.trim() == test.equals),
                }
        })
    }
}

/// Whether a path leads through another; the empty path is around all.
pub(crate) fn is_inside(outer: &str, inner: &str) -> bool {
    match inner.strip_prefix(outer) {
        Some(rest) => !rest.is_empty() && (outer.is_empty() || rest.starts_with('/')),
        None => false,
    }
}

/// The path of a part below its order, when it stands inside it.
pub(crate) fn below<'r>(order: &Record, part: &'r Record) -> Option<&'r str> {
    let owner = part.part_of.as_ref()?;
    let inside = owner.record == order.name && is_inside(&order.path, &part.path);
    let rest = part.path.strip_prefix(order.path.as_str())?;
    inside.then(|| rest.trim_start_matches('/'))
}

/// Whether a record stands inside the order that it is a part of.
pub(crate) fn is_below_its_order(format: &Format, record: &Record) -> bool {
    format
        .records
        .iter()
        .any(|order| below(order, record).is_some())
}

pub(crate) fn broken(what: impl Into<String>) -> FileError {
    FileError::new("R1523", what, "have the file written again")
}

/// The cells of a nested record; a field that is not there is blank.
fn cut(record: &Record, tree: &Tree, characters: &Characters) -> Result<Cells, CellError> {
    let texts = record.fields.iter().map(|field| {
        let found = tree.at(field.place.as_deref().unwrap_or(&field.name));
        if found.len() > field.repeat as usize {
            let reason = "the field stands more often than the format says";
            return Err(CellError::field("R1504", &field.name, reason));
        }
        if let Some(node) = found.iter().find(|node| !node.children.is_empty()) {
            let reason = format!("`{}` holds other parts, not a value", node.name);
            return Err(CellError::field("R1504", &field.name, reason));
        }
        let mut texts = found
            .iter()
            .map(|node| value(field, node, characters))
            .collect::<Result<Vec<_>, _>>()?;
        texts.resize(field.repeat as usize, String::new());
        Ok(texts)
    });
    Ok(Cells::new(texts.collect::<Result<_, _>>()?))
}

fn value(field: &Field, node: &Tree, characters: &Characters) -> Result<String, CellError> {
    let text = coding::decode(field, &node.octets, characters)?;
    // White space around a text belongs to how the file is laid out.
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    Ok(match (&field.field_type, text) {
        (FieldType::Flag { word }, "true") => word.clone(),
        (FieldType::Flag { .. }, "false") => String::new(),
        _ => text.to_owned(),
    })
}

/// A record as a tree, to be written: fields at their paths, blank ones left out.
pub(crate) fn plant(
    record: &Record,
    cells: &Cells,
    characters: &Characters,
) -> Result<Tree, CellError> {
    let mut tree = Tree::named(record.path.rsplit('/').next().unwrap_or_default());
    if let Some(test) = &record.when {
        let mark = characters.encode(&test.equals).unwrap_or_default();
        graft(&mut tree, test.place.as_deref().unwrap_or_default(), mark);
    }
    for (index, field) in record.fields.iter().enumerate() {
        for text in cells.of(index).iter().filter(|text| !text.is_empty()) {
            let width =
                (field.width > 0 && !field.coding.is_text()).then_some(field.width as usize);
            let octets = coding::encode(field, text, width, characters)?;
            graft(
                &mut tree,
                field.place.as_deref().unwrap_or(&field.name),
                octets,
            );
        }
    }
    Ok(tree)
}

/// Puts a value at a path; the parts before the last are shared, the last is a new one.
fn graft(tree: &mut Tree, path: &str, octets: Vec<u8>) {
    let mut steps: Vec<&str> = path.split('/').filter(|step| !step.is_empty()).collect();
    let Some(last) = steps.pop() else {
        tree.octets = octets;
        return;
    };
    let mut at = tree;
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
    let mut leaf = Tree::named(last);
    leaf.octets = octets;
    at.children.push(leaf);
}
