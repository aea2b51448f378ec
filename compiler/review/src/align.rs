//! Which entries of two lists belong together.

/// Most cells of an alignment table; longer lists are compared place by place.
const ALIGN_MAX: usize = 1 << 20;

/// A longest common subsequence: pairs of places.
pub(crate) fn common(a: &[String], b: &[String]) -> Vec<(usize, usize)> {
    if a.len().saturating_mul(b.len()) > ALIGN_MAX {
        let same = a.iter().zip(b).enumerate().filter(|(_, (x, y))| x == y);
        return same.map(|(n, _)| (n, n)).collect();
    }
    let width = b.len() + 1;
    let mut best = vec![0_u32; (a.len() + 1) * width];
    let of = |best: &[u32], i: usize, j: usize| best.get(i * width + j).copied().unwrap_or(0);
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            let longest = if a.get(i) == b.get(j) {
                of(&best, i + 1, j + 1) + 1
            } else {
                of(&best, i + 1, j).max(of(&best, i, j + 1))
            };
            if let Some(cell) = best.get_mut(i * width + j) {
                *cell = longest;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < a.len() && j < b.len() {
        if a.get(i) == b.get(j) {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if of(&best, i + 1, j) >= of(&best, i, j + 1) {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::common;

    #[test]
    fn what_stays_is_found_in_order() {
        let list = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        assert_eq!(common(&list("a b c"), &list("a c d")), [(0, 0), (2, 1)]);
        assert_eq!(common(&list("a"), &list("b")), []);
    }
}
