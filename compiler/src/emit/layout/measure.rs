//! Whether text fits its box for every value that its type allows, by the fonts' own widths.
//!
//! The longest value is reckoned with the widest character of the class that the value's
//! operations leave: `slice`, `latin`, `embossing_name` narrow it, a field's type and length
//! bound it. A constant counts with its own characters. Wrapped text is reckoned with its worst
//! breaks: two lines that follow each other hold more than one line's width less one character.

use crate::elaborate::{Elaborator, Typed, field_def, record_of};
use crate::metrics::{self, Letters};
use crate::model::Decl;
use crate::types::{ANY_LENGTH, Type};
use cardwright_bundle::{Constant, NodeId, Op, Program, ValueType};
use cardwright_vocabulary::RUN_FIELDS;
use std::collections::HashMap;

/// How wide a line can get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Sum of all characters, millionths of the font's size.
    pub sum: u64,
    /// Widest character, millionths of the font's size.
    pub widest: u64,
    /// Most characters.
    pub chars: u32,
    /// What they are.
    pub letters: Letters,
    /// Widths of its words, when it is a constant: their own, and each character's.
    words: Option<Vec<Vec<u64>>>,
}

impl Extent {
    /// At most so many characters of a class in the widest of these fonts.
    #[must_use]
    pub fn of_class(fonts: &[String], letters: Letters, chars: u32) -> Self {
        let widest = metrics::widest(fonts, letters).unwrap_or(0);
        Self {
            sum: widest.saturating_mul(u64::from(chars)),
            widest,
            chars,
            letters,
            words: None,
        }
    }

    /// These characters.
    #[must_use]
    pub fn of_text(fonts: &[String], text: &str) -> Self {
        let widths = metrics::widths(fonts, text);
        let mut words = vec![Vec::new()];
        for (c, width) in text.chars().zip(&widths) {
            match words.last_mut() {
                Some(word) if c != ' ' => word.push(*width),
                _ => words.push(Vec::new()),
            }
        }
        Self {
            sum: widths.iter().copied().fold(0, u64::saturating_add),
            widest: widths.iter().copied().max().unwrap_or(0),
            chars: u32::try_from(text.chars().count()).unwrap_or(u32::MAX),
            letters: Letters::of(text).unwrap_or(Letters::Free),
            words: Some(words),
        }
    }

    /// Whether it is one text, known when compiled.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.words.is_some()
    }

    fn plus(self, other: &Self) -> Self {
        Self {
            sum: self.sum.saturating_add(other.sum),
            widest: self.widest.max(other.widest),
            chars: self.chars.saturating_add(other.chars),
            letters: self.letters.max(other.letters),
            words: None,
        }
    }

    fn or(self, other: &Self) -> Self {
        Self {
            sum: self.sum.max(other.sum),
            widest: self.widest.max(other.widest),
            chars: self.chars.max(other.chars),
            letters: self.letters.max(other.letters),
            // Of two constants the wider is kept: wrapped, it needs no fewer lines only when the
            // other is no longer, so neither is taken as a constant.
            words: None,
        }
    }
}

/// A text box: width and height in micrometres.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Width.
    pub width_um: u32,
    /// Height.
    pub height_um: u32,
    /// Whether a line that is too wide goes on below.
    pub wrap: bool,
}

/// Why text does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// A line may be so wide, micrometres.
    Wide(u64),
    /// The lines may be so high, micrometres; how many they are.
    High(u64, u64),
}

/// Millionths of the size that fit into a width.
fn in_size(width_um: u32, size_mpt: u32) -> u64 {
    let room = u128::from(width_um) * 72 * 1_000_000_000;
    let size = 25_400 * u128::from(size_mpt.max(1));
    u64::try_from(room / size).unwrap_or(u64::MAX)
}

/// Micrometres of a width in millionths of the size.
#[must_use]
pub fn in_um(width: u64, size_mpt: u32) -> u64 {
    let um = u128::from(width) * 25_400 * u128::from(size_mpt);
    u64::try_from(um.div_ceil(72 * 1_000_000_000)).unwrap_or(u64::MAX)
}

