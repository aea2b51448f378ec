//! Card data made ahead of their turn, many orders at once, so that the HSM gets few large calls.
//!
//! A lane that needs an order's data makes those of the next orders of its product with them. They
//! wait in memory, bound to nothing yet: each is committed when its order has its turn, and lost,
//! to be made again, when the process ends before.

use super::Line;
use crate::{StationError, pool::KeyKind};
use cardwright_ports::{
    HsmSession,
    store::{OrderKey, OrderRow},
};
use cardwright_runtime::{
    datagen::{Asked, CardData},
    intake::Record,
    plan::{ReadyKey, RunFacts},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Condvar, Mutex, MutexGuard},
};

/// What waits and what is being made.
#[derive(Default)]
pub(crate) struct Ahead {
    shelf: Mutex<Shelf>,
    changed: Condvar,
}

#[derive(Default)]
struct Shelf {
    waiting: BTreeMap<u64, CardData>,
    in_work: BTreeSet<u64>,
}

/// What to do for an order.
enum Turn<'a> {
    /// Its data are here.
    Made(Box<CardData>),
    /// They are to be made, with those of these orders.
    Make(Claim<'a>),
}

/// Orders whose data one lane makes. However the lane ends, by a fault too, they are free again
/// afterwards, so that no other lane waits for them for ever.
struct Claim<'a> {
    ahead: &'a Ahead,
    group: Vec<OrderKey>,
    made: Vec<(u64, CardData)>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Ok(mut shelf) = self.ahead.shelf.lock() {
            for key in &self.group {
                shelf.in_work.remove(&key.order);
            }
            shelf.waiting.extend(self.made.drain(..));
        }
        self.ahead.changed.notify_all();
    }
}

impl Ahead {
    fn lock(&self) -> Result<MutexGuard<'_, Shelf>, StationError> {
        self.shelf.lock().map_err(|_| stopped())
    }

    /// The order's data, or which of the candidates to make; waits while another lane makes them.
    fn turn(&self, key: OrderKey, candidates: &[OrderRow]) -> Result<Turn<'_>, StationError> {
        let mut shelf = self.lock()?;
        while shelf.in_work.contains(&key.order) {
            shelf = self.changed.wait(shelf).map_err(|_| stopped())?;
        }
        if let Some(data) = shelf.waiting.remove(&key.order) {
            return Ok(Turn::Made(Box::new(data)));
        }
        let free =
            |order: &u64| !shelf.waiting.contains_key(order) && !shelf.in_work.contains(order);
        let orders = candidates.iter().map(|row| row.key);
        let mut group = vec![key];
        group.extend(orders.filter(|k| *k != key && free(&k.order)));
        shelf.in_work.extend(group.iter().map(|k| k.order));
        Ok(Turn::Make(Claim {
            ahead: self,
            group,
            made: Vec::new(),
        }))
    }
}

fn stopped() -> StationError {
    StationError::new(
        "R1454",
        "a lane stopped while it made card data",
        "recover the job and go on",
    )
}

/// An order's number and its data, or why they could not be made.
type Made = (u64, Result<CardData, cardwright_runtime::RuntimeError>);

/// An order of a group with what its data need.
struct Member {
    key: OrderKey,
    record: Record,
    facts: RunFacts,
    ready: Vec<ReadyKey>,
}

impl Line<'_> {
    /// Makes an order's data, with those of the next orders when the line makes data ahead.
    pub(super) fn make_data(
        &self,
        order: &OrderRow,
        session: &mut dyn HsmSession,
    ) -> Result<CardData, StationError> {
        if self.parts.ahead <= 1 {
            let made = self.make_group(&[order.key], &order.product, session)?;
            return first(made)?.1.map_err(Into::into);
        }
        let wide = self.parts.ahead.saturating_mul(2);
        let mut candidates = self.parts.store.runnable(self.parts.row.id, wide)?;
        candidates.retain(|row| row.product == order.product);
        candidates.truncate(self.parts.ahead.saturating_sub(1));
        let mut claim = match self.ahead.turn(order.key, &candidates)? {
            Turn::Made(data) => return Ok(*data),
            Turn::Make(claim) => claim,
        };
        let mut made = self.make_group(&claim.group, &order.product, session)?;
        let own = if made.is_empty() {
            Err(stopped())
        } else {
            Ok(made.remove(0))
        };
        // An order whose data could not be made says so when it has its turn.
        let good = made
            .into_iter()
            .filter_map(|(n, data)| Some((n, data.ok()?)));
        claim.made.extend(good);
        own?.1.map_err(Into::into)
    }

    /// Data of a group. What the first order lacks is an error; another one that lacks something
    /// is left out and says so when it has its turn.
    fn make_group(
        &self,
        group: &[OrderKey],
        product: &str,
        session: &mut dyn HsmSession,
    ) -> Result<Vec<Made>, StationError> {
        let made = self.made(product)?;
        let kinds = made.datagen.icc_keys();
        let (own, others) = group.split_first().ok_or_else(stopped)?;
        let mut members = vec![self.member(*own, &kinds)?];
        members.extend(others.iter().filter_map(|k| self.member(*k, &kinds).ok()));
        let asked = members.iter().map(|member| Asked {
            fields: &member.record,
            facts: &member.facts,
            order: member.key.order,
            ready: member.ready.clone(),
        });
        let data = made
            .datagen
            .make_all(asked.collect(), session, &self.draw_label());
        let pairs = members.into_iter().zip(data);
        let settled = pairs.map(|(member, data)| {
            let taken = data
                .as_ref()
                .map(|d| d.draws.taken().to_vec())
                .unwrap_or_default();
            let left = member.ready.into_iter().filter(|k| !taken.contains(&k.id));
            self.reserve.give_back(left);
            (member.key.order, data)
        });
        Ok(settled.collect())
    }

    fn member(&self, key: OrderKey, kinds: &[KeyKind]) -> Result<Member, StationError> {
        let record = self.record(key)?;
        Ok(Member {
            key,
            record,
            facts: self.facts(key.order),
            ready: self.reserve.take(kinds)?,
        })
    }
}

fn first<T>(made: Vec<T>) -> Result<T, StationError> {
    made.into_iter().next().ok_or_else(stopped)
}

#[cfg(test)]
mod tests {
    use super::{Ahead, Turn};
    use cardwright_ports::store::OrderKey;

    fn key(order: u64) -> OrderKey {
        OrderKey { job: 1, order }
    }

    #[test]
    fn a_lane_that_ends_by_a_fault_frees_its_orders() {
        let ahead = Ahead::default();
        let lane = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _claim = ahead.turn(key(7), &[]);
            panic!("a fault in the middle of an order's data");
        }));
        assert!(lane.is_err());
        // Another lane gets the order instead of waiting for it.
        match ahead.turn(key(7), &[]).unwrap() {
            Turn::Make(claim) => assert_eq!(claim.group, [key(7)]),
            Turn::Made(_) => panic!("nothing was made"),
        };
    }
}
