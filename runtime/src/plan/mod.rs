//! Plan: a bundle's programs, bound to this site's keys and to the function table, ready to run
//! for each record.

mod draws;
mod evaluate;
mod intents;
mod parts;

use crate::{Loaded, RuntimeError, Value, functions, load::broken};
use cardwright_bundle::{Constant, Content, KeySlot, LookupTable, NodeId, Op, Program};
use cardwright_ports::hsm::{CheckMethod, HsmSession, KeyHandle, KeyRequest, KeyUse};
use cardwright_ports::paper::PictureData;
use std::collections::BTreeMap;
use std::sync::Arc;

pub use draws::{Draws, ReadyKey};
pub use evaluate::{Row, Run, Values};
pub use intents::derivation;
pub use parts::Part;

/// The fields of one record, and of the records that stand once in its file.
pub trait Fields {
    /// A field's value.
    fn field(&self, record: &str, field: &str) -> Option<&Value>;
    /// How many records of a name the file holds; 0 where that is not known.
    fn count(&self, _record: &str) -> i64 {
        0
    }
    /// The sum of a field over such records; with digits, so many low ones of it. None where it is
    /// not known or does not fit a number.
    fn sum(&self, _record: &str, _field: &str, _digits: u32) -> Option<i64> {
        None
    }
    /// The picture that came with the order under a field's name, where there is one.
    fn picture(&self, _field: &str) -> Option<PictureData> {
        None
    }
}

/// What a run adds to a record: `run.date`, `run.sequence`, `run.reference` and others.
#[derive(Clone, Default)]
pub struct RunFacts {
    values: BTreeMap<&'static str, Value>,
}

impl RunFacts {
    /// Sets a fact; the names are those of the loader's `run` record.
    pub fn set(&mut self, name: &'static str, value: Value) {
        self.values.insert(name, value);
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }
}

/// One operation, bound.
enum Bound {
    Field {
        record: String,
        field: String,
    },
    Constant(Value),
    Apply {
        function: functions::Function,
        args: Vec<NodeId>,
    },
    Intent {
        intent: intents::Intent,
        keys: Vec<KeyHandle>,
        args: Vec<NodeId>,
    },
    Choose {
        condition: NodeId,
        then: NodeId,
        otherwise: NodeId,
    },
    Count {
        record: String,
    },
    Sum {
        record: String,
        field: String,
        digits: u32,
    },
    Listed {
        table: Arc<LookupTable>,
        key: NodeId,
    },
    Lookup {
        table: Arc<LookupTable>,
        column: usize,
        key: NodeId,
        otherwise: Option<NodeId>,
    },
}

/// A program that can be run.
pub struct Prepared {
    steps: Vec<Bound>,
    wanted: parts::Wanted,
}

/// Labels in the HSM by the names that bundles have; a name without one is its own label.
pub type KeyLabels = BTreeMap<String, String>;

/// Keys of a bundle, bound to an HSM.
pub struct BoundKeys {
    handles: Vec<KeyHandle>,
}

impl BoundKeys {
    /// Binds every key by its own name: see [`BoundKeys::bind_as`].
    pub fn bind(content: &Content, session: &mut dyn HsmSession) -> Result<Self, RuntimeError> {
        Self::bind_as(content, session, &KeyLabels::new())
    }

    /// Binds every key by the label that the site has for its name, and compares check values; the
    /// error names the key and never its value.
    pub fn bind_as(
        content: &Content,
        session: &mut dyn HsmSession,
        labels: &KeyLabels,
    ) -> Result<Self, RuntimeError> {
        let mut handles = Vec::with_capacity(content.keys.len());
        for slot in &content.keys {
            let usage = KeyUse::from_name(&slot.usage)
                .ok_or_else(|| broken(&format!("the key use `{}`", slot.usage)))?;
            let handle = session.bind(&KeyRequest {
                name: labels.get(&slot.name).unwrap_or(&slot.name).clone(),
                algorithm: slot.algorithm.clone(),
                bits: slot.bits,
                exponent: slot.exponent,
                usage,
            })?;
            compare_check_value(slot, handle, session)?;
            handles.push(handle);
        }
        Ok(Self { handles })
    }

    /// No keys: for programs that may not reach the HSM.
    pub fn none() -> Self {
        Self {
            handles: Vec::new(),
        }
    }

    /// A key by its slot.
    pub fn get(&self, slot: u32) -> Result<KeyHandle, RuntimeError> {
        self.handles
            .get(slot as usize)
            .copied()
            .ok_or_else(|| broken("a key that is not bound"))
    }
}

