//! The nearest known word, for "did you mean".

/// The nearest of `known` to `word`, if it is near enough to be a slip of the pen.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let most = match length {
        0..=2 => return None,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    };
    let mut rows = Rows::of(word);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        if candidate.chars().count().abs_diff(length) > most {
            continue;
        }
        let distance = rows.distance(candidate, most);
        if distance <= most && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, word)| word)
}

/// Most characters that are compared.
const COMPARED: usize = 64;

/// A word, and the rows of the table by which others are compared with it: room for all of them.
struct Rows {
    word: Vec<char>,
    before: Vec<usize>,
    last: Vec<usize>,
    row: Vec<usize>,
}

impl Rows {
    fn of(word: &str) -> Self {
        Self {
            word: word.chars().take(COMPARED).collect(),
            before: Vec::new(),
            last: Vec::new(),
            row: Vec::new(),
        }
    }

    /// Edits (insert, delete, replace, swap of neighbours) from another word to this one; some
    /// number above `most` when there are more.
    fn distance(&mut self, other: &str, most: usize) -> usize {
        self.before.clear();
        self.last.clear();
        self.last.extend(0..=self.word.len());
        let mut previous = None;
        for (i, one) in other.chars().take(COMPARED).enumerate() {
            self.next_row(i, one, previous);
            std::mem::swap(&mut self.before, &mut self.last);
            std::mem::swap(&mut self.last, &mut self.row);
            // What is too far in two rows, one behind the other, comes no nearer.
            let far = |row: &[usize]| row.iter().all(|n| *n > most);
            if far(&self.last) && far(&self.before) {
                return usize::MAX;
            }
            previous = Some(one);
        }
        self.last.last().copied().unwrap_or(usize::MAX)
    }

    fn next_row(&mut self, i: usize, one: char, previous: Option<char>) {
        let at = |row: &[usize], n: usize| row.get(n).copied().unwrap_or(usize::MAX / 2);
        self.row.clear();
        self.row.push(i + 1);
        let mut before = None;
        for (j, other) in self.word.iter().copied().enumerate() {
            let mut best = at(&self.last, j) + usize::from(one != other);
            best = best
                .min(at(&self.last, j + 1) + 1)
                .min(at(&self.row, j) + 1);
            if previous == Some(other) && before == Some(one) {
                let n = j.saturating_sub(1);
                best = best.min(at(&self.before, n) + 1);
            }
            self.row.push(best);
            before = Some(other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_leaves_strangers_alone() {
        let known = ["services", "label", "action_codes"];
        assert_eq!(nearest("servcies", known), Some("services"));
        assert_eq!(nearest("lable", known), Some("label"));
        assert_eq!(nearest("actioncodes", known), Some("action_codes"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("x", known), None);
    }
}
