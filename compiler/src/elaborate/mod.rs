//! Expressions to typed program nodes.
//!
//! An [`Elaborator`] builds one bundle program: the DAG that the runtime evaluates for each record.
//! Lets and functions are inlined, equal nodes are shared, and every value carries its language
//! type, its secrecy and the way that it came, so that a sink can be refused with the whole path.

mod build;
mod call;
mod cases;
mod coerce;
pub mod constants;
mod expr;
mod facts;
mod failing;
mod fields;
mod fold;
mod keys;
mod lookup;
mod names;
mod once;
mod operators;
mod parts;
pub mod pictures;
mod results;
mod totals;

pub use fields::{FieldDef, field_def, is_order, joined_record, record_of, written_want};
pub use keys::KeyChoice;
pub use names::want_type;
pub(crate) use parts::Workshop;

use crate::diagnostics::{Findings, Problem};
use crate::model::{Decl, MExpr, Model, Span};
use crate::types::Type;
use cardwright_bundle::{NodeId, Op, Program, Secrecy};
use indexmap::IndexSet;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

/// One step of a value's way: what happened to it, where, and to what before.
#[derive(Debug)]
pub struct Step {
    /// What happened.
    pub what: What,
    /// Where.
    pub span: Span,
    /// The step before.
    pub from: Option<Rc<Step>>,
}

/// What happened to a value; in words only where somebody reads them.
#[derive(Debug)]
pub enum What {
    /// In words.
    Words(String),
    /// In words that are always the same.
    Fixed(&'static str),
    /// It went through an instruction.
    Through(&'static str),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => f.write_str(words),
            Self::Fixed(words) => f.write_str(words),
            Self::Through(name) => write!(f, "through `{name}`"),
        }
    }
}

impl From<String> for What {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl From<&'static str> for What {
    fn from(words: &'static str) -> Self {
        Self::Fixed(words)
    }
}

/// A value of a program: its node, language type, secrecy, and the way that it came.
#[derive(Clone, Debug)]
pub struct Typed {
    /// Node.
    pub node: NodeId,
    /// Language type, with lengths.
    pub ty: Type,
    /// How secret.
    pub secrecy: Secrecy,
    /// Whether it shows the PAN, or enough of it to find the account.
    pub shows_pan: bool,
    /// Whether it is or holds an enciphered PIN, which is for transit only.
    pub holds_pin: bool,
    /// Whether it still holds each field that it is made of as a whole: only such is lowered by a
    /// mask.
    pub whole: bool,
    /// The way of the most secret thing in it.
    pub path: Rc<Step>,
}

/// Table of the bundle's source map; index 0 stands for "made by the compiler".
#[derive(Clone, Debug)]
pub struct SpanTable {
    spans: Vec<Span>,
    index: foldhash::HashMap<Span, u32>,
}

impl Default for SpanTable {
    fn default() -> Self {
        Self {
            spans: vec![Span::default()],
            index: foldhash::HashMap::default(),
        }
    }
}

impl SpanTable {
    /// The number of a span.
    pub fn id(&mut self, span: Span) -> u32 {
        if let Some(id) = self.index.get(&span) {
            return *id;
        }
        let id = u32::try_from(self.spans.len()).unwrap_or(0);
        self.spans.push(span);
        self.index.insert(span, id);
        id
    }

    /// All spans by number.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }
}

/// What all programs of one bundle share.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    /// Problems found so far.
    pub findings: Findings,
    /// The source map.
    pub spans: SpanTable,
    /// Lengths that were come upon, for whoever writes the source.
    pub measures: IndexSet<crate::Measure>,
    /// Expressions that were worked out.
    pub steps: u64,
    /// Tables that programs look into, by qualified name, in the order of the bundle.
    pub tables: Vec<String>,
    /// Places where PINs are drawn, each with the calls that lead there, in the order in which they
    /// were come upon: a bundle's programs draw one PIN at one place.
    pub pins: Vec<Vec<Span>>,
    /// Each time that one was come upon, with its number.
    numbered: Vec<(Vec<Span>, usize)>,
}

impl Shared {
    /// The number of a place where a PIN is drawn, from 1.
    pub fn pin(&mut self, site: Vec<Span>) -> usize {
        let known = self.pins.iter().position(|other| *other == site);
        let number = known.unwrap_or(self.pins.len()) + 1;
        self.numbered.push((site.clone(), number));
        if known.is_none() {
            self.pins.push(site);
        }
        number
    }

