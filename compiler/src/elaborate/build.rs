//! Nodes: what a lowering may build by itself, with types, secrecy and sharing kept right.

use super::{Elaborator, Step, Typed, What};
use crate::model::Span;
use crate::types::{ANY_LENGTH, Lengths, Type};
use cardwright_bundle::{
    Constant, Effect, Node, NodeId, Op, Secrecy, ValueType, function, intent, keeps_whole,
};
use std::hash::{BuildHasher, Hash, Hasher};
use std::rc::Rc;

impl Elaborator<'_> {
    /// A text constant.
    pub fn text(&mut self, text: &str, span: Span) -> Typed {
        let length = Lengths::exactly(u32::try_from(text.chars().count()).unwrap_or(u32::MAX));
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let ty = if digits {
            Type::Digits(length)
        } else {
            Type::Text(length)
        };
        self.constant(Constant::Text(text.to_owned()), ty, span)
    }

    /// An octets constant.
    pub fn octets(&mut self, bytes: &[u8], span: Span) -> Typed {
        let length = Lengths::exactly(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.constant(
            Constant::Bytes(hexadecimal(bytes)),
            Type::Bytes(length),
            span,
        )
    }

    /// A number constant.
    pub fn number(&mut self, n: i64, span: Span) -> Typed {
        let digits = u32::try_from(n.unsigned_abs().to_string().len()).unwrap_or(19);
        self.constant(Constant::Number(n), Type::Number { digits }, span)
    }

    /// A flag constant.
    pub fn flag(&mut self, flag: bool, span: Span) -> Typed {
        self.constant(Constant::Flag(flag), Type::Flag, span)
    }

    fn constant(&mut self, value: Constant, ty: Type, span: Span) -> Typed {
        let node = self.node(
            Op::Constant { value },
            ty.value_type(),
            Secrecy::Public,
            span,
        );
        Typed {
            node,
            ty,
            secrecy: Secrecy::Public,
            shows_pan: false,
            holds_pin: false,
            whole: true,
            path: step("a constant", span, None),
        }
    }

    /// A pure function of the instruction set, by its bundle name (`tlv`, `concat`, …). The type
    /// of the result is the instruction's own with unknown lengths; see [`Typed::of_type`].
    /// An unknown name or a wrong number of arguments gives `None`; that is a defect of the caller.
    pub fn apply(&mut self, name: &str, args: &[Typed], span: Span) -> Option<Typed> {
        let instruction = function(name)?;
        fits(instruction.operands.len(), instruction.variadic, args.len())?;
        self.refuse_telling(instruction.name, args, span);
        let op = Op::Apply {
            function: instruction.name.to_owned(),
            args: args.iter().map(|a| a.node).collect(),
        };
        let what = What::Through(instruction.name);
        let typed = self.instruction(op, instruction.gives, instruction.effect, args, what, span);
        Some(self.folded(name, args, typed, span))
    }

    /// An operation of the HSM by its bundle name, with keys as qualified names in the intent's
    /// order.
    pub fn intent(
        &mut self,
        name: &str,
        keys: &[String],
        args: &[Typed],
        span: Span,
    ) -> Option<Typed> {
        let instruction = intent(name)?;
        fits(instruction.operands.len(), instruction.variadic, args.len())?;
        if keys.len() != instruction.keys {
            return None;
        }
        let keys = keys
            .iter()
            .map(|k| self.model.key_id(k))
            .collect::<Option<Vec<_>>>()?;
        let op = Op::Intent {
            intent: instruction.name.to_owned(),
            keys,
            args: args.iter().map(|a| a.node).collect(),
        };
        let what = What::Through(instruction.name);
        Some(self.instruction(op, instruction.gives, instruction.effect, args, what, span))
    }

    /// `then` or `otherwise`: as secret as the most secret of the three, the condition counts too.
    pub fn choose(
        &mut self,
        condition: &Typed,
        then: &Typed,
        otherwise: &Typed,
        span: Span,
    ) -> Typed {
        let op = Op::Choose {
            condition: condition.node,
            then: then.node,
            otherwise: otherwise.node,
        };
        let args = [condition.clone(), then.clone(), otherwise.clone()];
        let mut typed = self.instruction(
            op,
            then.ty.value_type(),
            Effect::Join,
            &args,
            What::Fixed("chosen by a condition"),
            span,
        );
        typed.ty = super::coerce::join(&then.ty, &otherwise.ty);
        typed
    }

    fn instruction(
        &mut self,
        op: Op,
        gives: ValueType,
        effect: Effect,
        args: &[Typed],
        what: What,
        span: Span,
    ) -> Typed {
        let top = args
            .iter()
            .rev()
            .max_by_key(|a| a.secrecy)
            .map(|a| (a.secrecy, Rc::clone(&a.path)));
        let joined = top.as_ref().map_or(Secrecy::Public, |(s, _)| *s);
        let kept = args.iter().all(|a| a.whole);
        let hides = joined <= Secrecy::Cardholder && kept;
        let secrecy = match effect {
            Effect::Becomes(level) => level,
            Effect::Lowers if hides => Secrecy::Public,
            Effect::Join | Effect::Lowers => joined,
        };
        let readable = match gives {
            ValueType::Text | ValueType::TextList | ValueType::Bytes => true,
            ValueType::Number => counts_on(&op),
            _ => false,
        };
        let lowered =
            effect == Effect::Becomes(Secrecy::Public) || effect == Effect::Lowers && hides;
        let helpless = effect == Effect::Lowers && !hides && joined > Secrecy::Public;
        let what = if helpless {
            What::Words(format!("{what}, which hides nothing: {}", why_not(joined)))
        } else {
            what
        };
        let whole =
            kept && (lowered || matches!(&op, Op::Apply { function, .. } if keeps_whole(function)));
        let exported = matches!(&op, Op::Intent { intent, .. } if intent == "pin.export");
        let made = matches!(&op, Op::Intent { .. }) && !exported;
        let node = self.node(op, gives, secrecy, span);
        Typed {
            node,
            ty: plain_type(gives),
            secrecy,
            shows_pan: readable && !lowered && !made && args.iter().any(|a| a.shows_pan),
            holds_pin: exported
                || readable && !lowered && !made && args.iter().any(|a| a.holds_pin),
            whole,
            path: way(what, span, effect, joined, top.map(|(_, path)| path)),
        }
    }

    /// A node, shared with an equal one that is there already.
    pub(super) fn node(
        &mut self,
        op: Op,
        gives: ValueType,
        secrecy: Secrecy,
        span: Span,
    ) -> NodeId {
        let mut place = place_of(self.hashing.build_hasher(), &op);
        while let Some(known) = self.index.get(&place) {
            let at = usize::try_from(*known).ok();
            let node = at.and_then(|n| self.program.nodes.get(n));
            if node.is_some_and(|node| node.secrecy == secrecy && node.op == op) {
                return *known;
            }
            place = place.wrapping_add(1); // another operation stands there
        }
        let id = u32::try_from(self.program.nodes.len()).unwrap_or(u32::MAX);
        let span = self.shared.spans.id(span);
        self.program.nodes.push(Node {
            op,
            gives,
            secrecy,
            span,
        });
        self.index.insert(place, id);
        id
    }
}