/// Most lines that a text can take; `None` when it can be wider than its box whatever happens.
#[must_use]
pub fn lines_most(extent: &Extent, width_um: u32, size_mpt: u32, wrap: bool) -> Option<u64> {
    let room = in_size(width_um, size_mpt);
    if extent.sum <= room {
        return Some(1);
    }
    if !wrap || extent.widest.saturating_mul(2) > room {
        return None;
    }
    match &extent.words {
        Some(words) => Some(broken(words, extent.widest, room)),
        None => Some(2 * (extent.sum / (room - extent.widest)) + 1),
    }
}

/// Lines of a constant that is broken at spaces, and inside a word that is wider than a line. The
/// printer knows more places to break; that never gives more lines.
fn broken(words: &[Vec<u64>], space: u64, room: u64) -> u64 {
    let (mut lines, mut used) = (1, 0_u64);
    for word in words {
        let width: u64 = word.iter().sum();
        let gap = if used > 0 { space } else { 0 };
        if used + gap + width <= room {
            used += gap + width;
            continue;
        }
        lines += u64::from(used > 0);
        used = 0;
        for character in word {
            if used + character > room {
                lines += 1;
                used = 0;
            }
            used += character;
        }
    }
    lines
}

/// Checks lines of text against their box at a size; `leading_mpt` is that of this size.
#[must_use]
pub fn excess(lines: &[Extent], room: Room, size_mpt: u32, leading_mpt: u32) -> Option<Excess> {
    let mut total = 0_u64;
    for line in lines {
        match lines_most(line, room.width_um, size_mpt, room.wrap) {
            Some(count) => total = total.saturating_add(count),
            None => return Some(Excess::Wide(in_um(widest_line(lines), size_mpt))),
        }
    }
    // 1 pt is 127/360 mm, so a thousandth of it 127/360 µm; 10 µm more is a rounding error.
    let high = total
        .saturating_mul(u64::from(leading_mpt))
        .saturating_mul(127)
        / 360;
    (high > u64::from(room.height_um) + 10).then_some(Excess::High(high, total))
}

fn widest_line(lines: &[Extent]) -> u64 {
    lines.iter().map(|line| line.sum).max().unwrap_or(0)
}

/// Walks a program's nodes for what they can give.
pub(crate) struct Meter<'p> {
    program: &'p Program,
    format: Option<&'p Decl>,
    model: &'p crate::model::Model,
    fonts: &'p [String],
    /// Most characters of a line as its type says.
    limit: u32,
    known: HashMap<NodeId, Extent>,
}

/// The lines that a value can give.
pub(crate) fn lines_of(
    elaborator: &Elaborator<'_>,
    format: Option<&Decl>,
    fonts: &[String],
    value: &Typed,
) -> Vec<Extent> {
    let (count, limit) = match &value.ty {
        Type::Lines { count, each } => (*count, each.max),
        ty => (1, ty.lengths().unwrap_or(ANY_LENGTH).max),
    };
    let mut meter = Meter {
        program: elaborator.program(),
        format,
        model: elaborator.model(),
        fonts,
        limit,
        known: HashMap::new(),
    };
    let mut lines = meter.lines(value.node, count);
    lines.truncate(count as usize);
    lines
}

/// What a text value can give.
pub(crate) fn line_of(
    elaborator: &Elaborator<'_>,
    format: Option<&Decl>,
    fonts: &[String],
    value: &Typed,
) -> Extent {
    let mut lines = lines_of(elaborator, format, fonts, value);
    lines.pop().unwrap_or_else(|| Extent::of_text(fonts, ""))
}

/// What a text node of a finished program can give.
pub(crate) fn line_in(
    program: &Program,
    model: &crate::model::Model,
    format: Option<&Decl>,
    fonts: &[String],
    node: NodeId,
) -> Extent {
    let mut meter = Meter {
        program,
        format,
        model,
        fonts,
        limit: ANY_LENGTH.max,
        known: HashMap::new(),
    };
    meter.line(node)
}

