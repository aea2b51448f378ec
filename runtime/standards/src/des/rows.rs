//! Blocks and their keys brought into the vectors of [`super::lanes`].

use super::lanes::{Rows, Vbmi, WIDTH};
use super::{RoundKeys, Schedule, Triple, Way};

/// Vectors that go side by side where there are blocks for them: while one waits for a look-up, the
/// others work.
const SIDE_BY_SIDE: usize = 4;

/// Stages of a few blocks, as the type counts them.
pub(super) fn few<const L: usize, const S: usize>(
    proof: Vbmi,
    stages: &[([&Schedule; L], Way); S],
    mut blocks: [[u8; 8]; L],
) -> [[u8; 8]; L] {
    let ways = stages.each_ref().map(|(_, way)| *way);
    for (number, group) in blocks.chunks_mut(WIDTH).enumerate() {
        let rows = Few {
            stages,
            from: number * WIDTH,
        };
        vectors::<1>(proof, &rows, &ways, group);
    }
    blocks
}

/// Triple DES of any number of blocks, each under its own key; one key stands for all.
pub(super) fn many(proof: Vbmi, keys: &[&Triple], blocks: &mut [[u8; 8]], way: Way) {
    let (ways, order) = match way {
        Way::Encrypt => ([way, way.other(), way], [0, 1, 2]),
        Way::Decrypt => ([way, way.other(), way], [2, 1, 0]),
    };
    for (number, group) in blocks.chunks_mut(SIDE_BY_SIDE * WIDTH).enumerate() {
        match keys {
            [all] => {
                let rows = One(order.map(|part| keys_of(all, part)));
                go(proof, &rows, &ways, group);
            }
            _ => {
                let from = number * SIDE_BY_SIDE * WIDTH;
                let keys = keys.get(from..).unwrap_or_default();
                go(proof, &Own { keys, order }, &ways, group);
            }
        }
    }
}

/// Single DES of any number of blocks under one key.
pub(super) fn many_single(proof: Vbmi, key: &Schedule, blocks: &mut [[u8; 8]], way: Way) {
    for group in blocks.chunks_mut(SIDE_BY_SIDE * WIDTH) {
        go(proof, &One([&key.keys]), &[way], group);
    }
}

/// At most [`SIDE_BY_SIDE`] vectors, no more than there are blocks for.
fn go(proof: Vbmi, rows: &impl Rows, ways: &[Way], group: &mut [[u8; 8]]) {
    match group.len().div_ceil(WIDTH) {
        0 | 1 => vectors::<1>(proof, rows, ways, group),
        2 => vectors::<2>(proof, rows, ways, group),
        _ => vectors::<SIDE_BY_SIDE>(proof, rows, ways, group),
    }
}

/// Blocks into vectors and back; lanes without a block go empty.
#[inline]
fn vectors<const V: usize>(proof: Vbmi, rows: &impl Rows, ways: &[Way], group: &mut [[u8; 8]]) {
    let mut vectors = [[0; WIDTH]; V];
    for (lane, block) in vectors.as_flattened_mut().iter_mut().zip(&*group) {
        *lane = u64::from_be_bytes(*block);
    }
    proof.run(rows, ways, &mut vectors);
    for (lane, block) in vectors.as_flattened().iter().zip(group) {
        *block = lane.to_be_bytes();
    }
}

fn keys_of(key: &Triple, part: usize) -> &RoundKeys {
    const NONE: &RoundKeys = &[0; 16];
    key.parts.get(part).map_or(NONE, |part| &part.keys)
}

#[inline(always)]
fn of_round(keys: &RoundKeys, round: usize) -> u64 {
    keys.get(round).copied().unwrap_or_default()
}

/// Keys of a few blocks; a lane without a block has the first one's.
struct Few<'k, const L: usize, const S: usize> {
    stages: &'k [([&'k Schedule; L], Way); S],
    from: usize,
}

impl<const L: usize, const S: usize> Rows for Few<'_, L, S> {
    #[inline(always)]
    fn row(&self, stage: usize, _: usize, round: usize) -> [u64; WIDTH] {
        let Some((keys, _)) = self.stages.get(stage) else {
            return [0; WIDTH];
        };
        std::array::from_fn(|lane| {
            let key = keys.get(self.from + lane).or(keys.first());
            key.map_or(0, |key| of_round(&key.keys, round))
        })
    }
}

/// One key for all.
struct One<'k, const S: usize>([&'k RoundKeys; S]);

impl<const S: usize> Rows for One<'_, S> {
    #[inline(always)]
    fn row(&self, stage: usize, _: usize, round: usize) -> [u64; WIDTH] {
        [self.0.get(stage).map_or(0, |keys| of_round(keys, round)); WIDTH]
    }
}

/// A key for each block.
struct Own<'k> {
    keys: &'k [&'k Triple],
    order: [usize; 3],
}

impl Rows for Own<'_> {
    #[inline(always)]
    fn row(&self, stage: usize, vector: usize, round: usize) -> [u64; WIDTH] {
        let part = self.order.get(stage).copied().unwrap_or_default();
        std::array::from_fn(|lane| {
            let key = self.keys.get(vector * WIDTH + lane).or(self.keys.first());
            key.map_or(0, |key| of_round(keys_of(key, part), round))
        })
    }
}