    /// The bundle's number of a table.
    pub fn table(&mut self, qualified: &str) -> u32 {
        let known = self.tables.iter().position(|t| t == qualified);
        let at = known.unwrap_or_else(|| {
            self.tables.push(qualified.to_owned());
            self.tables.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }
}

/// Most expressions that are worked out in one check, and again when its bundle is made.
pub(crate) const MOST_STEPS: u64 = 2_000_000;

/// What is said where the values of a project are too much to work out.
pub(crate) fn too_much(span: Span) -> Problem {
    let message = format!(
        "from here on nothing is checked: the values of this project take more than {MOST_STEPS} \
         steps to work out"
    );
    let help = "give common parts to a `let` near to where they are used, or split the project";
    Problem::error("E0210", span, message).help(help)
}

/// Most expressions that one program may inline: lets and functions can't run away.
const FUEL: u32 = 100_000;
/// Deepest nesting of expressions when lets and functions are put in.
const DEPTH: u32 = 300;

/// Where an expression stands: the function whose parameters are bare names, and the declaration
/// whose attributes are.
#[derive(Clone, Copy, Debug, Default)]
struct Env<'a> {
    frame: Option<usize>,
    this: Option<&'a Decl>,
}

/// A function that is being inlined: its parameters and where their arguments stand.
#[derive(Debug)]
struct Frame<'a> {
    params: Vec<(&'a str, &'a MExpr)>,
    caller: Env<'a>,
    /// Where the call stands.
    site: Span,
    /// How many things were open where the call stands; its arguments stand there, too.
    open: usize,
}

/// Builds one program.
pub struct Elaborator<'a> {
    model: &'a Model,
    shared: &'a mut Shared,
    program: Program,
    format: Option<&'a Decl>,
    /// The format that is being written: what `count` and `sum` speak of.
    written: Option<&'a Decl>,
    /// Nodes by their operations: each at the first free place from its operation's number on.
    index: foldhash::HashMap<u64, NodeId>,
    /// What gives those numbers.
    hashing: foldhash::fast::RandomState,
    env: Env<'a>,
    /// Whose meaning of tags holds in the block that is being read, where it has one of its own.
    speaks: Option<&'static str>,
    frames: Vec<Frame<'a>>,
    /// Lets, functions and attributes that are being inlined, against circles.
    open: Vec<String>,
    lets: HashMap<String, Typed>,
    /// What conditions around say of values.
    facts: facts::Facts,
    fuel: u32,
    depth: u32,
    /// The number of what is spoken of, once it was asked for.
    ground: Option<usize>,
    /// What is taken over from program to program, where this one is for findings only.
    workshop: Option<Box<Workshop>>,
    /// How many lengths were noted.
    measured: u32,
}

impl<'a> Elaborator<'a> {
    /// Starts a program for the records of a format: qualified name of the format, record name.
    /// An empty record name stands for the whole file (a format's file rules).
    pub fn new(model: &'a Model, shared: &'a mut Shared, format: &str, record: &str) -> Self {
        let decl = model.get(format).filter(|d| d.kind == "format");
        Self {
            model,
            shared,
            program: Program {
                format: decl.map_or_else(String::new, |d| d.name.clone()),
                record: record.to_owned(),
                nodes: Vec::new(),
            },
            format: decl,
            written: None,
            index: foldhash::HashMap::default(),
            hashing: foldhash::fast::RandomState::default(),
            env: Env::default(),
            speaks: None,
            frames: Vec::new(),
            open: Vec::new(),
            lets: HashMap::new(),
            facts: facts::Facts::default(),
            fuel: FUEL,
            depth: 0,
            ground: None,
            workshop: None,
            measured: 0,
        }
    }

    /// Says which format the values are written into.
    pub fn writing(&mut self, format: &'a Decl) {
        self.written = Some(format);
    }

    /// Runs `f` with a declaration's attributes as bare names (`services` inside its profile).
    pub fn within<T>(&mut self, decl: &'a Decl, f: impl FnOnce(&mut Self) -> T) -> T {
        let env = Env {
            frame: None,
            this: Some(decl),
        };
        self.standing(env, f)
    }

    /// Runs `f` where tags have the meaning of another dictionary than the declaration's.
    pub fn speaking<T>(
        &mut self,
        dictionary: Option<&'static str>,
        f: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let before = self.speaks;
        self.speaks = dictionary.or(before);
        let result = f(self);
        self.speaks = before;
        result
    }

