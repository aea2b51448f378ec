//! The protocol's rules over rows: the only place where a change is allowed or refused.

use crate::codes::{conflict, error, same_card, same_file};
use crate::rows::Rows;
use cardwright_ports::StoreError;
use cardwright_ports::register::{RegisterChange, RegisterRow};
use cardwright_ports::store::{
    Approval, AuditEntry, Batch, BundleRow, CardData, Change, JobId, JobRow, JobState, MailerState,
    NewJob, NewOrder, OrderKey, OrderState, OrderStatus, RefusedRow, Require, Subject, Why,
    decision,
};

/// Approvals count for a day.
const APPROVAL_SECONDS: i64 = 86_400;
/// A clock that another person's station may be ahead by.
const CLOCK_SLACK_SECONDS: i64 = 300;
const TEXT_BYTES: usize = 4_096;
/// A register's row may hold sealed parts and certificates.
const REGISTER_BYTES: usize = 1 << 18;
const SEALED_BYTES: usize = 1 << 20;
/// Pictures of an order.
const PICTURES: usize = 16;

/// Applies a whole batch; whether the job has ended, so that the caller signs a checkpoint.
pub(crate) fn apply(rows: &mut dyn Rows, batch: &Batch) -> Result<bool, StoreError> {
    if !batch.changes.is_empty() && batch.audit.is_empty() {
        let what = format!("{} changes, no entry", batch.changes.len());
        return Err(error("R1402", what));
    }
    for entry in &batch.audit {
        check_entry(entry)?;
    }
    if let Some(require) = batch.require {
        check_alive(rows, require)?;
    }
    let mut ended = false;
    for change in &batch.changes {
        ended |= apply_one(rows, batch.at, change)?;
    }
    Ok(ended)
}

/// Checks a new job and adds it.
pub(crate) fn open_job(rows: &mut dyn Rows, at: i64, job: &NewJob) -> Result<JobId, StoreError> {
    for text in [&job.name, &job.file_name, &job.file_sha256] {
        limit(text.len(), TEXT_BYTES)?;
    }
    limit(job.wrapped_key.len(), TEXT_BYTES)?;
    if !rows.has_bundle(&job.bundle_digest)? {
        return Err(error("R1414", "the job's bundle was never accepted"));
    }
    if let Some(other) = rows.job_of_file(&job.file_sha256)? {
        return Err(same_file(other));
    }
    rows.add_job(at, job)
}

/// Removes a job that was never taken in whole.
pub(crate) fn abandon_intake(rows: &mut dyn Rows, job: JobId) -> Result<(), StoreError> {
    let row = rows.job(job)?;
    if row.state != JobState::Intake {
        let what = format!("job {job} is {}, not INTAKE", row.state.name());
        return Err(error("R1404", what));
    }
    rows.remove_job(job)
}

/// The next epoch of a job.
pub(crate) fn new_epoch(rows: &mut dyn Rows, job: JobId) -> Result<u64, StoreError> {
    let mut row = rows.job(job)?;
    row.epoch = row.epoch.saturating_add(1);
    rows.put_job(&row)?;
    Ok(row.epoch)
}

