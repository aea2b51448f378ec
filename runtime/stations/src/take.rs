//! Taking an order file: read twice, first to judge the whole, then to keep its orders. Nothing is
//! half taken: a job whose intake does not end disappears.

use crate::{
    StationError,
    error::file_error,
    pictures::{self, Delivery},
};
use cardwright_bundle::Job;
use cardwright_ports::{
    Clock, HsmSession, SecretBytes, Store,
    store::{
        AuditEntry, Batch, Change, Identity, JobId, JobState, MailerState, NewJob, NewOrder,
        OrderKey, OutputName, RefusedRow, SealContext, Sealer,
    },
};
use cardwright_runtime::{
    Date, Loaded, RuntimeError,
    intake::{Intake, Order, Rejection, Shown, Summary},
    plan::Fields,
};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Orders that are kept in one transaction, and octets of their pictures: whatever an order
/// brings, memory holds a page of them.
const PAGE: usize = 500;
const PAGE_BYTES: usize = 8 << 20;

/// A job that was taken in.
pub struct TakenJob {
    /// Its number.
    pub id: JobId,
    /// What the scan found.
    pub summary: Summary,
}

/// SHA-256 of a file, hexadecimal, in constant memory.
pub fn order_file_hash(path: &Path) -> Result<String, StationError> {
    let failed = |e: std::io::Error| file_error("the order file", &e);
    let mut file = File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0u8; 64 << 10];
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        match buffer.get(..read) {
            Some(part) if read > 0 => hash.update(part),
            _ => return Ok(hex::encode_upper(hash.finalize())),
        }
    }
}

/// Makes a job's sealer from its key.
pub type MakeSealer = dyn Fn(&SecretBytes) -> Result<Box<dyn Sealer>, StationError>;

/// What intake needs.
pub struct Taking<'a> {
    /// Bundle.
    pub loaded: &'a Loaded,
    /// Job of the bundle.
    pub job: &'a Job,
    /// Second files that the orders are joined with, by the join's name.
    pub joined: &'a [(String, PathBuf)],
    /// The number that the file has although another was expected, where somebody has asked the
    /// customer why.
    pub file_number: Option<u64>,
    /// Store.
    pub store: &'a dyn Store,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// Takes a file into the store as a job in state LOADED. `sealer` makes a job's sealer from its
/// key.
pub fn take(
    taking: &Taking<'_>,
    file: &Path,
    session: &mut dyn HsmSession,
    sealer: &MakeSealer,
) -> Result<TakenJob, StationError> {
    let today = Date::from_unix_seconds(taking.clock.unix_seconds());
    let mut intake = Intake::new(taking.loaded, taking.job, today)?;
    for (name, file) in taking.joined {
        intake.join(name, &mut open(file)?)?;
    }
    let hash = order_file_hash(file)?;
    if let Some(earlier) = taking.store.job_of_file(&hash)? {
        return Err(StationError::new(
            "R1515",
            format!("this file was taken before, as job {earlier}"),
            "if the cards are really wanted again, ask the bank for a new file",
        ));
    }
    // First the whole file is judged: what it refuses leaves no trace in the store.
    let judged = intake.scan(&mut open(file)?, taking.store.seen()?.as_mut(), &mut |_| {
        Ok(())
    })?;
    let number = numbered(taking, &intake, &judged)?;
    // Pictures are read once, when orders are kept: what is wrong with one rejects its order only.
    let delivery = Delivery::of(file, &intake)?;
    intake.fetch_from(&delivery);
    let label = format!("{hash} {}", taking.job.name);
    let wrapped_key = session.new_job_key(&label)?;
    let key = session.open_job_key(&label, &wrapped_key)?;
    let sealer = sealer(&key)?;
    let name = file.file_name().map(|n| n.to_string_lossy().into_owned());
    let new = NewJob {
        name: taking.job.name.clone(),
        bundle_digest: hex::encode_upper(taking.loaded.bundle().digest()),
        file_sha256: hash,
        file_name: name.unwrap_or_default(),
        wrapped_key,
    };
    let id = taking
        .store
        .open_job(taking.clock.unix_seconds(), &new, "intake")?;
    match keep(
        taking,
        &intake,
        file,
        id,
        (&judged.once_lines, number),
        sealer.as_ref(),
    ) {
        Ok(summary) => Ok(TakenJob { id, summary }),
        Err(error) => {
            taking
                .store
                .abandon_intake(taking.clock.unix_seconds(), id, "intake")?;
            Err(error)
        }
    }
}

