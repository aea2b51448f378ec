//! Syntax errors: every `error_…` and `missing_…` node becomes a diagnostic, at most one a line.

use crate::characters;
use crate::diagnostic::{Diagnostic, Range, Severity};
use crate::hints;
use crate::kind::Kind;
use crate::limits::{DIAGNOSTICS_MAX, EXPRESSION_HEIGHT_MAX, NESTING_MAX, SOURCE_BYTES_MAX};
use crate::tree::{Node, Tree};
use std::collections::{BTreeMap, HashSet};

/// All diagnostics of a tree in source order.
pub(crate) fn collect(tree: &Tree, limits: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut syntax = OneALine::new(tree);
    wrong(tree.root(), &mut |node| {
        if let Some(diagnostic) = describe(node) {
            syntax.add(diagnostic);
        }
    });
    let mut found = limits;
    let mut hidden = OneALine::new(tree);
    if !found.iter().any(|diagnostic| diagnostic.code == "E0020") {
        found.extend(characters::refused(tree.source(), |one| hidden.add(one)));
    }
    let more = syntax.left_out() + hidden.left_out();
    found.extend(hidden.first.into_values());
    found.extend(syntax.first.into_values());
    found.sort_by_key(|diagnostic| diagnostic.range);
    shorten(&mut found, more);
    found
}

/// The first diagnostic of each line. Those of a hopeless source are counted, not kept.
struct OneALine<'t> {
    tree: &'t Tree,
    /// By the number of the line.
    first: BTreeMap<usize, Diagnostic>,
    lines: HashSet<usize>,
}

impl<'t> OneALine<'t> {
    fn new(tree: &'t Tree) -> Self {
        OneALine {
            tree,
            first: BTreeMap::new(),
            lines: HashSet::new(),
        }
    }

    fn add(&mut self, diagnostic: Diagnostic) {
        let line = self.tree.line_index(diagnostic.range.start);
        self.lines.insert(line);
        let before = self.first.get(&line).map(|first| first.range);
        if before.is_none_or(|range| diagnostic.range < range) {
            self.first.insert(line, diagnostic);
        }
        if self.first.len() > DIAGNOSTICS_MAX {
            self.first.pop_last();
        }
    }

    /// How many lines have a diagnostic that was not kept.
    fn left_out(&self) -> usize {
        self.lines.len() - self.first.len()
    }
}

/// Visits the nodes that are wrong, or hold something that is.
fn wrong<'t>(node: Node<'t>, visit: &mut impl FnMut(Node<'t>)) {
    if node.has_error() {
        visit(node);
        node.children().for_each(|child| wrong(child, visit));
    }
}

/// Keeps the first diagnostics of a hopeless source and says how many more there were, those that
/// were not kept before among them.
fn shorten(found: &mut Vec<Diagnostic>, left_out: usize) {
    let more = found.len().saturating_sub(DIAGNOSTICS_MAX) + left_out;
    if more == 0 {
        return;
    }
    found.truncate(DIAGNOSTICS_MAX);
    let place = found.last().map(|last| last.range).unwrap_or_default();
    let message = format!("{more} more errors are not shown");
    let mut note = Diagnostic::error("E0024", place, message);
    note.severity = Severity::Note;
    found.push(note);
}

/// The diagnostic of one node; `None` when the node is no error or a limit told about it.
fn describe(node: Node<'_>) -> Option<Diagnostic> {
    match node.kind() {
        kind if !kind.is_error() => None,
        Kind::ErrorSource => None,
        Kind::ErrorLine | Kind::ErrorTail | Kind::ErrorItem => Some(unexpected(node)),
        Kind::MissingClose => Some(never_closed(node)),
        Kind::MissingOperand => Some(no_operand(node)),
        Kind::ErrorBlock | Kind::ErrorClose | Kind::ErrorBase | Kind::ErrorChain => {
            Some(misplaced(node))
        }
        kind if kind.label().starts_with("missing_") => Some(missing(node)),
        _ => Some(literal(node)),
    }
}

/// A run of text that fits nowhere; the advice comes from how it starts.
fn unexpected(node: Node<'_>) -> Diagnostic {
    let range = trimmed(node);
    let found = hints::shown(node.text());
    let (code, message) = match node.kind() {
        Kind::ErrorLine => ("E0001", format!("found `{found}` where an entry starts")),
        Kind::ErrorTail => ("E0002", format!("`{found}` is left over behind this entry")),
        _ => (
            "E0010",
            format!("found `{found}` where a value or a comma is expected"),
        ),
    };
    let mut diagnostic = Diagnostic::error(code, range, message);
    if let Some((length, word)) = hints::instead(node.text()) {
        diagnostic = diagnostic.with_fix(Range::new(range.start, range.start + length), word);
    }
    match hints::about(node.text(), node.kind()) {
        Some(help) => diagnostic.with_help(help),
        None if node.kind() == Kind::ErrorLine => {
            diagnostic.with_help("an entry starts with a name: `name = value` or `kind name { … }`")
        }
        None => diagnostic,
    }
}