fn apply_one(rows: &mut dyn Rows, at: i64, change: &Change) -> Result<bool, StoreError> {
    match change {
        Change::Bundle(row) => accept_bundle(rows, row)?,
        Change::Add(order) => add_order(rows, order)?,
        Change::Refuse(job, row) => refuse(rows, *job, row)?,
        Change::Job {
            job,
            from,
            to,
            fence,
        } => return move_job(rows, at, *job, (*from, *to), *fence),
        Change::Order {
            key,
            from,
            epoch,
            to,
        } => move_order(rows, at, *key, (*from, *epoch), to)?,
        Change::CardData(key, data) => bind_card_data(rows, *key, data)?,
        Change::Mailer {
            key,
            from,
            copy,
            to,
            new_copy,
            why,
        } => {
            let move_ = MailerMove {
                from: (*from, *copy),
                to: (*to, *new_copy),
                why: why.as_ref(),
            };
            move_mailer(rows, at, *key, &move_)?;
        }
        Change::Approve(approval) => approve(rows, approval)?,
        Change::Journal(key, line) => {
            public_text(line)?;
            rows.add_journal(*key, line)?;
        }
        Change::Tally(job, tally) => {
            public_text(&tally.name)?;
            rows.add_tally(*job, tally)?;
        }
        Change::NumberFile(job, name) => {
            for text in [&name.owner, &name.format, &name.file] {
                public_text(text)?;
                limit(text.len(), TEXT_BYTES)?;
            }
            rows.job(*job)?;
            rows.number_file(*job, name)?;
        }
        Change::TakeFile(job, name, number) => {
            for text in [&name.owner, &name.format, &name.file] {
                public_text(text)?;
                limit(text.len(), TEXT_BYTES)?;
            }
            rows.job(*job)?;
            if !rows.take_file(*job, name, *number)? {
                return Err(crate::codes::same_number(*number));
            }
        }
        Change::PoolKey(key) => {
            limit(key.key.len(), SEALED_BYTES)?;
            if !rows.add_pool_key(key)? {
                return Err(error("R1419", "a key that is or was in the pool"));
            }
        }
        Change::Register(change) => change_register(rows, at, change)?,
    }
    Ok(false)
}

fn check_alive(rows: &mut dyn Rows, require: Require) -> Result<(), StoreError> {
    let job = rows.job(require.job)?;
    if require.epoch < job.fence || require.epoch > job.epoch {
        let what = format!(
            "epoch {} of job {}, whose fence is {}",
            require.epoch, require.job, job.fence
        );
        return Err(error("R1406", what));
    }
    if job.state != JobState::Running {
        let what = format!("job {} is {}", require.job, job.state.name());
        return Err(error("R1406", what));
    }
    Ok(())
}

fn accept_bundle(rows: &mut dyn Rows, row: &BundleRow) -> Result<(), StoreError> {
    public_text(&row.name)?;
    limit(row.digest.len(), TEXT_BYTES)?;
    match rows.newest_bundle(&row.name)? {
        Some(newest) if newest.digest == row.digest => Ok(()),
        Some(newest) if newest.sequence >= row.sequence => {
            let what = format!("sequence {} after {}", row.sequence, newest.sequence);
            Err(error("R1403", what))
        }
        _ if rows.has_bundle(&row.digest)? => Err(error("R1403", "an older bundle again")),
        _ => rows.put_bundle(row),
    }
}

fn add_order(rows: &mut dyn Rows, order: &NewOrder) -> Result<(), StoreError> {
    in_intake(rows, order.key.job)?;
    limit(order.sealed.len(), SEALED_BYTES)?;
    limit(order.pictures.len(), PICTURES)?;
    for picture in &order.pictures {
        limit(picture.sealed.len(), SEALED_BYTES)?;
    }
    public_text(&order.product)?;
    if !matches!(order.mailer, MailerState::Absent | MailerState::Pending) {
        return Err(error("R1404", "a fresh order has no printed mailer"));
    }
    if let Some(owner) = rows.identity_owner(&order.identity)? {
        return Err(same_card(order.key, owner));
    }
    rows.add_order(order)
}

fn refuse(rows: &mut dyn Rows, job: JobId, row: &RefusedRow) -> Result<(), StoreError> {
    in_intake(rows, job)?;
    for text in [&row.reference, &row.code, &row.reason] {
        public_text(text)?;
    }
    rows.add_refused(job, row)
}

fn in_intake(rows: &mut dyn Rows, job: JobId) -> Result<(), StoreError> {
    let row = rows.job(job)?;
    if row.state != JobState::Intake {
        let what = format!("job {job} is {}, not INTAKE", row.state.name());
        return Err(error("R1404", what));
    }
    Ok(())
}