    fn standing<T>(&mut self, env: Env<'a>, f: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.env, env);
        let result = f(self);
        self.env = before;
        result
    }

    /// Runs `f` where the argument of a parameter of the present function was written: what has
    /// been opened since then is not open there, so that `twice(twice(x))` is no circle.
    fn in_argument<T>(&mut self, env: Env<'a>, f: impl FnOnce(&mut Self) -> T) -> T {
        let frame = self.env.frame.and_then(|n| self.frames.get(n));
        let open = frame.map_or(self.open.len(), |frame| frame.open);
        let since = self.open.split_off(open.min(self.open.len()));
        let result = self.standing(env, f);
        self.open.extend(since);
        result
    }

    /// Runs `f` where a condition holds: what it says of values is known there.
    pub fn where_holds<T>(&mut self, flag: &Typed, f: impl FnOnce(&mut Self) -> T) -> T {
        self.in_case(flag, true, f)
    }

    /// Whether orders can make these conditions so; `false` only where it is known that none can.
    #[must_use]
    pub fn possible(&self, flags: &[(NodeId, bool)]) -> bool {
        let mut facts = self.facts.clone();
        for (flag, holds) in flags {
            facts = facts.given(&self.program, *flag, *holds);
        }
        !facts.are_impossible()
    }

    /// Whether a flag must hold or can't, as far as is known here.
    pub(crate) fn known(&self, flag: &Typed) -> Option<bool> {
        self.facts.truth(&self.program, flag.node)
    }

    /// Runs `f` where it is known whether a flag holds.
    pub(crate) fn in_case<T>(
        &mut self,
        flag: &Typed,
        holds: bool,
        f: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let kept = self.facts.clone();
        self.facts = kept.given(&self.program, flag.node, holds);
        let result = f(self);
        self.facts = kept;
        result
    }

    /// The finished program.
    #[must_use]
    pub fn finish(self) -> Program {
        self.program
    }

    /// Runs `f` with a program of its own for another record of the same format.
    pub fn for_record<T>(&mut self, record: &str, f: impl FnOnce(&mut Self) -> T) -> T {
        let fresh = Program {
            format: self.program.format.clone(),
            record: record.to_owned(),
            nodes: Vec::new(),
        };
        let program = std::mem::replace(&mut self.program, fresh);
        let index = std::mem::take(&mut self.index);
        let lets = std::mem::take(&mut self.lets);
        let facts = std::mem::take(&mut self.facts);
        let result = f(self);
        (self.program, self.index, self.lets) = (program, index, lets);
        self.facts = facts;
        result
    }

    /// Whether the program speaks of no record: what it builds can only be constant.
    #[must_use]
    pub fn is_groundless(&self) -> bool {
        self.format.is_none()
    }

    /// The expression behind a name, through lets, attributes and arguments; the expression itself
    /// when it is no such name. `None` when the lets go in circles.
    pub fn behind_name(&mut self, e: &'a MExpr) -> Option<(&'a MExpr, Option<&'a Decl>)> {
        self.behind(e).map(|(e, env)| (e, env.this))
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &'a Model {
        self.model
    }

    /// The program as far as it is built.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The operation of a node.
    #[must_use]
    pub fn op(&self, node: NodeId) -> Option<&Op> {
        let node = self.program.nodes.get(usize::try_from(node).ok()?)?;
        Some(&node.op)
    }

    /// Notes how long a thing becomes that was written at a place.
    pub(crate) fn measure(&mut self, span: Span, least: u32, most: u32, of: Option<u32>) {
        let octets = match (least, most) {
            (1, 1) => "1 octet".to_owned(),
            (0, most) => format!("up to {most} octets"),
            (least, most) if least == most => format!("{most} octets"),
            (least, most) => format!("{least} to {most} octets"),
        };
        let words = match of {
            Some(of) => format!("{octets} of {of}"),
            None => octets,
        };
        let measure = crate::Measure { span, words };
        self.shared.measures.insert(measure);
        self.measured = self.measured.wrapping_add(1);
    }

    /// The collection of problems.
    pub fn findings(&mut self) -> &mut Findings {
        &mut self.shared.findings
    }

    /// The source map's number of a span.
    pub fn span_id(&mut self, span: Span) -> u32 {
        self.shared.spans.id(span)
    }
}
