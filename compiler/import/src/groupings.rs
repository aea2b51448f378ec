//! How each grouping of an application is written: by its elements where they give its octets again,
//! by its octets otherwise; keys and PINs by what makes them.

use crate::{
    data::{Application, Padding, Value},
    elements::{self, Written, hexadecimal},
    fields::{Fields, Identity},
    limits::FIELDS_MAX,
};
use cardwright_standards::tlv::{self, Tag, Tlv};
use std::collections::BTreeMap;

/// Most elements of one list in the language.
const LIST_MAX: usize = 64;
/// Octets of a record of SFI 1 to 10 that EMV allows, and that a card with the quirk takes.
const RECORD_OCTETS: usize = 254;
/// Octets of any other grouping in the language.
const GROUPING_OCTETS: usize = 4096;

/// Octets that the longest PAN and track 2 have more than the usual ones.
const ACCOUNT_SLACK: usize = 12;

/// An element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A data element.
    Leaf(Tag),
    /// A template with what is inside.
    Inner(Tag, Vec<Node>),
}

/// A part of a blob or struct: name, type, value.
pub(crate) type Part = (String, &'static str, String);

/// How a grouping is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Template(Tag, Vec<Node>),
    Sequence(Vec<Node>),
    Raw(String),
    Empty,
    Blob(Option<Padding>, Vec<Part>),
    /// Check values of the keys of DGI 8000.
    Struct(Vec<Part>),
    /// Not written, and why.
    LeftOut(&'static str),
}

/// An application as it is written.
#[derive(Debug, Default)]
pub(crate) struct Composed {
    pub(crate) elements: Vec<(Tag, Written)>,
    pub(crate) groupings: Vec<(u16, Form)>,
    /// Whether a record is longer than EMV allows by one octet.
    pub(crate) long_record: bool,
}

/// Names of the keys of DGI 8000, in its order (EMV CPS).
pub(crate) const MASTER_KEYS: [(&str, &str); 3] =
    [("ac", "imk_ac"), ("smi", "imk_smi"), ("smc", "imk_smc")];
/// The name that a PIN is drawn under.
pub(crate) const PIN: &str = "reference_pin";

/// Writes an application of all cards of a product.
pub(crate) fn write(
    applications: &[&Application],
    identity: &Identity,
    fields: &mut Fields,
) -> Composed {
    let mut writer = Writer {
        applications,
        identity,
        fields,
        elements: BTreeMap::new(),
        order: Vec::new(),
        long_record: false,
    };
    let mut groupings: Vec<(u16, Form)> = Vec::new();
    let first = applications.first().map_or(&[][..], |a| &a.groupings);
    for (at, grouping) in first.iter().enumerate() {
        let number = grouping.number;
        let form = if groupings
            .iter()
            .any(|(n, form)| *n == number && !matches!(form, Form::LeftOut(_)))
        {
            Form::LeftOut("its number stands there twice")
        } else if number == 0 || (0x7FF0..=0x7FFE).contains(&number) {
            Form::LeftOut("its number is reserved (EMV CPS)")
        } else {
            writer.form(at, number)
        };
        groupings.push((number, form));
    }
    let elements = writer.order.iter().filter_map(|tag| {
        let (_, written) = writer.elements.get(tag)?;
        Some((*tag, written.clone()))
    });
    Composed {
        elements: elements.collect(),
        long_record: writer.long_record,
        groupings,
    }
}

struct Writer<'w> {
    applications: &'w [&'w Application],
    identity: &'w Identity,
    fields: &'w mut Fields,
    /// Values of all cards, and how they are written.
    elements: BTreeMap<Tag, (Vec<Vec<u8>>, Written)>,
    order: Vec<Tag>,
    long_record: bool,
}

/// Elements of a grouping as one card has them.
type Leaves<'v> = Vec<(Tag, &'v [u8])>;

