//! Values that are known when compiled: words, numbers, lengths, names of declarations.

use super::expressions;
use crate::diagnostics::{Change, Problem};
use crate::elaborate::Elaborator;
use crate::elaborate::constants::{length_um, point_um, rect_um, size_mpt};
use crate::model::{Decl, MEntry, MExpr, MItem, MKind, MSegment, Target};
use crate::standard_codes;
use cardwright_vocabulary::{
    Attribute, CVM_CODES, CVM_CONDITIONS, CodeList, Is, KEY_USES, Sink, Want, key_use, nearest,
};

/// Checks a value against what its row says it is.
pub(super) fn value<'a>(
    decl: &'a Decl,
    row: &Attribute,
    is: Is,
    entry: &'a MEntry,
    elaborator: &mut Elaborator<'a>,
) {
    let Some(phrase) = &entry.value else { return };
    match is {
        Is::Font => return font(entry, elaborator),
        Is::Any | Is::Readings => return,
        _ => {}
    }
    let [e] = phrase.terms.as_slice() else {
        let message = format!("`{}` takes one value, there are several", row.pattern);
        wrong(elaborator, phrase.span, message, row.doc);
        return;
    };
    if matches!(e.kind, MKind::Poison) {
        return;
    }
    match is {
        Is::Text(most) => text(most, e, elaborator),
        Is::Code(list) => code(list, e, elaborator),
        Is::Number(least, most) => number(least, most, e, elaborator),
        Is::Word(words) => word(words, e, elaborator),
        Is::WordList(words) => each(e, elaborator, &mut |e, el| word(words, e, el)),
        Is::TextList => each(e, elaborator, &mut |e, el| text(200, e, el)),
        Is::Truth => word(&["true", "false"], e, elaborator),
        Is::KeyUse => usage(e, elaborator),
        Is::Key(uses) => {
            elaborator.key(e, uses);
        }
        Is::KeyByOrder(uses) => chosen_key(uses, e, elaborator),
        Is::Ref(kinds) => reference(kinds, e, elaborator),
        Is::RefList(kinds) => references(kinds, e, elaborator),
        Is::RefListWhen(kinds) => conditional(decl, kinds, e, elaborator),
        Is::Named(words, kinds) => worded(words, kinds, e, elaborator),
        Is::Flags(set) => {
            elaborator.const_flags(e, set);
        }
        Is::Hex(least, most) => octets(least, most, e, elaborator),
        Is::Length | Is::Point | Is::Rect | Is::Place => geometry(is, e, elaborator),
        Is::Colour => colour(e, elaborator),
        Is::File => file(e, elaborator),
        Is::Call(names) => call(names, e, elaborator),
        Is::CallOrRef(_, kinds) if matches!(e.kind, MKind::Name(_)) => {
            reference(kinds, e, elaborator);
        }
        Is::CallOrRef(names, _) => call(names, e, elaborator),
        Is::TagList => {
            elaborator.expr(e, Some(&crate::types::Type::TagList));
        }
        Is::Element => expressions::element(entry, e, elaborator),
        Is::Expr(want, sink) => {
            let name = crate::model::shape::key_of(Some(row), entry);
            expressions::expression(decl, want, sink, e, &format!("`{name}`"), elaborator);
        }
        Is::Record if !matches!(e.kind, MKind::Record(_)) => {
            wrong(
                elaborator,
                e.span,
                "a record is expected",
                "write `{ pan = \"…\"; … }`",
            );
        }
        _ => {}
    }
}

fn geometry(is: Is, e: &MExpr, elaborator: &mut Elaborator<'_>) {
    match is {
        Is::Length if length_um(e).is_none() => {
            let mut problem = Problem::error("E0203", e.span, "a length is expected")
                .help("write `12 mm` or `10 pt`");
            let number = match &e.kind {
                MKind::Integer(_) | MKind::Decimal(_) => Some(sources_text(elaborator, e.span)),
                MKind::Quantity { number, .. } => Some(number.clone()),
                _ => None,
            };
            if let Some(number) = number {
                problem = problem.fix(Change::Instead(e.span, format!("{number} mm")));
            }
            elaborator.findings().push(problem);
        }
        Is::Point => point(e, elaborator),
        Is::Rect if rect_um(e).is_none() => {
            let help = "write `(left, top, width, height)`, such as `(62 mm, 18 mm, 30 mm, 8 mm)`";
            wrong(elaborator, e.span, "a rectangle is expected", help);
        }
        Is::Place if rect_um(e).is_none() && point_um(e).is_none() => {
            let help = "write `(left, top)` or `(left, top, width, height)`, with units";
            wrong(elaborator, e.span, "a place is expected", help);
        }
        _ => {}
    }
}

