//! Rules that authors write: on files, on orders, and on what they declare.

use crate::diagnostics::{Problem, Severity};
use crate::elaborate::{Elaborator, Shared};
use crate::model::{Decl, MEntry, MExpr, MKind, MSegment, Model, walk};
use crate::secrecy::Sink;
use crate::types::Type;
use cardwright_vocabulary::Need;

/// Checks all rules of the Model: those on orders for their types and secrecy, those on kinds
/// against every concrete declaration.
pub(crate) fn check(model: &Model, shared: &mut Shared) {
    for rule in model.of_kind("rule").filter(|d| !d.poisoned) {
        if let Some(kind) = &rule.for_decl {
            for decl in model.concrete(kind) {
                held(model, rule, decl, shared);
            }
        } else if let Some((format, record)) = &rule.for_record {
            let mut elaborator = Elaborator::new(model, shared, format, record);
            for entry in &rule.entries {
                on_order(entry, &mut elaborator);
            }
        } else {
            shared.findings.push(
                Problem::error("E0113", rule.span, "a rule says what it speaks of").help(
                    "add `for orders.order` for a rule on each order, `for profile` for one on \
                     each profile",
                ),
            );
        }
    }
}

/// One requirement of a rule, with its `because`.
#[derive(Clone, Copy)]
pub(crate) struct Requirement<'a> {
    /// What must hold.
    pub(crate) condition: &'a MExpr,
    /// What is said.
    pub(crate) because: Option<&'a MExpr>,
}

/// Requirements of a rule; `because` may be a clause or the entry after.
pub(crate) fn requirements(rule: &Decl) -> Vec<Requirement<'_>> {
    let mut found: Vec<Requirement<'_>> = Vec::new();
    for entry in &rule.entries {
        match (entry.word(0), entry.head.get(1)) {
            (Some("require"), Some(condition)) => found.push(Requirement {
                condition,
                because: entry.clause("because").and_then(|c| c.single()),
            }),
            (Some("because"), Some(text)) => {
                if let Some(last) = found.last_mut() {
                    last.because = Some(text);
                }
            }
            _ => {}
        }
    }
    found
}

fn on_order<'a>(entry: &'a MEntry, elaborator: &mut Elaborator<'a>) {
    let Some(term) = entry.head.get(1) else {
        return;
    };
    match entry.word(0) {
        Some("require" | "when") => {
            if let Some(flag) = elaborator.expr(term, Some(&Type::Flag)) {
                elaborator.sink(&flag, Sink::Condition, "this rule", entry.span);
            }
            if let Some(because) = entry.clause("because").and_then(|c| c.single()) {
                message(because, entry, elaborator);
            }
        }
        Some("because") => message(term, entry, elaborator),
        _ => {}
    }
}

fn message<'a>(text: &'a MExpr, entry: &'a MEntry, elaborator: &mut Elaborator<'a>) {
    if let Some(text) = elaborator.expr(text, Some(&Type::text())) {
        elaborator.sink(&text, Sink::ErrorText, "this rule's message", entry.span);
    }
}

/// A rule of a format: `require … else "…"`.
pub(crate) fn file_rule<'a>(format: &'a Decl, entry: &'a MEntry, elaborator: &mut Elaborator<'a>) {
    let Some(condition) = entry.head.get(1) else {
        return;
    };
    let record = repeated_record(format, condition);
    let called = match &condition.kind {
        MKind::Call { callee, .. } => callee.word(),
        _ => None,
    };
    let unique = called == Some("unique");
    if let Some(record) = record.as_deref().filter(|_| !unique)
        && !refuses_record(entry)
    {
        let message = format!("this rule looks at each `{record}`, but would refuse the file");
        elaborator.findings().push(
            Problem::error("E0214", entry.head_span(), message)
                .help("add `reject record` after the condition"),
        );
    }
    elaborator.for_record(record.as_deref().unwrap_or(""), |elaborator| {
        if let MKind::Call { callee, args } = &condition.kind
            && callee.word() == Some("unique")
        {
            for arg in args {
                unique_field(&arg.value, elaborator);
            }
        } else if let Some(flag) = elaborator.expr(condition, Some(&Type::Flag)) {
            elaborator.sink(&flag, Sink::Condition, "this rule", entry.span);
        }
        if let Some(text) = entry.clause("else").and_then(|c| c.single())
            && let Some(text) = elaborator.expr(text, Some(&Type::text()))
        {
            elaborator.sink(&text, Sink::ErrorText, "this rule's message", entry.span);
        }
    });
}

