//! Fields of records: their types, lengths and secrecy, as their declarations say.

use super::build::step;
use super::pictures::picture_rules;
use super::{Elaborator, Typed};
use crate::diagnostics::{Change, Problem};
use crate::model::{Decl, MEntry, MExpr, MKind, MSegment, Model, Span, Target};
use crate::types::{Lengths, Type};
use cardwright_bundle::{Op, Secrecy};
use cardwright_vocabulary::{RUN_FIELDS, nearest};

/// What a field is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDef {
    /// Type with lengths; a list of lines when it occurs several times.
    pub ty: Type,
    /// How secret.
    pub secrecy: Secrecy,
    /// Whether it may be blank.
    pub optional: bool,
    /// Occurrences.
    pub repeat: u32,
}

/// Longest text of a field without a width.
const UNSIZED: u32 = 255;

/// The `record` entry of a format by the record's name.
#[must_use]
pub fn record_of<'m>(format: &'m Decl, record: &str) -> Option<&'m MEntry> {
    format
        .entries
        .iter()
        .find(|e| e.word(0) == Some("record") && e.word(1) == Some(record))
}

/// Whether a record stands for each order: neither once, nor a part, nor around a group.
#[must_use]
pub fn is_order(entry: &MEntry) -> bool {
    let says = |word: &str| {
        entry
            .entries()
            .iter()
            .any(|e| e.word(0) == Some(word) && e.value.is_none() && e.base.is_none())
    };
    !matches!(entry.word(1), Some("header" | "trailer"))
        && entry.clause("of").is_none()
        && !says("once")
        && !says("opens")
        && !says("closes")
}

/// How often a part may stand in an order; none for a record that is no part of this one.
fn part_of(entry: &MEntry, order: &str) -> Option<u32> {
    let owner = entry.clause("of")?.single()?.word()?;
    let most = entry
        .entries()
        .iter()
        .find(|e| e.word(0) == Some("most") && e.base.is_none());
    let most = most.and_then(|e| e.head.get(1)?.integer()).unwrap_or(1);
    (owner == order).then(|| u32::try_from(most).unwrap_or(1))
}

/// Format and record that a join speaks of.
#[must_use]
pub fn joined_record<'m>(model: &'m Model, join: &MEntry) -> Option<(&'m Decl, String)> {
    let of = join.clause("of")?.single()?;
    let MKind::Name(segments) = &of.kind else {
        return None;
    };
    let (record, path) = segments.split_last()?;
    let decl = match model.resolve(path, of.span) {
        Target::Decl { qualified, used } if used == path.len() => model.get(&qualified)?,
        _ => return None,
    };
    (decl.kind == "format").then(|| (decl, record.text.clone()))
}

/// What a value must be to be written into a field of a type; text when it does not matter.
#[must_use]
pub fn written_want(def: &FieldDef) -> Option<Type> {
    match &def.ty {
        Type::Number { .. } => None,
        Type::Date | Type::Flag | Type::Lines { .. } | Type::Bytes(_) => Some(def.ty.clone()),
        Type::PinBlock { format, .. } => {
            let octets = if *format == 4 { 16 } else { 8 };
            Some(Type::Bytes(Lengths::exactly(octets)))
        }
        _ => Some(Type::Text(
            def.ty.lengths().unwrap_or(Lengths::up_to(UNSIZED)),
        )),
    }
}

