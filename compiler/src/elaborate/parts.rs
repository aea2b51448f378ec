//! Parts that many programs of a check have alike: what is made of an entry for one heir is taken
//! over for every other that holds the same entry and gives the same answers.
//!
//! A thread numbers the steps of all cards that it makes in a check in one row, so that a part is the
//! same steps for each of them. Nothing of it goes into a bundle. What is taken over may have come
//! another way than it would here: a card about which there is anything to say is made again, by
//! itself.

use super::{Elaborator, Shared, SpanTable, Typed};
use crate::model::log::Asked;
use crate::model::{Decl, MEntry, Span};
use crate::session::turn;
use cardwright_bundle::{Node, NodeId, Program};
use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

/// Most cases of one entry that are kept: what heirs overrule differs, mostly in few ways.
const MOST_CASES: usize = 8;
/// Most steps in one row; beyond it another is begun.
const MOST_NODES: usize = 200_000;
/// Cards made twice, one after the other, before nothing more is taken over in a check.
const MOST_SPOILED: u32 = 4;

/// What a thread keeps from card to card of one check.
#[derive(Debug, Default)]
pub(crate) struct Workshop {
    /// The check, and the record whose programs these are.
    check: u64,
    record: (String, String),
    nodes: Vec<Node>,
    index: foldhash::HashMap<u64, NodeId>,
    hashing: foldhash::fast::RandomState,
    spans: SpanTable,
    tables: Vec<String>,
    parts: foldhash::HashMap<(&'static str, usize), Vec<Rc<Made>>>,
    /// Data objects by their tags and values.
    objects: foldhash::HashMap<Object, Typed>,
    /// How many cards had to be made again, one after the other.
    spoiled: u32,
}

/// A part, and what it rested on.
#[derive(Debug)]
struct Made {
    /// What was looked for in the declaration around it, and found.
    own: Vec<(String, Option<usize>)>,
    asked: Vec<Asked>,
    /// Places where PINs are drawn, with their numbers.
    pins: Vec<(Vec<Span>, usize)>,
    /// Expressions that were worked out.
    steps: u32,
    part: Rc<dyn Any>,
}

/// All that a data object follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Object {
    tag: u32,
    node: NodeId,
    /// Octets of the value, and whether there is no object where it is empty.
    lengths: (u32, u32),
    if_any: bool,
    /// Secrecy; shows the PAN, holds a PIN, is whole.
    marks: (u8, bool, bool, bool),
}

impl Object {
    fn of(tag: &str, value: &Typed, if_any: bool) -> Option<Self> {
        let lengths = value.ty.lengths();
        Some(Self {
            tag: u32::from_str_radix(tag, 16).ok()?,
            node: value.node,
            lengths: lengths.map_or((0, 0), |l| (l.min, l.max)),
            if_any,
            marks: (
                value.secrecy as u8,
                value.shows_pan,
                value.holds_pin,
                value.whole,
            ),
        })
    }
}

thread_local! {
    static WORKSHOP: RefCell<Option<Workshop>> = const { RefCell::new(None) };
}

impl Workshop {
    /// This thread's, if it is for programs of this record in this check.
    fn open(check: u64, record: (&str, &str)) -> Option<Self> {
        let kept = WORKSHOP.with_borrow_mut(Option::take);
        let same = |w: &Self| w.check == check && (&*w.record.0, &*w.record.1) == record;
        let open = kept.filter(same).unwrap_or_else(|| Self {
            check,
            record: (record.0.to_owned(), record.1.to_owned()),
            ..Self::default()
        });
        if open.spoiled < MOST_SPOILED {
            return Some(open);
        }
        WORKSHOP.set(Some(open));
        None
    }

    /// Keeps it for the thread's next card, with the steps of the one that was made.
    pub(crate) fn close(mut self, program: Option<Program>, shared: &mut Shared, spoiled: bool) {
        self.nodes = program.map(|p| p.nodes).unwrap_or_default();
        self.spans = std::mem::take(&mut shared.spans);
        self.tables = std::mem::take(&mut shared.tables);
        self.spoiled = if spoiled { self.spoiled + 1 } else { 0 };
        if self.nodes.len() > MOST_NODES || self.nodes.is_empty() {
            self = Self {
                check: self.check,
                record: self.record,
                spoiled: self.spoiled,
                ..Self::default()
            };
        }
        WORKSHOP.set(Some(self));
    }
}

impl Shared {
    /// Whether places where PINs are drawn would get these numbers here, one after the other.
    fn numbers_so(&self, pins: &[(Vec<Span>, usize)]) -> bool {
        let mut next = self.pins.len();
        pins.iter().all(|(site, number)| {
            let known = self.pins.iter().position(|other| other == site);
            let new = || {
                next += 1;
                next
            };
            known.map_or_else(new, |at| at + 1) == *number
        })
    }
}

