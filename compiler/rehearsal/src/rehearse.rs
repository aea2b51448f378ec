//! One order through the whole runtime: intake, data, chip, validation, pages.

use crate::{
    blank::blank,
    counting::{Calls, Counting},
    coverage::{self, Coverage},
    default_fields::Defaults,
    files::{self, FileMade},
    order_file,
    photos::Photos,
    recorder::{Exchange, Recorder},
    refusal::{Attempt, Refusal, Stop},
    rows::{Finished, Row, rows},
    tap::Tapped,
};
use cardwright_bundle::{Bundle, Card, Environment, Job, Op, Product};
use cardwright_ports::{
    CardChannel, Hsm, StoreError,
    hsm::Draw,
    machine::{EmbossedLine, PrintedPanel, Side, StripeRead, VisionRead},
    paper::{PictureData, Sheet},
    store::Seen,
};
use cardwright_runtime::{
    Date, Loaded, Value,
    certified::issuer_identifier,
    datagen::{CardData, Datagen, DgiValue},
    intake::{Intake, Record, Shown},
    load,
    plan::{BoundKeys, RunFacts},
};
use cardwright_soft_hsm::SoftHsm;
use cardwright_stations::{
    StationError, line, pages, perso,
    validation::{Specimen, Validator, Verdict},
};
use std::{collections::BTreeMap, path::Path};

/// Everything random in a rehearsal comes from this seed. Public: it protects nothing.
const SEED: [u8; 32] = *b"Cardwright rehearsal, TEST only.";
/// Number of the only order of a rehearsal.
const ORDER: u64 = 1;

/// The day that every rehearsal happens on: a clock would change snapshots.
#[must_use]
pub fn rehearsal_day() -> Date {
    Date {
        year: 2026,
        month: 1,
        day: 1,
    }
}

/// An order as its author writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Texts of the fields that matter; the rest is filled with specimens. A PIN field takes
    /// digits, or an enciphered block in hexadecimal.
    pub fields: BTreeMap<String, Vec<String>>,
    /// Leading digits of the issuer's PANs, for an order without a PAN.
    pub bin: Option<String>,
}

/// A page that was laid out, with its PIN still sealed elsewhere.
pub struct PageMade {
    /// Layout.
    pub layout: String,
    /// What is drawn.
    pub sheet: Sheet,
}

/// What checks say, each with its scenario.
pub type Verdicts = Vec<(String, Verdict)>;

/// What became of an order.
pub struct Rehearsed {
    /// Job that took it.
    pub job: String,
    /// Product code; empty when the job makes one card only.
    pub product: String,
    /// Card name.
    pub card: String,
    /// What the card holds.
    pub data: CardData,
    /// The order's record, with its pictures.
    pub(crate) record: Record,
    /// Name of that record.
    pub(crate) record_name: String,
    /// What was said to the chip.
    pub exchanges: Vec<Exchange>,
    /// What validation says, scenario by scenario.
    pub verdicts: Verdicts,
    /// Carrier and mailer.
    pub pages: Vec<PageMade>,
    /// What the bank's text files say about the card.
    pub rows: Vec<Row>,
    /// All output files, as octets.
    pub files: Vec<FileMade>,
    /// HSM calls by kind for `data`, `chip`, `pages`, `files` and each `validation SCENARIO`.
    pub calls: BTreeMap<String, Calls>,
}

/// Length of a data grouping, octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedOrClear {
    /// Clear length of a value that the HSM sealed.
    Sealed(usize),
    /// Length of a value that travels as it is.
    Clear(usize),
}

impl Rehearsed {
    /// Numbers and lengths of an application's groupings, in their order; this order's own.
    #[must_use]
    pub fn groupings(&self, application: &str) -> Vec<(u16, SealedOrClear)> {
        let found = self
            .data
            .applications
            .iter()
            .find(|a| a.name == application);
        let dgis = found.map(|a| a.dgis.as_slice()).unwrap_or_default();
        dgis.iter()
            .map(|dgi| {
                let length = match &dgi.value {
                    DgiValue::Clear(octets) => SealedOrClear::Clear(octets.len()),
                    DgiValue::Sealed(_, length, ..) => SealedOrClear::Sealed(*length as usize),
                };
                (dgi.number, length)
            })
            .collect()
    }

