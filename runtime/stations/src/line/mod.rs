//! The line: the hands with which the engine's acts are done, joined from HSM, machine and paper.

mod ahead;
mod closing;
mod lane;
mod summary;

use crate::{
    StationError, pages,
    pool::{self, KeyKind, Reach, Reserve},
    take,
};
use cardwright_bundle::{Card, Job, Product};
use cardwright_ports::{
    Binding, Clock, Hsm, HsmSession, KeyPool, Paper, Store,
    binding::Unfit,
    machine::Machine,
    paper::Stationery,
    store::{JobId, JobRow, OrderKey, OrderQuery, OrderState, RefusedRow, SealContext, Sealer},
};
use cardwright_runtime::{
    Date, Loaded, Value,
    datagen::{CardData, Datagen},
    engine::{Hands, Lane, Trouble},
    intake::{Intake, Record},
    plan::{BoundKeys, KeyLabels, RunFacts},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub use summary::{Closing, Finish};

/// An order's data, and the labels of the key versions that they were made with, where they say so.
pub(crate) type KeptData = (CardData, Option<Vec<String>>);

/// Orders that are read at once.
const ORDERS_PAGE: usize = 10_000;

/// What a line is joined from.
#[derive(Clone, Copy)]
pub struct LineParts<'a> {
    /// Bundle.
    pub loaded: &'a Loaded,
    /// Job of the bundle.
    pub job: &'a Job,
    /// Job in the store.
    pub row: &'a JobRow,
    /// HSM.
    pub hsm: &'a dyn Hsm,
    /// Which versions of the bundle's keys are in use at this site.
    pub labels: &'a KeyLabels,
    /// Whether these versions are still in use.
    pub binding: &'a dyn Binding,
    /// Store.
    pub store: &'a dyn Store,
    /// Keys made ahead.
    pub pool: &'a dyn KeyPool,
    /// Orders whose data are made at once; 1 makes each at its turn.
    pub ahead: usize,
    /// Machine.
    pub machine: &'a dyn Machine,
    /// Paper.
    pub paper: &'a dyn Paper,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Opens what the store keeps for this job.
    pub sealer: &'a dyn Sealer,
    /// Folder for letters and files.
    pub out: &'a Path,
    /// Whether every virtual card is kept.
    pub keep_cards: bool,
}

/// A line for one job.
pub struct Line<'a> {
    pub(crate) parts: LineParts<'a>,
    pub(crate) intake: Intake<'a>,
    pub(crate) keys: BoundKeys,
    pub(crate) products: BTreeMap<&'a str, Made<'a>>,
    pub(crate) stationery: Stationery,
    pub(crate) date: Date,
    pub(crate) reserve: Reserve<'a>,
    ahead: ahead::Ahead,
}

/// A product with everything that makes it.
pub(crate) struct Made<'a> {
    pub(crate) product: &'a Product,
    pub(crate) card: &'a Card,
    pub(crate) datagen: Datagen<'a>,
}

impl<'a> Line<'a> {
    /// Binds keys, prepares products, makes folders. Nothing physical happens.
    pub fn new(parts: LineParts<'a>) -> Result<Self, StationError> {
        let mut session = parts.hsm.open_session()?;
        let keys = BoundKeys::bind_as(parts.loaded.content(), session.as_mut(), parts.labels)?;
        // Nothing is begun that this HSM can't bring to its end.
        crate::abilities::check(parts.loaded, &keys, session.as_mut())?;
        // The day of the job, not of the clock: a job that goes on tomorrow makes the same cards.
        let date = Date::from_unix_seconds(parts.row.opened_at);
        let intake = Intake::new(parts.loaded, parts.job, date)?;
        let mut products = BTreeMap::new();
        for product in &parts.job.products {
            let cards = &parts.loaded.content().cards;
            let card = cards
                .iter()
                .find(|c| c.name == product.card)
                .ok_or_else(|| {
                    StationError::new(
                        "R1101",
                        "a product without a card",
                        "build the bundle again",
                    )
                })?;
            let datagen = Datagen::new(parts.loaded, card, &keys)?;
            products.insert(
                product.code.as_str(),
                Made {
                    product,
                    card,
                    datagen,
                },
            );
        }
        for folder in ["files", "mailers", "carriers"] {
            make_folder(&parts.out.join(folder))?;
        }
        if parts.keep_cards {
            make_folder(&parts.out.join("cards"))?;
        }
        let stationery = pages::stationery(parts.loaded);
        Ok(Self {
            parts,
            intake,
            keys,
            products,
            stationery,
            date,
            reserve: Reserve::new(parts.pool),
            ahead: ahead::Ahead::default(),
        })
    }

    /// Refuses when a key that the job is bound to went out of use.
    pub(crate) fn still_bound(&self) -> Result<(), StationError> {
        self.parts.binding.holds().map_err(|withdrawn| {
            StationError::new(
                withdrawn.code,
                withdrawn.what,
                "put the key or another version into use, then go on with the job",
            )
        })
    }

    /// Refuses kept data of a key version that must make no more cards; gives the versions in them
    /// that others have replaced.
    pub(crate) fn still_serves(
        &self,
        made_with: Option<&[String]>,
    ) -> Result<Vec<String>, StationError> {
        let serves = self.parts.binding.serves(made_with);
        serves.map_err(|unfit| match unfit {
            Unfit::Waits(withdrawn) => StationError::new(
                withdrawn.code,
                withdrawn.what,
                "resume the key and go on with the job, or take the key out of use for good: the \
                 order is rejected then",
            ),
            Unfit::Never(withdrawn) => StationError::new(
                withdrawn.code,
                withdrawn.what,
                "order the card again in another file",
            ),
        })
    }