fn move_job(
    rows: &mut dyn Rows,
    at: i64,
    job: JobId,
    (from, to): (JobState, JobState),
    fence: Option<u64>,
) -> Result<bool, StoreError> {
    let mut row = rows.job(job)?;
    if row.state != from {
        let what = format!("job {job} is {}, not {}", row.state.name(), from.name());
        return Err(error("R1405", what));
    }
    if !from.may_become(to) {
        let what = format!("job from {} to {}", from.name(), to.name());
        return Err(error("R1404", what));
    }
    if from == JobState::WaitingAuthorization && to == JobState::Running {
        check_restart(rows, at, &row)?;
    }
    if let Some(fence) = fence {
        if fence < row.fence || fence > row.epoch {
            let what = format!("fence {fence} of job {job} under {}", row.fence);
            return Err(error("R1406", what));
        }
        row.fence = fence;
    }
    row.state = to;
    let ended = matches!(to, JobState::Done | JobState::Cancelled);
    if ended {
        row.wrapped_key = None;
    }
    rows.put_job(&row)?;
    Ok(ended)
}

fn check_restart(rows: &dyn Rows, at: i64, row: &JobRow) -> Result<(), StoreError> {
    let key = OrderKey {
        job: row.id,
        order: 0,
    };
    let people = people(
        rows,
        at,
        key,
        Subject::Restart,
        row.fence,
        &[decision::GO_ON],
    )?;
    match people.is_empty() {
        true => Err(error("R1418", format!("job {} waits for a person", row.id))),
        false => Ok(()),
    }
}

fn move_order(
    rows: &mut dyn Rows,
    at: i64,
    key: OrderKey,
    (from, epoch): (OrderState, u64),
    to: &OrderStatus,
) -> Result<(), StoreError> {
    let now = rows.order(key)?.status;
    if (now.state, now.epoch) != (from, epoch) {
        let what = format!(
            "order {} is {} of epoch {}, not {} of epoch {epoch}",
            key.order,
            now.state.name(),
            now.epoch,
            from.name()
        );
        return Err(conflict(key, what));
    }
    if !from.may_become(to.state) {
        let what = format!("order from {} to {}", from.name(), to.state.name());
        return Err(error("R1404", what));
    }
    for text in [&to.code, &to.reason].into_iter().flatten() {
        public_text(text)?;
    }
    check_card(rows, key, &now, to)?;
    if from == OrderState::Unknown {
        let decisions: &[&str] = match to.state {
            OrderState::Done => &[decision::GOOD_CARD],
            _ => &[decision::DESTROYED_CARD, decision::NO_CARD],
        };
        two_people(
            rows,
            at,
            key,
            Subject::Order,
            u64::from(now.attempt),
            decisions,
        )?;
    }
    if to.state == OrderState::Rejected {
        rows.free_identity(key)?;
    }
    rows.put_status(key, to)
}

/// A mailer's way: state and copy it must have, state and copy it gets.
struct MailerMove<'m> {
    from: (MailerState, u32),
    to: (MailerState, u32),
    why: Option<&'m Why>,
}

/// A card's blank and serial are bound once, at the intent, and never change within an attempt.
fn check_card(
    rows: &mut dyn Rows,
    key: OrderKey,
    now: &OrderStatus,
    to: &OrderStatus,
) -> Result<(), StoreError> {
    let same = (now.blank, &now.serial, now.attempt) == (to.blank, &to.serial, to.attempt);
    match (now.state, to.state) {
        (OrderState::Claimed, OrderState::Intent) => {
            let (Some(_), Some(serial)) = (to.blank, &to.serial) else {
                return Err(error("R1404", "an intent without blank and serial"));
            };
            limit(serial.len(), TEXT_BYTES)?;
            if let Some((owner, attempt)) = rows.serial_owner(serial)? {
                let what = format!(
                    "the chip was order {} of job {}, attempt {attempt}",
                    owner.order, owner.job
                );
                return Err(StoreError {
                    conflict: Some(key),
                    ..error("R1411", what)
                });
            }
            rows.bind_serial(serial, key, to.attempt)
        }
        (OrderState::Exception | OrderState::RemakeApproved, OrderState::Planned) => {
            match to.attempt == now.attempt.saturating_add(1) && to.blank.is_none() {
                true => Ok(()),
                false => Err(error(
                    "R1404",
                    "a remake is the next attempt, without a card",
                )),
            }
        }
        _ if same => Ok(()),
        _ => Err(error("R1404", "the card of an attempt never changes")),
    }
}

