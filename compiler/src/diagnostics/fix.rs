//! Fixes: the change of the text that a finding's help names, where it names a definite one.
//!
//! A rule says what is to be changed by spans ([`Change`]); the texts to put in and the places are
//! worked out here, from the lossless tree, so that commas, line ends and indentation come right.

use super::Place;
use crate::model::{MSegment, Sources, Span};
use cardwright_dsl::{Kind, Node, Parsed, Range, parse};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A text instead of another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// What is to stand there.
    pub text: String,
    /// What it stands for; of no length where something is put in.
    #[serde(flatten)]
    pub place: Place,
}

/// A change of one file that mends a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    /// What it does, in a few words: ``write `debit` ``.
    pub title: String,
    /// The change; no two of its edits touch each other.
    pub edits: Vec<Edit>,
}

/// What a rule would have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another name for the argument around a value.
    Argument(Span, String),
    /// A text behind a place, such as a clause.
    Behind(Span, String),
    /// A line at the end of the block of the entry around a place; it gets a block when it has
    /// none.
    Entry(Span, String),
    /// Another text.
    Instead(Span, String),
    /// One element more in the list at a place; what is no list becomes one.
    Listed(Span, String),
    /// The entry, element, argument, clause or import around a place is taken out.
    Out(Span),
    /// A `use` line more in the file of a place.
    Use(Span, String),
}

impl Change {
    /// The change of a name whose first segments are replaced by `near`.
    #[must_use]
    pub fn name(segments: &[MSegment], near: &str) -> Option<Self> {
        let count = near.split('.').count();
        let (first, last) = (segments.first()?, segments.get(count.checked_sub(1)?)?);
        Some(Self::Instead(first.span.to(last.span), near.to_owned()))
    }

    fn span(&self) -> Span {
        match self {
            Self::Argument(span, _)
            | Self::Behind(span, _)
            | Self::Entry(span, _)
            | Self::Instead(span, _)
            | Self::Listed(span, _)
            | Self::Out(span)
            | Self::Use(span, _) => *span,
        }
    }

    /// The place, to move it.
    pub(super) fn span_mut(&mut self) -> &mut Span {
        match self {
            Self::Argument(span, _)
            | Self::Behind(span, _)
            | Self::Entry(span, _)
            | Self::Instead(span, _)
            | Self::Listed(span, _)
            | Self::Out(span)
            | Self::Use(span, _) => span,
        }
    }

    fn title(&self) -> String {
        match self {
            Self::Behind(_, text) | Self::Entry(_, text) | Self::Listed(_, text) => {
                format!("add `{}`", text.trim())
            }
            Self::Instead(_, text) if text.is_empty() => "take it out".to_owned(),
            Self::Instead(_, text) if text.trim().is_empty() => "write a space".to_owned(),
            Self::Argument(_, text) | Self::Instead(_, text) => format!("write `{text}`"),
            Self::Out(_) => "take it out".to_owned(),
            Self::Use(_, path) => format!("add `use {path}`"),
        }
    }
}

/// A text after a fix; edits of other files are left alone.
#[must_use]
pub fn apply(text: &str, fix: &Fix) -> String {
    let file = crate::model::SourceFile::new("", text, false);
    let mut edits: Vec<(usize, usize, &str)> = fix
        .edits
        .iter()
        .filter_map(|e| {
            let start = file.offset(e.place.line, e.place.column)?;
            let end = file.offset(e.place.end_line, e.place.end_column)?;
            Some((start, end, e.text.as_str()))
        })
        .collect();
    edits.sort_unstable();
    let mut out = text.to_owned();
    for (start, end, with) in edits.into_iter().rev() {
        if start <= end {
            out.replace_range(start..end, with);
        }
    }
    out
}

/// Trees of the files that fixes were asked for, each parsed once.
pub(super) type Trees = BTreeMap<u32, Arc<Parsed>>;

