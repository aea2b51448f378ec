//! What a rule can know of a declaration when compiled: what is written there, after inheritance.
//! Rules look at what stands in so many words; they do not reckon what an order would give.

use crate::model::{Decl, MEntry, MExpr, MKind, MPart, MSegment, Model};
use cardwright_vocabulary::Need;

/// A value that is known.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Known {
    Flag(bool),
    Number(i64),
    Octets(Vec<u8>),
    Text(String),
    Words(Vec<String>),
    Nothing,
}

/// An element that a `for x in list` goes through.
#[derive(Clone, Copy, Debug)]
pub(super) enum Element<'a> {
    /// Of a list.
    Term(&'a MExpr),
    /// Of a block, such as a record of `records`.
    Entry(&'a MEntry),
}

/// Looks at one declaration.
#[derive(Clone, Copy)]
pub(super) struct Eye<'a> {
    pub(super) model: &'a Model,
    pub(super) decl: &'a Decl,
    bound: Option<(&'a str, Element<'a>)>,
}

impl<'a> Eye<'a> {
    pub(super) fn new(model: &'a Model, decl: &'a Decl) -> Self {
        Self {
            model,
            decl,
            bound: None,
        }
    }

    /// The same with a name for one element.
    pub(super) fn bound(self, name: &'a str, element: &Element<'a>) -> Self {
        Self {
            bound: Some((name, *element)),
            ..self
        }
    }

    /// Whether a condition holds; `None` when that can't be told.
    pub(super) fn truth(&self, e: &MExpr) -> Option<bool> {
        match self.known(e)? {
            Known::Flag(flag) => Some(flag),
            _ => None,
        }
    }

    /// A message with what is known put in: `"the label {label} is too long"`.
    pub(super) fn say(&self, e: &MExpr) -> String {
        let MKind::Text(parts) = &e.kind else {
            return "it does not hold".to_owned();
        };
        let said = parts.iter().map(|part| match part {
            MPart::Literal(text) => text.clone(),
            MPart::Embedded(inner) => match self.known(inner) {
                Some(Known::Text(text)) => text,
                Some(Known::Number(n)) => n.to_string(),
                Some(Known::Octets(octets)) => hex::encode_upper(octets),
                Some(Known::Words(words)) => words.join(", "),
                Some(Known::Flag(flag)) => if flag { "yes" } else { "no" }.to_owned(),
                Some(Known::Nothing) => "nothing".to_owned(),
                None => "…".to_owned(),
            },
        });
        said.collect()
    }