/// Type and secrecy of a field's entry, or what is wrong with it (E0211).
///
/// # Errors
/// The type is unknown or lacks its length, pattern or key.
pub fn field_def(model: &Model, entry: &MEntry) -> Result<FieldDef, Box<Problem>> {
    let Some(base) = &entry.base else {
        return written(entry);
    };
    let Some(first) = base.terms.first() else {
        return Err(wrong(entry.span, "a field has a type"));
    };
    let (first, repeat) = match &first.kind {
        MKind::Index { base, index } => {
            let count = index.integer().and_then(|n| u32::try_from(n).ok());
            match count.filter(|n| (1..=99).contains(n)) {
                Some(count) => (base.as_ref(), count),
                None => return Err(wrong(index.span, "a field occurs 1 to 99 times")),
            }
        }
        _ => (first, 1),
    };
    let width = entry
        .clause("width")
        .and_then(|c| c.single()?.integer())
        .and_then(|n| u32::try_from(n).ok());
    // Of packed digits the width says octets.
    let mut codings = entry.clauses.iter().filter(|c| c.keyword == "as");
    let packed =
        codings.any(|c| matches!(c.single().and_then(MExpr::word), Some("packed" | "bcd")));
    let width = width.filter(|_| !packed);
    let (ty, secrecy) = base_type(model, first, base.terms.get(1), width)?;
    let secrecy = stated(entry, &ty, by_name(entry.word(0), secrecy))?;
    if ty == Type::Picture && repeat > 1 {
        return Err(wrong(
            first.span,
            "a field has one picture: take a field for each",
        ));
    }
    let ty = if repeat > 1 {
        Type::Lines {
            count: repeat,
            each: ty.lengths().unwrap_or(Lengths::up_to(UNSIZED)),
        }
    } else {
        ty
    };
    Ok(FieldDef {
        ty,
        secrecy,
        optional: entry.clause("optional").is_some(),
        repeat,
    })
}

/// A field of a written file may leave its type out: then it is text.
fn written(entry: &MEntry) -> Result<FieldDef, Box<Problem>> {
    if entry.value.is_none() {
        return Err(wrong(
            entry.span,
            "a field has a type: `name : text at 24 width 40`",
        ));
    }
    Ok(FieldDef {
        ty: Type::Text(Lengths::up_to(UNSIZED)),
        secrecy: Secrecy::Cardholder,
        optional: true,
        repeat: 1,
    })
}

fn wrong(span: Span, what: &str) -> Box<Problem> {
    Box::new(Problem::error("E0211", span, what).help(
        "types of fields: `text`, `n 8`, `digits 2`, `an 4`, `pan`, `date \"YYMM\"`, \
         `flag \"Y\"`, `pin_block(iso4, under: key)`, `hex 8`, `picture(folder: \"photos\")`; \
         `text[4] … each` for several",
    ))
}

fn base_type(
    model: &Model,
    first: &MExpr,
    second: Option<&MExpr>,
    width: Option<u32>,
) -> Result<(Type, Secrecy), Box<Problem>> {
    if let MKind::Call { callee, args } = &first.kind
        && callee.word() == Some("pin_block")
    {
        let format = args.first().and_then(|a| pin_format(a.value.word()?));
        let under = args.iter().find(|a| a.name.as_deref() == Some("under"));
        return match (format, under) {
            (Some(format), Some(under)) => {
                Ok((pin_block(model, format, &under.value)?, Secrecy::Sensitive))
            }
            _ => Err(wrong(
                first.span,
                "a PIN block names its format and its key: `pin_block(iso4, under: zpk_in)`",
            )),
        };
    }
    if let MKind::Call { callee, args } = &first.kind
        && callee.word() == Some("one_of")
    {
        return one_of(first.span, args).map(|ty| (ty, Secrecy::Public));
    }
    if let MKind::Call { callee, args } = &first.kind
        && callee.word() == Some("picture")
    {
        return picture_rules(first.span, args).map(|_| (Type::Picture, Secrecy::Cardholder));
    }
    let word = first.word().unwrap_or("");
    let number = second
        .and_then(MExpr::integer)
        .and_then(|n| u32::try_from(n).ok())
        .filter(|n| (1..=10_000).contains(n));
    let need = |what: &str| wrong(first.span, &format!("`{word}` needs {what}: `{word} 8`"));
    match word {
        "text" => Ok((
            Type::Text(Lengths::up_to(number.or(width).unwrap_or(UNSIZED))),
            Secrecy::Cardholder,
        )),
        "pan" => Ok((Type::pan_within(width), Secrecy::Cardholder)),
        "n" => {
            let digits = number.ok_or_else(|| need("a number of digits"))?;
            Ok((Type::Number { digits }, Secrecy::Public))
        }
        "digits" => {
            let digits = number.ok_or_else(|| need("a number of digits"))?;
            Ok((Type::Digits(Lengths::exactly(digits)), Secrecy::Public))
        }
        "an" | "ans" => {
            let length = number.ok_or_else(|| need("a number of characters"))?;
            Ok((Type::Alphanumeric(Lengths::up_to(length)), Secrecy::Public))
        }
        "hex" => {
            let octets = number.ok_or_else(|| need("a number of octets"))?;
            Ok((Type::Bytes(Lengths::up_to(octets)), Secrecy::Cardholder))
        }
        "date" => match second.and_then(MExpr::literal_text) {
            Some(pattern) if is_date_pattern(&pattern) => Ok((Type::Date, Secrecy::Cardholder)),
            Some(pattern) => Err(wrong(
                second.map_or(first.span, |e| e.span),
                &format!(
                    "\"{pattern}\" is no pattern of a date: YYYY or YY and MM, perhaps DD, each \
                     once, and signs between them"
                ),
            )),
            None => Err(wrong(
                first.span,
                "a date needs its pattern: `date \"YYMM\"`",
            )),
        },
        "flag" if second.and_then(MExpr::literal_text).is_some() => {
            Ok((Type::Flag, Secrecy::Public))
        }
        "flag" => Err(wrong(
            first.span,
            "a flag needs the word for yes: `flag \"Y\"`",
        )),
        _ => Err(wrong(
            first.span,
            &format!("there is no type of field `{word}`"),
        )),
    }
}