    /// An application's groupings in their order: number and octets, none of a sealed value.
    #[must_use]
    pub fn octets(&self, application: &str) -> Vec<(u16, Option<&[u8]>)> {
        let mut all = self.data.applications.iter();
        let found = all.find(|a| a.name == application);
        let dgis = found.map(|a| a.dgis.as_slice()).unwrap_or_default();
        let octets = dgis.iter().map(|dgi| match &dgi.value {
            DgiValue::Clear(octets) => (dgi.number, Some(octets.as_slice())),
            DgiValue::Sealed(..) => (dgi.number, None),
        });
        octets.collect()
    }
}

/// A TEST bundle with everything that a rehearsal needs.
pub struct Rehearsal {
    pub(crate) loaded: Loaded,
    pub(crate) keys: BoundKeys,
    pub(crate) session: Tapped,
    coverage: Option<Coverage>,
    photos: Photos,
    with_chip: bool,
}

impl Rehearsal {
    /// Takes a bundle in and binds its open test keys.
    ///
    /// # Errors
    /// R1190 for a LIVE bundle; R10, R11 for one that does not load; R13 for keys that do not bind.
    pub fn new(bundle: Bundle) -> Result<Self, StationError> {
        if bundle.content().environment == Environment::Live {
            return Err(only_test());
        }
        let loaded = load::accept(bundle)?;
        let hsm = SoftHsm::in_memory(SEED)?;
        let mut session = Tapped::new(hsm.open_session()?);
        let keys = BoundKeys::bind(loaded.content(), &mut session)?;
        Ok(Self {
            loaded,
            keys,
            session,
            coverage: None,
            photos: Photos::default(),
            with_chip: true,
        })
    }

    /// Orders may name pictures in folders below this one; without it only the specimen is there.
    pub fn photos_below(&mut self, folder: &Path) {
        self.photos = Photos::below(folder.to_owned());
    }

    /// From now on, notes which branches the orders take.
    pub fn cover(&mut self) {
        self.coverage = Some(Coverage::default());
    }

    /// What the orders took since [`Rehearsal::cover`].
    #[must_use]
    pub fn covered(&self) -> Option<&Coverage> {
        self.coverage.as_ref()
    }

    /// Whether chips are written and validated; without them there are no commands and no verdicts.
    pub fn write_chips(&mut self, with_chip: bool) {
        self.with_chip = with_chip;
    }

    /// Takes another bundle in that uses the same keys; what was drawn stays drawn.
    ///
    /// # Errors
    /// R10, R11 for a bundle that does not load; R1190 for a LIVE one; R13 for keys that do not bind.
    pub fn replace(&mut self, bundle: Bundle) -> Result<(), StationError> {
        if bundle.content().environment == Environment::Live {
            return Err(only_test());
        }
        let loaded = load::accept(bundle)?;
        if loaded.content().keys != self.loaded.content().keys {
            self.keys = BoundKeys::bind(loaded.content(), &mut self.session)?;
        }
        self.loaded = loaded;
        Ok(())
    }

    /// The bundle.
    #[must_use]
    pub fn bundle(&self) -> &Bundle {
        self.loaded.bundle()
    }

    /// The jobs' names, in the order of the bundle.
    #[must_use]
    pub fn jobs(&self) -> Vec<String> {
        self.loaded
            .content()
            .jobs
            .iter()
            .map(|job| job.name.clone())
            .collect()
    }

    /// All products: job and code.
    #[must_use]
    pub fn products(&self) -> Vec<(String, String)> {
        let jobs = self.loaded.content().jobs.iter();
        jobs.flat_map(|job| {
            job.products
                .iter()
                .map(|p| (job.name.clone(), p.code.clone()))
        })
        .collect()
    }

    /// Makes what an order asks for, in the first job that knows all of its fields.
    ///
    /// # Errors
    /// R1191, R1192 for fields that do not fit, R1193 for an order that intake rejects, R1195
    /// without a job; what data generation and personalization say.
    pub fn order(&mut self, order: &Order) -> Result<Rehearsed, StationError> {
        self.in_some_job(order).map_err(Stop::into_error)
    }

