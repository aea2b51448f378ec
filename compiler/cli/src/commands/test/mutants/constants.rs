//! Mutants of what a program's nodes are: literals, choices, keys.

use super::{Dice, Mutant, Scope};
use cardwright_bundle::{Constant, Content, Node, NodeId, Op};
use cardwright_rehearsal::live_nodes;
use cardwright_standards::{tags, tlv};
use serde_json::{Value, to_value};

/// Cardholder Verification Method List (EMV Book 3, 10.5 and annex C3).
const CVM_LIST: u32 = 0x8E;
/// Its amounts, before the rules of two octets.
const CVM_AMOUNTS: usize = 8;

/// Mutants of all nodes that something asks for.
pub(super) fn of(content: &Content, dice: &mut Dice) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (index, id) in live_nodes(content) {
        let program = content.programs.get(index as usize);
        let found = program.and_then(|p| Some((p.nodes.as_slice(), p.nodes.get(id as usize)?)));
        let Some(((nodes, node), scope)) = found.zip(scope(content, index)) else {
            continue;
        };
        let site = Site {
            content,
            nodes,
            node,
            id,
            pointer: format!("/programs/{index}/nodes/{id}/op"),
            scope,
        };
        mutants.extend(site.mutants(dice));
    }
    mutants
}

/// Whose program it is.
fn scope(content: &Content, program: u32) -> Option<Scope> {
    if let Some(card) = content.cards.iter().find(|c| c.program == program) {
        return Some(Scope::Card(card.name.clone()));
    }
    if let Some(layout) = content.layouts.iter().find(|l| l.program == program) {
        return Some(Scope::Layout(layout.name.clone()));
    }
    if let Some(job) = content.jobs.iter().find(|j| j.program == program) {
        return Some(Scope::Job(job.name.clone()));
    }
    let own = |f: &&cardwright_bundle::Format| f.records.iter().any(|r| r.program == Some(program));
    let format = content.formats.iter().find(own)?;
    Some(Scope::Format(format.name.clone()))
}

/// A node and where it stands.
struct Site<'c> {
    content: &'c Content,
    nodes: &'c [Node],
    node: &'c Node,
    id: NodeId,
    pointer: String,
    scope: Scope,
}

