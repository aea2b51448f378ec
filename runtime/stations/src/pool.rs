//! Keys made ahead: how a key stands in the pool, how lanes share the pool, how it is filled.

use crate::StationError;
use cardwright_ports::{
    HsmSession, KeyPool, Store, StoreError,
    hsm::{Draw, IccKey, Sealed},
    pool::{NewPooledKey, PoolLevel},
    store::{AuditEntry, Batch, Change, OrderKey},
};
use cardwright_runtime::plan::ReadyKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
};

/// Keys that lanes take from the store at once.
const PAGE: usize = 64;

/// A size and exponent of keys.
pub type KeyKind = (u32, u32);

/// A key as it stands in the pool; its components are sealed by the HSM.
#[derive(Serialize, Deserialize)]
struct Stored {
    modulus: Vec<u8>,
    exponent: u32,
    components: Vec<(Vec<u8>, u32, Vec<u8>)>,
}

fn stored(key: &IccKey) -> Result<Vec<u8>, StationError> {
    let components = key.components.iter();
    let stored = Stored {
        modulus: key.modulus.clone(),
        exponent: key.exponent,
        components: components
            .map(|c| (c.blob.clone(), c.clear_length, c.check_values.clone()))
            .collect(),
    };
    postcard::to_allocvec(&stored).map_err(|_| unreadable())
}

fn opened(octets: &[u8]) -> Result<IccKey, StationError> {
    let stored: Stored = postcard::from_bytes(octets).map_err(|_| unreadable())?;
    let parts = stored.components.into_iter();
    let components: Vec<Sealed> = parts
        .map(|(blob, clear_length, check_values)| Sealed {
            blob,
            clear_length,
            check_values,
        })
        .collect();
    Ok(IccKey {
        modulus: stored.modulus,
        exponent: stored.exponent,
        components: components.try_into().map_err(|_| unreadable())?,
    })
}

fn unreadable() -> StationError {
    StationError::new(
        "R1270",
        "a key of the pool can't be read",
        "restore the store from its copy, or run the job without the pool",
    )
}

/// What lanes of one process take keys from. A key that it has given out is not given out again,
/// whether its order's data were committed or not; the commit itself refuses a second use.
pub struct Reserve<'a> {
    pool: &'a dyn KeyPool,
    shelves: Mutex<BTreeMap<KeyKind, Shelf>>,
}

#[derive(Default)]
struct Shelf {
    keys: VecDeque<ReadyKey>,
    last: u64,
}

impl<'a> Reserve<'a> {
    /// Over a pool.
    pub fn new(pool: &'a dyn KeyPool) -> Self {
        Self {
            pool,
            shelves: Mutex::default(),
        }
    }

    /// Takes a key for each kind; a kind of which the pool has none is left out.
    pub(crate) fn take(&self, kinds: &[KeyKind]) -> Result<Vec<ReadyKey>, StationError> {
        let mut shelves = self.shelves.lock().map_err(|_| unreadable())?;
        let mut taken = Vec::with_capacity(kinds.len());
        for kind in kinds {
            let shelf = shelves.entry(*kind).or_default();
            if shelf.keys.is_empty()
                && let Err(error) = self.fetch(*kind, shelf)
            {
                drop(shelves);
                self.give_back(taken);
                return Err(error);
            }
            taken.extend(shelf.keys.pop_front());
        }
        Ok(taken)
    }

    /// Takes keys back that no order got.
    pub(crate) fn give_back(&self, keys: impl IntoIterator<Item = ReadyKey>) {
        let Ok(mut shelves) = self.shelves.lock() else {
            return;
        };
        for key in keys {
            let shelf = shelves.entry((key.bits, key.key.exponent)).or_default();
            shelf.keys.push_back(key);
        }
    }

    fn fetch(&self, (bits, exponent): KeyKind, shelf: &mut Shelf) -> Result<(), StationError> {
        for pooled in self.pool.pool_keys(bits, exponent, shelf.last, PAGE)? {
            shelf.last = pooled.id;
            shelf.keys.push_back(ReadyKey {
                id: pooled.id,
                bits,
                key: opened(&pooled.key)?,
            });
        }
        Ok(())
    }
}

/// Makes keys inside the HSM and adds them to the pool, one commit for all. `batch` is a text that
/// no other filling has, since draws under one label give the same keys.
pub fn fill(
    store: &dyn Store,
    session: &mut dyn HsmSession,
    (bits, exponent): KeyKind,
    (batch, count): (&str, u64),
    (actor, at): (&str, i64),
) -> Result<(), StationError> {
    let mut changes = Vec::new();
    for order in 1..=count {
        let draw = Draw {
            job: batch,
            order,
            purpose: "icc_key pool",
        };
        let key = session.icc_rsa_key(bits, exponent, &draw)?;
        changes.push(Change::PoolKey(NewPooledKey {
            bits,
            exponent,
            digest: Sha256::digest(&key.modulus).into(),
            key: stored(&key)?,
        }));
    }
    let entry = AuditEntry {
        actor: actor.to_owned(),
        act: "fill_pool".to_owned(),
        key: OrderKey { job: 0, order: 0 },
        detail: format!("{count} keys of {bits} bits, exponent {exponent}"),
    };
    Ok(store.commit(&Batch {
        at,
        require: None,
        changes,
        audit: vec![entry],
    })?)
}

/// How far the pool will reach for so many keys of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Modulus bits.
    pub bits: u32,
    /// Public exponent.
    pub exponent: u32,
    /// Keys that the job still needs.
    pub needed: u64,
    /// Keys in the pool.
    pub unused: u64,
}

impl Reach {
    /// Keys that must be made while cards are made.
    pub fn short(&self) -> u64 {
        self.needed.saturating_sub(self.unused)
    }
}

/// Compares needs with levels.
pub fn reach(needs: &BTreeMap<KeyKind, u64>, levels: &[PoolLevel]) -> Vec<Reach> {
    let unused = |kind: KeyKind| {
        let level = levels.iter().find(|l| (l.bits, l.exponent) == kind);
        level.map_or(0, |l| l.unused)
    };
    let reach = needs.iter().map(|(kind, needed)| Reach {
        bits: kind.0,
        exponent: kind.1,
        needed: *needed,
        unused: unused(*kind),
    });
    reach.collect()
}

/// A pool that holds nothing, for lines without one.
pub struct NoPool;

impl KeyPool for NoPool {
    fn pool_levels(&self) -> Result<Vec<PoolLevel>, StoreError> {
        Ok(Vec::new())
    }

    fn pool_keys(
        &self,
        _bits: u32,
        _exponent: u32,
        _after: u64,
        _limit: usize,
    ) -> Result<Vec<cardwright_ports::pool::PooledKey>, StoreError> {
        Ok(Vec::new())
    }
}