/// A change as edits; none for what belongs to a package, and where the text is not as expected.
pub(super) fn fix(change: &Change, sources: &Sources, trees: &mut Trees) -> Option<Fix> {
    let span = change.span();
    let file = sources.file(span.file).filter(|file| !file.standard)?;
    let start = usize::try_from(span.start).ok()?;
    let at = Range::new(start, usize::try_from(span.end).ok()?);
    let edit = |(range, text): (Range, String)| {
        let end = |n: usize| u32::try_from(n).ok();
        let (start, end) = (end(range.start)?, end(range.end)?);
        let place = sources.place(Span { start, end, ..span });
        Some(Edit { text, place })
    };
    let found = if let Change::Instead(_, text) = change {
        (!at.is_empty()).then(|| (at, text.clone()))?
    } else {
        let parsed = trees.entry(span.file).or_insert_with(|| match &file.tree {
            Some(tree) => Arc::clone(tree),
            None => Arc::new(parse(&file.text)),
        });
        let root = parsed.tree.root();
        match change {
            Change::Argument(_, text) => {
                let argument = around(root, at, &[Kind::Argument])?;
                let name = argument.child(Kind::ArgumentName)?;
                (name.range(), text.clone())
            }
            Change::Behind(_, text) => (Range::new(at.end, at.end), text.clone()),
            Change::Entry(_, text) => entry(around(root, at, &[Kind::Entry])?, text)?,
            Change::Listed(_, text) => listed(root, at, text)?,
            Change::Use(_, path) => import(root, path),
            Change::Instead(..) | Change::Out(_) => out(root, at)?,
        }
    };
    let title = match change {
        Change::Out(_) => match file.text.get(found.0.start..found.0.end) {
            Some(text) => format!("take {} out", shown(text)),
            None => change.title(),
        },
        _ => change.title(),
    };
    Some(Fix {
        title,
        edits: vec![edit(found)?],
    })
}

/// The beginning of a text, for a title.
fn shown(text: &str) -> String {
    const MOST: usize = 32;
    let text = text.trim_matches([',', ';', ' ', '\n']);
    let text = text
        .lines()
        .find(|line| !line.trim_start().starts_with("//"))
        .unwrap_or(text);
    let start: String = text.chars().take(MOST).collect();
    let more = if start.len() < text.len() { "…" } else { "" };
    format!("`{}{more}`", start.trim())
}

/// The smallest node of some kinds around a range.
fn around<'t>(root: Node<'t>, at: Range, kinds: &[Kind]) -> Option<Node<'t>> {
    let mut found = None;
    let mut node = root;
    loop {
        if kinds.contains(&node.kind()) {
            found = Some(node);
        }
        let inner = node
            .children()
            .find(|child| holds(child.range(), at) && !child.kind().is_trivia());
        match inner {
            Some(inner) => node = inner,
            None => return found,
        }
    }
}

fn holds(outer: Range, inner: Range) -> bool {
    outer.start <= inner.start && inner.end <= outer.end && !outer.is_empty()
}

/// A line at the end of an entry's block.
fn entry(owner: Node<'_>, text: &str) -> Option<(Range, String)> {
    let source = owner.tree().source();
    let outside = indentation(source, owner.range().start);
    let Some(block) = owner.child(Kind::Block) else {
        let end = owner.range().end;
        let text = format!(" {{\n{outside}  {text}\n{outside}}}");
        return Some((Range::new(end, end), text));
    };
    let close = block.child(Kind::CloseBrace)?.range().start;
    let last = block.children_of(Kind::Entry).last();
    if !block.text().contains('\n') {
        return Some(match last {
            Some(last) => (
                Range::new(last.range().end, last.range().end),
                format!("; {text}"),
            ),
            None => (
                Range::new(block.range().start + 1, close),
                format!(" {text} "),
            ),
        });
    }
    let inside = match block.children_of(Kind::Entry).next() {
        Some(first) => indentation(source, first.range().start),
        None => format!("{outside}  "),
    };
    // Before the line of the closing brace, or before the brace where it does not begin its line.
    let before = source.get(..close)?;
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    if source.get(line..close)?.trim().is_empty() {
        return Some((Range::new(line, line), format!("{inside}{text}\n")));
    }
    Some((
        Range::new(close, close),
        format!("\n{inside}{text}\n{outside}"),
    ))
}