    /// How far the pool reaches for the orders that have no card yet.
    pub fn pool_reach(&self) -> Result<Vec<Reach>, StationError> {
        let store = self.parts.store;
        let mut needs: BTreeMap<KeyKind, u64> = BTreeMap::new();
        let mut query = OrderQuery {
            states: vec![OrderState::Planned, OrderState::Claimed],
            limit: ORDERS_PAGE,
            ..OrderQuery::default()
        };
        let kinds: BTreeMap<&str, Vec<KeyKind>> = self
            .products
            .iter()
            .map(|(code, made)| (*code, made.datagen.icc_keys()))
            .collect();
        if kinds.values().all(Vec::is_empty) {
            return Ok(Vec::new());
        }
        loop {
            let rows = store.orders(self.parts.row.id, &query)?;
            let Some(last) = rows.last() else {
                break;
            };
            query.after = last.key.order;
            for row in &rows {
                for kind in kinds.get(row.product.as_str()).into_iter().flatten() {
                    *needs.entry(*kind).or_default() += 1;
                }
            }
        }
        Ok(pool::reach(&needs, &self.parts.pool.pool_levels()?))
    }

    /// Day of the job.
    pub fn date(&self) -> Date {
        self.date
    }

    /// The product of a code.
    pub(crate) fn made(&self, product: &str) -> Result<&Made<'a>, StationError> {
        self.products.get(product).ok_or_else(|| {
            StationError::new("R1513", "an order of an unknown product", "look at the job")
        })
    }

    /// An order's record, opened.
    pub(crate) fn record(&self, key: OrderKey) -> Result<Record, StationError> {
        let sealed = self.parts.store.sealed_record(key)?;
        let context = SealContext {
            order: key.order,
            purpose: "record",
        };
        let clear = self.parts.sealer.open(&context, &sealed)?;
        let (order, once_lines) = take::unsealed(clear.expose())?;
        Ok(self.intake.reread(&order, &once_lines)?)
    }

    /// An order's card data, opened, if they were made.
    pub(crate) fn card_data(&self, key: OrderKey) -> Result<Option<CardData>, StationError> {
        Ok(self.kept_data(key)?.map(|(data, _)| data))
    }

    /// The same with the labels of the key versions that they were made with.
    pub(crate) fn kept_data(&self, key: OrderKey) -> Result<Option<KeptData>, StationError> {
        let Some(kept) = self.parts.store.card_data(key)? else {
            return Ok(None);
        };
        let context = SealContext {
            order: key.order,
            purpose: "card",
        };
        let clear = self.parts.sealer.open(&context, &kept.sealed)?;
        Ok(Some(CardData::from_bytes(clear.expose())?))
    }

    /// Facts of the run for one order.
    pub(crate) fn facts(&self, order: u64) -> RunFacts {
        let mut facts = RunFacts::default();
        facts.set("date", Value::Date(self.date));
        facts.set(
            "sequence",
            Value::Number(i64::try_from(order).unwrap_or(i64::MAX)),
        );
        facts.set(
            "reference",
            Value::Text(reference(self.parts.row.id, order)),
        );
        facts.set("job", Value::Text(self.parts.row.id.to_string()));
        facts
    }

    /// Label under which the HSM draws for this job: the order file and the job's name, so that
    /// the same orders draw the same at a restored site.
    pub(crate) fn draw_label(&self) -> String {
        format!("{} {}", self.parts.row.file_sha256, self.parts.row.name)
    }
}

/// Number on letter and carrier; says nothing of the account.
pub fn reference(job: JobId, order: u64) -> String {
    format!("J{job:05}-{order:07}")
}

impl Hands for Line<'_> {
    fn lane(&self) -> Result<Box<dyn Lane + '_>, Trouble> {
        let session: Box<dyn HsmSession> = self
            .parts
            .hsm
            .open_session()
            .map_err(|e| Trouble::card(e.code, e.what))?;
        Ok(Box::new(lane::LineLane::new(self, session)))
    }

    fn may_go_on(&self) -> Result<(), Trouble> {
        self.still_bound()
            .map_err(|e| Trouble::card(e.code, e.what))
    }

    fn clear_line(&self) -> Result<Vec<u64>, Trouble> {
        let machine = self.parts.machine;
        let bin = machine
            .describe()
            .bins
            .first()
            .cloned()
            .unwrap_or_else(|| "reject".into());
        let blanks = machine.in_slots().map_err(lane::machine_trouble)?;
        for blank in &blanks {
            machine
                .reject(*blank, &bin, "R1462")
                .map_err(lane::machine_trouble)?;
        }
        Ok(blanks)
    }

    fn finish(&self) -> Result<(), Trouble> {
        self.write_files()
            .map_err(|e| Trouble::card(e.code, e.what))
    }
}

/// A folder that only its owner may open, where the system knows owners: letters lie in it.
pub(crate) fn make_folder(path: &PathBuf) -> Result<(), StationError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(path)
        .map_err(|e| crate::error::file_error("an output folder", &e))
}

/// Refused rows of a job, page by page.
pub(crate) fn refused(
    store: &dyn Store,
    job: JobId,
    visit: &mut dyn FnMut(RefusedRow) -> Result<(), StationError>,
) -> Result<(), StationError> {
    let mut after = 0;
    loop {
        let rows = store.refused(job, after, 1_000)?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.line;
        rows.into_iter().try_for_each(&mut *visit)?;
    }
}