    /// Makes what an order asks for, or says why it is refused.
    ///
    /// # Errors
    /// R1191, R1192, R1195 for a test that can't be read.
    pub fn attempt(&mut self, order: &Order) -> Result<Attempt, StationError> {
        match self.in_some_job(order) {
            Ok(made) => Ok(Attempt::Made(Box::new(made))),
            Err(stop) => {
                let refusal = stop.into_refusal()?;
                if let Some(coverage) = &mut self.coverage {
                    coverage.refused(&self.loaded, &refusal);
                }
                Ok(Attempt::Refused(refusal))
            }
        }
    }

    fn in_some_job(&mut self, order: &Order) -> Result<Rehearsed, Stop> {
        let mut first = None;
        for name in self.jobs() {
            match self.make(&name, order, Rules::Hold) {
                Err(Stop::Failed(error)) if error.code == "R1191" => {
                    first = first.or(Some(error));
                }
                result => return result,
            }
        }
        Err(Stop::Failed(first.unwrap_or_else(|| {
            StationError::new(
                "R1195",
                "the project has no job",
                "declare a job with the card",
            )
        })))
    }

    /// Makes what an order asks for, in a job of this name.
    ///
    /// # Errors
    /// As [`Rehearsal::order`]; R1105 for an unknown job.
    pub fn order_in(&mut self, job: &str, order: &Order) -> Result<Rehearsed, StationError> {
        self.make(job, order, Rules::Hold).map_err(Stop::into_error)
    }

    /// An invented order of a product. The bank's own rules on orders, such as ranges of PANs, need
    /// not let it pass.
    ///
    /// # Errors
    /// As [`Rehearsal::order_in`], without R1193 for those rules.
    pub fn specimen(
        &mut self,
        job: &str,
        product: &str,
        bin: Option<&str>,
    ) -> Result<Rehearsed, StationError> {
        let declared = self.loaded.job(Some(job))?;
        let program = self.loaded.program(declared.program)?;
        let mut order = Order {
            fields: BTreeMap::new(),
            bin: bin.map(str::to_owned),
        };
        let selector = program.nodes.get(declared.selector as usize);
        if let Some(Op::Field { field, .. }) = selector.map(|node| &node.op) {
            order.fields.insert(field.clone(), vec![product.to_owned()]);
        }
        self.make(job, &order, Rules::Waived)
            .map_err(Stop::into_error)
    }

    fn make(&mut self, job: &str, order: &Order, rules: Rules) -> Result<Rehearsed, Stop> {
        let job = self.loaded.job(Some(job))?;
        let (record, product) = take(&self.loaded, job, (order, &self.photos), rules)?;
        let work = Work {
            loaded: &self.loaded,
            keys: &self.keys,
            session: &mut self.session,
            coverage: self.coverage.as_mut(),
            with_chip: self.with_chip,
            job,
            record,
            calls: BTreeMap::new(),
        };
        Ok(work.make(&product)?)
    }
}

fn only_test() -> StationError {
    StationError::new(
        "R1190",
        "a LIVE bundle can't be rehearsed",
        "rehearse the TEST bundle of the same sources",
    )
}

/// Whether a job's rules on orders must hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rules {
    Hold,
    Waived,
}

/// Runs the order through intake; gives its record and product.
fn take(
    loaded: &Loaded,
    job: &Job,
    (order, photos): (&Order, &Photos),
    rules: Rules,
) -> Result<(Record, String), Stop> {
    let today = rehearsal_day();
    let waived;
    let job = match rules {
        Rules::Hold => job,
        Rules::Waived => {
            waived = Job {
                accept: Vec::new(),
                ..job.clone()
            };
            &waived
        }
    };
    let certified = issuer_identifier(loaded);
    let bin = order.bin.as_deref().or(certified.as_deref());
    let defaults = Defaults::new(loaded.content(), job, bin, today);
    let file = order_file::write(loaded.content(), job, order, &defaults)?;
    let (input, seconds) = order_file::formats(loaded.content(), job)?;
    let mut intake = Intake::over(loaded, job, &input, today)?;
    intake.fetch_from(photos);
    for join in &input.joins {
        let file = order_file::joined(loaded.content(), job, join, order, &defaults)?;
        if let Some(second) = seconds.get(&join.format) {
            intake.join_as(&join.name, second, &mut file.as_slice())?;
        }
    }
    let (mut taken, mut rejected) = (None, None);
    let summary = intake.scan(&mut file.as_slice(), &mut OneOrder, &mut |shown| {
        match shown {
            Shown::Order(order) => taken = Some(order),
            Shown::Rejection(rejection) => rejected = Some(rejection),
        }
        Ok(())
    })?;
    if let Some(rejection) = rejected {
        return Err(Stop::Rejected(Refusal {
            code: rejection.code,
            field: rejection.field,
            reason: rejection.reason,
            at_intake: true,
            rule: rejection.rule.map(|rule| {
                let rule = order_file::in_bundle(loaded.content(), &input, rule);
                (job.name.clone(), rule)
            }),
        }));
    }
    let taken = taken.ok_or_else(|| {
        StationError::new(
            "R1193",
            "intake finds no order",
            "look at the format's `when` clauses",
        )
    })?;
    let mut record = intake.reread(&taken, &summary.once_lines)?;
    for picture in taken.pictures {
        record.hang(picture.field, PictureData::new(picture.octets.to_vec()));
    }
    Ok((record, taken.product))
}