impl Writer<'_> {
    fn form(&mut self, at: usize, number: u16) -> Form {
        let all = self.applications.iter().filter_map(|a| a.groupings.get(at));
        let mut values: Vec<&[u8]> = Vec::new();
        for grouping in all {
            match &grouping.value {
                Value::Clear(octets) => values.push(octets),
                Value::Sealed { octets, padding } => return sealed(number, *octets, *padding),
                Value::Transported { .. } => {
                    return Form::LeftOut(
                        "it is under a transport key in the file: write what it holds",
                    );
                }
            }
        }
        self.clear(number, &values)
    }

    fn clear(&mut self, number: u16, values: &[&[u8]]) -> Form {
        let is_record = (0x0101..=0x0AFF).contains(&number) && number & 0xFF != 0;
        if values.iter().all(|value| value.is_empty()) {
            return if is_record {
                Form::LeftOut("it is a record of no octets")
            } else {
                Form::Empty
            };
        }
        if number == 0x9000 && values.iter().all(|v| v.len() == 9) && self.has_master_keys() {
            let part = |(name, key): (&str, &str)| {
                (name.to_owned(), "check_value(option_a)", key.to_owned())
            };
            return Form::Struct(MASTER_KEYS.map(part).to_vec());
        }
        let most = values.iter().map(|v| v.len()).max().unwrap_or(0);
        let limit = if is_record {
            RECORD_OCTETS + 1
        } else {
            GROUPING_OCTETS
        };
        if most > limit {
            return Form::LeftOut("it is longer than such a grouping may be");
        }
        self.long_record |= is_record && most > RECORD_OCTETS;
        if let Some(form) = self.by_elements(is_record, most, limit, values) {
            return form;
        }
        let first = values.first().copied().unwrap_or_default();
        if values.iter().all(|value| *value == first) {
            return Form::Raw(hexadecimal(first));
        }
        if values.iter().any(|value| value.is_empty()) {
            return Form::LeftOut("some cards have it empty, others do not");
        }
        let name = self
            .fields
            .octets(&format!("dgi_{number:04x}"), "sensitive", values);
        Form::Raw(format!("order.{name}"))
    }

    fn has_master_keys(&self) -> bool {
        let first = self.applications.first().map_or(&[][..], |a| &a.groupings);
        first.iter().any(|g| {
            let Value::Sealed { octets, padding } = &g.value else {
                return false;
            };
            g.number == 0x8000 && matches!(sealed(0x8000, *octets, *padding), Form::Blob(..))
        })
    }

    /// The grouping by its elements; none, with nothing noted, when that would not be the same.
    fn by_elements(
        &mut self,
        is_record: bool,
        most: usize,
        limit: usize,
        values: &[&[u8]],
    ) -> Option<Form> {
        let mut skeleton: Option<Vec<Node>> = None;
        let mut cards: Vec<Leaves<'_>> = Vec::new();
        for value in values {
            let mut leaves = Vec::new();
            let nodes = nodes(value, &mut leaves)?;
            if skeleton.as_ref().is_some_and(|known| *known != nodes) {
                return None;
            }
            skeleton = Some(nodes);
            cards.push(leaves);
        }
        let nodes = skeleton?;
        // The compiler adds up what each field may have: where that is too much, the octets go as
        // a whole.
        let allowed = if is_record && most <= RECORD_OCTETS {
            RECORD_OCTETS
        } else {
            limit
        };
        if upper_bound(&cards, most) > allowed {
            return None;
        }
        let form = match nodes.as_slice() {
            [Node::Inner(tag, inside)] => {
                if is_record && tag.value() != 0x70 {
                    return None;
                }
                Form::Template(*tag, inside.clone())
            }
            _ if is_record => return None,
            _ => Form::Sequence(nodes),
        };
        self.note_elements(&cards)?;
        Some(form)
    }

    /// Takes the elements of a grouping in; all or none.
    fn note_elements(&mut self, cards: &[Leaves<'_>]) -> Option<()> {
        let first = cards.first()?;
        let mut found: Vec<(Tag, Vec<&[u8]>)> = Vec::new();
        for (at, (tag, _)) in first.iter().enumerate() {
            let values: Vec<&[u8]> = cards.iter().filter_map(|c| Some(c.get(at)?.1)).collect();
            let known = self.elements.get(tag).map(|(values, _)| values);
            if let Some(known) = known {
                // One value a tag: another one goes by the octets of its grouping.
                (*known == values).then_some(())?;
                continue;
            }
            if let Some((_, before)) = found.iter().find(|(t, _)| t == tag) {
                (*before == values).then_some(())?;
                continue;
            }
            found.push((*tag, values));
        }
        if self.fields.all.len() > FIELDS_MAX {
            return None;
        }
        let before = self.fields.all.len();
        let mut written = Vec::new();
        for (tag, values) in found {
            let Some(text) = elements::write(tag, &values, self.identity, self.fields) else {
                // What was added stands at the end.
                self.fields.all.truncate(before);
                return None;
            };
            written.push((tag, values, text));
        }
        for (tag, values, text) in written {
            let values = values.into_iter().map(<[u8]>::to_vec).collect();
            self.elements.insert(tag, (values, text));
            self.order.push(tag);
        }
        Some(())
    }
}