fn bind_card_data(rows: &mut dyn Rows, key: OrderKey, data: &CardData) -> Result<(), StoreError> {
    limit(data.sealed.len(), SEALED_BYTES)?;
    match rows.card_data(key)? {
        None => {
            rows.order(key)?;
            for id in &data.pooled {
                if !rows.use_pool_key(*id, key)? {
                    let what = format!("key {id} of the pool, for order {}", key.order);
                    return Err(error("R1419", what));
                }
            }
            rows.add_card_data(key, data)
        }
        Some(first) if first.fingerprint == data.fingerprint => Ok(()),
        Some(_) => Err(StoreError {
            conflict: Some(key),
            ..error("R1410", format!("order {}", key.order))
        }),
    }
}

fn move_mailer(
    rows: &mut dyn Rows,
    at: i64,
    key: OrderKey,
    asked: &MailerMove<'_>,
) -> Result<(), StoreError> {
    let ((from, copy), (to, new_copy)) = (asked.from, asked.to);
    let row = rows.order(key)?;
    if (row.mailer, row.mailer_copy) != (from, copy) {
        let what = format!(
            "mailer of order {} is {} copy {}, not {} copy {copy}",
            key.order,
            row.mailer.name(),
            row.mailer_copy,
            from.name()
        );
        return Err(conflict(key, what));
    }
    let another = from == MailerState::Unknown && to == MailerState::Pending;
    let expected = if another {
        copy.saturating_add(1)
    } else {
        copy
    };
    if !from.may_become(to) || new_copy != expected {
        let what = format!("mailer from {} to {}", from.name(), to.name());
        return Err(error("R1404", what));
    }
    if to == MailerState::Printing && row.status.state != OrderState::Done {
        return Err(error("R1404", "a mailer is printed after its card only"));
    }
    let decision = match (from, to) {
        (MailerState::Unknown, MailerState::Pending) => Some(decision::FORM_DESTROYED),
        (MailerState::Unknown, _) => Some(decision::FORM_PRINTED),
        (MailerState::Undrawn, MailerState::Absent) => Some(decision::FORM_GIVEN_UP),
        (MailerState::Pending, MailerState::Absent) => {
            if row.status.state != OrderState::Rejected {
                return Err(error("R1404", "only a rejected order loses its mailer"));
            }
            None
        }
        _ => None,
    };
    if let Some(decision) = decision {
        two_people(rows, at, key, Subject::Mailer, u64::from(copy), &[decision])?;
    }
    if let Some(why) = asked.why {
        public_text(&why.code)?;
        public_text(&why.reason)?;
    }
    rows.put_mailer(key, to, new_copy, asked.why)
}

fn approve(rows: &mut dyn Rows, approval: &Approval) -> Result<(), StoreError> {
    for text in [&approval.who, &approval.decision] {
        public_text(text)?;
    }
    let person = person(&approval.who);
    if person.is_empty() {
        return Err(error("R1412", "an approval has no name"));
    }
    let again = rows.approvals(approval.key)?.iter().any(|a| {
        a.subject == approval.subject
            && a.round == approval.round
            && a.decision == approval.decision
            && self::person(&a.who) == person
            && fresh(approval.at, a.at)
    });
    if again && approval.subject != Subject::Restart {
        return Err(error("R1412", "this person has approved this already"));
    }
    rows.add_approval(approval)
}

fn two_people(
    rows: &dyn Rows,
    at: i64,
    key: OrderKey,
    subject: Subject,
    round: u64,
    decisions: &[&str],
) -> Result<(), StoreError> {
    for decision in decisions {
        if people(rows, at, key, subject, round, &[decision])?.len() >= 2 {
            return Ok(());
        }
    }
    let what = format!("order {}: not yet approved by two people", key.order);
    Err(error("R1413", what))
}

