//! What differs between two texts, line by line, with a little of what surrounds it.

use std::fmt::Write as _;

/// Equal lines that are shown around a difference.
const AROUND: usize = 2;
/// Most lines of a side that are compared exactly; longer texts are compared by their ends.
const EXACT_MAX: usize = 2_000;

/// A line of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Line<'t> {
    Same(&'t str),
    Gone(&'t str),
    New(&'t str),
}

/// The difference: `-` is what was kept, `+` is what was found.
pub(super) fn difference(kept: &str, found: &str) -> String {
    let (kept, found): (Vec<&str>, Vec<&str>) = (kept.lines().collect(), found.lines().collect());
    let lines = compared(&kept, &found);
    let differs = |n: usize| !matches!(lines.get(n), Some(Line::Same(_)) | None);
    let mut out = String::new();
    let mut skipped = false;
    for (n, line) in lines.iter().enumerate() {
        let near = (n.saturating_sub(AROUND)..=n + AROUND).any(differs);
        let (sign, text) = match line {
            Line::Same(_) if !near => {
                skipped = true;
                continue;
            }
            Line::Same(text) => (' ', text),
            Line::Gone(text) => ('-', text),
            Line::New(text) => ('+', text),
        };
        if std::mem::take(&mut skipped) {
            let _ = writeln!(out, "        …");
        }
        let _ = writeln!(out, "      {sign} {text}");
    }
    out
}

/// Equal heads and tails are taken off, the rest is compared by its longest common subsequence.
fn compared<'t>(kept: &[&'t str], found: &[&'t str]) -> Vec<Line<'t>> {
    let head = kept.iter().zip(found).take_while(|(a, b)| a == b).count();
    let (start, kept) = kept.split_at(head.min(kept.len()));
    let found = found.get(head..).unwrap_or_default();
    let tail = kept
        .iter()
        .rev()
        .zip(found.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (kept, end) = kept.split_at(kept.len() - tail);
    let found = found.get(..found.len() - tail).unwrap_or_default();
    let mut lines: Vec<Line<'t>> = start.iter().map(|l| Line::Same(l)).collect();
    if kept.len().max(found.len()) > EXACT_MAX {
        lines.extend(kept.iter().map(|l| Line::Gone(l)));
        lines.extend(found.iter().map(|l| Line::New(l)));
    } else {
        middle(kept, found, &mut lines);
    }
    lines.extend(end.iter().map(|l| Line::Same(l)));
    lines
}

/// Longest common subsequence by the classic table of lengths.
fn middle<'t>(kept: &[&'t str], found: &[&'t str], lines: &mut Vec<Line<'t>>) {
    let width = found.len() + 1;
    let mut table = vec![0u32; (kept.len() + 1) * width];
    let at = |table: &[u32], i: usize, j: usize| table.get(i * width + j).copied().unwrap_or(0);
    for (i, a) in kept.iter().enumerate().rev() {
        for (j, b) in found.iter().enumerate().rev() {
            let length = if a == b {
                at(&table, i + 1, j + 1) + 1
            } else {
                at(&table, i + 1, j).max(at(&table, i, j + 1))
            };
            if let Some(cell) = table.get_mut(i * width + j) {
                *cell = length;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    loop {
        match (kept.get(i), found.get(j)) {
            (Some(a), Some(b)) if a == b => {
                lines.push(Line::Same(a));
                (i, j) = (i + 1, j + 1);
            }
            (Some(a), b) if b.is_none() || at(&table, i + 1, j) >= at(&table, i, j + 1) => {
                lines.push(Line::Gone(a));
                i += 1;
            }
            (_, Some(b)) => {
                lines.push(Line::New(b));
                j += 1;
            }
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn a_changed_line_stands_with_its_neighbours() {
        let kept = "a\nb\nc\nd\ne\nf\n";
        let found = "a\nb\nc\nD\ne\nf\n";
        let expected =
            "        …\n        b\n        c\n      - d\n      + D\n        e\n        f\n";
        assert_eq!(difference(kept, found), expected);
        assert_eq!(difference("a\n", "a\n"), "");
        assert_eq!(difference("", "x\n"), "      + x\n");
        assert_eq!(difference("x\n", ""), "      - x\n");
    }
}
