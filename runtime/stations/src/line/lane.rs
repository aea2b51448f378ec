//! One worker's hands: its HSM session, and what each act does.

use super::{Line, reference};
use crate::{
    StationError,
    pages::{Page, PageOf, Pages, Revealer},
    perso, pictures,
    validation::{Specimen, Validator},
};
use cardwright_bundle::ScenarioUse;
use cardwright_ports::{
    HsmSession, SecretBytes,
    hsm::Draw,
    machine::{
        BlankNumber, Coercivity, EmbossedLine, MachineError, PrintedPanel, PrintedPicture, Side,
        StripeRead, VisionRead,
    },
    store::{CardData as KeptData, OrderKey, SealContext},
};
use cardwright_runtime::{
    datagen::CardData,
    engine::{Act, Event, Lane, Trouble, Workpiece},
};

/// A lane.
pub(super) struct LineLane<'l, 'a> {
    line: &'l Line<'a>,
    session: Box<dyn HsmSession>,
}

/// What a lane keeps for an order between acts.
struct Memo {
    data: CardData,
    stripe: Option<StripeRead>,
    vision: Option<VisionRead>,
}

impl<'l, 'a> LineLane<'l, 'a> {
    pub(super) fn new(line: &'l Line<'a>, session: Box<dyn HsmSession>) -> Self {
        Self { line, session }
    }
}

impl Lane for LineLane<'_, '_> {
    fn perform(&mut self, work: &mut Workpiece, act: &Act) -> Event {
        match act {
            Act::Generate => self.generate(work),
            Act::Feed { stock } => self.feed(work, stock),
            _ => {
                let event = match self.on_card(work, act) {
                    Ok(event) => event,
                    Err(trouble) => Event::Failed(self.for_want_of_a_key(trouble)),
                };
                if matches!(act, Act::Eject | Act::Insert { .. } | Act::Reject { .. }) {
                    self.session.forget_card();
                }
                event
            }
        }
    }

    fn print_mailers(&mut self, batch: &mut [Workpiece]) -> Vec<Event> {
        let keys: Vec<OrderKey> = batch.iter().map(|work| work.order.key).collect();
        self.print(&keys)
    }
}

