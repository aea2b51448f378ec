//! Folding: blocks, brackets, runs of comments and of imports.

use crate::documents::Document;
use cardwright_dsl::{Kind, Node};
use lsp_types::{FoldingRange, FoldingRangeKind};

/// All stretches that can be folded, in source order.
pub(crate) fn ranges(document: &Document) -> Vec<FoldingRange> {
    let mut found = Vec::new();
    document.parsed.tree.root().walk(&mut |node| {
        if matches!(
            node.kind(),
            Kind::Block | Kind::List | Kind::Arguments | Kind::Group
        ) {
            let range = node.range();
            // The line of the closing bracket stays to be seen.
            let closes = node.children().next_back().is_some_and(|last| {
                matches!(
                    last.kind(),
                    Kind::CloseBrace | Kind::CloseBracket | Kind::CloseParen
                )
            });
            push(document, range.start, range.end, closes, None, &mut found);
        }
        if matches!(node.kind(), Kind::File | Kind::Block) {
            runs(document, node, &mut found);
        }
    });
    found.sort_by_key(|range| (range.start_line, range.end_line));
    found.dedup_by_key(|range| range.start_line);
    found
}

/// Neighbouring lines of comments, and of imports.
fn runs(document: &Document, parent: Node<'_>, found: &mut Vec<FoldingRange>) {
    let mut run: Option<(FoldingRangeKind, usize, usize)> = None;
    for node in parent.children() {
        let kind = match node.kind() {
            Kind::Whitespace | Kind::Newline => continue,
            Kind::Comment | Kind::DocComment | Kind::FileDoc => Some(FoldingRangeKind::Comment),
            Kind::Import => Some(FoldingRangeKind::Imports),
            _ => None,
        };
        let range = node.range();
        let continues = match (&run, &kind) {
            (Some((of, _, end)), Some(kind)) => {
                of == kind && lines(document, *end, range.start) <= 1
            }
            _ => false,
        };
        // A comment behind an import belongs to the import's line.
        let beside = run.as_ref().is_some_and(|(of, _, end)| {
            *of == FoldingRangeKind::Imports
                && kind == Some(FoldingRangeKind::Comment)
                && lines(document, *end, range.start) == 0
        });
        if beside {
            continue;
        }
        if continues {
            if let Some((_, _, end)) = &mut run {
                *end = range.end;
            }
            continue;
        }
        if let Some((kind, start, end)) = run.take() {
            push(document, start, end, false, Some(kind), found);
        }
        run = kind.map(|kind| (kind, range.start, range.end));
    }
    if let Some((kind, start, end)) = run {
        push(document, start, end, false, Some(kind), found);
    }
}

fn lines(document: &Document, from: usize, to: usize) -> u32 {
    let (from, to) = (document.text.position(from), document.text.position(to));
    to.line.saturating_sub(from.line)
}

fn push(
    document: &Document,
    start: usize,
    end: usize,
    closes: bool,
    kind: Option<FoldingRangeKind>,
    found: &mut Vec<FoldingRange>,
) {
    let (start, end) = (document.text.position(start), document.text.position(end));
    let last = end.line.saturating_sub(u32::from(closes));
    if last > start.line {
        found.push(FoldingRange {
            start_line: start.line,
            end_line: last,
            kind,
            ..FoldingRange::default()
        });
    }
}
