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
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        if candidate.chars().count().abs_diff(length) > most {
            continue;
        }
        let distance = distance(word, candidate);
        if distance <= most && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, word)| word)
}

/// Edits (insert, delete, replace, swap of neighbours) from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous_a = None;
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut row = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let at = |v: &Vec<usize>, n: usize| v.get(n).copied().unwrap_or(usize::MAX / 2);
            let mut best = at(&last, j) + usize::from(ca != *cb);
            best = best.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped =
                previous_a == Some(*cb) && j.checked_sub(1).and_then(|n| b.get(n)) == Some(&ca);
            if swapped && let Some(n) = j.checked_sub(1) {
                best = best.min(at(&before, n) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
        previous_a = Some(ca);
    }
    last.last().copied().unwrap_or(usize::MAX)
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