/// What stands in a source.
fn sources_text(elaborator: &Elaborator<'_>, span: crate::model::Span) -> String {
    elaborator.model().sources.text(span).to_owned()
}

fn wrong(
    elaborator: &mut Elaborator<'_>,
    span: crate::model::Span,
    message: impl Into<String>,
    help: &str,
) {
    elaborator
        .findings()
        .push(Problem::error("E0203", span, message).help(help));
}

fn each<'a>(
    e: &'a MExpr,
    elaborator: &mut Elaborator<'a>,
    check: &mut dyn FnMut(&'a MExpr, &mut Elaborator<'a>),
) {
    match &e.kind {
        MKind::List(items) => {
            for item in items {
                match item.phrase.single() {
                    Some(term) => check(term, elaborator),
                    None => wrong(
                        elaborator,
                        item.phrase.span,
                        "one word is expected",
                        "use commas",
                    ),
                }
            }
        }
        _ => check(e, elaborator),
    }
}

fn text<'a>(most: u32, e: &'a MExpr, elaborator: &mut Elaborator<'a>) {
    let Some(text) = elaborator.const_text(e) else {
        return;
    };
    let length = text.chars().count();
    if u32::try_from(length).unwrap_or(u32::MAX) > most {
        let message = format!("this has {length} characters, its place takes {most}");
        elaborator
            .findings()
            .push(Problem::error("E0204", e.span, message).help("shorten it"));
    }
}

/// A whole number between bounds.
pub(super) fn number<'a>(least: i64, most: i64, e: &'a MExpr, elaborator: &mut Elaborator<'a>) {
    let Some(n) = elaborator.const_number(e) else {
        return;
    };
    if !(least..=most).contains(&n) {
        let message = format!("{n} is out of bounds: from {least} to {most}");
        let help = "write a number within the bounds";
        elaborator
            .findings()
            .push(Problem::error("E0205", e.span, message).help(help));
    }
}

/// A code of a standard list: its letters must be there; a number that is not is told.
fn code<'a>(list: CodeList, e: &'a MExpr, elaborator: &mut Elaborator<'a>) {
    if let Some(word) = e.word() {
        if standard_codes::number_of(list, word).is_none() {
            let message = format!("`{word}` is no code of {}", standard_codes::title(list));
            let near = nearest(word, standard_codes::words(list));
            let problem = Problem::error("E0243", e.span, message);
            let help = "write its letters or its number: `use std.iso` has the whole list";
            elaborator.findings().push(match near {
                Some(near) => problem
                    .help(format!("did you mean `{near}`?"))
                    .fix(Change::Instead(e.span, near.to_owned())),
                None => problem.help(help),
            });
        }
        return;
    }
    let before = elaborator.findings().len();
    number(1, 999, e, elaborator);
    if elaborator.findings().len() > before {
        return;
    }
    let known = elaborator
        .const_number(e)
        .and_then(|n| u16::try_from(n).ok());
    if known.is_some_and(|n| !standard_codes::is_known(list, n)) {
        let message = format!("this number is no code of {}", standard_codes::title(list));
        let help = "correct it; where the number is your own, leave it";
        let problem = Problem::warning("E0243", e.span, message).help(help);
        elaborator.findings().push(problem);
    }
}