/// The number of a file whose format keeps a sequence: the next after the last that was taken, or
/// the one that the operator names. The first of a site may have any.
fn numbered(
    taking: &Taking<'_>,
    intake: &Intake<'_>,
    judged: &Summary,
) -> Result<Option<u64>, StationError> {
    let Some((number, digits)) = intake.file_number(&judged.once) else {
        return Ok(None);
    };
    let owner = &taking.loaded.content().name;
    let Some(last) = taking.store.last_file(owner, &intake.format().name)? else {
        return Ok(Some(number));
    };
    let expected = last.saturating_add(1);
    if number == expected || taking.file_number == Some(number) && number > last {
        return Ok(Some(number));
    }
    let most = 10_u64.checked_pow(digits).unwrap_or(u64::MAX);
    let (what, mend) = match number > expected {
        true => (
            format!("this file has number {number}, {expected} is expected after {last}"),
            "take the missing file first; where it will never come, name the number of this one: \
             `--file-number N`",
        ),
        false if expected >= most => (
            format!("{last} was the last number that {digits} digits can say"),
            "give the field more digits, and build the bundle again",
        ),
        false => (
            format!("this file has number {number}, and {last} was taken: it came before, or late"),
            "ask the customer for a file with the next number",
        ),
    };
    Err(StationError::new("R1534", what, mend))
}

fn open(file: &Path) -> Result<BufReader<File>, StationError> {
    Ok(BufReader::new(
        File::open(file).map_err(|e| file_error("the order file", &e))?,
    ))
}

fn keep(
    taking: &Taking<'_>,
    intake: &Intake<'_>,
    file: &Path,
    id: JobId,
    (once_lines, number): (&[String], Option<u64>),
    sealer: &dyn Sealer,
) -> Result<Summary, StationError> {
    let mut pages = Pages {
        taking,
        id,
        once_lines,
        changes: Vec::new(),
        page: BTreeMap::new(),
        octets: 0,
        again: 0,
    };
    let mailer = taking.job.mailer.is_some();
    let mut failure = None;
    let mut seen = taking.store.seen()?;
    let scanned = intake.scan(&mut open(file)?, seen.as_mut(), &mut |shown| {
        let kept = match shown {
            Shown::Order(order) => pages.order(intake, order, sealer, mailer),
            Shown::Rejection(rejection) => pages.refuse(&rejection),
        };
        kept.map_err(|error| {
            let stop = RuntimeError::new(error.code, error.what.clone(), error.mend);
            failure = Some(error);
            stop
        })
    });
    let mut summary = match (scanned, failure) {
        (_, Some(error)) => return Err(error),
        (Err(error), None) => return Err(error.into()),
        (Ok(summary), None) => summary,
    };
    summary.accepted -= pages.again;
    summary.rejected += pages.again;
    pages.flush()?;
    let change = Change::Job {
        job: id,
        from: JobState::Intake,
        to: JobState::Loaded,
        fence: None,
    };
    let mut detail = format!("{} orders, {} taken", summary.orders, summary.accepted);
    let mut changes = vec![change];
    if let Some(number) = number {
        let name = file.file_name().map(|n| n.to_string_lossy().into_owned());
        changes.push(Change::TakeFile(
            id,
            OutputName {
                owner: taking.loaded.content().name.clone(),
                format: intake.format().name.clone(),
                file: name.unwrap_or_default(),
            },
            number,
        ));
        detail = format!("{detail}, file number {number}");
        if taking.file_number.is_some() {
            detail.push_str(" as named by the operator");
        }
    }
    commit(taking, id, changes, detail)?;
    Ok(summary)
}

struct Pages<'p, 'a> {
    taking: &'p Taking<'a>,
    id: JobId,
    once_lines: &'p [String],
    changes: Vec<Change>,
    /// Cards of the orders in `changes`, which the store does not know yet.
    page: BTreeMap<Identity, OrderKey>,
    /// Octets of the pictures in `changes`.
    octets: usize,
    /// Orders that ask for a card that an earlier job has made, or this one already.
    again: u64,
}