fn compare_check_value(
    slot: &KeySlot,
    handle: KeyHandle,
    session: &mut dyn HsmSession,
) -> Result<(), RuntimeError> {
    let method = match slot.check_method.as_str() {
        "ecb" => CheckMethod::Ecb,
        "gp" => CheckMethod::Gp,
        "cmac" => CheckMethod::Cmac,
        "sha256" => CheckMethod::Sha256,
        other => return Err(broken(&format!("the check value method `{other}`"))),
    };
    let found = hex::encode_upper(session.check_value(handle, method)?);
    if found == slot.check_value {
        return Ok(());
    }
    Err(RuntimeError::new(
        "R1104",
        format!(
            "key `{}` of this site has check value {found}, the bundle expects {}",
            slot.name, slot.check_value
        ),
        "bind the right key, or build the bundle for this key",
    ))
}

impl Bound {
    /// The nodes that have to be known before this one is looked at. Of a choice that is the
    /// condition; which side follows is known then.
    fn needs(&self, mut each: impl FnMut(NodeId)) {
        match self {
            Self::Field { .. } | Self::Constant(_) | Self::Count { .. } | Self::Sum { .. } => {}
            Self::Apply { args, .. } | Self::Intent { args, .. } => {
                args.iter().for_each(|id| each(*id));
            }
            Self::Choose { condition, .. } => each(*condition),
            Self::Listed { key, .. } => each(*key),
            Self::Lookup { key, otherwise, .. } => {
                each(*key);
                otherwise.iter().for_each(|id| each(*id));
            }
        }
    }
}

impl Prepared {
    /// Binds a program's functions, keys and tables. A run works out every node.
    pub fn new(program: &Program, keys: &BoundKeys, loaded: &Loaded) -> Result<Self, RuntimeError> {
        Self::bound(program, keys, loaded, |_| parts::Wanted::Everything)
    }

    /// The same for a run that works out nothing but what its parts ask for: a side of a choice that
    /// is not taken, and a part that a record does not have, cost no call of the HSM.
    pub fn of_parts(
        program: &Program,
        keys: &BoundKeys,
        loaded: &Loaded,
        parts: Vec<Part>,
    ) -> Result<Self, RuntimeError> {
        Self::bound(program, keys, loaded, |steps| {
            parts::Wanted::of(parts, steps)
        })
    }

    fn bound(
        program: &Program,
        keys: &BoundKeys,
        loaded: &Loaded,
        wanted: impl FnOnce(&[Bound]) -> parts::Wanted,
    ) -> Result<Self, RuntimeError> {
        let nodes = program.nodes.iter();
        let steps = nodes.map(|node| bind(&node.op, keys, loaded));
        let steps: Vec<Bound> = steps.collect::<Result<_, _>>()?;
        let wanted = wanted(&steps);
        Ok(Self { steps, wanted })
    }
}

fn bind(op: &Op, keys: &BoundKeys, loaded: &Loaded) -> Result<Bound, RuntimeError> {
    Ok(match op {
        Op::Field { record, field } => Bound::Field {
            record: record.clone(),
            field: field.clone(),
        },
        Op::Constant { value } => Bound::Constant(constant(value)?),
        Op::Apply { function, args } => Bound::Apply {
            function: functions::find(function)
                .ok_or_else(|| broken(&format!("an unknown function `{function}`")))?,
            args: args.clone(),
        },
        Op::Intent {
            intent,
            keys: slots,
            args,
        } => Bound::Intent {
            intent: intents::Intent::from_name(intent)
                .ok_or_else(|| broken(&format!("an unknown intent `{intent}`")))?,
            keys: slots
                .iter()
                .map(|slot| keys.get(*slot))
                .collect::<Result<_, _>>()?,
            args: args.clone(),
        },
        Op::Choose {
            condition,
            then,
            otherwise,
        } => Bound::Choose {
            condition: *condition,
            then: *then,
            otherwise: *otherwise,
        },
        Op::Count { record } => Bound::Count {
            record: record.clone(),
        },
        Op::Sum {
            record,
            field,
            digits,
            ..
        } => Bound::Sum {
            record: record.clone(),
            field: field.clone(),
            digits: *digits,
        },
        Op::Listed { table, key } => Bound::Listed {
            table: loaded.table(*table)?,
            key: *key,
        },
        Op::Lookup {
            table,
            column,
            key,
            otherwise,
        } => Bound::Lookup {
            table: loaded.table(*table)?,
            column: *column as usize,
            key: *key,
            otherwise: *otherwise,
        },
    })
}

fn constant(value: &Constant) -> Result<Value, RuntimeError> {
    Ok(match value {
        Constant::Text(text) => Value::Text(text.clone()),
        Constant::Bytes(text) => Value::Bytes(
            hex::decode(text).map_err(|_| broken("a constant that is not hexadecimal"))?,
        ),
        Constant::Number(number) => Value::Number(*number),
        Constant::Flag(flag) => Value::Flag(*flag),
    })
}