    /// Elements of a list or of a block; none when it is not there.
    pub(super) fn elements(&self, e: &'a MExpr) -> Option<Vec<Element<'a>>> {
        let list = match &e.kind {
            MKind::List(_) => e,
            MKind::Name(segments) => {
                let Some(entry) = find(self.decl, segments) else {
                    let target = self.model.resolve_decl(segments, e.span);
                    let list = target.filter(|d| d.kind == "let");
                    return match list.and_then(|d| d.value.as_ref()?.single()) {
                        Some(list) => self.elements(list),
                        None => self.declared(segments).then(Vec::new),
                    };
                };
                match entry.single() {
                    Some(value) => value,
                    None => return Some(entry.entries().iter().map(Element::Entry).collect()),
                }
            }
            _ => return None,
        };
        match &list.kind {
            MKind::List(items) => {
                let terms = items.iter().filter_map(|i| i.phrase.terms.first());
                Some(terms.map(Element::Term).collect())
            }
            MKind::Name(_) if list.span != e.span => self.elements(list),
            _ => Some(vec![Element::Term(list)]),
        }
    }

    /// Whether the vocabulary knows an attribute of this name, so that it is merely not there.
    fn declared(&self, segments: &[MSegment]) -> bool {
        let rows = cardwright_vocabulary::kind(&self.decl.kind).map(|k| k.attributes);
        let first = segments.first().map_or("", |s| s.text.as_str());
        rows.is_some_and(|rows| rows.iter().any(|row| row.pattern == first))
    }

    pub(super) fn known(&self, e: &MExpr) -> Option<Known> {
        Some(match &e.kind {
            MKind::Name(segments) => self.named(segments, e)?,
            MKind::Not(inner) => Known::Flag(!self.truth(inner)?),
            MKind::Binary { op, left, right } => match op.as_str() {
                "and" => Known::Flag(self.truth(left)? && self.truth(right)?),
                "or" => Known::Flag(self.truth(left)? || self.truth(right)?),
                _ => Known::Flag(compare(op, &self.known(left)?, &self.known(right)?)?),
            },
            MKind::Call { callee, args } => {
                let args: Vec<&MExpr> = args.iter().map(|a| &a.value).collect();
                self.asked(callee.word()?, &args)?
            }
            _ => return literal(e),
        })
    }

    fn named(&self, segments: &[MSegment], e: &MExpr) -> Option<Known> {
        let (first, rest) = segments.split_first()?;
        if let Some((name, element)) = self.bound
            && name == first.text
        {
            return self.of_element(element, rest);
        }
        match self.walk(self.decl, segments) {
            Some(found) => found,
            None => self.known_let(e).or_else(|| {
                // A bare word is itself: `coercivity == high`.
                let word = e.word()?;
                let rows = cardwright_vocabulary::kind(&self.decl.kind)?.attributes;
                let row = rows.iter().find(|row| row.pattern == word);
                Some(match row.map(|row| row.need) {
                    None => Known::Text(word.to_owned()),
                    Some(Need::Default(value)) => match value.parse() {
                        Ok(n) => Known::Number(n),
                        Err(_) => Known::Text(value.to_owned()),
                    },
                    Some(_) => Known::Nothing,
                })
            }),
        }
    }

    fn of_element(&self, element: Element<'a>, rest: &[MSegment]) -> Option<Known> {
        match (element, rest) {
            (Element::Term(e), []) => match e.dotted() {
                Some(word) => Some(Known::Text(word)),
                None => literal(e),
            },
            (Element::Term(e), rest) => {
                let MKind::Name(segments) = &e.kind else {
                    return None;
                };
                let decl = self.model.resolve_decl(segments, e.span)?;
                self.walk(decl, rest).unwrap_or(Some(Known::Nothing))
            }
            (Element::Entry(entry), []) => match entry.single().map(|e| (literal(e), e.word())) {
                Some((Some(known), _)) => Some(known),
                Some((None, Some(word))) => Some(Known::Text(word.to_owned())),
                Some((None, None)) => None,
                None => Some(Known::Flag(true)),
            },
            // A word of its head: `record.signed`.
            (Element::Entry(entry), [word]) => {
                let said = entry.head.iter().any(|h| h.word() == Some(&word.text));
                match crate::model::find(entry.entries(), &word.text).and_then(MEntry::single) {
                    Some(value) => literal(value).or(value.word().map(|w| Known::Text(w.into()))),
                    None => Some(Known::Flag(said)),
                }
            }
            _ => None,
        }
    }

    /// What stands at a path below a declaration, through the declarations that it names. `None`
    /// when nothing stands there, `Some(None)` when what stands there is not known.
    fn walk(&self, decl: &Decl, segments: &[MSegment]) -> Option<Option<Known>> {
        let mut entries = decl.entries.as_slice();
        let mut found: Option<&MEntry> = None;
        for (at, segment) in segments.iter().enumerate() {
            if let Some(target) = found.and_then(|e| self.target(e)) {
                return self.walk(target, segments.get(at..)?);
            }
            found = child(entries, segment);
            if found.is_none() && at == 0 && segments.len() == 1 {
                return own(decl, &segment.text).map(Some);
            }
            entries = found?.entries();
        }
        let entry = found?;
        Some(match entry.single() {
            Some(value) => match value.word() {
                Some(word) => self
                    .known_let(value)
                    .or_else(|| Some(Known::Text(word.to_owned()))),
                None => self.known_let(value).or_else(|| literal(value)),
            },
            None => Some(Known::Flag(true)),
        })
    }

    /// The declaration that an entry's value names, when it is no `let`.
    fn target(&self, entry: &MEntry) -> Option<&'a Decl> {
        let value = entry.single()?;
        let MKind::Name(segments) = &value.kind else {
            return None;
        };
        let target = self.model.resolve_decl(segments, value.span)?;
        (target.kind != "let").then_some(target)
    }

    fn known_let(&self, e: &MExpr) -> Option<Known> {
        let MKind::Name(segments) = &e.kind else {
            return None;
        };
        let target = self.model.resolve_decl(segments, e.span)?;
        if target.kind != "let" || target.qualified == self.decl.qualified {
            return None;
        }
        literal(target.value.as_ref()?.single()?)
    }

