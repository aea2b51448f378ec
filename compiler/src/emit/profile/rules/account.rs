//! What belongs to one account: never the same on every card, and its dates in order.

use super::Rules;
use crate::elaborate::Typed;
use crate::model::Span;
use cardwright_bundle::{Constant, NodeId, Op};

/// Elements that the rest of the card is compared with, and how each is written.
const COMPARED: [(&str, &str); 5] = [
    ("57", "track2(order.pan, order.expiry, services, tail)"),
    ("5A", "order.pan"),
    ("5F24", "order.expiry"),
    ("5F30", "services"),
    ("5F34", "order.psn"),
];

impl Rules<'_, '_, '_> {
    /// Account data comes from the order, in a form that can be compared.
    pub(super) fn account(&mut self) {
        for (tag, form) in COMPARED {
            let Some(element) = self.app.element(tag) else {
                continue;
            };
            let span = element.span;
            let understood = element.raw.is_some() || element.track.is_some();
            if !understood {
                let message = format!(
                    "#{tag} is written as octets: it can't be compared with the rest of the card"
                );
                let change = self.instead(span, form).filter(|_| self.has_field(form));
                let help = format!("write `#{tag} = {form}`");
                self.report_fix("E0325", span, message, &help, change);
            } else if tag == "5A" && self.is_constant(element.raw.as_ref()) {
                let message = "every card would have this PAN";
                let change = self.instead(span, "order.pan");
                let change = change.filter(|_| self.has_field("order.pan"));
                self.report_fix("E0325", span, message, "write `#5A = order.pan`", change);
            }
        }
    }

    fn is_constant(&self, value: Option<&Typed>) -> bool {
        let op = value.and_then(|v| self.elaborator.op(v.node));
        matches!(op, Some(Op::Constant { .. }))
    }

    /// 5F25 before 5F24, and 5F24 before the end of the issuer's certificate, as far as they are
    /// known when compiled; orders are held against each other by a job's `accept` rules.
    pub(super) fn dates(&mut self) {
        let node = |tag: &str| {
            let element = self.app.element(tag)?;
            Some((element.raw.as_ref()?.node, element.span))
        };
        let (expiry, effective) = (node("5F24"), node("5F25"));
        let day = |n: Option<(NodeId, Span)>| n.and_then(|(node, _)| self.written_date(node));
        let (last, first) = (day(expiry), day(effective));
        if let (Some((end, _)), Some((start, span))) = (expiry, effective) {
            let reversed = matches!((first, last), (Some(f), Some(l)) if f > l);
            if start == end || reversed {
                let message =
                    "the card is valid from the day of its expiry (#5F25, #5F24) or later";
                let help = "write the day from which the card is valid: `#5F25 = order.effective`";
                let change = self.instead(span, "order.effective");
                let change = change.filter(|_| self.has_field("order.effective"));
                self.report_fix("E0335", span, message, help, change);
            }
        }
        let certificate = self
            .app
            .issuer()
            .and_then(|(slot, ..)| slot.public.as_ref());
        let certified = certificate.and_then(|p| month(&p.expiry_mmyy));
        if let (Some(certified), Some(last), Some((_, span))) = (certified, last, expiry)
            && (last.0, last.1) > certified
        {
            let (year, month) = certified;
            let message = format!(
                "the card outlives its issuer certificate, which ends in {month:02}/20{year:02}"
            );
            let help = "terminals refuse the certificate after that month (EMV Book 2, 5.3): have \
                        the issuer key certified for longer, or let the card expire before";
            self.report("E0336", span, message, help);
        }
    }

    /// Year, month and day of `date("2912", "YYMM")`; a month ends on its last day.
    fn written_date(&self, node: NodeId) -> Option<(u32, u32, u32)> {
        let Op::Apply { function, args } = self.elaborator.op(node)? else {
            return None;
        };
        let text = |id: &NodeId| match self.elaborator.op(*id)? {
            Op::Constant {
                value: Constant::Text(text),
            } => Some(text.clone()),
            _ => None,
        };
        let (digits, pattern) = match args.as_slice() {
            [digits, pattern] if function.contains("date") => (text(digits)?, text(pattern)?),
            _ => return None,
        };
        let part = |letters: &str| -> Option<u32> {
            let at = pattern.find(letters)?;
            digits.get(at..at.checked_add(letters.len())?)?.parse().ok()
        };
        let year = part("YYYY").map(|y| y % 100).or_else(|| part("YY"))?;
        Some((year, part("MM")?, part("DD").unwrap_or(31)))
    }
}

/// `1231` as (31, 12): year and month.
fn month(mmyy: &str) -> Option<(u32, u32)> {
    let month = mmyy.get(..2)?.parse().ok()?;
    Some((mmyy.get(2..4)?.parse().ok()?, month))
}
