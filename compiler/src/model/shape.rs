//! Which row of the vocabulary an entry is, and the key by which inherited entries meet.

use super::{MEntry, MExpr, MKind};
use cardwright_vocabulary::{
    Attribute, KINDS, Kind, Piece, Shape, data_element, element_by_name, pieces,
};
use std::sync::LazyLock;

/// The rows of a kind.
#[derive(Default)]
struct Rows {
    all: Vec<(Vec<Piece<'static>>, &'static Attribute)>,
    /// Which rows an entry may be that begins with a word, in their order.
    by_word: foldhash::HashMap<&'static str, Vec<usize>>,
    /// Which it may be when no row begins with that word, or it begins with something else.
    others: Vec<usize>,
}

impl Rows {
    fn of(kind: &'static Kind) -> Self {
        let rows = kind.attributes.iter().map(|a| (pieces(a.pattern), a));
        let mut made = Self {
            all: rows.collect(),
            ..Self::default()
        };
        for (n, (pieces, _)) in made.all.iter().enumerate() {
            match pieces.first() {
                Some(Piece::Word(word)) => {
                    made.by_word.entry(word).or_default().push(n);
                }
                Some(Piece::OneOf(words)) => {
                    for word in words {
                        made.by_word.entry(word).or_default().push(n);
                    }
                }
                _ => made.others.push(n),
            }
        }
        #[allow(clippy::iter_over_hash_type, reason = "each is sorted by itself")]
        for rows in made.by_word.values_mut() {
            rows.extend(&made.others);
            rows.sort_unstable();
        }
        made
    }
}

static ROWS: LazyLock<foldhash::HashMap<&'static str, Rows>> = LazyLock::new(|| {
    KINDS
        .iter()
        .map(|kind| (kind.name, Rows::of(kind)))
        .collect()
});

/// The row that an entry's head matches.
#[must_use]
pub fn row_of(kind: &Kind, entry: &MEntry) -> Option<&'static Attribute> {
    let rows = ROWS.get(kind.name)?;
    let of_word = entry.word(0).and_then(|word| rows.by_word.get(word));
    of_word
        .unwrap_or(&rows.others)
        .iter()
        .filter_map(|n| rows.all.get(*n))
        .find(|(pieces, _)| matches(pieces, &entry.head))
        .map(|(_, row)| *row)
}

/// The kind of the block that a row opens.
#[must_use]
pub fn block_kind(row: &Attribute) -> Option<&'static Kind> {
    match row.shape {
        Shape::Block(name) | Shape::BareOrBlock(name) | Shape::ValueAndBlock(_, name) => {
            cardwright_vocabulary::kind(name)
        }
        _ => None,
    }
}

fn matches(pieces: &[Piece<'_>], head: &[MExpr]) -> bool {
    let mut rest = head;
    for piece in pieces {
        let Some((first, others)) = rest.split_first() else {
            if matches!(piece, Piece::Perhaps(_)) {
                continue;
            }
            return false;
        };
        let fits = match piece {
            Piece::Expression => true,
            Piece::Money => matches!(&first.kind, MKind::Quantity { .. }),
            Piece::Name => matches!(&first.kind, MKind::Name(_)),
            Piece::Number => first.integer().is_some(),
            Piece::OneOf(words) => first.word().is_some_and(|w| words.contains(&w)),
            Piece::Perhaps(word) => {
                if first.word() == Some(word) {
                    rest = others;
                }
                continue;
            }
            Piece::Tag => tag_of(first).is_some(),
            Piece::Text => matches!(&first.kind, MKind::Text(_)),
            Piece::Word(word) => first.word() == Some(word),
        };
        if !fits {
            return false;
        }
        rest = others;
    }
    rest.is_empty()
}

/// The tag of a head or list term: `#5F20`, or the name of a data element.
#[must_use]
pub fn tag_of(e: &MExpr) -> Option<&str> {
    if let Some(tag) = e.tag() {
        return Some(data_element(tag).map_or(tag, |element| &element.tag));
    }
    element_by_name(e.word()?).map(|element| element.tag.as_str())
}

/// The key by which an entry of a derived declaration meets the base's: its head, tags in one
/// spelling.
#[must_use]
pub fn key_of(row: Option<&Attribute>, entry: &MEntry) -> String {
    let tagged = row.is_some_and(|r| r.pattern == "<tag>");
    let mut key = String::new();
    for term in &entry.head {
        if !key.is_empty() {
            key.push(' ');
        }
        let tag = if tagged { tag_of(term) } else { term.tag() };
        match (tag, &term.kind) {
            (Some(tag), _) => {
                key.push('#');
                key.push_str(tag);
            }
            (None, MKind::Integer(n)) => key.push_str(&n.to_string()),
            (None, MKind::Text(_)) => {
                key.push_str(&format!("{:?}", term.literal_text().unwrap_or_default()));
            }
            (None, _) => key.push_str(&term.dotted().unwrap_or_else(|| "…".to_owned())),
        }
    }
    key
}

/// Whether entries of a row stand side by side rather than one in the place of the other.
#[must_use]
pub fn stands_beside(row: &Attribute) -> bool {
    row.repeat && !row.pattern.contains("<name>")
}