/// Spaces that the line of an offset begins with.
fn indentation(source: &str, offset: usize) -> String {
    let before = source.get(..offset).unwrap_or("");
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let line = source.get(line..).unwrap_or("");
    let spaces = line.len() - line.trim_start_matches(' ').len();
    " ".repeat(spaces)
}

fn listed(root: Node<'_>, at: Range, text: &str) -> Option<(Range, String)> {
    let whole = around(
        root,
        at,
        &[Kind::Entry, Kind::List, Kind::Path, Kind::Value],
    )?;
    let list = match whole.kind() {
        Kind::Entry => whole.child(Kind::Value)?.child(Kind::List)?,
        Kind::Value => whole.child(Kind::List)?,
        Kind::Path => {
            let word = whole.text();
            return Some((whole.range(), format!("[{word}, {text}]")));
        }
        _ => whole,
    };
    Some(match list.children_of(Kind::ListItem).last() {
        Some(last) => {
            let end = last.range().end;
            (Range::new(end, end), format!(", {text}"))
        }
        None => (list.range(), format!("[{text}]")),
    })
}

fn import(root: Node<'_>, path: &str) -> (Range, String) {
    let last = root.children_of(Kind::Import).last();
    if let Some(last) = last {
        let end = last.range().end;
        return (Range::new(end, end), format!("\nuse {path}"));
    }
    if let Some(package) = root.child(Kind::Package) {
        let end = package.range().end;
        return (Range::new(end, end), format!("\n\nuse {path}"));
    }
    // Behind the words about the file, before the first declaration and its comment.
    let first = root
        .children()
        .find(|n| !matches!(n.kind(), Kind::FileDoc | Kind::Newline | Kind::Whitespace));
    let start = first.map_or(root.range().end, |n| n.range().start);
    (Range::new(start, start), format!("use {path}\n\n"))
}

/// What is removed, with what separates it from its neighbours.
fn out(root: Node<'_>, at: Range) -> Option<(Range, String)> {
    const WHOLE: [Kind; 5] = [
        Kind::Argument,
        Kind::Clause,
        Kind::Entry,
        Kind::Import,
        Kind::ListItem,
    ];
    let node = around(root, at, &WHOLE)?;
    let range = match node.kind() {
        Kind::Entry | Kind::Import => lines(node)?,
        Kind::Clause => {
            let space = node.siblings_before().find(|n| !n.kind().is_trivia());
            let start = space.map_or(node.range().start, |n| n.range().end);
            // A clause holds the space behind it only when something follows.
            Range::new(start, node.range().start + node.text().trim_end().len())
        }
        _ => element(node)?,
    };
    Some((range, String::new()))
}

/// An element with the comma behind it, or before it when it is the last.
fn element(node: Node<'_>) -> Option<Range> {
    let own = node.range();
    let mut behind = node
        .parent()?
        .children()
        .filter(|n| n.range().start >= own.end && !n.range().is_empty());
    let before = node.siblings_before().find(|n| !n.kind().is_trivia());
    let next = behind.find(|n| !n.kind().is_trivia());
    if let Some(comma) = next.filter(|n| n.kind() == Kind::Comma) {
        let follower = behind.find(|n| !n.kind().is_trivia())?;
        let last = matches!(follower.kind(), Kind::CloseBracket | Kind::CloseParen);
        return Some(match before.filter(|_| last) {
            // A comma behind the last element stays behind what is the last then.
            Some(before) => Range::new(before.range().end, comma.range().end),
            None => Range::new(own.start, follower.range().start),
        });
    }
    let comma = before.filter(|n| n.kind() == Kind::Comma);
    let start = comma.map_or(own.start, |n| n.range().start);
    Some(Range::new(start, own.end))
}