impl Meter<'_> {
    fn lines(&mut self, id: NodeId, count: u32) -> Vec<Extent> {
        let Some(node) = self.program.nodes.get(id as usize) else {
            return Vec::new();
        };
        if node.gives != ValueType::TextList {
            return vec![self.line(id)];
        }
        match &node.op {
            Op::Apply { function, args } if function == "lines" || function == "tidy_lines" => {
                let args = args.clone();
                args.iter()
                    .flat_map(|arg| self.lines(*arg, count))
                    .collect()
            }
            Op::Choose {
                then, otherwise, ..
            } => {
                let (one, two) = (self.lines(*then, count), self.lines(*otherwise, count));
                longest_of(one, two)
            }
            Op::Field { record, field } => {
                let (letters, chars, repeat) = self.field(record, field);
                let each = Extent::of_class(self.fonts, letters, chars.min(self.limit));
                vec![each; repeat.min(count) as usize]
            }
            _ => vec![self.anything(); count as usize],
        }
    }

    fn anything(&self) -> Extent {
        Extent::of_class(self.fonts, Letters::Free, self.limit)
    }

    fn line(&mut self, id: NodeId) -> Extent {
        if let Some(known) = self.known.get(&id) {
            return known.clone();
        }
        let op = self.program.nodes.get(id as usize).map(|n| n.op.clone());
        let extent = match op {
            Some(Op::Constant {
                value: Constant::Text(text),
            }) => Extent::of_text(self.fonts, &text),
            Some(Op::Field { record, field }) => {
                let (letters, chars, _) = self.field(&record, &field);
                Extent::of_class(self.fonts, letters, chars)
            }
            Some(Op::Choose {
                then, otherwise, ..
            }) => {
                let one = self.line(then);
                one.or(&self.line(otherwise))
            }
            Some(Op::Apply { function, args }) => self.applied(&function, &args),
            Some(Op::Intent { intent, .. }) => match intent.as_str() {
                "cvv" => Extent::of_class(self.fonts, Letters::Digits, 4),
                "pvv" => Extent::of_class(self.fonts, Letters::Digits, 4),
                _ => self.anything(),
            },
            _ => self.anything(),
        };
        self.known.insert(id, extent.clone());
        extent
    }

    fn applied(&mut self, function: &str, args: &[NodeId]) -> Extent {
        let first = |meter: &mut Self| args.first().map(|a| meter.line(*a));
        let class = |meter: &Self, letters, chars| Extent::of_class(meter.fonts, letters, chars);
        let number = |n: usize| args.get(n).and_then(|a| self.number(*a));
        let found = match function {
            "concat_text" => args.iter().map(|a| self.line(*a)).reduce(|a, b| a.plus(&b)),
            "greeting_name" | "lower" | "trim" => {
                first(self).map(|e| class(self, e.letters, e.chars))
            }
            // A small letter can have a capital of two or three (ß, ŉ).
            "upper" => first(self).map(|e| {
                let times = if e.letters == Letters::Free { 2 } else { 1 };
                class(self, e.letters, e.chars.saturating_mul(times))
            }),
            "latin" => {
                let limit = self.limit;
                first(self)
                    .map(|e| class(self, Letters::Ascii, e.chars.saturating_mul(2).min(limit)))
            }
            "embossing_name" | "emv_name" => number(1).map(|n| class(self, Letters::Embossed, n)),
            "groups" => {
                let size = number(1).unwrap_or(1).max(1);
                first(self).map(|e| {
                    let spaces = e.chars.saturating_sub(1) / size;
                    let letters = e.letters.max(Letters::Embossed);
                    class(self, letters, e.chars.saturating_add(spaces))
                })
            }
            "slice" => {
                let most = number(2);
                first(self).map(|e| class(self, e.letters, most.unwrap_or(e.chars).min(e.chars)))
            }
            "pad_left" | "pad_right" => {
                let width = number(1).unwrap_or(0);
                let fill = args
                    .get(2)
                    .map_or(Letters::Ascii, |a| self.line(*a).letters);
                first(self).map(|e| class(self, e.letters.max(fill), e.chars.max(width)))
            }
            "mask" => first(self).map(|e| class(self, Letters::Ascii, e.chars)),
            "last_digits" => first(self).map(|e| class(self, e.letters, 4)),
            "format_date" => args.get(1).map(|a| self.line(*a)).map(|pattern| {
                // Each letter of the pattern becomes a digit; the rest stays.
                class(self, Letters::Ascii, pattern.chars).or(&pattern)
            }),
            "hex" => Some(class(self, Letters::Embossed, self.limit)),
            "number_text" => Some(class(self, Letters::Embossed, self.limit.min(20))),
            "one_line" => args.first().map(|list| {
                let lines = self.lines(*list, 99);
                lines
                    .into_iter()
                    .reduce(|a, b| a.or(&b))
                    .unwrap_or_else(|| self.anything())
            }),
            _ => None,
        };
        found.unwrap_or_else(|| self.anything())
    }

    fn number(&self, id: NodeId) -> Option<u32> {
        match self.program.nodes.get(id as usize).map(|n| &n.op) {
            Some(Op::Constant {
                value: Constant::Number(n),
            }) => u32::try_from(*n).ok(),
            _ => None,
        }
    }

    /// Class, most characters and occurrences of a field.
    fn field(&self, record: &str, field: &str) -> (Letters, u32, u32) {
        if record == "run" {
            let row = RUN_FIELDS.iter().find(|f| f.name == field);
            return (Letters::Ascii, row.map_or(self.limit, |f| f.length), 1);
        }
        let def = self
            .format
            .and_then(|format| record_of(format, record))
            .and_then(|r| r.entries().iter().find(|e| e.word(0) == Some(field)))
            .and_then(|entry| field_def(self.model, entry).ok());
        let Some(def) = def else {
            return (Letters::Free, self.limit, 99);
        };
        let chars = match &def.ty {
            Type::Lines { each, .. } => each.max,
            Type::Number { digits } => *digits,
            ty => ty.lengths().map_or(self.limit, |l| l.max),
        };
        let letters = match &def.ty {
            Type::Digits(_) | Type::Pan(_) | Type::Number { .. } => Letters::Digits,
            Type::Alphanumeric(_) => Letters::Ascii,
            _ => Letters::Free,
        };
        (letters, chars, def.repeat)
    }
}