/// Different people whose approvals count now.
fn people(
    rows: &dyn Rows,
    at: i64,
    key: OrderKey,
    subject: Subject,
    round: u64,
    decisions: &[&str],
) -> Result<Vec<String>, StoreError> {
    let mut people: Vec<String> = rows
        .approvals(key)?
        .iter()
        .filter(|a| a.subject == subject && a.round == round && fresh(at, a.at))
        .filter(|a| decisions.contains(&a.decision.as_str()))
        .map(|a| person(&a.who))
        .collect();
    people.sort();
    people.dedup();
    Ok(people)
}

fn fresh(now: i64, then: i64) -> bool {
    let age = now.saturating_sub(then);
    (-CLOCK_SLACK_SECONDS..APPROVAL_SECONDS).contains(&age)
}

/// The same person under another spelling of spaces and case is the same person.
fn person(name: &str) -> String {
    name.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

/// Checks an audit entry's texts.
pub(crate) fn check_entry(entry: &AuditEntry) -> Result<(), StoreError> {
    for text in [&entry.actor, &entry.act, &entry.detail] {
        public_text(text)?;
    }
    Ok(())
}

fn change_register(
    rows: &mut dyn Rows,
    at: i64,
    change: &RegisterChange,
) -> Result<(), StoreError> {
    public_text(&change.id)?;
    let found = rows.register_row(change.register, &change.id)?;
    let version = found.map_or(0, |row| row.version);
    if version != change.from {
        let (list, id, from) = (change.register.name(), &change.id, change.from);
        let what = format!("{list} {id} has version {version}, the change expects {from}");
        return Err(error("R1405", what));
    }
    rows.next_register_epoch(change.register)?;
    let Some(body) = &change.body else {
        return rows.remove_register_row(change.register, &change.id);
    };
    limit(body.len(), REGISTER_BYTES)?;
    no_card_number(body)?;
    rows.put_register_row(&RegisterRow {
        register: change.register,
        id: change.id.clone(),
        version: version.saturating_add(1),
        changed_at: at,
        body: body.clone(),
    })
}

/// Refuses a text that is too long or holds what looks like a PAN: a word of digits, also with
/// single spaces between groups, of 12 to 19 digits and a right Luhn digit (ISO/IEC 7812-1).
fn public_text(text: &str) -> Result<(), StoreError> {
    limit(text.len(), TEXT_BYTES)?;
    no_card_number(text)
}

/// Longest word with letters in it that may still hold a group of a card number's digits.
const GROUP_MAX: usize = 12;

fn no_card_number(text: &str) -> Result<(), StoreError> {
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if is_card_number(word) {
            return Err(error("R1408", "digits that pass as a card number"));
        }
    }
    // A hash that begins with digits is no group of a card number behind the word before it.
    let pieces = text.split(|c: char| !c.is_alphanumeric() && c != ' ');
    for words in pieces.map(|piece| piece.trim().split(' ').collect::<Vec<_>>()) {
        let short =
            |word: &&str| word.len() <= GROUP_MAX || word.bytes().all(|b| b.is_ascii_digit());
        for kept in words.split(|word| !short(word)) {
            let joined = kept.join(" ");
            for group in joined.split(|c: char| !c.is_ascii_digit() && c != ' ') {
                let parts: Vec<&str> = group.trim().split(' ').collect();
                let grouped = parts.len() > 1 && parts.iter().all(|part| part.len() >= 2);
                if grouped && is_card_number(&parts.concat()) {
                    return Err(error("R1408", "grouped digits that pass as a card number"));
                }
            }
        }
    }
    Ok(())
}

fn is_card_number(word: &str) -> bool {
    let length = word.len();
    if !(12..=19).contains(&length) || !word.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let sum: u32 = word
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit.saturating_sub(b'0'));
            match place % 2 {
                0 => digit,
                _ if digit > 4 => digit * 2 - 9,
                _ => digit * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn limit(found: usize, most: usize) -> Result<(), StoreError> {
    match found <= most {
        true => Ok(()),
        false => Err(error("R1416", format!("{found} octets where {most} fit"))),
    }
}