/// A rehearsed file has one order, which can't come twice.
struct OneOrder;

impl Seen for OneOrder {
    fn note(&mut self, _: &[u8]) -> Result<bool, StoreError> {
        Ok(true)
    }
}

/// One order at work.
struct Work<'w> {
    loaded: &'w Loaded,
    keys: &'w BoundKeys,
    session: &'w mut Tapped,
    coverage: Option<&'w mut Coverage>,
    with_chip: bool,
    job: &'w Job,
    record: Record,
    calls: BTreeMap<String, Calls>,
}

impl Work<'_> {
    fn make(mut self, code: &str) -> Result<Rehearsed, StationError> {
        let product = self.job.products.iter().find(|p| p.code == code);
        let cards = &self.loaded.content().cards;
        let found = product.and_then(|p| Some((p, cards.iter().find(|c| c.name == p.card)?)));
        let (product, card) = found.ok_or_else(|| no_product(self.job, code))?;
        let mut facts = self.facts();
        let name = &self.job.name;
        let datagen = Datagen::new(self.loaded, card, self.keys)?;
        let mut counted = Counting::of(self.session, &mut self.calls, "data");
        let data = datagen.make(&self.record, &facts, &mut counted, name, ORDER)?;
        if let Some(coverage) = self.coverage.as_deref_mut() {
            let finished = coverage::Finished {
                loaded: self.loaded,
                job: self.job,
                card,
                product: &product.code,
                keys: self.keys,
                fields: &self.record,
                facts: &facts,
                data: &data,
                order: ORDER,
            };
            coverage.made(&finished, self.session)?;
        }
        let (exchanges, verdicts) = if self.with_chip {
            self.chip(card, product, &data)?
        } else {
            (Vec::new(), Verdicts::new())
        };
        let pages = self.pages(&data, &facts)?;
        let finished = Finished {
            fields: &self.record,
            facts: &facts,
            data: &data,
            order: ORDER,
        };
        let rows = rows(self.loaded, self.job, self.keys, self.session, &finished)?;
        facts.set("result", Value::Text("produced".to_owned()));
        facts.set("serial", Value::Text(String::new()));
        let source = files::Source {
            loaded: self.loaded,
            job: self.job,
            keys: self.keys,
            card,
            fields: &self.record,
            facts: &facts,
            data: &data,
            order: ORDER,
        };
        let mut counted = Counting::of(self.session, &mut self.calls, "files");
        let files = files::files(&source, &mut counted)?;
        Ok(Rehearsed {
            job: name.clone(),
            product: product.code.clone(),
            card: card.name.clone(),
            data,
            exchanges,
            verdicts,
            pages,
            rows,
            files,
            calls: std::mem::take(&mut self.calls),
            record_name: self.job.record.clone(),
            record: self.record,
        })
    }

    fn facts(&self) -> RunFacts {
        let mut facts = RunFacts::default();
        facts.set("date", Value::Date(rehearsal_day()));
        facts.set("sequence", Value::Number(1));
        facts.set("reference", Value::Text(line::reference(1, ORDER)));
        facts.set("job", Value::Text("1".to_owned()));
        facts
    }

    /// Personalizes a blank and validates it by the product's scenarios.
    fn chip(
        &mut self,
        card: &Card,
        product: &Product,
        data: &CardData,
    ) -> Result<(Vec<Exchange>, Verdicts), StationError> {
        let mut virtual_card = card
            .chip
            .as_ref()
            .map(|chip| blank(self.loaded.content(), chip))
            .transpose()?;
        let mut exchanges = Vec::new();
        if let (Some(chip), Some(target)) = (&card.chip, &mut virtual_card) {
            let mut recorder = Recorder::new(target, self.session.tap());
            let draw = Draw {
                job: &self.job.name,
                order: ORDER,
                purpose: "rehearsal",
            };
            let mut counted = Counting::of(self.session, &mut self.calls, "chip");
            let written = perso::personalize(
                self.loaded,
                chip,
                self.keys,
                data,
                &mut counted,
                &mut recorder,
                &draw,
            );
            exchanges = recorder.into_exchanges();
            if let Err(error) = written {
                return Err(refused(error, target.last_refusal()));
            }
        }
        let verdicts = self.validate(product, data, virtual_card.as_mut().map(|c| c as _))?;
        Ok((exchanges, verdicts))
    }

    fn validate(
        &mut self,
        product: &Product,
        data: &CardData,
        mut chip: Option<&mut dyn CardChannel>,
    ) -> Result<Verdicts, StationError> {
        let (stripe, vision) = outside(data);
        let mut verdicts = Vec::new();
        for used in &product.scenarios {
            let validator =
                Validator::new(self.loaded, &used.scenario, self.keys, rehearsal_day())?;
            let draw = Draw {
                job: &self.job.name,
                order: ORDER,
                purpose: "validation",
            };
            let specimen = Specimen {
                data,
                chip: chip.as_mut().map(|c| &mut **c as &mut dyn CardChannel),
                stripe: Some(&stripe),
                vision: Some(&vision),
            };
            let stage = format!("validation {}", used.scenario);
            let mut counted = Counting::of(self.session, &mut self.calls, &stage);
            let found = validator.run(specimen, &mut counted, &draw);
            verdicts.extend(found.into_iter().map(|v| (used.scenario.clone(), v)));
        }
        Ok(verdicts)
    }

    fn pages(&mut self, data: &CardData, facts: &RunFacts) -> Result<Vec<PageMade>, StationError> {
        let mailer = self.job.mailer.as_ref().map(|m| m.layout.as_str());
        let labels = self.job.labels.as_deref();
        let names = self.job.carrier.as_deref().into_iter().chain(mailer);
        let names = names.chain(labels);
        let mut made = Vec::new();
        for name in names {
            let layout = pages::Pages::new(self.loaded, name, self.keys)?;
            let job = &self.job.name;
            let mut counted = Counting::of(self.session, &mut self.calls, "pages");
            let asked = pages::PageOf {
                fields: &self.record,
                facts,
                order: ORDER,
                draws: &data.draws,
            };
            let page = layout.make(&asked, &mut counted, job)?;
            for (number, sheet) in (1..).zip(page.into_sheets()) {
                let layout = match number {
                    1 => name.to_owned(),
                    number => format!("{name}-{number}"),
                };
                made.push(PageMade { layout, sheet });
            }
        }
        Ok(made)
    }
}

fn no_product(job: &Job, code: &str) -> StationError {
    StationError::new(
        "R1195",
        format!("job `{}` makes no product `{code}`", job.name),
        "name one of the job's products in the order",
    )
}

/// What a machine without a fault reads back.
fn outside(data: &CardData) -> (StripeRead, VisionRead) {
    let stripe = StripeRead {
        track1: data.track1.clone(),
        track2: data.track2.clone(),
        duration_us: 0,
    };
    let lines = data.emboss.iter();
    let panels = data.panels.iter();
    let vision = VisionRead {
        lines: lines
            .map(|(_, line, text)| EmbossedLine {
                line: *line,
                text: text.clone(),
            })
            .collect(),
        panels: panels
            .map(|panel| PrintedPanel {
                side: if panel.front { Side::Front } else { Side::Back },
                name: panel.name.clone(),
                text: panel.text.clone(),
            })
            .collect(),
        duration_us: 0,
    };
    (stripe, vision)
}

/// The card's refusal, with what a real chip would keep to itself.
fn refused(error: StationError, why: Option<&str>) -> StationError {
    match why {
        Some(why) => StationError {
            what: format!("{} ({why})", error.what),
            ..error
        },
        None => error,
    }
}