/// Octets in capital hexadecimal digits.
fn hexadecimal(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        for digit in [octet >> 4, octet & 0x0F] {
            text.push(char::from(if digit < 10 {
                b'0' + digit
            } else {
                b'A' - 10 + digit
            }));
        }
    }
    text
}

/// A number that is the same for equal operations, and mostly another for others.
fn place_of(mut hash: impl Hasher, op: &Op) -> u64 {
    std::mem::discriminant(op).hash(&mut hash);
    match op {
        Op::Field { record, field } => (record, field).hash(&mut hash),
        Op::Constant { value } => match value {
            Constant::Bytes(bytes) => bytes.hash(&mut hash),
            Constant::Flag(flag) => flag.hash(&mut hash),
            Constant::Number(number) => number.hash(&mut hash),
            Constant::Text(text) => text.hash(&mut hash),
        },
        Op::Apply { function, args } => (function, args).hash(&mut hash),
        Op::Intent { intent, keys, args } => (intent, keys, args).hash(&mut hash),
        Op::Choose {
            condition,
            then,
            otherwise,
        } => (condition, then, otherwise).hash(&mut hash),
        Op::Listed { table, key } => (table, key).hash(&mut hash),
        Op::Lookup {
            table, column, key, ..
        } => (table, column, key).hash(&mut hash),
        Op::Count { record } => record.hash(&mut hash),
        Op::Sum { record, field, .. } => (record, field).hash(&mut hash),
    }
    hash.finish()
}

impl Typed {
    /// The same value with a type that says more, such as known lengths.
    #[must_use]
    pub fn of_type(mut self, ty: Type) -> Self {
        self.ty = ty;
        self
    }

    /// The same value with one more step on its way.
    #[must_use]
    pub fn through(mut self, what: impl Into<What>, span: Span) -> Self {
        self.path = step(what, span, Some(self.path));
        self
    }
}

/// One more step.
pub(super) fn step(what: impl Into<What>, span: Span, from: Option<Rc<Step>>) -> Rc<Step> {
    Rc::new(Step {
        what: what.into(),
        span,
        from,
    })
}

/// Whether a number is still made of the digits of what it came from, not a count of them.
fn counts_on(op: &Op) -> bool {
    matches!(op, Op::Apply { function, .. }
        if matches!(function.as_str(), "to_number" | "add" | "subtract"))
}

/// Why a mask does not lower a value.
const fn why_not(joined: Secrecy) -> &'static str {
    match joined {
        Secrecy::Public | Secrecy::Cardholder => "its value is a part, cut or chosen before",
        Secrecy::Sensitive | Secrecy::Secret => "it is for cardholder data at most",
    }
}

/// The way of a result. What an operation makes more secret than all that goes into it (a PIN, a
/// verification value) has its source there.
fn way(
    what: What,
    span: Span,
    effect: Effect,
    joined: Secrecy,
    from: Option<Rc<Step>>,
) -> Rc<Step> {
    match effect {
        Effect::Becomes(level) if level > joined => {
            let words = match what {
                What::Through(name) => format!("the result of `{name}`"),
                other => format!("the result of {other}"),
            };
            step(words, span, None)
        }
        _ => step(what, span, from),
    }
}

fn fits(operands: usize, variadic: bool, given: usize) -> Option<()> {
    let enough = if variadic {
        given >= operands.saturating_sub(1)
    } else {
        given == operands
    };
    enough.then_some(())
}

fn plain_type(gives: ValueType) -> Type {
    match gives {
        ValueType::Text => Type::text(),
        ValueType::TextList => Type::Lines {
            count: 99,
            each: ANY_LENGTH,
        },
        ValueType::Bytes => Type::bytes(),
        ValueType::Number => Type::Number { digits: 18 },
        ValueType::Flag => Type::Flag,
        ValueType::Date => Type::Date,
        ValueType::Pin => Type::Pin,
        ValueType::Sealed => Type::Sealed,
        ValueType::IccKey => Type::IccKey { bits: 0 },
        ValueType::Certificate => Type::Certificate,
    }
}