fn refuses_record(entry: &MEntry) -> bool {
    entry.clauses.iter().any(|c| {
        matches!(c.keyword.as_str(), "reject" | "refuses")
            && c.single().and_then(MExpr::word) == Some("record")
    })
}

fn unique_field<'a>(e: &'a MExpr, elaborator: &mut Elaborator<'a>) {
    let is_field = matches!(&e.kind, MKind::Name(segments) if segments.len() == 2);
    if !is_field {
        elaborator.findings().push(
            Problem::error("E0203", e.span, "`unique` compares fields of a record")
                .help("write `unique(order.pan, order.expiry)`"),
        );
        return;
    }
    elaborator.expr(e, None);
}

/// The record whose fields a condition speaks of, when that may stand more than once.
pub(crate) fn repeated_record(format: &Decl, condition: &MExpr) -> Option<String> {
    let mut found = None;
    let mut summed = Vec::new();
    walk(condition, &mut |e| {
        if let MKind::Call { callee, args } = &e.kind
            && matches!(callee.word(), Some("sum" | "hash_total"))
        {
            // A total speaks of all records, not of each.
            summed.extend(args.iter().map(|arg| arg.value.span));
        }
        let MKind::Name(segments) = &e.kind else {
            return;
        };
        if summed.contains(&e.span) {
            return;
        }
        let [first, _, ..] = segments.as_slice() else {
            return;
        };
        let Some(record) = crate::elaborate::record_of(format, &first.text) else {
            return;
        };
        let many = crate::elaborate::is_order(record) || record.clause("of").is_some();
        if many && found.is_none() {
            found = Some(first.text.clone());
        }
    });
    found
}

/// What a compile-time rule can know of a declaration.
#[derive(Clone, Debug, PartialEq)]
enum Known {
    Flag(bool),
    Number(i64),
    Octets(Vec<u8>),
    Text(String),
    Words(Vec<String>),
    Nothing,
}

fn held(model: &Model, rule: &Decl, decl: &Decl, shared: &mut Shared) {
    let when = rule.entries.iter().filter(|e| e.word(0) == Some("when"));
    for entry in when {
        let term = entry.head.get(1);
        match term.and_then(|t| truth(model, rule, decl, t, shared)) {
            Some(true) => {}
            _ => return,
        }
    }
    for requirement in requirements(rule) {
        if truth(model, rule, decl, requirement.condition, shared) != Some(false) {
            continue;
        }
        let severity = match word_of(rule, "severity").as_deref() {
            Some("warning") => Severity::Warning,
            Some("note") => Severity::Note,
            _ => Severity::Error,
        };
        let because = requirement
            .because
            .and_then(MExpr::literal_text)
            .unwrap_or_else(|| "it does not hold".to_owned());
        let message = format!(
            "{} `{}` breaks the rule `{}`: {because}",
            decl.kind, decl.name, rule.name
        );
        let mut problem = Problem::new(severity, "E0380", decl.span, message)
            .label(requirement.condition.span, "the rule");
        if let Some(reference) = text_of(rule, "reference") {
            problem = problem.help(format!("see {reference}"));
        }
        shared.findings.push(problem);
    }
}

fn word_of(decl: &Decl, name: &str) -> Option<String> {
    decl.attribute(name)?.single()?.word().map(str::to_owned)
}

fn text_of(decl: &Decl, name: &str) -> Option<String> {
    decl.attribute(name)?.single()?.literal_text()
}

fn truth(model: &Model, rule: &Decl, decl: &Decl, e: &MExpr, shared: &mut Shared) -> Option<bool> {
    match known(model, decl, e) {
        Some(Known::Flag(flag)) => Some(flag),
        _ => {
            let message = format!(
                "the rule `{}` can't be decided for the {} `{}`",
                rule.name, decl.kind, decl.name
            );
            shared.findings.push(
                Problem::error("E0381", e.span, message)
                    .label(decl.span, "asked of this")
                    .help(
                        "rules on declarations know `present(x)`, `includes(list, word)`, \
                         `length(x)`, `starts(x, \"…\")`, == != < <= > >=, and, or, not",
                    ),
            );
            None
        }
    }
}