impl<'a> Elaborator<'a> {
    /// Goes on with the steps of this thread's cards before, while questions are noted.
    pub(crate) fn go_on(&mut self) {
        let format = self.format.map_or("", |format| format.qualified.as_str());
        let record = (format, self.program.record.as_str());
        let check = self.model.check_number();
        let open = check.and_then(|check| Workshop::open(check, record));
        let Some(mut open) = open else { return };
        self.program.nodes = std::mem::take(&mut open.nodes);
        self.index = std::mem::take(&mut open.index);
        self.hashing.clone_from(&open.hashing);
        self.shared.spans = std::mem::take(&mut open.spans);
        self.shared.tables = std::mem::take(&mut open.tables);
        self.workshop = Some(Box::new(open));
    }

    /// The finished program, and what goes on with it.
    pub(crate) fn finish_for_next(mut self) -> (Program, Option<Box<Workshop>>) {
        let mut workshop = self.workshop.take();
        if let Some(workshop) = &mut workshop {
            workshop.index = self.index;
        }
        (self.program, workshop)
    }

    /// Makes a part of a declaration's program of an entry; or takes it over from another declaration
    /// that holds the same entry and for which it rests on the same.
    ///
    /// The part knows nothing of the lets before it, so that it is the same for all.
    pub(crate) fn part<T: Clone + 'static>(
        &mut self,
        decl: &'a Decl,
        (what, entry): (&'static str, &'a MEntry),
        make: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let place = (what, entry.address());
        let shared = self.workshop.is_some() && self.stands_alone(decl);
        if shared && let Some(known) = self.known_part(place, decl) {
            return known;
        }
        let lets = std::mem::take(&mut self.lets);
        let before = (self.findings().len(), self.measured);
        let (fuel, pins) = (self.fuel, self.shared.numbered.len());
        let (made, part) = match shared {
            true => turn::overhear(decl, || make(self)),
            false => (make(self), turn::Part::default()),
        };
        self.lets = lets;
        let in_order = (self.findings().len(), self.measured) == before && self.fuel > 0;
        let pins = self.shared.numbered.get(pins..).unwrap_or_default();
        if shared
            && in_order
            && part.questions.files.is_empty()
            && let Some(workshop) = &mut self.workshop
        {
            let cases = workshop.parts.entry(place).or_default();
            if cases.len() < MOST_CASES {
                cases.push(Rc::new(Made {
                    own: part.own,
                    asked: part.questions.asked,
                    pins: pins.to_vec(),
                    steps: fuel - self.fuel,
                    part: Rc::new(made.clone()),
                }));
            }
        }
        made
    }

    /// Makes a data object of a value, or takes over the one that was made of it before.
    pub(crate) fn object(
        &mut self,
        (tag, value, if_any): (&str, &Typed, bool),
        make: impl FnOnce(&mut Self) -> Option<Typed>,
    ) -> Option<Typed> {
        let workshop = self.workshop.as_ref();
        let known = workshop.and_then(|w| Some((w, Object::of(tag, value, if_any)?)));
        let Some((workshop, object)) = known else {
            return make(self);
        };
        if let Some(known) = workshop.objects.get(&object) {
            return Some(known.clone());
        }
        let before = self.findings().len();
        let made = make(self)?;
        let in_order = self.findings().len() == before;
        if let Some(workshop) = self.workshop.as_mut().filter(|_| in_order) {
            workshop.objects.insert(object, made.clone());
        }
        Some(made)
    }

    /// Whether nothing around says more of a part than its declaration.
    fn stands_alone(&self, decl: &Decl) -> bool {
        let within = self.env.this.is_none_or(|this| std::ptr::eq(this, decl));
        within
            && self.env.frame.is_none()
            && self.speaks.is_none()
            && self.open.is_empty()
            && self.facts.is_empty()
            && !self.facts.are_impossible()
    }

    fn known_part<T: Clone + 'static>(
        &mut self,
        place: (&'static str, usize),
        decl: &Decl,
    ) -> Option<T> {
        let workshop = self.workshop.as_ref()?;
        let same = |(path, found): &(String, Option<usize>)| {
            decl.entry_by(path).map(MEntry::address) == *found
        };
        let (fuel, shared) = (self.fuel, &*self.shared);
        let fits = |case: &&Rc<Made>| {
            case.steps < fuel && case.own.iter().all(same) && shared.numbers_so(&case.pins)
        };
        let case = Rc::clone(workshop.parts.get(&place)?.iter().find(fits)?);
        let part = case.part.downcast_ref::<T>()?.clone();
        turn::ask_again(decl, &case.own, &case.asked);
        for (site, _) in &case.pins {
            self.shared.pin(site.clone());
        }
        self.fuel -= case.steps;
        self.shared.steps = self.shared.steps.saturating_add(u64::from(case.steps));
        Some(part)
    }
}