/// One of these words.
pub(super) fn word(words: &[&str], e: &MExpr, elaborator: &mut Elaborator<'_>) {
    let found = e.word();
    if found.is_some_and(|w| words.contains(&w)) {
        return;
    }
    let near = found.and_then(|w| nearest(w, words.iter().copied()));
    let otherwise = format!("it is one of: {}", words.join(", "));
    let message = match found {
        Some(w) => format!("`{w}` is not known here"),
        None => "a word is expected".to_owned(),
    };
    let problem = Problem::error("E0203", e.span, message);
    let problem = problem.meant(e.span, near, otherwise);
    elaborator.findings().push(problem);
}

fn usage(e: &MExpr, elaborator: &mut Elaborator<'_>) {
    let name = e.dotted().unwrap_or_default();
    if key_use(&name).is_some() {
        return;
    }
    let names: Vec<&str> = KEY_USES.iter().map(|row| row.name).collect();
    let near = nearest(&name, names.iter().copied());
    let otherwise = format!("uses are: {}", names.join(", "));
    let message = format!("there is no key use `{name}`");
    let problem = Problem::error("E0520", e.span, message);
    let problem = problem.meant(e.span, near, otherwise);
    elaborator.findings().push(problem);
}

/// Algorithm of a key, and whether its use goes with it.
pub(super) fn algorithm(decl: &Decl, elaborator: &mut Elaborator<'_>) {
    let Some(base) = decl.base.as_ref().and_then(|b| b.single()) else {
        let help = "write `key cvk : tdes2 { use = card_verification }`";
        elaborator.findings().push(
            Problem::error(
                "E0521",
                decl.span,
                format!("the key `{}` has no algorithm", decl.name),
            )
            .help(help),
        );
        return;
    };
    let name = match &base.kind {
        MKind::Call { callee, args } => {
            let bits = args.first().and_then(|a| a.value.integer()).unwrap_or(0);
            let exponent = args.get(1).and_then(|a| a.value.integer()).unwrap_or(0);
            // EMV Book 2, 11.1 and Annex B2.1: 1984 bits at most, exponent 3 or 2^16 + 1.
            // An authority's key of X.509 has 2048.
            let signs = decl.attribute("use").and_then(|e| e.single()?.dotted());
            let sized = match signs.as_deref() {
                Some("certificate_signing" | "content_signing") => bits == 2048,
                _ => (1024..=1984).contains(&bits) && bits % 8 == 0,
            };
            let fine = sized && matches!(exponent, 3 | 65_537);
            if !fine {
                let help = "write `rsa(1984, 3)`: 1024 to 1984 bits in eights, exponent 3 or 65537";
                let instead = match signs.as_deref() {
                    Some("certificate_signing") => "rsa(2048, 65537)",
                    _ => "rsa(1984, 3)",
                };
                elaborator.findings().push(
                    Problem::error("E0521", base.span, "such an RSA key can't be used in EMV")
                        .help(help)
                        .fix(Change::Instead(base.span, instead.to_owned())),
                );
            }
            callee.word().unwrap_or("")
        }
        _ => base.word().unwrap_or(""),
    };
    let usage = decl.attribute("use").and_then(|e| e.single()?.dotted());
    if let Some(row) = usage.as_deref().and_then(key_use)
        && !row.algorithms.contains(&name)
    {
        elaborator.findings().push(
            Problem::error(
                "E0522",
                base.span,
                format!("a key for `{}` can't be {name}", row.name),
            )
            .help(format!("it is one of: {}", row.algorithms.join(", "))),
        );
    }
}

/// The name of a declaration of one of these kinds.
pub(super) fn reference(kinds: &[&str], e: &MExpr, elaborator: &mut Elaborator<'_>) {
    let MKind::Name(segments) = &e.kind else {
        let help = format!("name a declared {}", kinds.join(" or "));
        wrong(
            elaborator,
            e.span,
            format!("a {} is expected", kinds.join(" or ")),
            &help,
        );
        return;
    };
    named(kinds, segments, e, elaborator);
}