fn never_closed(node: Node<'_>) -> Diagnostic {
    let opener = node
        .parent()
        .and_then(|parent| parent.children().next())
        .unwrap_or(node);
    let closer = match opener.kind() {
        Kind::OpenBrace => "}",
        Kind::OpenParen => ")",
        _ => "]",
    };
    let message = format!("this `{}` is never closed", opener.text());
    let source = node.tree().source();
    let at = node.range().start;
    // A brace that closes a block of several lines gets a line of its own.
    let before = source.get(..at).unwrap_or("");
    let own_line = closer == "}"
        && source
            .get(opener.range().start..at)
            .is_some_and(|s| s.contains('\n'));
    let text = match (own_line, before.ends_with('\n')) {
        (false, _) => closer.to_owned(),
        (true, true) => format!("{closer}\n"),
        (true, false) => format!("\n{closer}\n"),
    };
    Diagnostic::error("E0003", opener.range(), message)
        .with_help(format!("add `{closer}`"))
        .with_fix(node.range(), text)
        .with_label(
            node.range(),
            format!("`{closer}` was expected here at the latest"),
        )
}

fn no_operand(node: Node<'_>) -> Diagnostic {
    let before = node
        .siblings_before()
        .find(|sibling| !sibling.kind().is_trivia());
    let expected = match before {
        Some(sign) if sign.kind() == Kind::OpenBracket => "an index is expected here".to_owned(),
        Some(sign) => format!("a value is expected behind `{}`", hints::shown(sign.text())),
        None => "a value is expected here".to_owned(),
    };
    instead("E0008", node, expected)
}

/// Something is expected at an empty node; says what stands there instead and what was meant.
fn instead(code: &'static str, node: Node<'_>, expected: impl Into<String>) -> Diagnostic {
    let mut message = expected.into();
    let at = node.range();
    let behind = node.tree().source().get(at.start..).unwrap_or("");
    let line = behind.lines().next().unwrap_or("");
    let found = line.trim_start();
    let start = at.start + line.len() - found.len();
    let found = found.split("//").next().unwrap_or("").trim_end();
    if found.starts_with(['}', ')', ']', ';', '{']) || found.is_empty() {
        return Diagnostic::error(code, at, message).with_help(written_or_removed(code));
    }
    message = format!("{message}, found `{}`", hints::shown(found));
    let first = found.chars().next().map_or(0, char::len_utf8);
    let diagnostic = Diagnostic::error(code, Range::new(start, start + first), message);
    match hints::about(found, node.kind()) {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic.with_help(written_or_removed(code)),
    }
}

/// What to do about a place that is empty.
fn written_or_removed(code: &str) -> &'static str {
    match code {
        "E0006" => "write a value, as in `label = \"AURORA DEBIT\"`, or remove the `=`",
        "E0007" => "write a type or base, as in `profile debit : cpa.application`",
        _ => "write the value, or remove what asks for it",
    }
}

fn misplaced(node: Node<'_>) -> Diagnostic {
    let first = first_leaf(node).range();
    match node.kind() {
        Kind::ErrorBlock => Diagnostic::error("E0005", first, "this block has no head")
            .with_help("the head stands before `{` on the same line, as in `chip { … }`"),
        Kind::ErrorClose => Diagnostic::error("E0004", first, "this `}` closes nothing")
            .with_help("remove it, or look above for a `{` that is missing")
            .with_fix(first, ""),
        Kind::ErrorBase => {
            let message = "`:` is followed by a type or a base, and this is a value";
            let diagnostic = Diagnostic::error("E0007", node.range(), message)
                .with_help("a value follows `=`: write `=` instead of `:`");
            match node.siblings_before().find(|n| n.kind() == Kind::Colon) {
                Some(colon) => diagnostic.with_fix(colon.range(), "="),
                None => diagnostic,
            }
        }
        _ => {
            let message = format!("this expression nests more than {EXPRESSION_HEIGHT_MAX} levels");
            Diagnostic::error("E0022", node.range(), message)
                .with_help("give parts of it a name with `let`")
        }
    }
}

fn missing(node: Node<'_>) -> Diagnostic {
    let at = node.range();
    match node.kind() {
        Kind::MissingBase => instead("E0007", node, "a type or base is expected behind `:`"),
        Kind::MissingComma => Diagnostic::error("E0023", at, "a comma is missing here")
            .with_help("separate elements and arguments by commas: `[a, b]`, `f(a, b)`")
            .with_fix(at, ","),
        Kind::MissingElse => Diagnostic::error("E0009", at, "this `if` has no `else`")
            .with_help("write what the value is otherwise: `if … then … else …`"),
        Kind::MissingThen => Diagnostic::error("E0009", at, "this `if` has no `then`")
            .with_help("write what the value is: `if … then … else …`"),
        Kind::MissingPath => {
            let word = node.siblings_before().last().map_or("use", Node::text);
            let message = format!("a name is expected behind `{word}`");
            Diagnostic::error("E0018", at, message).with_help(format!("as in `{word} std.emv`"))
        }
        Kind::MissingSegment => Diagnostic::error("E0018", at, "a name is expected behind the dot")
            .with_help("write the rest of the name, or remove the dot"),
        Kind::MissingSeparator => {
            Diagnostic::error("E0017", at, "the entry before ends with its block")
                .with_help("put `;` or a new line between the two")
                .with_fix(at, ";")
        }
        Kind::MissingQuote => {
            let start = node.parent().unwrap_or(node).range();
            let message = "this text is not closed on its line";
            Diagnostic::error("E0011", start, message)
                .with_help("add `\"`; a line end inside a text is written `\\n`")
                .with_fix(at, "\"")
        }
        _ => instead("E0006", node, "a value is expected behind `=`"),
    }
}