    fn asked(&self, function: &str, args: &[&MExpr]) -> Option<Known> {
        Some(match (function, args) {
            ("present", [what]) => {
                let MKind::Name(segments) = &what.kind else {
                    return None;
                };
                let own = find(self.decl, segments).is_some();
                let through = segments.len() > 1
                    && !matches!(self.named(segments, what), None | Some(Known::Nothing));
                Known::Flag(own || through)
            }
            ("includes", [list, what]) => {
                let word = what.dotted().map(|w| w.trim_start_matches('#').to_owned());
                let word = word.or_else(|| what.tag().map(str::to_owned))?;
                match self.known(list)? {
                    Known::Words(words) => Known::Flag(words.contains(&word)),
                    Known::Text(text) => Known::Flag(text == word),
                    Known::Nothing => Known::Flag(false),
                    _ => return None,
                }
            }
            ("length" | "count", [what]) => {
                let length = match self.known(what)? {
                    Known::Text(text) => text.chars().count(),
                    Known::Octets(octets) => octets.len(),
                    Known::Words(words) => words.len(),
                    Known::Nothing => 0,
                    _ => return None,
                };
                Known::Number(i64::try_from(length).ok()?)
            }
            ("starts", [what, beginning]) => match (self.known(what)?, self.known(beginning)?) {
                (Known::Text(text), Known::Text(start)) => Known::Flag(text.starts_with(&start)),
                (Known::Octets(octets), Known::Octets(start)) => {
                    Known::Flag(octets.starts_with(&start))
                }
                _ => return None,
            },
            _ => return None,
        })
    }
}

fn find<'d>(decl: &'d Decl, segments: &[MSegment]) -> Option<&'d MEntry> {
    let mut entries = decl.entries.as_slice();
    let mut found = None;
    for segment in segments {
        let entry = child(entries, segment)?;
        entries = entry.entries();
        found = Some(entry);
    }
    found
}

fn child<'d>(entries: &'d [MEntry], segment: &MSegment) -> Option<&'d MEntry> {
    if segment.is_tag {
        return entries.iter().find(|entry| {
            let tag = entry.head.first().and_then(crate::model::shape::tag_of);
            tag == Some(segment.text.as_str())
        });
    }
    crate::model::find(entries, &segment.text)
}

/// What a declaration says by its head: its name, and the algorithm of a key.
fn own(decl: &Decl, word: &str) -> Option<Known> {
    let base = decl.base.as_ref().and_then(|b| b.single());
    let number = |n: usize| match base.map(|e| &e.kind) {
        Some(MKind::Call { args, .. }) => args.get(n)?.value.integer().map(Known::Number),
        _ => None,
    };
    match (word, decl.kind.as_str()) {
        ("name", kind) if kind != "issuer" => Some(Known::Text(decl.name.clone())),
        ("algorithm", "key") => match base.map(|e| &e.kind)? {
            MKind::Call { callee, .. } => callee.word().map(|w| Known::Text(w.to_owned())),
            _ => base?.word().map(|w| Known::Text(w.to_owned())),
        },
        ("bits", "key") => number(0).or(Some(Known::Nothing)),
        ("exponent", "key") => number(1).or(Some(Known::Nothing)),
        _ => None,
    }
}

/// What stands there in so many words.
fn literal(e: &MExpr) -> Option<Known> {
    Some(match &e.kind {
        MKind::Integer(n) => Known::Number(*n),
        MKind::Hex(octets) => Known::Octets(octets.clone()),
        MKind::Text(_) => Known::Text(e.literal_text()?),
        MKind::Name(_) => Known::Text(e.dotted()?),
        MKind::List(items) => Known::Words(
            items
                .iter()
                .map(|item| {
                    let term = item.phrase.terms.first()?;
                    let tag = crate::model::shape::tag_of(term).map(str::to_owned);
                    tag.or_else(|| term.dotted())
                        .or_else(|| term.literal_text())
                })
                .collect::<Option<_>>()?,
        ),
        _ => return None,
    })
}

fn compare(op: &str, a: &Known, b: &Known) -> Option<bool> {
    match (op, a, b) {
        ("==", ..) => Some(a == b),
        ("!=", ..) => Some(a != b),
        (_, Known::Number(a), Known::Number(b)) => match op {
            "<" => Some(a < b),
            "<=" => Some(a <= b),
            ">" => Some(a > b),
            ">=" => Some(a >= b),
            _ => None,
        },
        _ => None,
    }
}