/// An entry with its lines and the comments that document it; beside others on a line, with the
/// semicolon.
fn lines(node: Node<'_>) -> Option<Range> {
    let source = node.tree().source();
    let mut start = node.range().start;
    let mut end = node.range().end;
    for before in node.siblings_before() {
        match before.kind() {
            Kind::DocComment => start = before.range().start,
            Kind::Newline | Kind::Whitespace => {}
            _ => break,
        }
    }
    let first = source.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
    let rest = source.get(end..)?;
    let line_end = rest.find('\n').map_or(rest.len(), |at| at + 1);
    let alone = source.get(first..start)?.trim().is_empty()
        && rest.get(..line_end)?.trim_start().is_empty();
    if alone {
        return Some(Range::new(first, end + line_end));
    }
    let behind = rest.trim_start_matches(' ');
    if let Some(next) = behind.strip_prefix(';') {
        end = source.len() - next.trim_start_matches(' ').len();
        return Some(Range::new(node.range().start, end));
    }
    let before = source.get(..start)?.trim_end_matches(' ');
    if before.ends_with(';') {
        start = before.len() - 1;
    }
    Some(Range::new(start, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SourceFile;

    /// A text after a change at the first place of `what`.
    fn after(text: &str, what: &str, change: impl Fn(Span) -> Change) -> Option<String> {
        let start = text.find(what)?;
        let span = Span {
            file: 0,
            start: u32::try_from(start).ok()?,
            end: u32::try_from(start + what.len()).ok()?,
        };
        let sources = Sources {
            files: vec![SourceFile::new("a.perso", text, false)],
        };
        let fix = fix(&change(span), &sources, &mut Trees::new())?;
        Some(apply(text, &fix))
    }

    #[test]
    fn things_are_taken_out_with_what_separates_them() {
        let out = |text: &str, what: &str| after(text, what, Change::Out);
        let is = |found: Option<String>, wanted: &str| assert_eq!(found.as_deref(), Some(wanted));
        is(out("a = [b, c, d]\n", "b"), "a = [c, d]\n");
        is(out("a = [b, c, d]\n", "d"), "a = [b, c]\n");
        is(out("a = [b]\n", "b"), "a = []\n");
        is(out("a = [\n  b,\n  c,\n]\n", "c"), "a = [\n  b,\n]\n");
        is(out("x = f(1, k: 2)\n", "k"), "x = f(1)\n");
        is(out("use a.b\nuse c\n", "a.b"), "use c\n");
        is(out("/// doc\nlet x = 1\nlet y = 2\n", "x"), "let y = 2\n");
        is(out("p { a = 1; b = 2 }\n", "a"), "p { b = 2 }\n");
        is(out("p { a = 1; b = 2 }\n", "b"), "p { a = 1 }\n");
        is(out("a = 1 because \"x\"\n", "because"), "a = 1\n");
    }

    #[test]
    fn things_are_put_in_where_they_belong() {
        let line = |text: &str, what: &str| after(text, what, |s| Change::Entry(s, "b = 2".into()));
        let is = |found: Option<String>, wanted: &str| assert_eq!(found.as_deref(), Some(wanted));
        is(
            line("card c {\n  a = 1\n}\n", "c"),
            "card c {\n  a = 1\n  b = 2\n}\n",
        );
        is(line("card c { a = 1 }\n", "c"), "card c { a = 1; b = 2 }\n");
        is(line("card c { }\n", "c"), "card c { b = 2 }\n");
        is(line("card c : d\n", "c"), "card c : d {\n  b = 2\n}\n");
        is(line("card c {\n}\n", "c"), "card c {\n  b = 2\n}\n");
        let item = |text: &str, what: &str| after(text, what, |s| Change::Listed(s, "z".into()));
        is(item("a = [b, c]\n", "[b, c]"), "a = [b, c, z]\n");
        is(item("a = []\n", "[]"), "a = [z]\n");
        is(item("a = b\n", "b"), "a = [b, z]\n");
        let used = |text: &str| after(text, "let", |s| Change::Use(s, "std.emv".into()));
        is(used("let a = 1\n"), "use std.emv\n\nlet a = 1\n");
        is(
            used("package p\n\nuse a\n\nlet a = 1\n"),
            "package p\n\nuse a\nuse std.emv\n\nlet a = 1\n",
        );
        is(
            used("package p\n\nlet a = 1\n"),
            "package p\n\nuse std.emv\n\nlet a = 1\n",
        );
    }
}