impl<'a> LineLane<'_, 'a> {
    /// A card that failed after its key went out of use says nothing of the lot of blanks: its
    /// order gets another card when the job goes on.
    fn for_want_of_a_key(&self, trouble: Trouble) -> Trouble {
        match self.line.still_bound() {
            Err(gone) if !trouble.doubt => Trouble {
                line: true,
                retryable: true,
                ..Trouble::card(
                    gone.code,
                    format!("{}; {} {}", gone.what, trouble.code, trouble.reason),
                )
            },
            _ => trouble,
        }
    }

    /// Data are made once: what the store has is taken, whatever a second making would give.
    fn generate(&mut self, work: &mut Workpiece) -> Event {
        match self.try_generate(work) {
            Ok(event) => event,
            Err(error) => Event::Failed(order_trouble(&error)),
        }
    }

    fn try_generate(&mut self, work: &mut Workpiece) -> Result<Event, StationError> {
        let line = self.line;
        let key = work.order.key;
        line.still_bound()?;
        let (data, event) = match line.kept_data(key)? {
            Some((data, made_with)) => {
                let replaced = line.still_serves(made_with.as_deref())?;
                (data, Event::Kept { replaced })
            }
            None => {
                let data = line.make_data(&work.order, self.session.as_mut())?;
                // Data of many orders take their time; and those made ahead may be older than the
                // end of their key. Nothing of them is bound yet.
                line.still_bound()?;
                let taken = data.draws.taken().to_vec();
                let clear = data.to_bytes(line.parts.binding.versions())?;
                let clear = zeroize::Zeroizing::new(clear);
                let context = SealContext {
                    order: key.order,
                    purpose: "card",
                };
                let sealer = line.parts.sealer;
                let kept = KeptData {
                    sealed: sealer.seal(&context, &clear)?,
                    fingerprint: sealer.fingerprint(&context, &clear),
                    pooled: taken,
                };
                (data, Event::Generated(Some(kept)))
            }
        };
        work.memo = Some(Box::new(Memo {
            data,
            stripe: None,
            vision: None,
        }));
        Ok(event)
    }

    fn feed(&mut self, work: &Workpiece, stock: &str) -> Event {
        let own = self.line.made(&work.order.product).ok();
        let stock = own
            .and_then(|made| made.product.stock.as_deref())
            .unwrap_or(stock);
        match self.line.parts.machine.feed(stock) {
            Ok(blank) => Event::Fed {
                blank: blank.number,
                serial: blank.serial,
                duration_us: blank.duration_us,
            },
            // Without cards, nothing goes on.
            Err(error) => Event::Failed(Trouble {
                line: true,
                ..machine_trouble(error)
            }),
        }
    }

    fn on_card(&mut self, work: &mut Workpiece, act: &Act) -> Result<Event, Trouble> {
        let Some((blank, _)) = work.blank.clone() else {
            return Err(Trouble::card("R1259", "no card is in a slot"));
        };
        let machine = self.line.parts.machine;
        // Acts after the card's data are not needed any more.
        let simple = match act {
            Act::Carrier { .. } => {
                let reference = reference(work.order.key.job, work.order.key.order);
                Some(machine.carrier(blank, &reference))
            }
            Act::Insert { .. } => Some(machine.insert(blank, "C5")),
            Act::Reject { bin, code } => Some(machine.reject(blank, bin, code)),
            _ => None,
        };
        if let Some(done) = simple {
            return done.map(did).map_err(machine_trouble);
        }
        let mut memo = self.memo(work)?;
        let event = self.with_data(work, act, blank, &mut memo);
        work.memo = Some(memo);
        event
    }

    fn memo(&mut self, work: &mut Workpiece) -> Result<Box<Memo>, Trouble> {
        if let Some(memo) = work
            .memo
            .take()
            .and_then(|memo| memo.downcast::<Memo>().ok())
        {
            return Ok(memo);
        }
        let key = work.order.key;
        let data = self.line.card_data(key).map_err(|e| order_trouble(&e))?;
        let data = data.ok_or_else(|| Trouble::card("R1107", "the card's data are not there"))?;
        Ok(Box::new(Memo {
            data,
            stripe: None,
            vision: None,
        }))
    }

    fn with_data(
        &mut self,
        work: &mut Workpiece,
        act: &Act,
        blank: BlankNumber,
        memo: &mut Memo,
    ) -> Result<Event, Trouble> {
        let machine = self.line.parts.machine;
        let data = &memo.data;
        match act {
            Act::WriteChip { .. } => self.write_chip(work, blank, data),
            Act::Encode { .. } => {
                let made = self
                    .line
                    .made(&work.order.product)
                    .map_err(|e| order_trouble(&e))?;
                let low = made
                    .card
                    .stripe
                    .as_ref()
                    .is_some_and(|s| s.coercivity == "low");
                let coercivity = if low {
                    Coercivity::Low
                } else {
                    Coercivity::High
                };
                let (track1, track2) = (data.track1.as_deref(), data.track2.as_deref());
                machine
                    .encode(blank, track1, track2, coercivity)
                    .map(did)
                    .map_err(machine_trouble)
            }
            Act::ReadStripe { .. } => {
                let read = machine.read_stripe(blank).map_err(machine_trouble)?;
                let same = read.track1 == data.track1 && read.track2 == data.track2;
                let event = did(read.duration_us);
                memo.stripe = Some(read);
                same.then_some(event)
                    .ok_or_else(|| spoilt("R1258", "the stripe reads otherwise"))
            }
            Act::Emboss { .. } => {
                let lines: Vec<EmbossedLine> = data
                    .emboss
                    .iter()
                    .map(|(_, line, text)| EmbossedLine {
                        line: *line,
                        text: text.clone(),
                    })
                    .collect();
                machine
                    .emboss(blank, &lines)
                    .map(did)
                    .map_err(machine_trouble)
            }
            Act::Print { .. } => self.print_card(work, blank, data),
            Act::Vision { .. } => self.look(blank, memo),
            Act::Validate => self.validate(work, blank, memo),
            Act::Eject => self.eject(work, blank),
            _ => Err(Trouble::card(
                "R1259",
                "an act that this line does not know",
            )),
        }
    }

    fn write_chip(
        &mut self,
        work: &Workpiece,
        blank: BlankNumber,
        data: &CardData,
    ) -> Result<Event, Trouble> {
        let line = self.line;
        let made = line
            .made(&work.order.product)
            .map_err(|e| order_trouble(&e))?;
        let Some(chip) = &made.card.chip else {
            return Ok(did(0));
        };
        let label = line.draw_label();
        // Another attempt is another card: it gets challenges of its own.
        let purpose = format!("attempt {}", work.order.status.attempt);
        let draw = Draw {
            job: &label,
            order: work.order.key.order,
            purpose: &purpose,
        };
        let mut channel = line.parts.machine.chip(blank).map_err(machine_trouble)?;
        let session = self.session.as_mut();
        perso::personalize(
            line.parts.loaded,
            chip,
            &line.keys,
            data,
            session,
            channel.as_mut(),
            &draw,
        )
        .map_err(|e| Trouble {
            line: e.retryable,
            ..spoilt(e.code, e.what)
        })?;
        drop(channel);
        line.parts
            .machine
            .chip_done(blank)
            .map(did)
            .map_err(machine_trouble)
    }

    fn print_card(
        &self,
        work: &Workpiece,
        blank: BlankNumber,
        data: &CardData,
    ) -> Result<Event, Trouble> {
        let machine = self.line.parts.machine;
        let panels: Vec<PrintedPanel> = data.panels.iter().map(printed).collect();
        let pictures = self.pictures(work).map_err(|e| order_trouble(&e))?;
        let printed = machine.print(blank, &panels, &pictures);
        printed.map(did).map_err(machine_trouble)
    }

    /// The order's own pictures on its card.
    fn pictures(&self, work: &Workpiece) -> Result<Vec<PrintedPicture>, StationError> {
        let line = self.line;
        let card = line.made(&work.order.product)?.card;
        if !pictures::on_card(card) {
            return Ok(Vec::new());
        }
        let record = line.whole_record(work.order.key)?;
        pictures::printed(line.parts.loaded, card, &line.parts.job.record, &record)
    }

    fn look(&mut self, blank: BlankNumber, memo: &mut Memo) -> Result<Event, Trouble> {
        let seen = self
            .line
            .parts
            .machine
            .vision(blank)
            .map_err(machine_trouble)?;
        let lines_agree = memo.data.emboss.iter().all(|(_, number, text)| {
            seen.lines
                .iter()
                .any(|line| line.line == *number && line.text == *text)
        });
        let panels_agree = memo
            .data
            .panels
            .iter()
            .map(printed)
            .all(|panel| seen.panels.contains(&panel));
        let event = did(seen.duration_us);
        memo.vision = Some(seen);
        if lines_agree && panels_agree {
            Ok(event)
        } else {
            Err(spoilt("R1258", "the camera reads otherwise"))
        }
    }

    /// The product's scenarios; all of them when it is the card's turn.
    fn validate(
        &mut self,
        work: &mut Workpiece,
        blank: BlankNumber,
        memo: &Memo,
    ) -> Result<Event, Trouble> {
        let line = self.line;
        let order = work.order.key.order;
        let made = line
            .made(&work.order.product)
            .map_err(|e| order_trouble(&e))?;
        let label = line.draw_label();
        let mut verdicts = Vec::new();
        for used in made
            .product
            .scenarios
            .iter()
            .filter(|used| is_sampled(used, order))
        {
            let validator =
                Validator::new(line.parts.loaded, &used.scenario, &line.keys, line.date)
                    .map_err(|e| order_trouble(&e))?;
            let mut chip = match &made.card.chip {
                Some(_) => Some(line.parts.machine.chip(blank).map_err(machine_trouble)?),
                None => None,
            };
            let purpose = format!("validation {}", work.order.status.attempt);
            let draw = Draw {
                job: &label,
                order,
                purpose: &purpose,
            };
            let specimen = Specimen {
                data: &memo.data,
                chip: chip
                    .as_deref_mut()
                    .map(|c| c as &mut dyn cardwright_ports::CardChannel),
                stripe: memo.stripe.as_ref(),
                vision: memo.vision.as_ref(),
            };
            verdicts.extend(validator.run(specimen, self.session.as_mut(), &draw));
        }
        if verdicts.is_empty() {
            return Ok(Event::Did {
                duration_us: 0,
                note: Some("not sampled".into()),
            });
        }
        let checks = verdicts
            .iter()
            .map(|v| (v.name.clone(), v.failure.is_none()));
        work.checks.extend(checks);
        let failed = verdicts
            .iter()
            .find_map(|v| v.failure.as_ref().map(|f| (v, f)));
        match failed {
            None => {
                let note = format!("{} checks passed", verdicts.len());
                Ok(Event::Did {
                    duration_us: 0,
                    note: Some(note),
                })
            }
            Some((verdict, (code, what))) => Err(Trouble {
                line: verdict.undecided,
                ..spoilt(code, format!("{}: {what}", verdict.name))
            }),
        }
    }

    fn eject(&mut self, work: &Workpiece, blank: BlankNumber) -> Result<Event, Trouble> {
        let line = self.line;
        if line.parts.keep_cards {
            // Kept before the card leaves: afterwards the machine has it no more.
            let channel = line.parts.machine.chip(blank).map_err(machine_trouble)?;
            if let Some(state) = channel.snapshot() {
                let name = format!("{:06}.card", work.order.key.order);
                let path = line.parts.out.join("cards").join(name);
                crate::report::write_whole(&path, state.expose()).map_err(|e| order_trouble(&e))?;
            }
        }
        line.parts
            .machine
            .eject(blank)
            .map(did)
            .map_err(machine_trouble)
    }

    /// Several letters as one document, drawn whole before its file has a name: a document that a
    /// crash left behind has another one, and its letters are in doubt. A letter that can't be
    /// drawn is left out, with its own reason.
    fn print(&mut self, keys: &[OrderKey]) -> Vec<Event> {
        let mut drawn: Vec<Result<Page, StationError>> = match self.mailer() {
            Ok(Some(layout)) => self.letters(&layout, keys),
            Ok(None) => return keys.iter().map(|_| did(0)).collect(),
            Err(error) => keys.iter().map(|_| Err(error.clone())).collect(),
        };
        let document = self.document(&mut drawn);
        let good = || {
            let letters = keys.iter().zip(&drawn);
            letters.filter_map(|(key, page)| page.is_ok().then_some(key.order))
        };
        let printed = match (document, good().next(), good().next_back()) {
            // From here on paper may be inked: any failure is doubt.
            (Some(document), Some(first), Some(last)) => self.put_out(&document, first, last),
            _ => Ok(()),
        };
        let event = |page: &Result<Page, StationError>| match (page, &printed) {
            (Err(error), _) => Event::NotDrawn(order_trouble(error)),
            (Ok(_), Ok(())) => did(0),
            (Ok(_), Err(error)) => Event::Failed(Trouble {
                doubt: true,
                ..order_trouble(error)
            }),
        };
        drawn.iter().map(event).collect()
    }

    fn mailer(&self) -> Result<Option<Pages<'a>>, StationError> {
        let line = self.line;
        let mailer = line.parts.job.mailer.as_ref();
        let layout = mailer.map(|m| Pages::new(line.parts.loaded, &m.layout, &line.keys));
        layout.transpose()
    }

    /// The letters' pages, their PINs sealed: what they need of the HSM is asked for together.
    fn letters(
        &mut self,
        layout: &Pages<'_>,
        keys: &[OrderKey],
    ) -> Vec<Result<Page, StationError>> {
        let line = self.line;
        let gone = || StationError::new("R1107", "the card's data are gone", "restore the job");
        let order = |key: &OrderKey| {
            let record = line.record_for(layout.shows_pictures(), *key)?;
            let data = line.card_data(*key)?.ok_or_else(gone)?;
            Ok((record, data, line.facts(key.order)))
        };
        let orders: Vec<Result<_, StationError>> = keys.iter().map(order).collect();
        let there = keys.iter().zip(&orders);
        let there = there.filter_map(|(key, order)| Some((key, order.as_ref().ok()?)));
        let asked: Vec<PageOf<'_>> = there
            .map(|(key, (record, data, facts))| PageOf {
                fields: record,
                facts,
                order: key.order,
                draws: &data.draws,
            })
            .collect();
        let label = line.draw_label();
        let pages = layout.make_all(&asked, self.session.as_mut(), &label);
        drop(asked);
        let mut pages = pages.into_iter();
        let orders = orders.into_iter();
        let page = |order: Result<_, StationError>| {
            order.and_then(|_| pages.next().unwrap_or_else(|| Err(gone())))
        };
        orders.map(page).collect()
    }

    /// Draws all pages that there are. When that fails, each is tried by itself, so that only those
    /// that are to blame are refused.
    fn document(&mut self, letters: &mut [Result<Page, StationError>]) -> Option<SecretBytes> {
        if let Ok(document) = self.draw(letters.iter().filter_map(|l| l.as_ref().ok())) {
            return document;
        }
        for letter in letters.iter_mut() {
            if let Ok(page) = letter
                && let Err(error) = self.draw(std::iter::once(&*page))
            {
                *letter = Err(error);
            }
        }
        let rest = self.draw(letters.iter().filter_map(|l| l.as_ref().ok()));
        match rest {
            Ok(document) => document,
            // Each alone, but not together: nobody in particular is to blame.
            Err(error) => {
                let all = letters.iter_mut().filter(|letter| letter.is_ok());
                all.for_each(|letter| *letter = Err(error.clone()));
                None
            }
        }
    }

    /// A document of these pages; none without pages. Nothing leaves the memory.
    fn draw<'p>(
        &mut self,
        pages: impl Iterator<Item = &'p Page>,
    ) -> Result<Option<SecretBytes>, StationError> {
        let pages: Vec<&Page> = pages.collect();
        if pages.is_empty() {
            return Ok(None);
        }
        let line = self.line;
        let sheets: Vec<_> = pages.iter().flat_map(|page| page.sheets()).collect();
        let mut revealer = Revealer::new(pages, self.session.as_mut());
        let paper = line.parts.paper;
        let document = paper.pdf(&line.stationery, &sheets, &mut revealer)?;
        Ok(Some(document))
    }

    fn put_out(&self, document: &SecretBytes, first: u64, last: u64) -> Result<(), StationError> {
        let parts = &self.line.parts;
        let layout = parts.job.mailer.as_ref().map(|m| m.layout.as_str());
        let name = format!("{}-{first:06}-{last:06}.pdf", layout.unwrap_or("mailer"));
        let path = parts.out.join("mailers").join(name);
        crate::report::write_whole(&path, document.expose())
    }
}