/// Whether dates can be read by it: a year and a month, perhaps a day, each once, and signs.
fn is_date_pattern(pattern: &str) -> bool {
    let (mut rest, mut found) = (pattern.to_owned(), Vec::new());
    for part in ["YYYY", "YY", "MM", "DD"] {
        let times = rest.matches(part).count();
        rest = rest.replace(part, "");
        found.push(times);
    }
    let signs = rest.chars().all(|c| c.is_ascii_punctuation() || c == ' ');
    let once = matches!(found.as_slice(), [y4, y2, 1, 0 | 1] if y4 + y2 == 1);
    signs && once && pattern.len() <= 20
}

/// `one_of("DEBI", "GOLD")`: texts, each once.
fn one_of(span: Span, args: &[crate::model::MArg]) -> Result<Type, Box<Problem>> {
    let words: Vec<String> = args
        .iter()
        .filter(|a| a.name.is_none())
        .filter_map(|a| a.value.literal_text())
        .collect();
    let twice = words
        .iter()
        .enumerate()
        .any(|(n, w)| words.iter().skip(n + 1).any(|o| o == w));
    let good = |w: &String| !w.is_empty() && w.trim() == w && w.is_ascii() && w.len() <= 255;
    if words.is_empty() || words.len() != args.len() || twice || !words.iter().all(good) {
        return Err(wrong(
            span,
            "`one_of` lists texts of ASCII characters, each once: `one_of(\"DEBI\", \"GOLD\")`",
        ));
    }
    Ok(Type::OneOf(words))
}

/// ISO 9564-1 format number of a word `iso0` … `iso4`.
pub(super) fn pin_format(word: &str) -> Option<u8> {
    match word {
        "iso0" => Some(0),
        "iso1" => Some(1),
        "iso2" => Some(2),
        "iso3" => Some(3),
        "iso4" => Some(4),
        _ => None,
    }
}

fn pin_block(model: &Model, format: u8, key: &MExpr) -> Result<Type, Box<Problem>> {
    let MKind::Name(segments) = &key.kind else {
        return Err(wrong(key.span, "`under` names a key"));
    };
    match model.resolve(segments, key.span) {
        Target::Decl { qualified, used } if used == segments.len() => Ok(Type::PinBlock {
            format,
            key: qualified,
        }),
        Target::Poisoned => Ok(Type::PinBlock {
            format,
            key: String::new(),
        }),
        _ => {
            let name = key.dotted().unwrap_or_default();
            let problem = Problem::error("E0106", key.span, format!("there is no key `{name}`"));
            // Formats 0 to 3 are enciphered by triple DES, 4 by AES (ISO 9564-1).
            let algorithm = if format == 4 { "aes128" } else { "tdes2" };
            let own = segments
                .last()
                .map_or("NAME", |segment| segment.text.as_str());
            let otherwise =
                format!("declare it: `key {own} : {algorithm} {{ use = pin_encryption }}`");
            let advised = model.advise(problem, segments, &["key"], otherwise);
            Err(Box::new(advised))
        }
    }
}

