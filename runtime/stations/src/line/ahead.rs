//! Card data made ahead of their turn, many orders at once, so that the HSM gets few large calls.
//!
//! A lane that needs an order's data makes those of the next orders of its product with them. They
//! wait in memory, bound to nothing yet: each is committed when its order has its turn, and lost,
//! to be made again, when the process ends before.

use super::Line;
use crate::StationError;
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
enum Turn {
    /// Its data are here.
    Made(Box<CardData>),
    /// They are to be made, with those of these orders.
    Make(Vec<OrderKey>),
}

impl Ahead {
    fn lock(&self) -> Result<MutexGuard<'_, Shelf>, StationError> {
        self.shelf.lock().map_err(|_| stopped())
    }

    /// The order's data, or which of the candidates to make; waits while another lane makes them.
    fn turn(&self, key: OrderKey, candidates: &[OrderRow]) -> Result<Turn, StationError> {
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
        Ok(Turn::Make(group))
    }

    fn done(&self, group: &[OrderKey], made: Vec<(u64, CardData)>) -> Result<(), StationError> {
        let mut shelf = self.lock()?;
        for key in group {
            shelf.in_work.remove(&key.order);
        }
        shelf.waiting.extend(made);
        drop(shelf);
        self.changed.notify_all();
        Ok(())
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
        let group = match self.ahead.turn(order.key, &candidates)? {
            Turn::Made(data) => return Ok(*data),
            Turn::Make(group) => group,
        };
        let mut made = match self.make_group(&group, &order.product, session) {
            Ok(made) => made,
            Err(error) => {
                self.ahead.done(&group, Vec::new())?;
                return Err(error);
            }
        };
        let own = if made.is_empty() {
            Err(stopped())
        } else {
            Ok(made.remove(0))
        };
        // An order whose data could not be made says so when it has its turn.
        let good = made
            .into_iter()
            .filter_map(|(n, data)| Some((n, data.ok()?)));
        self.ahead.done(&group, good.collect())?;
        own?.1.map_err(Into::into)
    }

    fn make_group(
        &self,
        group: &[OrderKey],
        product: &str,
        session: &mut dyn HsmSession,
    ) -> Result<Vec<Made>, StationError> {
        let made = self.made(product)?;
        let kinds = made.datagen.icc_keys();
        let mut members = Vec::with_capacity(group.len());
        for key in group {
            members.push(Member {
                key: *key,
                record: self.record(*key)?,
                facts: self.facts(key.order),
                ready: self.reserve.take(&kinds)?,
            });
        }
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
}

fn first<T>(made: Vec<T>) -> Result<T, StationError> {
    made.into_iter().next().ok_or_else(stopped)
}