fn known(model: &Model, decl: &Decl, e: &MExpr) -> Option<Known> {
    Some(match &e.kind {
        MKind::Name(segments) => named(model, decl, segments, e)?,
        MKind::Not(inner) => match known(model, decl, inner)? {
            Known::Flag(flag) => Known::Flag(!flag),
            _ => return None,
        },
        MKind::Binary { op, left, right } => {
            let (a, b) = (known(model, decl, left)?, known(model, decl, right)?);
            Known::Flag(compare(op, &a, &b)?)
        }
        MKind::Call { callee, args } => {
            let args: Vec<&MExpr> = args.iter().map(|a| &a.value).collect();
            asked(model, decl, callee.word()?, &args)?
        }
        _ => return literal(e),
    })
}

fn named(model: &Model, decl: &Decl, segments: &[MSegment], e: &MExpr) -> Option<Known> {
    let mut entries = decl.entries.as_slice();
    let mut found = None;
    for segment in segments {
        let entry = if segment.is_tag {
            entries.iter().find(|entry| {
                let tag = entry.head.first().and_then(crate::model::shape::tag_of);
                tag == Some(segment.text.as_str())
            })
        } else {
            crate::model::find(entries, &segment.text)
        };
        found = entry;
        entries = entry.map_or(&[], MEntry::entries);
    }
    if let Some(value) = found.and_then(MEntry::single) {
        return match value.word() {
            Some(word) => known_let(model, decl, value).or(Some(Known::Text(word.to_owned()))),
            None => literal(value),
        };
    }
    if found.is_some() {
        return Some(Known::Flag(true));
    }
    known_let(model, decl, e).or_else(|| {
        // A bare word is itself: `coercivity == high`.
        let word = e.word()?;
        let rows = cardwright_vocabulary::kind(&decl.kind)?.attributes;
        let row = rows.iter().find(|row| row.pattern == word);
        Some(match row.map(|row| row.need) {
            None => Known::Text(word.to_owned()),
            Some(Need::Default(value)) => match value.parse() {
                Ok(n) => Known::Number(n),
                Err(_) => Known::Text(value.to_owned()),
            },
            Some(_) => Known::Nothing,
        })
    })
}

fn known_let(model: &Model, decl: &Decl, e: &MExpr) -> Option<Known> {
    let MKind::Name(segments) = &e.kind else {
        return None;
    };
    let target = model.resolve_decl(segments, e.span)?;
    if target.kind != "let" || target.qualified == decl.qualified {
        return None;
    }
    literal(target.value.as_ref()?.single()?)
}

/// What stands there in so many words: rules look at what is written, they do not reckon.
fn literal(e: &MExpr) -> Option<Known> {
    Some(match &e.kind {
        MKind::Integer(n) => Known::Number(*n),
        MKind::Hex(octets) => Known::Octets(octets.clone()),
        MKind::Text(_) => Known::Text(e.literal_text()?),
        MKind::List(_) => Known::Words(crate::elaborate::constants::words(e)?),
        _ => return None,
    })
}

fn asked(model: &Model, decl: &Decl, function: &str, args: &[&MExpr]) -> Option<Known> {
    Some(match (function, args) {
        ("present", [what]) => {
            let MKind::Name(segments) = &what.kind else {
                return None;
            };
            let there = !matches!(
                named(model, decl, segments, what),
                None | Some(Known::Nothing)
            );
            let by_name = segments.len() > 1
                || what
                    .word()
                    .is_some_and(|w| decl.entries.iter().any(|e| e.word(0) == Some(w)));
            Known::Flag(there && by_name)
        }
        ("includes", [list, what]) => {
            let word = what.dotted()?;
            match known(model, decl, list)? {
                Known::Words(words) => Known::Flag(words.contains(&word)),
                Known::Text(text) => Known::Flag(text == word),
                Known::Nothing => Known::Flag(false),
                _ => return None,
            }
        }
        ("length", [what]) => {
            let length = match known(model, decl, what)? {
                Known::Text(text) => text.chars().count(),
                Known::Octets(octets) => octets.len(),
                Known::Words(words) => words.len(),
                _ => return None,
            };
            Known::Number(i64::try_from(length).ok()?)
        }
        ("starts", [what, beginning]) => {
            match (known(model, decl, what)?, known(model, decl, beginning)?) {
                (Known::Text(text), Known::Text(start)) => Known::Flag(text.starts_with(&start)),
                (Known::Octets(octets), Known::Octets(start)) => {
                    Known::Flag(octets.starts_with(&start))
                }
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn compare(op: &str, a: &Known, b: &Known) -> Option<bool> {
    match (op, a, b) {
        ("and", Known::Flag(a), Known::Flag(b)) => Some(*a && *b),
        ("or", Known::Flag(a), Known::Flag(b)) => Some(*a || *b),
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