/// Some names say more than their types.
fn by_name(name: Option<&str>, secrecy: Secrecy) -> Secrecy {
    let at_least = match name.unwrap_or("") {
        "pan" | "expiry" | "name" | "service_code" | "cardholder" | "account" => {
            Secrecy::Cardholder
        }
        "track1" | "track2" | "cvv" | "cvv2" | "cvc" | "cvc2" | "icvv" | "pvv" => {
            Secrecy::Sensitive
        }
        _ => Secrecy::Public,
    };
    secrecy.max(at_least)
}

/// `as public`, `as sensitive`: what the author knows better; a PAN and a PIN block stay what
/// they are.
fn stated(entry: &MEntry, ty: &Type, secrecy: Secrecy) -> Result<Secrecy, Box<Problem>> {
    let word = entry.clauses.iter().filter(|c| c.keyword == "as");
    let mut level = secrecy;
    for clause in word {
        level = match clause.single().and_then(MExpr::word) {
            Some("public") => Secrecy::Public,
            Some("cardholder") => Secrecy::Cardholder,
            Some("sensitive") => Secrecy::Sensitive,
            _ => continue,
        };
        // A verification value under any type is one.
        let fixed = matches!(ty, Type::Pan(_) | Type::Picture | Type::PinBlock { .. })
            || secrecy >= Secrecy::Sensitive;
        if fixed && level < secrecy {
            return Err(Box::new(
                Problem::error(
                    "E1004",
                    clause.span,
                    format!("{} can't be declared less secret than it is", ty.words()),
                )
                .help("leave the clause out, and lower the value where it is used: `mask(…)`")
                .fix(Change::Out(clause.span)),
            ));
        }
    }
    if entry.word(0) == Some("pin") && !matches!(ty, Type::PinBlock { .. }) {
        return Err(Box::new(
            Problem::error("E0601", entry.head_span(), "a PIN never travels in clear")
                .help("declare it as an enciphered block: `pin : pin_block(iso4, under: zpk_in)`"),
        ));
    }
    Ok(level)
}

impl<'a> Elaborator<'a> {
    /// A field of a record by name: of the program's record, or of one that stands once.
    pub fn field(&mut self, record: &str, field: &str, span: Span) -> Option<Typed> {
        if record == "run" {
            return self.run_field(field, span);
        }
        let format = self.format?;
        let (entry, most, may_lack) = match record_of(format, record) {
            Some(entry) => (
                entry,
                part_of(entry, &self.program.record).unwrap_or(1),
                false,
            ),
            None => {
                let (entry, may_lack) = self.joined(record)?;
                (entry, 1, may_lack)
            }
        };
        let Some(found) = entry
            .entries()
            .iter()
            .find(|e| e.word(0) == Some(field) && (e.base.is_some() || e.value.is_some()))
        else {
            self.unknown_field(entry, record, field, span);
            return None;
        };
        // What is wrong with the field itself is said where the format is checked.
        let mut def = field_def(self.model, found).ok()?;
        if def.ty == Type::Picture {
            let message = format!("`{record}.{field}` is a picture, which is no value");
            let help = "draw it on a face or page: `image { at = (…); value = order.photo }`";
            self.findings()
                .push(Problem::error("E0833", span, message).help(help));
            return None;
        }
        if most > 1 {
            let each = def.ty.lengths().unwrap_or(Lengths::up_to(UNSIZED));
            def.ty = Type::Lines { count: most, each };
        }
        // That a secret field is blank is for nobody to know: what needs its digits would tell.
        if let (true, Type::Digits(lengths)) = (def.optional || may_lack, &mut def.ty)
            && def.secrecy >= Secrecy::Sensitive
        {
            lengths.min = 0;
        }
        if found.value.is_some() {
            // A file that is written and read again holds what its values were.
            def.secrecy = def.secrecy.max(Secrecy::Cardholder);
        }
        let op = Op::Field {
            record: record.to_owned(),
            field: field.to_owned(),
        };
        let node = self.node(op, def.ty.value_type(), def.secrecy, span);
        let what = format!("`{record}.{field}`, {}", def.ty.words());
        Some(Typed {
            node,
            shows_pan: matches!(def.ty, Type::Pan(_)),
            holds_pin: matches!(def.ty, Type::PinBlock { .. }),
            whole: true,
            ty: def.ty,
            secrecy: def.secrecy,
            path: step(what, span, None),
        })
    }