fn is_sampled(used: &ScenarioUse, order: u64) -> bool {
    order % u64::from(used.of.max(1)) < u64::from(used.sample)
}

fn printed(panel: &cardwright_runtime::datagen::PanelData) -> PrintedPanel {
    PrintedPanel {
        side: if panel.front { Side::Front } else { Side::Back },
        name: panel.name.clone(),
        text: panel.text.clone(),
    }
}

fn did(duration_us: u64) -> Event {
    Event::Did {
        duration_us,
        note: None,
    }
}

/// A card that came out wrong: another blank may do better.
fn spoilt(code: &str, what: impl Into<String>) -> Trouble {
    Trouble {
        retryable: true,
        ..Trouble::card(code, what)
    }
}

fn order_trouble(error: &StationError) -> Trouble {
    // Reading the store, writing a file or a lost HSM session fails for every order alike; data of
    // an outdated key are this order's own matter.
    let band = error.code.starts_with("R14") && error.code != "R1465";
    let line = band || error.code == "R1291" || error.retryable;
    Trouble {
        line,
        ..Trouble::card(error.code, error.what.clone())
    }
}

/// What a machine's error means for a card.
pub(super) fn machine_trouble(error: MachineError) -> Trouble {
    Trouble {
        doubt: error.doubt,
        retryable: true,
        ..Trouble::card(error.code, error.what)
    }
}