fn literal(node: Node<'_>) -> Diagnostic {
    let found = hints::shown(node.text());
    let at = node.range();
    match node.kind() {
        Kind::ErrorComma => Diagnostic::error("E0010", at, "there is no element before this comma")
            .with_help("write the element, or remove the comma")
            .with_fix(at, ""),
        Kind::ErrorEmbedded => {
            Diagnostic::error("E0013", at, format!("`{found}` holds no expression"))
                .with_help("write `\\{` for a brace itself")
        }
        Kind::ErrorEscape => Diagnostic::error(
            "E0012",
            at,
            format!("`{found}` is no escape that texts know"),
        )
        .with_help("there are \\\" \\\\ \\n \\{ \\} and \\u{…}"),
        Kind::ErrorHex => Diagnostic::error("E0014", at, "hex bytes have two hex digits each")
            .with_help("write `x\"A0 00 03\"`"),
        Kind::ErrorTag => Diagnostic::error("E0015", at, format!("`{found}` is no tag"))
            .with_help("a tag is `#` and an even number of hex digits, as in `#5F20`"),
        _ => Diagnostic::error("E0016", at, format!("`{found}` is no number"))
            .with_help("numbers are `250`, `10.00` or `0x92`; other digits belong in a text"),
    }
}

/// The range of a node without the spaces at its end.
fn trimmed(node: Node<'_>) -> Range {
    let start = node.range().start;
    Range::new(start, start + node.text().trim_end().len())
}

fn first_leaf(node: Node<'_>) -> Node<'_> {
    let mut leaf = node;
    while let Some(child) = leaf.children().next() {
        leaf = child;
    }
    leaf
}

/// A source beyond the size limit.
pub(crate) fn source_too_large(bytes: usize) -> Diagnostic {
    let message = format!("the source has {bytes} bytes, the limit is {SOURCE_BYTES_MAX}");
    Diagnostic::error("E0020", Range::default(), message)
        .with_help("split it into several files of the same package")
}

/// A bracket beyond the nesting limit.
pub(crate) fn nested_too_deep(bracket: Range) -> Diagnostic {
    let message = format!("brackets nest deeper than {NESTING_MAX} levels here");
    Diagnostic::error("E0021", bracket, message).with_help("give an inner part a name with `let`")
}

#[cfg(test)]
mod tests {
    use crate::{CODES, parse};

    /// One broken line for every code but the two that speak of amounts.
    const BROKEN: &[(&str, &str)] = &[
        ("E0001", "@ = 1"),
        ("E0002", "a = 1, 2"),
        ("E0003", "a { b = 1"),
        ("E0004", "}"),
        ("E0005", "{ a = 1 }"),
        ("E0006", "a ="),
        ("E0007", "a :"),
        ("E0007", "a : \"text\""),
        ("E0008", "a = 1 +"),
        ("E0009", "a = if b then c"),
        ("E0010", "a = (b = c)"),
        ("E0011", "a = \"b"),
        ("E0012", "a = \"\\q\""),
        ("E0013", "a = \"{}\""),
        ("E0014", "a = x\"A\""),
        ("E0015", "#9F0 = 1"),
        ("E0016", "a = 12x"),
        ("E0017", "a {} b {}"),
        ("E0018", "use"),
        ("E0019", "a =\t1"),
        ("E0021", "((((((((((((((((((((((((((((((((("),
        ("E0023", "a = f(b c)"),
    ];

    #[test]
    fn every_broken_line_gets_its_code_and_only_that() {
        for (code, source) in BROKEN {
            let codes: Vec<&str> = parse(source).diagnostics.iter().map(|d| d.code).collect();
            assert_eq!(codes, [*code], "{source}");
        }
    }

    #[test]
    fn every_code_has_a_broken_line() {
        let amounts = ["E0020", "E0022", "E0024"];
        for (code, ..) in CODES {
            assert!(amounts.contains(code) || BROKEN.iter().any(|(broken, _)| broken == code));
        }
        let large = " ".repeat(crate::limits::SOURCE_BYTES_MAX + 1);
        let codes = |source: &str| -> Vec<&'static str> {
            parse(source).diagnostics.iter().map(|d| d.code).collect()
        };
        assert_eq!(codes(&large), ["E0020"]);
        assert_eq!(codes(&format!("a = b{}", " + b".repeat(300))), ["E0022"]);
        assert_eq!(codes(&"@\n".repeat(600)).last(), Some(&"E0024"));
    }
}
