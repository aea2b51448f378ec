//! The invariants of RELIABILITY, read from the machine's ledger and the printer's paper.

use super::hands::Forms;
use cardwright_machine::Ledger;
use cardwright_ports::Store;
use cardwright_ports::store::{
    AuditRecord, JobId, MailerState, OrderKey, OrderQuery, OrderRow, OrderState, Subject, decision,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Everything that is wrong; empty when all invariants hold. `folders` are the machines'.
pub(crate) fn judge(
    store: &dyn Store,
    job: JobId,
    folders: &[&Path],
    forms: &Forms,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let query = OrderQuery {
        limit: 10_000,
        ..OrderQuery::default()
    };
    let rows = store.orders(job, &query).unwrap();
    let acts = store.audit(0, usize::MAX).unwrap();
    let good = judge_cards(&rows, folders, &acts, &mut wrong);
    judge_orders(store, &rows, &good, &mut wrong);
    judge_forms(store, &rows, forms, &mut wrong);
    wrong.extend(store.verify_audit().unwrap().findings);
    wrong
}

/// I1, I5, I6: the good cards by serial.
fn judge_cards(
    rows: &[OrderRow],
    folders: &[&Path],
    audit: &[AuditRecord],
    wrong: &mut Vec<String>,
) -> BTreeSet<String> {
    let mut good = BTreeSet::new();
    let announced: BTreeSet<(String, String)> = audit
        .iter()
        .map(|r| {
            let card: Vec<&str> = r.entry.detail.split(' ').take(2).collect();
            (r.entry.act.clone(), card.join(" "))
        })
        .collect();
    for folder in folders {
        let ledger = Ledger::audit(folder).unwrap();
        if !ledger.holds() || ledger.in_machine != 0 {
            wrong.push(format!("I1 or I6: {ledger:?}"));
        }
        let text = std::fs::read_to_string(folder.join("ledger.jsonl")).unwrap();
        let mut serials: BTreeMap<u64, String> = BTreeMap::new();
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let act = line["act"].as_str().unwrap().to_owned();
            let blank = line["blank"].as_u64().unwrap_or(0);
            let by_hand = matches!(line["code"].as_str(), Some("R1462" | "HAND"));
            match act.as_str() {
                "load" => continue,
                "feed" => {
                    let serial = line["mark"].as_str().unwrap().to_owned();
                    serials.insert(blank, serial);
                    continue;
                }
                "eject" => {
                    good.insert(serials[&blank].clone());
                }
                _ => {}
            }
            let card = format!("blank {blank}");
            // With two machines a blank's number is not enough; its attempt's entry is.
            if !by_hand && !announced.contains(&(act.clone(), card)) {
                wrong.push(format!("I5: {act} of blank {blank} is in no audit entry"));
            }
        }
    }
    let done = rows
        .iter()
        .filter(|r| r.status.state == OrderState::Done)
        .count();
    if good.len() != done {
        wrong.push(format!("I1: {} good cards, {done} orders done", good.len()));
    }
    good
}

/// I2 and the two people.
fn judge_orders(
    store: &dyn Store,
    rows: &[OrderRow],
    good: &BTreeSet<String>,
    wrong: &mut Vec<String>,
) {
    for row in rows {
        let number = row.key.order;
        match row.status.state {
            OrderState::Done => {
                let serial = row.status.serial.clone().unwrap_or_default();
                if !good.contains(&serial) {
                    wrong.push(format!("I2: order {number} is done, its card is not out"));
                }
            }
            OrderState::Rejected if row.status.code.is_some() => {}
            other => wrong.push(format!("I2: order {number} ends {}", other.name())),
        }
        let people: BTreeSet<(u64, String)> = store
            .approvals(row.key)
            .unwrap()
            .into_iter()
            .filter(|a| a.subject == Subject::Order)
            .map(|a| (a.round, a.who))
            .collect();
        let rounds: BTreeSet<u64> = people.iter().map(|p| p.0).collect();
        let settled = settlements(store, row.key, "settled");
        if people.len() < 2 * rounds.len() || settled > rounds.len() {
            wrong.push(format!("order {number} was not settled by two people"));
        }
    }
}

/// I3.
fn judge_forms(store: &dyn Store, rows: &[OrderRow], forms: &Forms, wrong: &mut Vec<String>) {
    let printed = forms.printed.lock().unwrap();
    let mut seen = BTreeSet::new();
    for form in printed.iter() {
        if !seen.insert(*form) {
            wrong.push(format!("I3: mailer of order {} twice", form.0.order));
        }
    }
    for row in rows {
        // What is said of a mailer is true: printed for a good card, none for a rejected order.
        let said = match row.status.state {
            OrderState::Done => Some(MailerState::Printed),
            OrderState::Rejected => Some(MailerState::Absent),
            _ => None,
        };
        if said.is_some_and(|said| said != row.mailer) {
            let (number, mailer) = (row.key.order, row.mailer.name());
            wrong.push(format!("the mailer of order {number} ends {mailer}"));
        }
        let copies = printed.iter().filter(|(key, _)| *key == row.key).count();
        let approvals = store.approvals(row.key).unwrap();
        let again: BTreeSet<u64> = approvals
            .iter()
            .filter(|a| a.subject == Subject::Mailer && a.decision == decision::FORM_DESTROYED)
            .map(|a| a.round)
            .collect();
        if copies > again.len() + 1 {
            let number = row.key.order;
            wrong.push(format!("I3: {copies} mailers of order {number}"));
        }
        if row.status.state == OrderState::Done && copies == 0 {
            wrong.push(format!("order {} has no mailer", row.key.order));
        }
        if row.status.state != OrderState::Done && copies > 0 {
            let number = row.key.order;
            wrong.push(format!("order {number} has a mailer and no card"));
        }
    }
}

fn settlements(store: &dyn Store, key: OrderKey, act: &str) -> usize {
    let audit = store.audit(0, usize::MAX).unwrap();
    let of_order = audit.iter().filter(|r| r.entry.key == key);
    of_order.filter(|r| r.entry.act == act).count()
}