impl Pages<'_, '_> {
    fn order(
        &mut self,
        intake: &Intake<'_>,
        order: Order,
        sealer: &dyn Sealer,
        mailer: bool,
    ) -> Result<(), StationError> {
        let record = intake.reread(&order, self.once_lines)?;
        let material = identity(&record, &self.taking.job.record, &order);
        let identity = self.taking.store.identity_of(material.as_bytes());
        let owner = match self.page.get(&identity) {
            Some(earlier) => Some(*earlier),
            None => self.taking.store.identity_owner(&identity)?,
        };
        if let Some(owner) = owner {
            self.again += 1;
            return self.refuse(&Rejection {
                line: order.line,
                order: Some(order.number),
                code: "R1517".into(),
                field: None,
                reason: format!("job {} has this card as order {}", owner.job, owner.order),
                rule: None,
            });
        }
        let clear = Zeroizing::new(format!(
            "{}\n{}\n{}\n{}\n{}\n{}",
            order.number,
            order.line,
            order.product,
            order.priority,
            order.text,
            self.once_lines.join("\n")
        ));
        let context = SealContext {
            order: order.number,
            purpose: "record",
        };
        let sealed = sealer.seal(&context, clear.as_bytes())?;
        let key = OrderKey {
            job: self.id,
            order: order.number,
        };
        let pictures = pictures::seal(order.number, &order.pictures, sealer)?;
        self.octets += pictures.iter().map(|p| p.sealed.len()).sum::<usize>();
        self.page.insert(identity, key);
        self.changes.push(Change::Add(NewOrder {
            key,
            line: order.line,
            priority: order.priority,
            product: order.product,
            mailer: if mailer {
                MailerState::Pending
            } else {
                MailerState::Absent
            },
            identity,
            sealed,
            pictures,
        }));
        if self.changes.len() >= PAGE || self.octets >= PAGE_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn refuse(&mut self, rejection: &Rejection) -> Result<(), StationError> {
        let field = rejection
            .field
            .as_deref()
            .map(|f| format!("{f}: "))
            .unwrap_or_default();
        self.changes.push(Change::Refuse(
            self.id,
            RefusedRow {
                line: rejection.line,
                reference: rejection.order.map(|n| n.to_string()).unwrap_or_default(),
                code: rejection.code.clone(),
                reason: format!("{field}{}", rejection.reason),
            },
        ));
        if self.changes.len() >= PAGE {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<(), StationError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let changes = std::mem::take(&mut self.changes);
        self.page.clear();
        self.octets = 0;
        let detail = format!("{} records", changes.len());
        commit(self.taking, self.id, changes, detail)
    }
}

fn commit(
    taking: &Taking<'_>,
    id: JobId,
    changes: Vec<Change>,
    detail: String,
) -> Result<(), StationError> {
    let audit = AuditEntry {
        actor: "intake".into(),
        act: "intake".into(),
        key: OrderKey { job: id, order: 0 },
        detail,
    };
    let at = taking.clock.unix_seconds();
    Ok(taking.store.commit(&Batch {
        at,
        require: None,
        changes,
        audit: vec![audit],
    })?)
}

/// What makes a card unique: PAN, PSN and expiry, where the record has them; else the whole text.
fn identity(record: &dyn Fields, name: &str, order: &Order) -> Zeroizing<String> {
    let text = |field: &str| {
        record
            .field(name, field)
            .and_then(|v| v.text().map(str::to_owned))
    };
    let expiry = record.field(name, "expiry").and_then(|v| v.date());
    match (text("pan"), expiry) {
        (Some(pan), Some(expiry)) => {
            let psn = text("psn").unwrap_or_default();
            Zeroizing::new(format!("{pan}|{psn}|{}", expiry.format("YYYYMM")))
        }
        _ => Zeroizing::new(order.text.clone()),
    }
}

/// An order from its sealed form, and the header and trailer of its file.
pub(crate) fn unsealed(clear: &[u8]) -> Result<(Order, Vec<String>), StationError> {
    let damaged = || {
        StationError::new(
            "R1107",
            "a kept order can't be read",
            "restore the job's data",
        )
    };
    let text = std::str::from_utf8(clear).map_err(|_| damaged())?;
    let mut parts = text.split('\n');
    let mut next = || parts.next().ok_or_else(damaged);
    let order = Order {
        number: next()?.parse().map_err(|_| damaged())?,
        line: next()?.parse().map_err(|_| damaged())?,
        product: next()?.to_owned(),
        priority: next()?.parse().map_err(|_| damaged())?,
        text: next()?.to_owned(),
        pictures: Vec::new(),
    };
    // A format without header and trailer keeps no such lines.
    let once = parts.filter(|line| !line.is_empty());
    Ok((order, once.map(str::to_owned).collect()))
}

#[cfg(test)]
mod tests {
    use super::unsealed;

    #[test]
    fn an_order_is_read_again_with_and_without_header_lines() {
        let (order, once) = unsealed(b"7\n9\nGOLD\n0\nDTrecord\n").expect("no header");
        assert_eq!((order.number, order.line, order.priority), (7, 9, 0));
        assert_eq!(
            (order.product.as_str(), order.text.as_str()),
            ("GOLD", "DTrecord")
        );
        assert!(once.is_empty());
        let (_, once) = unsealed(b"7\n9\nGOLD\n0\nDTrecord\nHD1\nTR2").expect("header, trailer");
        assert_eq!(once, ["HD1", "TR2"]);
        assert!(unsealed(b"7\n9\nGOLD").is_err());
    }
}