fn named(kinds: &[&str], segments: &[MSegment], e: &MExpr, elaborator: &mut Elaborator<'_>) {
    let model = elaborator.model();
    let wanted = kinds.join(" or ");
    match model.resolve(segments, e.span) {
        Target::Poisoned => {}
        Target::Decl { qualified, used } if used == segments.len() => {
            let Some(found) = model.get(&qualified) else {
                return;
            };
            if !kinds.contains(&found.kind.as_str()) {
                elaborator.findings().push(
                    Problem::error(
                        "E0114",
                        e.span,
                        format!(
                            "a {wanted} is expected, `{}` is a {}",
                            found.name, found.kind
                        ),
                    )
                    .label(found.span, "declared here")
                    .help(format!("name a declared {wanted}")),
                );
            }
        }
        _ => {
            let name = e.dotted().unwrap_or_default();
            let otherwise = format!(
                "declare it: `{} {name} … {{ … }}`",
                kinds.first().unwrap_or(&"")
            );
            let problem = Problem::error("E0106", e.span, format!("there is no {wanted} `{name}`"));
            let problem = model.advise(problem, segments, kinds, otherwise);
            elaborator.findings().push(problem);
        }
    }
}

fn references(kinds: &[&str], e: &MExpr, elaborator: &mut Elaborator<'_>) {
    let MKind::List(items) = &e.kind else {
        reference(kinds, e, elaborator);
        return;
    };
    for MItem { phrase, .. } in items {
        match phrase.terms.first() {
            Some(first) => reference(kinds, first, elaborator),
            None => continue,
        }
        if let Some(clause) = phrase.clauses.iter().find(|c| c.keyword == "when") {
            wrong(
                elaborator,
                clause.span,
                "nothing of this list is there by a condition",
                "take `when` out: it would change nothing",
            );
        }
    }
}

/// A key, or several by conditions on an order; a base without a record can't say those.
fn chosen_key<'a>(uses: &[&str], e: &'a MExpr, elaborator: &mut Elaborator<'a>) {
    let chosen = matches!(e.kind, MKind::If { .. });
    if !(chosen && elaborator.is_groundless()) {
        elaborator.key_choice(e, uses, "this place");
    }
}

/// A list of words and declarations.
fn worded<'a>(words: &[&str], kinds: &[&str], e: &'a MExpr, elaborator: &mut Elaborator<'a>) {
    let plain = |e: &MExpr| e.word().is_some_and(|word| words.contains(&word));
    each(e, elaborator, &mut |e, elaborator| {
        if !plain(e) {
            reference(kinds, e, elaborator);
        }
    });
}

/// A list of declarations, some of them perhaps with a condition on the order.
fn conditional<'a>(decl: &'a Decl, kinds: &[&str], e: &'a MExpr, elaborator: &mut Elaborator<'a>) {
    let MKind::List(items) = &e.kind else {
        return reference(kinds, e, elaborator);
    };
    for MItem { phrase, .. } in items {
        let (Some(first), None) = (phrase.terms.first(), phrase.terms.get(1)) else {
            let help = "write names with commas: `[debit, loyalty when order.product == \"GOLD\"]`";
            wrong(elaborator, phrase.span, "one name is expected", help);
            continue;
        };
        reference(kinds, first, elaborator);
        for clause in &phrase.clauses {
            match (clause.keyword.as_str(), clause.single()) {
                ("when", Some(term)) => expressions::expression(
                    decl,
                    Want::Condition,
                    Some(Sink::Condition),
                    term,
                    "`when`",
                    elaborator,
                ),
                _ => wrong(
                    elaborator,
                    clause.span,
                    "behind a name stands `when` and one condition, or nothing",
                    "write `loyalty when order.product == \"GOLD\"`",
                ),
            }
        }
    }
}