/// What a grouping could have at most when each element is as long as in its longest card.
fn upper_bound(cards: &[Leaves<'_>], most: usize) -> usize {
    let first = cards.first().map_or(&[][..], Vec::as_slice);
    // A PAN may have 19 digits, whatever those of the file have; a length may take one octet more.
    let account = |(tag, _): &(Tag, &[u8])| matches!(tag.value(), 0x57 | 0x5A);
    let slack = if first.iter().any(account) {
        ACCOUNT_SLACK
    } else {
        0
    };
    let longest = |at: usize| {
        let lengths = cards.iter().filter_map(|c| Some(c.get(at)?.1.len()));
        let (min, max) = lengths.fold((usize::MAX, 0), |(min, max), n| (min.min(n), max.max(n)));
        max.saturating_sub(min)
    };
    let more: usize = (0..first.len()).map(longest).sum();
    most + slack + more + usize::from(more > 0)
}

/// A value as a list of elements; none when the list would not give its octets again.
fn nodes<'v>(value: &'v [u8], leaves: &mut Leaves<'v>) -> Option<Vec<Node>> {
    let objects = tlv::parse(value).ok()?;
    let mut again = Vec::new();
    objects
        .iter()
        .try_for_each(|object| encode(object, &mut again))?;
    (again == value).then_some(())?;
    list(&objects, leaves)
}

fn list<'v>(objects: &[Tlv<'v>], leaves: &mut Leaves<'v>) -> Option<Vec<Node>> {
    (!objects.is_empty() && objects.len() <= LIST_MAX).then_some(())?;
    let nodes = objects.iter().map(|object| {
        // The language writes tags of up to three octets.
        (object.tag.to_octets().len() <= 3).then_some(())?;
        if object.tag.is_constructed() {
            return Some(Node::Inner(object.tag, list(&object.children, leaves)?));
        }
        (!object.value.is_empty()).then_some(())?;
        leaves.push((object.tag, object.value));
        Some(Node::Leaf(object.tag))
    });
    nodes.collect()
}

fn encode(object: &Tlv<'_>, to: &mut Vec<u8>) -> Option<()> {
    if !object.tag.is_constructed() {
        return tlv::push(to, object.tag, object.value).ok();
    }
    let mut inside = Vec::new();
    for child in &object.children {
        encode(child, &mut inside)?;
    }
    tlv::push(to, object.tag, &inside).ok()
}

/// Keys and PINs, by number and length (EMV CPS).
fn sealed(number: u16, octets: usize, padding: Option<Padding>) -> Form {
    let key = |(name, key): (&str, &str)| (name.to_owned(), "key(option_a)", key.to_owned());
    match (number, octets) {
        // Three keys of sixteen octets, perhaps with a block of padding behind.
        (0x8000, 48 | 56 | 64) => Form::Blob(padding, MASTER_KEYS.map(key).to_vec()),
        (0x8010, 8 | 16) => {
            let part = ("reference".to_owned(), "pin(iso2)", PIN.to_owned());
            Form::Blob(padding, vec![part])
        }
        (0x8F01, _) => {
            Form::LeftOut("it replaces the keys of the channel: set keys of the platform")
        }
        (0x8101..=0x8106 | 0x8201..=0x8205, _) => {
            Form::LeftOut("it is a private key of the chip: a profile with `dda` makes a new one")
        }
        (_, 16 | 24 | 32 | 48) => {
            let count = octets / 16;
            let parts = (1..=count).map(|n| {
                let name = if count == 1 {
                    "key".to_owned()
                } else {
                    format!("key_{n}")
                };
                (name, "key(option_a)", other_key(number, n))
            });
            Form::Blob(padding, parts.collect())
        }
        _ => Form::LeftOut("it is sealed, and its length is not that of keys of sixteen octets"),
    }
}

/// The name of a key in a grouping that EMV CPS does not explain.
pub(crate) fn other_key(number: u16, at: usize) -> String {
    if at == 1 {
        format!("mk_{number:04x}")
    } else {
        format!("mk_{number:04x}_{at}")
    }
}