fn longest_of(one: Vec<Extent>, two: Vec<Extent>) -> Vec<Extent> {
    let (longer, shorter) = if one.len() >= two.len() {
        (one, two)
    } else {
        (two, one)
    };
    let mut others = shorter.into_iter();
    let join = |line: Extent| match others.next() {
        Some(other) => line.or(&other),
        None => line,
    };
    longer.into_iter().map(join).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sans() -> Vec<String> {
        vec!["Noto Sans".to_owned()]
    }

    #[test]
    fn figures_are_those_of_the_page() {
        // 10 digits of 0.572 em at 10 pt: 57.2 pt, 20.18 mm.
        let digits = Extent::of_class(&sans(), Letters::Digits, 10);
        assert_eq!(digits.sum, 5_720_000);
        assert_eq!(in_um(digits.sum, 10_000), 20_179);
        assert_eq!(lines_most(&digits, 20_180, 10_000, false), Some(1));
        assert_eq!(lines_most(&digits, 20_170, 10_000, false), None);
    }

    #[test]
    fn wrapped_text_has_a_worst_case() {
        let text = Extent::of_class(&sans(), Letters::Ascii, 100);
        // 93.5 em at 10 pt in 100 mm: 28.3 em a line, two lines hold more than 27.4.
        assert_eq!(lines_most(&text, 100_000, 10_000, true), Some(7));
        assert_eq!(lines_most(&text, 100_000, 10_000, false), None);
        let fixed = Extent::of_text(&sans(), "aaaa bbbb cccc");
        assert_eq!(lines_most(&fixed, 10_000, 10_000, true), Some(3));
    }
}