/// A rule of cardholder verification.
pub(super) fn cvm_rule(entry: &MEntry, elaborator: &mut Elaborator<'_>) {
    let codes: Vec<&str> = CVM_CODES.iter().map(|c| c.word).collect();
    let conditions: Vec<&str> = CVM_CONDITIONS.iter().map(|c| c.word).collect();
    if let Some(method) = entry.head.first() {
        cvm_word("method", &codes, method, elaborator);
    }
    let when = entry.clause("when").and_then(|c| c.terms.first());
    let problem = match (when, entry.head.get(1)) {
        (Some(condition), None) => {
            cvm_word("condition", &conditions, condition, elaborator);
            None
        }
        (None, Some(_)) => None,
        _ => Some((
            "a rule of cardholder verification has one condition",
            "write `signature when supported else next` or `no_cvm always else fail`",
        )),
    };
    let problem = problem.or_else(|| {
        let help = "add `else fail` (give up) or `else next` (try the next rule)";
        let message = "the rule does not say what happens when the method does not succeed";
        entry.clause("else").is_none().then_some((message, help))
    });
    if let Some((message, help)) = problem {
        let mut problem = Problem::error("E0316", entry.span, message).help(help);
        if entry.clause("else").is_none() && entry.value.is_none() {
            // Giving up is what a terminal does at the end of the list, too.
            problem = problem.fix(Change::Behind(entry.span, " else fail".to_owned()));
        }
        elaborator.findings().push(problem);
    }
}

/// A method or condition of EMV Book 3, annex C3.
fn cvm_word(what: &str, words: &[&str], e: &MExpr, elaborator: &mut Elaborator<'_>) {
    let found = e.word().unwrap_or_default();
    if words.contains(&found) {
        return;
    }
    let near = nearest(found, words.iter().copied());
    let otherwise = format!("a {what} is one of: {}", words.join(", "));
    let message = format!("`{found}` is no {what} of cardholder verification");
    let problem = Problem::error("E0316", e.span, message);
    let problem = problem.meant(e.span, near, otherwise);
    elaborator.findings().push(problem);
}

fn octets<'a>(least: u32, most: u32, e: &'a MExpr, elaborator: &mut Elaborator<'a>) {
    let Some(bytes) = elaborator.const_bytes(e) else {
        return;
    };
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    if !(least..=most).contains(&length) {
        let message = format!("this has {length} octets, its place takes {least} to {most}");
        elaborator
            .findings()
            .push(Problem::error("E0204", e.span, message).help("write it as `x\"A0 00 …\"`"));
    }
}

/// `(x, y)`.
pub(super) fn point(e: &MExpr, elaborator: &mut Elaborator<'_>) {
    if point_um(e).is_none() {
        let help = "write `(62 mm, 18 mm)`";
        wrong(elaborator, e.span, "a place is expected: two lengths", help);
    }
}

fn colour(e: &MExpr, elaborator: &mut Elaborator<'_>) {
    let fine = e
        .literal_text()
        .is_some_and(|t| t.len() == 6 && t.bytes().all(|b| b.is_ascii_hexdigit()));
    if !fine {
        let help = "write red, green and blue in hexadecimal: \"0B2545\"";
        wrong(elaborator, e.span, "a colour is expected", help);
    }
}

fn font(entry: &MEntry, elaborator: &mut Elaborator<'_>) {
    let Some(phrase) = &entry.value else { return };
    let fine = match phrase.terms.as_slice() {
        [name, size] => name.literal_text().is_some() && size_mpt(size).is_some(),
        [name] => name.literal_text().is_some(),
        _ => false,
    };
    if !fine {
        let help = "write `font = \"OCR-B\" 12 pt`";
        wrong(
            elaborator,
            phrase.span,
            "a font and its size are expected",
            help,
        );
    }
}

fn file(e: &MExpr, elaborator: &mut Elaborator<'_>) {
    let fine = match &e.kind {
        MKind::Call { callee, args } => {
            let path = args.first().and_then(|a| a.value.literal_text());
            callee.word() == Some("file") && args.len() == 1 && path.is_some()
        }
        _ => false,
    };
    if !fine {
        let help = "write `file(\"letter.pdf\")`, a path inside the project";
        wrong(elaborator, e.span, "a file is expected", help);
    }
}

fn call(names: &[&str], e: &MExpr, elaborator: &mut Elaborator<'_>) {
    let name = match &e.kind {
        MKind::Call { callee, .. } => callee.word(),
        _ => None,
    };
    if name.is_none_or(|n| !names.contains(&n)) {
        let shown = names.join("(…)` or `");
        let help = format!("write `{shown}(…)`");
        wrong(
            elaborator,
            e.span,
            format!("`{shown}(…)` is expected"),
            &help,
        );
    }
}
