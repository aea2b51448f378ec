//! DES (FIPS 46-3), constant in time whatever is asked: no branch and no address depends on key or
//! data, the expansion of keys included.
//!
//! Three engines give the same octets. [`lanes`] has eight blocks in a vector of AVX-512 and looks
//! S-boxes up in registers. Elsewhere few blocks go by [`words`], many by [`slices`]. Triple DES
//! skips the permutations between its stages, which cancel each other. Decision 0022 says why.

mod circuits;
#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(target_arch = "x86_64")]
mod rows;
mod slices;
mod standard;
#[cfg(test)]
mod tests;
mod words;

use std::sync::OnceLock;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A key for each round, as the engine writes it.
type RoundKeys = [u64; 16];
/// The three keys of triple DES in octets, in the order in which they encipher.
pub(crate) type Keys = [[u8; 8]; 3];
/// Blocks from which on bit planes take less time than [`words`].
const PLANES_FROM: usize = 9;

/// Which way a cipher goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Encrypt,
    Decrypt,
}

impl Way {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Encrypt => Self::Decrypt,
            Self::Decrypt => Self::Encrypt,
        }
    }

    /// Which round's key the round of that number, below 16, takes.
    #[inline(always)]
    fn round(self, number: usize) -> usize {
        match self {
            Self::Encrypt => number,
            Self::Decrypt => 15 - number,
        }
    }
}

/// How DES is carried out. What comes out does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// In 64-bit registers, on any processor.
    Words,
    /// In the lanes of AVX-512.
    #[cfg(target_arch = "x86_64")]
    Lanes(lanes::Vbmi),
}

impl Engine {
    /// The fastest that this processor has.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Engine> = OnceLock::new();
        *BEST.get_or_init(|| {
            #[cfg(target_arch = "x86_64")]
            if let Some(proof) = lanes::Vbmi::detect() {
                return Self::Lanes(proof);
            }
            Self::Words
        })
    }
}

/// The round keys of a DES key, written for the engine that made it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Schedule {
    keys: RoundKeys,
    #[zeroize(skip)]
    engine: Engine,
}

impl Schedule {
    /// Expands a key; parity bits are ignored.
    pub(crate) fn new(key: [u8; 8]) -> Self {
        Self::by(Engine::best(), key)
    }

    fn by(engine: Engine, key: [u8; 8]) -> Self {
        let keys = match engine {
            Engine::Words => words::expand(key),
            #[cfg(target_arch = "x86_64")]
            Engine::Lanes(proof) => proof.expand(key),
        };
        Self { keys, engine }
    }

    /// One block.
    #[inline]
    pub(crate) fn single(&self, block: [u8; 8], way: Way) -> [u8; 8] {
        let [block] = stages(&[([self], way)], [block]);
        block
    }

    /// Any number of blocks in place.
    pub(crate) fn many(&self, blocks: &mut [[u8; 8]], way: Way) {
        #[cfg(target_arch = "x86_64")]
        if let Engine::Lanes(proof) = self.engine {
            return rows::many_single(proof, self, blocks, way);
        }
        for block in blocks {
            *block = self.single(*block, way);
        }
    }
}

/// A key of triple DES: its three parts as octets and expanded, in the order in which they
/// encipher. Its parts wipe themselves.
pub(crate) struct Triple {
    octets: Zeroizing<Keys>,
    parts: [Schedule; 3],
}

impl Triple {
    /// Expands a key of three parts.
    pub(crate) fn new(octets: Keys) -> Self {
        Self::by(Engine::best(), octets)
    }

    fn by(engine: Engine, octets: Keys) -> Self {
        Self {
            octets: Zeroizing::new(octets),
            parts: octets.map(|part| Schedule::by(engine, part)),
        }
    }

    /// A key of two parts.
    pub(crate) fn double(first: [u8; 8], second: [u8; 8]) -> Self {
        let one = Schedule::new(first);
        Self {
            octets: Zeroizing::new([first, second, first]),
            parts: [one.clone(), Schedule::new(second), one],
        }
    }

    /// The parts, in the order in which they encipher.
    pub(crate) fn parts(&self) -> &[Schedule; 3] {
        &self.parts
    }

    /// Blocks that do not depend on each other, each under its own key, in less time than one by
    /// one.
    #[inline]
    pub(crate) fn each<const L: usize>(
        keys: [&Self; L],
        mut blocks: [[u8; 8]; L],
        way: Way,
    ) -> [[u8; 8]; L] {
        if L >= PLANES_FROM && keys.iter().all(|key| key.by_words()) {
            Self::many(&keys, &mut blocks, way);
            return blocks;
        }
        let one = keys.map(|key| &key.parts[0]);
        let two = keys.map(|key| &key.parts[1]);
        let three = keys.map(|key| &key.parts[2]);
        match way {
            Way::Encrypt => stages(&[(one, way), (two, way.other()), (three, way)], blocks),
            Way::Decrypt => stages(&[(three, way), (two, way.other()), (one, way)], blocks),
        }
    }

    /// Any number of blocks in place, each under its own key; one key stands for all.
    pub(crate) fn many(keys: &[&Self], blocks: &mut [[u8; 8]], way: Way) {
        #[cfg(target_arch = "x86_64")]
        if let Some(Engine::Lanes(proof)) = keys.first().map(|key| key.parts[0].engine) {
            return rows::many(proof, keys, blocks, way);
        }
        if blocks.len() < PLANES_FROM {
            for (place, block) in blocks.iter_mut().enumerate() {
                let key = keys.get(place).or(keys.first());
                if let Some(key) = key {
                    [*block] = Self::each([*key], [*block], way);
                }
            }
            return;
        }
        let octets: Vec<&Keys> = keys.iter().map(|key| &*key.octets).collect();
        slices::triple(&octets, blocks, way);
    }

    fn by_words(&self) -> bool {
        self.parts[0].engine == Engine::Words
    }
}

/// The stages one after the other for blocks that do not depend on each other, each under its own
/// keys, which one engine made.
#[inline]
fn stages<const L: usize, const S: usize>(
    stages: &[([&Schedule; L], Way); S],
    blocks: [[u8; 8]; L],
) -> [[u8; 8]; L] {
    #[cfg(target_arch = "x86_64")]
    if let Some(Engine::Lanes(proof)) = stages
        .first()
        .and_then(|(keys, _)| keys.first())
        .map(|key| key.engine)
    {
        return rows::few(proof, stages, blocks);
    }
    let stages: [([&RoundKeys; L], Way); S] =
        std::array::from_fn(|stage| match stages.get(stage) {
            Some((keys, way)) => (keys.map(|key| &key.keys), *way),
            None => ([const { &[0; 16] }; L], Way::Encrypt),
        });
    words::run(&stages, blocks)
}

/// What a key's bits add to the keys of all rounds, together; every entry is read.
#[inline(always)]
fn gathered(key: [u8; 8], spread: &[[u64; 16]; 64], constant: u64) -> RoundKeys {
    let key = u64::from_be_bytes(key);
    let mut rounds = [constant; 16];
    for (bit, added) in spread.iter().enumerate() {
        // Without the box the compiler knows that there are two cases and branches.
        let chosen = std::hint::black_box((key >> (63 - bit) & 1).wrapping_neg());
        for (round, add) in rounds.iter_mut().zip(added) {
            *round ^= add & chosen;
        }
    }
    rounds
}