impl Site<'_> {
    fn mutants(&self, dice: &mut Dice) -> Vec<Mutant> {
        match &self.node.op {
            Op::Constant { value } => self.literal(value, dice),
            Op::Choose {
                condition,
                then,
                otherwise,
            } => {
                let swapped = Op::Choose {
                    condition: *condition,
                    then: *otherwise,
                    otherwise: *then,
                };
                let what = "the sides of the choice change places".to_owned();
                vec![self.mutant("", &self.node.op, &swapped, "choice", what)]
            }
            Op::Intent { intent, keys, .. } => self.keys(intent, keys),
            _ => Vec::new(),
        }
    }

    fn mutant(
        &self,
        below: &str,
        old: &impl serde::Serialize,
        new: &impl serde::Serialize,
        family: &'static str,
        what: String,
    ) -> Mutant {
        Mutant {
            pointer: format!("{}{below}", self.pointer),
            old: to_value(old).unwrap_or(Value::Null),
            new: to_value(new).unwrap_or(Value::Null),
            span: self.node.span,
            family,
            what,
            scope: self.scope.clone(),
        }
    }

    fn literal(&self, value: &Constant, dice: &mut Dice) -> Vec<Mutant> {
        let new = match value {
            Constant::Bytes(text) => return self.octets(text, dice),
            Constant::Flag(flag) => Constant::Flag(!flag),
            Constant::Number(number) => Constant::Number(number.wrapping_add(1)),
            Constant::Text(text) => Constant::Text(other_text(text)),
        };
        let words = |c: &Constant| match c {
            Constant::Text(text) => format!("\"{text}\""),
            Constant::Number(number) => number.to_string(),
            Constant::Flag(flag) => flag.to_string(),
            Constant::Bytes(text) => text.clone(),
        };
        let what = format!("{}{} -> {}", self.name(), words(value), words(&new));
        vec![self.mutant("/value", value, &new, "data element", what)]
    }

    /// Every data element in a literal by itself; else one bit of the whole.
    fn octets(&self, text: &str, dice: &mut Dice) -> Vec<Mutant> {
        let Ok(octets) = hex::decode(text) else {
            return Vec::new();
        };
        let mut mutants = Vec::new();
        let mut leaves = Vec::new();
        if let Ok(objects) = tlv::parse(&octets) {
            let known = |o: &tlv::Tlv<'_>| tags::name(o.tag).is_some();
            if objects.iter().all(known) {
                objects.iter().for_each(|o| collect(o, &mut leaves));
            }
        }
        let start = octets.as_ptr() as usize;
        for (tag, value) in leaves {
            let at = (value.as_ptr() as usize).saturating_sub(start);
            let name = format!("{} {}: ", hex::encode_upper(tag.to_octets()), named(tag));
            mutants.extend(self.flipped(&octets, (at, value.len()), &name, dice));
            mutants.extend(self.cvm(&octets, tag, (at, value.len())));
        }
        if mutants.is_empty() {
            let whole = (0, octets.len());
            mutants.extend(self.flipped(&octets, whole, &self.name(), dice));
            if let Some(tag) = self.tag() {
                mutants.extend(self.cvm(&octets, tag, whole));
            }
        }
        mutants
    }

    fn flipped(
        &self,
        octets: &[u8],
        (at, length): (usize, usize),
        name: &str,
        dice: &mut Dice,
    ) -> Option<Mutant> {
        let (place, bit) = (at + dice.below(length), dice.below(8));
        let mut new = octets.to_vec();
        *new.get_mut(place).filter(|_| length > 0)? ^= 1 << bit;
        let shown = |octets: &[u8]| octets.get(at..at + length).map(hex::encode_upper);
        let what = format!(
            "{name}{} -> {}",
            shown(octets).unwrap_or_default(),
            shown(&new).unwrap_or_default()
        );
        Some(self.bytes(octets, &new, "data element", what))
    }

    /// The first two rules of a CVM list change places; which comes first is meaning.
    fn cvm(&self, octets: &[u8], tag: tlv::Tag, (at, length): (usize, usize)) -> Option<Mutant> {
        let is_list = hex::encode(tag.to_octets()) == format!("{CVM_LIST:x}");
        (is_list && length >= CVM_AMOUNTS + 4).then_some(())?;
        let first = at + CVM_AMOUNTS;
        let mut new = octets.to_vec();
        let rules = new.get_mut(first..first + 4)?;
        rules.rotate_left(2);
        let what = "the first two rules of the CVM list change places".to_owned();
        Some(self.bytes(octets, &new, "CVM rule", what))
    }

    fn bytes(&self, old: &[u8], new: &[u8], family: &'static str, what: String) -> Mutant {
        let constant = |octets| Constant::Bytes(hex::encode_upper(octets));
        self.mutant("/value", &constant(old), &constant(new), family, what)
    }

    /// Another key of the same kind and use, or of the same kind.
    fn keys(&self, intent: &str, keys: &[u32]) -> Vec<Mutant> {
        let slots = &self.content.keys;
        let mut mutants = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            let Some(own) = slots.get(*key as usize) else {
                continue;
            };
            let others = (0u32..).zip(slots).filter(|(n, slot)| {
                n != key && slot.algorithm == own.algorithm && slot.bits == own.bits
            });
            let mut others: Vec<_> = others.collect();
            others.sort_by_key(|(_, slot)| slot.usage != own.usage);
            if let Some((other, slot)) = others.first() {
                let what = format!("{intent} with key {} -> {}", own.name, slot.name);
                let below = format!("/keys/{at}");
                mutants.push(self.mutant(&below, key, other, "key use", what));
            }
        }
        mutants
    }

    /// The data element that the literal is the value of, when it stands alone.
    fn tag(&self) -> Option<tlv::Tag> {
        self.nodes.iter().find_map(|node| match &node.op {
            Op::Apply { function, args } if function == "tlv" && args.contains(&self.id) => {
                let tag = self.nodes.get(*args.first()? as usize)?;
                match &tag.op {
                    Op::Constant {
                        value: Constant::Bytes(tag) | Constant::Text(tag),
                    } => tlv::Tag::from_hex(tag),
                    _ => None,
                }
            }
            _ => None,
        })
    }

    fn name(&self) -> String {
        let tag = self.tag();
        let element = tag.map(|tag| {
            let octets = hex::encode_upper(tag.to_octets());
            format!("{octets} {}: ", named(tag))
        });
        element.unwrap_or_default()
    }
}

fn named(tag: tlv::Tag) -> &'static str {
    tags::name(tag).unwrap_or("not in the table")
}

fn collect<'t>(object: &tlv::Tlv<'t>, leaves: &mut Vec<(tlv::Tag, &'t [u8])>) {
    if object.tag.is_constructed() {
        object.children.iter().for_each(|c| collect(c, leaves));
    } else if !object.value.is_empty() {
        leaves.push((object.tag, object.value));
    }
}

/// The same text but for its last letter or digit.
fn other_text(text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let last = letters.iter_mut().rev().find(|c| c.is_ascii_alphanumeric());
    let Some(last) = last else {
        return format!("{text}X");
    };
    *last = match *last {
        '9' => '0',
        'z' => 'a',
        'Z' => 'A',
        other => char::from_u32(u32::from(other) + 1).unwrap_or('0'),
    };
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::other_text;

    #[test]
    fn texts_change_by_one_letter() {
        for (text, other) in [
            ("GOLD", "GOLE"),
            ("z.", "a."),
            ("19", "10"),
            ("", "X"),
            ("/", "/X"),
        ] {
            assert_eq!(other_text(text), other);
        }
    }
}
