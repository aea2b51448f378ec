//! Columns: cells and trailing comments of neighbouring lines are lined up.

use crate::format::lines::Line;

/// Most spaces that lining up may put before a cell or a comment.
const PADDING_MAX: usize = 40;

/// Lines up the cells of every group of neighbouring entries.
pub(crate) fn align_cells(lines: &mut [Line]) {
    for group in groups(lines, |line| line.whole_entry) {
        let members: Vec<usize> = group.collect();
        align_from(lines, &members, 1);
    }
}

/// Spaces to put before the trailing comment of each line.
pub(crate) fn comment_pads(lines: &[Line]) -> Vec<usize> {
    let mut pads = vec![0; lines.len()];
    for group in groups(lines, |line| line.comment.is_some()) {
        let width = |at: usize| lines.get(at).map_or(0, Line::width);
        let widest = group.clone().map(width).max().unwrap_or(0);
        let narrowest = group.clone().map(width).min().unwrap_or(0);
        if widest - narrowest > PADDING_MAX {
            continue;
        }
        for at in group {
            if let Some(pad) = pads.get_mut(at) {
                *pad = widest - width(at);
            }
        }
    }
    pads
}

/// Runs of neighbouring lines that belong, at one indentation and without a blank line between.
fn groups(lines: &[Line], belongs: impl Fn(&Line) -> bool) -> Vec<std::ops::Range<usize>> {
    let mut groups: Vec<std::ops::Range<usize>> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if !belongs(line) {
            continue;
        }
        let before = at.checked_sub(1).and_then(|before| lines.get(before));
        let joins = before.is_some_and(|before| before.indent == line.indent) && !line.blank_before;
        match groups.last_mut() {
            Some(group) if group.end == at && joins => group.end = at + 1,
            _ => groups.push(at..at + 1),
        }
    }
    groups
}

/// Lines up the cells number `cell` and all behind it. Neighbours share a column while this cell
/// starts with the same word; a line without such a cell does not separate its neighbours.
fn align_from(lines: &mut [Line], members: &[usize], cell: usize) {
    let mut run: Vec<usize> = Vec::new();
    let mut run_key: Option<String> = None;
    for at in members {
        let Some(key) = lines.get(*at).and_then(|line| line.cells.get(cell)) else {
            continue;
        };
        let key = Some(key.key.clone());
        if key != run_key {
            align_run(lines, &run, cell);
            run.clear();
            run_key = key;
        }
        run.push(*at);
    }
    align_run(lines, &run, cell);
}

fn align_run(lines: &mut [Line], run: &[usize], cell: usize) {
    if run.len() < 2 {
        return;
    }
    let width = |lines: &[Line], at: usize| lines.get(at).map_or(0, |l| l.width_before(cell));
    let widest = run.iter().map(|at| width(lines, *at)).max().unwrap_or(0);
    let narrowest = run.iter().map(|at| width(lines, *at)).min().unwrap_or(0);
    if widest - narrowest > PADDING_MAX {
        return;
    }
    for at in run {
        let pad = " ".repeat(widest - width(lines, *at));
        let before = lines
            .get_mut(*at)
            .and_then(|line| line.cells.get_mut(cell - 1));
        if let Some(before) = before {
            before.text.push_str(&pad);
        }
    }
    align_from(lines, run, cell + 1);
}