    fn run_field(&mut self, field: &str, span: Span) -> Option<Typed> {
        let Some(row) = RUN_FIELDS.iter().find(|f| f.name == field) else {
            let names: Vec<&str> = RUN_FIELDS.iter().map(|f| f.name).collect();
            self.findings().push(
                Problem::error("E0106", span, format!("a run knows no `{field}`"))
                    .help(format!("it knows: {}", names.join(", "))),
            );
            return None;
        };
        let ty = match row.gives {
            "date" => Type::Date,
            "number" => Type::Number { digits: row.length },
            _ => Type::Text(Lengths::up_to(row.length)),
        };
        let op = Op::Field {
            record: "run".to_owned(),
            field: field.to_owned(),
        };
        let node = self.node(op, ty.value_type(), Secrecy::Public, span);
        Some(Typed {
            node,
            ty,
            secrecy: Secrecy::Public,
            shows_pan: false,
            holds_pin: false,
            whole: true,
            path: step(format!("`run.{field}`"), span, None),
        })
    }

    fn unknown_field(&mut self, record: &MEntry, name: &str, field: &str, span: Span) {
        let known: Vec<&str> = record
            .entries()
            .iter()
            .filter(|e| e.base.is_some() || e.value.is_some())
            .filter_map(|e| e.word(0))
            .collect();
        let problem = Problem::error(
            "E0106",
            span,
            format!("the record `{name}` has no field `{field}`"),
        )
        .label(record.head_span(), "the record");
        let near = nearest(field, known.iter().copied()).map(|near| format!("{name}.{near}"));
        let mut problem = problem.meant(
            span,
            near.as_deref(),
            format!("it has: {}", known.join(", ")),
        );
        if !self.model.sources.text(span).contains('.') {
            problem.change = None; // the place is no name of the field
        }
        self.findings().push(problem);
    }

    /// The record that a name begins with, when it is one that the program sees.
    pub(super) fn record_named(&self, segments: &[MSegment]) -> Option<String> {
        let first = segments.first()?;
        if first.text == "run" {
            return Some("run".to_owned());
        }
        let format = self.format?;
        if first.text == self.program.record {
            return Some(first.text.clone());
        }
        let seen = match record_of(format, &first.text) {
            Some(entry) => match entry.clause("of") {
                Some(_) => part_of(entry, &self.program.record).is_some(),
                None => !is_order(entry),
            },
            None => self.joined(&first.text).is_some(),
        };
        seen.then(|| first.text.clone())
    }

    /// The record of a second file, by the name of its join.
    /// The record that a join speaks of, and whether an order may have none.
    fn joined(&self, name: &str) -> Option<(&'a MEntry, bool)> {
        let format = self.format?;
        let mut joins = format.entries.iter().filter(|e| e.word(0) == Some("join"));
        let join = joins.find(|e| e.word(1) == Some(name))?;
        let (other, record) = joined_record(self.model, join)?;
        let may_lack = join.clause("optional").is_some();
        Some((record_of(other, &record)?, may_lack))
    }

    /// The record's field of type `pan`.
    pub fn pan_field(&mut self, span: Span) -> Option<Typed> {
        let record = self.program.record.clone();
        let entry = record_of(self.format?, &record)?;
        let field = entry.entries().iter().find(|e| {
            let first = e.base.as_ref().and_then(|b| b.terms.first());
            first.and_then(MExpr::word) == Some("pan")
        })?;
        let name = field.word(0)?.to_owned();
        self.field(&record, &name, span)
    }
}
