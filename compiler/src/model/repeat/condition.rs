//! Conditions that choose among rows: over what is written out, decided when compiled.

use crate::model::{MExpr, MKind};
use std::cmp::Ordering;

/// Whether a condition holds; `None` when it can't be decided.
pub(super) fn holds(e: &MExpr) -> Option<bool> {
    match &e.kind {
        MKind::Not(inner) => holds(inner).map(|b| !b),
        MKind::Binary { op, left, right } => match op.as_str() {
            "and" => Some(holds(left)? && holds(right)?),
            "or" => Some(holds(left)? || holds(right)?),
            op => {
                let order = order(left, right)?;
                Some(match op {
                    "==" => order == Ordering::Equal,
                    "!=" => order != Ordering::Equal,
                    "<" => order == Ordering::Less,
                    "<=" => order != Ordering::Greater,
                    ">" => order == Ordering::Greater,
                    ">=" => order != Ordering::Less,
                    _ => return None,
                })
            }
        },
        _ => match e.word()? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
    }
}

fn order(a: &MExpr, b: &MExpr) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (a.integer(), b.integer()) {
        return Some(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (a.literal_text(), b.literal_text()) {
        return Some(a.cmp(&b));
    }
    match (&a.kind, &b.kind) {
        (MKind::Hex(a), MKind::Hex(b)) => Some(a.cmp(b)),
        _ => Some(a.word()?.cmp(b.word()?)),
    }
}
