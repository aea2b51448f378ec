//! Columns: cells and trailing comments of neighbouring lines are lined up.

use crate::format::lines::{Line, MODIFIED};

/// Most spaces that lining up may put before a cell or a comment.
const PADDING_MAX: usize = 40;

/// A line that is longer before its `{` than all its neighbours by more than this stands out of
/// their column, because it would push them too far; before `=` only where several neighbours are
/// left.
const STANDS_OUT: usize = 8;

/// Signs that say what an entry is made of; a column is shared by entries that have the same ones
/// before it.
const SIGNS: [&str; 3] = [":", "=", "{"];

/// What lines up: the signs before a cell, and the sign or keyword that it starts with.
type Column = (usize, &'static str);

/// A line and its cells that may stand in columns.
type Row = (usize, Vec<(usize, Column)>);

/// Lines up the cells of every group of neighbouring entries.
pub(crate) fn align_cells(lines: &mut [Line]) {
    for group in groups(lines, |line| line.whole_entry) {
        if group.len() > 1 {
            name_last_words(lines, &group);
            align_group(lines, &group);
        }
    }
}

/// Spaces to put before the trailing comment of each line, whose texts start at these columns.
pub(crate) fn comment_pads(lines: &[Line], starts: &[usize]) -> Vec<usize> {
    let mut pads = vec![0; lines.len()];
    let width = |at: usize| {
        let start = starts.get(at).copied().unwrap_or_default();
        start + lines.get(at).map_or(0, Line::width)
    };
    for group in comment_groups(lines) {
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

/// Runs of neighbouring lines with comments, without a blank line between.
fn comment_groups(lines: &[Line]) -> Vec<std::ops::Range<usize>> {
    let mut groups: Vec<std::ops::Range<usize>> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if line.comment.is_none() {
            continue;
        }
        let before = at.checked_sub(1).and_then(|before| lines.get(before));
        let joins = before.is_some_and(|before| {
            let one_value = line.hang.is_some() || before.hang.is_some();
            before.indent == line.indent || one_value
        });
        match groups.last_mut() {
            Some(group) if group.end == at && joins && !line.blank_before => group.end = at + 1,
            _ => groups.push(at..at + 1),
        }
    }
    groups
}

/// Runs of neighbouring lines that belong, at one indentation and without a blank line between.
/// What goes on inside brackets of a line belongs to that line.
fn groups(lines: &[Line], belongs: impl Fn(&Line) -> bool) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut open = false;
    let mut before: Option<&Line> = None;
    for (at, line) in lines.iter().enumerate() {
        if line.goes_on {
            continue;
        }
        let joins = open
            && !line.blank_before
            && before.is_some_and(|b| b.indent == line.indent && b.hang == line.hang);
        open = belongs(line);
        before = Some(line);
        match groups.last_mut() {
            Some(group) if open && joins => group.push(at),
            _ if open => groups.push(vec![at]),
            _ => {}
        }
    }
    groups
}

/// `no_cvm always else fail` beside `signature when supported else next`: where a neighbour has a
/// clause, the last word of a head stands in its column.
fn name_last_words(lines: &mut [Line], group: &[usize]) {
    let keys = |line: &Line| -> Vec<&'static str> { line.cells.iter().map(|c| c.key).collect() };
    for (place, at) in group.iter().enumerate() {
        let Some(own) = lines.get(*at).map(keys) else {
            continue;
        };
        let Some(cell) = own.iter().skip(1).position(|key| key.is_empty()) else {
            continue;
        };
        let near = place.checked_sub(1).into_iter().chain([place + 1]);
        let near = near.filter_map(|n| group.get(n).and_then(|at| lines.get(*at)));
        let named = near.map(keys).find_map(|keys| {
            let mut pairs = keys.iter().zip(&own);
            let alike = pairs.all(|(theirs, mine)| theirs == mine || mine.is_empty());
            let key = keys.get(cell + 1).filter(|key| !key.is_empty())?;
            (keys.len() == own.len() && alike).then_some(*key)
        });
        let own = lines.get_mut(*at).and_then(|l| l.cells.get_mut(cell + 1));
        if let (Some(named), Some(own)) = (named, own) {
            own.key = named;
        }
    }
}

/// The cells of a line that may stand in columns, and these columns.
fn columns(line: &Line) -> impl Iterator<Item = (usize, Column)> {
    let mut signs = 0;
    let cells = line.cells.iter().enumerate().skip(1);
    cells.filter_map(move |(at, cell)| {
        let column = (signs, cell.key);
        if let Some(sign) = SIGNS.iter().position(|sign| *sign == cell.key) {
            signs = signs * (SIGNS.len() + 1) + sign + 1;
        }
        (!cell.key.is_empty()).then_some((at, column))
    })
}

/// The signs of a line up to behind its last column.
fn signs_of(kept: &[(usize, Column)]) -> usize {
    let Some((_, (signs, key))) = kept.last() else {
        return 0;
    };
    match SIGNS.iter().position(|sign| sign == key) {
        Some(sign) => signs * (SIGNS.len() + 1) + sign + 1,
        None => *signs,
    }
}

/// Lines up column after column, from left to right. Neighbours share one; a line that ends before
/// it does not separate its neighbours.
fn align_group(lines: &mut [Line], group: &[usize]) {
    let mut order: Vec<Column> = Vec::new();
    let mut rows: Vec<Row> = Vec::with_capacity(group.len());
    for at in group {
        let mut kept = Vec::new();
        let mut next = 0;
        for (cell, column) in lines.get(*at).into_iter().flat_map(columns) {
            match order.iter().position(|known| *known == column) {
                Some(place) if place >= next => next = place + 1,
                // Clauses in another order than above: the rest of the line stands by itself.
                Some(_) => break,
                None => {
                    order.insert(next, column);
                    next += 1;
                }
            }
            kept.push((cell, column));
        }
        rows.push((*at, kept));
    }
    for (place, column) in order.iter().enumerate() {
        let before = |own: &Column| order.iter().take(place).any(|known| known == own);
        let mut run: Vec<(usize, usize)> = Vec::new();
        for (at, kept) in &rows {
            let only_head = || kept.iter().all(|(_, (_, key))| *key == MODIFIED);
            let shorter = || {
                let last = kept.last();
                signs_of(kept) == column.0 && last.is_none_or(|(_, own)| before(own))
            };
            match kept.iter().find(|(_, own)| own == column) {
                Some((cell, _)) => run.push((*at, *cell)),
                None if only_head() || shorter() => {}
                None => align_run(lines, &mut run, *column),
            }
        }
        align_run(lines, &mut run, *column);
    }
}

/// Lines up the cells of a run, and empties it.
fn align_run(lines: &mut [Line], run: &mut Vec<(usize, usize)>, (_, key): Column) {
    let width = |(at, cell): &(usize, usize)| lines.get(*at).map_or(0, |l| l.width_before(*cell));
    let mut widths: Vec<usize> = run.iter().map(width).collect();
    widths.sort_unstable();
    let fewest = match key {
        "=" => 3,
        "{" => 2,
        _ => usize::MAX,
    };
    while let [.., next, widest] = widths.as_slice()
        && widths.len() >= fewest
        && widest - next > STANDS_OUT
    {
        widths.pop();
    }
    let (narrowest, widest) = match widths.as_slice() {
        [narrowest, .., widest] => (*narrowest, *widest),
        _ => (0, usize::MAX),
    };
    for (at, cell) in run.drain(..) {
        let Some(line) = lines
            .get_mut(at)
            .filter(|_| widest - narrowest <= PADDING_MAX)
        else {
            continue;
        };
        let pad = widest.saturating_sub(line.width_before(cell));
        if let Some(before) = line.cells.get_mut(cell - 1) {
            before.text.extend(std::iter::repeat_n(' ', pad));
        }
    }
}
