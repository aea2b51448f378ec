//! Bad order files: each says what is wrong, where, and nothing of it is half taken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_ports::{
    Clock, Hsm, Store,
    store::{AuditEntry, Batch, BundleRow, Change, OrderKey},
};
use cardwright_runtime::{
    Date, Loaded, RuntimeError,
    intake::{Intake, Rejection, Shown, Summary},
};
use cardwright_soft_hsm::SoftHsm;
use cardwright_stations::{StationError, TakenJob, Taking, take};
use cardwright_store::{JobSealer, MemoryStore};
use cardwright_tests::{
    orders::{OrderRecord, file, pan},
    projects,
};
use std::sync::OnceLock;

/// 2026-06-01, 12:00 UTC.
const NOW: i64 = 1_780_315_200;

struct Noon;

impl Clock for Noon {
    fn unix_seconds(&self) -> i64 {
        NOW
    }
    fn monotonic_us(&self) -> u64 {
        0
    }
}

fn aurora() -> &'static Loaded {
    static LOADED: OnceLock<Loaded> = OnceLock::new();
    LOADED.get_or_init(projects::aurora)
}

/// What a scan found, and every record that it would not take.
#[derive(Clone)]
struct Scanned {
    summary: Summary,
    rejections: Vec<Rejection>,
}

impl std::ops::Deref for Scanned {
    type Target = Summary;
    fn deref(&self) -> &Summary {
        &self.summary
    }
}

fn scan(bytes: &[u8]) -> Result<Scanned, RuntimeError> {
    let job = aurora().job(None)?;
    let intake = Intake::new(aurora(), job, Date::from_unix_seconds(NOW))?;
    let store = MemoryStore::new();
    let mut seen = store.seen().expect("a set");
    let mut rejections = Vec::new();
    let summary = intake.scan(&mut &*bytes, seen.as_mut(), &mut |shown| {
        if let Shown::Rejection(rejection) = shown {
            rejections.push(rejection);
        }
        Ok(())
    })?;
    assert_eq!(summary.rejected, rejections.len() as u64);
    Ok(Scanned {
        summary,
        rejections,
    })
}

/// A store that has accepted the example bank's bundle, as a site does before its first job.
fn store() -> MemoryStore {
    let store = MemoryStore::new();
    let bundle = aurora().bundle();
    let row = BundleRow {
        digest: hex::encode_upper(bundle.digest()),
        name: bundle.content().name.clone(),
        sequence: bundle.content().sequence,
        loaded_at: NOW,
    };
    let audit = AuditEntry {
        actor: "test".into(),
        act: "bundle".into(),
        key: OrderKey { job: 0, order: 0 },
        detail: "accepted".into(),
    };
    let changes = vec![Change::Bundle(row)];
    store
        .commit(&Batch {
            at: NOW,
            require: None,
            changes,
            audit: vec![audit],
        })
        .expect("a bundle");
    store
}

fn take_bytes(store: &MemoryStore, name: &str, bytes: &[u8]) -> Result<TakenJob, StationError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("the file");
    let job = aurora().job(None)?;
    let taking = Taking {
        joined: &[],
        file_number: None,
        loaded: aurora(),
        job,
        store,
        clock: &Noon,
    };
    let hsm = SoftHsm::in_memory([7; 32]).expect("a soft HSM");
    let mut session = hsm.open_session().expect("a session");
    take(&taking, &path, session.as_mut(), &|key| {
        Ok(Box::new(JobSealer::new(key)?))
    })
}

fn good(number: u64) -> OrderRecord {
    OrderRecord::good(number, "DEBI", "2468")
}

/// Three orders on lines 2, 3 and 4; the second may be changed.
fn three(change: impl FnOnce(&mut OrderRecord)) -> Vec<String> {
    let mut second = good(2);
    change(&mut second);
    vec![good(1).line(), second.line(), good(3).line()]
}

#[test]
fn good_orders_are_taken() {
    let summary = scan(&file(&three(|_| {}))).expect("a good file");
    assert_eq!((summary.orders, summary.accepted), (3, 3));
    assert!(summary.rejections.is_empty());
    // Fill behind the last field is no fault, and the last line end may be missing.
    let mut lines = three(|_| {});
    lines[1].push_str("    ");
    let mut bytes = file(&lines);
    bytes.truncate(bytes.len() - 2);
    assert_eq!(scan(&bytes).expect("a good file").accepted, 3);
}

/// What is changed in the order on line 3, and code and field of its rejection.
type RecordCase = (
    &'static str,
    fn(&mut OrderRecord),
    &'static str,
    Option<&'static str>,
);

const RECORDS: &[RecordCase] = &[
    (
        "wrong check digit",
        |o| o.pan = flip_last(&o.pan),
        "R1507",
        Some("pan"),
    ),
    (
        "two digits of the PAN swapped",
        |o| o.pan = "9999920000000019".into(),
        "R1507",
        Some("pan"),
    ),
    (
        "11 digits",
        |o| o.pan = "99999200001".into(),
        "R1506",
        Some("pan"),
    ),
    (
        "a letter in the PAN",
        |o| o.pan = "99999200000000O1".into(),
        "R1506",
        Some("pan"),
    ),
    (
        "a PAN in groups",
        |o| o.pan = "9999 9200 0000 02".into(),
        "R1506",
        Some("pan"),
    ),
    (
        "a PAN of other digits",
        |o| o.pan = "９９９９９２００００００００２９".into(),
        "R1506",
        Some("pan"),
    ),
    ("no PAN", |o| o.pan.clear(), "R1506", Some("pan")),
    (
        "a PAN of another bank",
        |o| o.pan = with_luhn("99999100000001"),
        "R1514",
        None,
    ),
    (
        "one digit of PSN",
        |o| o.psn = "1".into(),
        "R1506",
        Some("psn"),
    ),
    (
        "PSN with a sign",
        |o| o.psn = "+1".into(),
        "R1506",
        Some("psn"),
    ),
    ("no name", |o| o.name.clear(), "R1506", Some("name")),
    (
        "a bell in the name",
        |o| o.name = "Ada\u{7}Lovelace".into(),
        "R1506",
        Some("name"),
    ),
    (
        "a NUL in the name",
        |o| o.name = "Ada\0Lovelace".into(),
        "R1506",
        Some("name"),
    ),
    (
        "a tab in the name",
        |o| o.name = "Ada\tLovelace".into(),
        "R1506",
        Some("name"),
    ),
    (
        "an escape in the name",
        |o| o.name = "Ada\u{1B}[2J".into(),
        "R1506",
        Some("name"),
    ),
    (
        "a C1 control in the name",
        |o| o.name = "Ada\u{85}Lovelace".into(),
        "R1506",
        Some("name"),
    ),
    (
        "a right-to-left mark",
        |o| o.name = "Ada\u{200F} Lovelace".into(),
        "R1518",
        Some("name"),
    ),
    (
        "a left-to-right mark in an address",
        |o| o.address[0] = "1 Main\u{200E} Street".into(),
        "R1518",
        Some("address"),
    ),
    (
        "an Arabic letter mark",
        |o| o.name = "\u{061C}Ada Lovelace".into(),
        "R1518",
        Some("name"),
    ),
    (
        "a bidi override",
        |o| o.name = "Ada\u{202E}ecalevoL".into(),
        "R1518",
        Some("name"),
    ),
    (
        "a bidi isolate",
        |o| o.name = "Ada\u{2066}Lovelace".into(),
        "R1518",
        Some("name"),
    ),
    (
        "a byte order mark",
        |o| o.name = "Ada\u{FEFF}Lovelace".into(),
        "R1518",
        Some("name"),
    ),
    (
        "an unknown product",
        |o| o.product = "PLAT".into(),
        "R1513",
        None,
    ),
    (
        "no product",
        |o| o.product.clear(),
        "R1506",
        Some("product"),
    ),
    (
        "a product in small letters",
        |o| o.product = "debi".into(),
        "R1513",
        None,
    ),
    (
        "a hyphen in the product",
        |o| o.product = "DE-I".into(),
        "R1506",
        Some("product"),
    ),
    (
        "month 13",
        |o| o.expiry = "3113".into(),
        "R1508",
        Some("expiry"),
    ),
    (
        "month 0",
        |o| o.expiry = "3100".into(),
        "R1508",
        Some("expiry"),
    ),
    (
        "letters for a date",
        |o| o.expiry = "NEVR".into(),
        "R1508",
        Some("expiry"),
    ),
    ("no expiry", |o| o.expiry.clear(), "R1506", Some("expiry")),
    (
        "expired last month",
        |o| o.expiry = "2605".into(),
        "R1509",
        None,
    ),
    (
        "30 February",
        |o| o.effective = "270230".into(),
        "R1508",
        Some("effective"),
    ),
    (
        "29 February of a common year",
        |o| o.effective = "270229".into(),
        "R1508",
        Some("effective"),
    ),
    (
        "valid after its end",
        |o| o.effective = "320101".into(),
        "R1514",
        None,
    ),
    (
        "a PIN block cut",
        |o| {
            o.pin.pop();
        },
        "R1506",
        Some("pin"),
    ),
    (
        "a PIN block that is not hex",
        |o| o.pin.replace_range(0..1, "G"),
        "R1506",
        Some("pin"),
    ),
    ("no PIN block", |o| o.pin.clear(), "R1506", Some("pin")),
    (
        "no address",
        |o| o.address = Default::default(),
        "R1506",
        Some("address"),
    ),
    (
        "a line feed mark in the address",
        |o| o.address[2] = "Ly\u{B}on".into(),
        "R1506",
        Some("address"),
    ),
    (
        "no postcode",
        |o| o.postcode.clear(),
        "R1506",
        Some("postcode"),
    ),
    (
        "no language",
        |o| o.language.clear(),
        "R1506",
        Some("language"),
    ),
    (
        "a language with a mark",
        |o| o.language = "e!".into(),
        "R1506",
        Some("language"),
    ),
    (
        "three digits of branch",
        |o| o.branch = "001".into(),
        "R1506",
        Some("branch"),
    ),
    (
        "letters for a branch",
        |o| o.branch = "MAIN".into(),
        "R1506",
        Some("branch"),
    ),
    (
        "urgency that is neither",
        |o| o.urgent = "X".into(),
        "R1506",
        Some("urgent"),
    ),
    (
        "urgency in a small letter",
        |o| o.urgent = "y".into(),
        "R1506",
        Some("urgent"),
    ),
    (
        "no reference",
        |o| o.reference.clear(),
        "R1506",
        Some("reference"),
    ),
    (
        "a reference with a slash",
        |o| o.reference = "../../00002".into(),
        "R1506",
        Some("reference"),
    ),
    ("the same card as before", |o| o.pan = pan(1), "R1511", None),
];

fn flip_last(pan: &str) -> String {
    let (body, last) = pan.split_at(pan.len() - 1);
    let digit = (last.parse::<u8>().expect("a digit") + 1) % 10;
    format!("{body}{digit}")
}

fn with_luhn(body: &str) -> String {
    let digit = cardwright_standards::pan::luhn_digit(body).expect("digits");
    format!("{body}{digit}")
}

#[test]
fn a_bad_order_is_rejected_and_the_rest_goes_on() {
    let mut wrong = Vec::new();
    for (name, change, code, field) in RECORDS {
        let summary = match scan(&file(&three(change))) {
            Ok(summary) => summary,
            Err(error) => {
                wrong.push(format!("{name}: the file is refused: {}", error.code));
                continue;
            }
        };
        let found: Vec<_> = summary
            .rejections
            .iter()
            .map(|r| (r.line, r.order, r.code.as_str(), r.field.as_deref()))
            .collect();
        if found != [(3, Some(2), *code, *field)] || summary.accepted != 2 {
            wrong.push(format!("{name}: {found:?}, {} accepted", summary.accepted));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_reason_never_repeats_a_value() {
    for (name, change, ..) in RECORDS {
        let mut order = good(2);
        change(&mut order);
        let summary = scan(&file(&three(change))).expect("the file goes on");
        for rejection in &summary.rejections {
            for value in [&order.pan, &order.pin, &order.name] {
                let shown = value.len() > 3 && rejection.reason.contains(value.as_str());
                assert!(!shown, "{name}: {}", rejection.reason);
            }
        }
    }
}

/// What is done to the octets of line 3, and the code of its rejection.
type LineCase = (&'static str, fn(Vec<u8>) -> Vec<u8>, &'static str);

const LINES: &[LineCase] = &[
    (
        "cut by five",
        |mut l| {
            l.truncate(l.len() - 5);
            l
        },
        "R1504",
    ),
    (
        "one character more",
        |mut l| {
            l.push(b'X');
            l
        },
        "R1504",
    ),
    ("two characters only", |_| b"DT".to_vec(), "R1504"),
    (
        "another mark",
        |mut l| {
            l[0] = b'X';
            l
        },
        "R1505",
    ),
    (
        "a mark in small letters",
        |mut l| {
            l[0] = b'd';
            l
        },
        "R1505",
    ),
    ("a blank in front", |l| [b" ", &l[..]].concat(), "R1505"),
    (
        "Latin-1 in UTF-8",
        |mut l| {
            l[30] = 0xE9;
            l
        },
        "R1502",
    ),
    (
        "an overlong form",
        |mut l| {
            l[30] = 0xC0;
            l[31] = 0x80;
            l
        },
        "R1502",
    ),
    (
        "half of a surrogate pair",
        |mut l| {
            l[30..33].copy_from_slice(b"\xED\xA0\x80");
            l
        },
        "R1502",
    ),
    (
        "beyond Unicode",
        |mut l| {
            l[30..34].copy_from_slice(b"\xF5\x80\x80\x80");
            l
        },
        "R1502",
    ),
];

#[test]
fn a_bad_line_is_rejected_and_the_rest_goes_on() {
    let mut wrong = Vec::new();
    for (name, change, code) in LINES {
        let lines = three(|_| {});
        let mut bytes = b"HD0000007720261120\r\n".to_vec();
        for (at, line) in lines.iter().enumerate() {
            let line = line.clone().into_bytes();
            bytes.extend(if at == 1 { change(line) } else { line });
            bytes.extend_from_slice(b"\r\n");
        }
        // A line that is no order counts for nothing.
        let counted = if matches!(*code, "R1505" | "R1502") {
            2
        } else {
            3
        };
        bytes.extend_from_slice(format!("TR{counted:08}\r\n").as_bytes());
        match scan(&bytes) {
            Ok(summary) => {
                let found: Vec<_> = summary
                    .rejections
                    .iter()
                    .map(|r| (r.line, r.code.as_str()))
                    .collect();
                if found != [(3, *code)] || summary.accepted != 2 {
                    wrong.push(format!("{name}: {found:?}, {} accepted", summary.accepted));
                }
            }
            Err(error) => wrong.push(format!("{name}: refused, {}: {}", error.code, error.what)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A whole file that is refused, and its code.
type FileCase = (&'static str, fn(Vec<u8>) -> Vec<u8>, &'static str);

const FILES: &[FileCase] = &[
    ("nothing", |_| Vec::new(), "R1512"),
    ("an empty line", |_| b"\r\n".to_vec(), "R1512"),
    ("a header only", |f| f[..20].to_vec(), "R1512"),
    ("no header", |f| f[20..].to_vec(), "R1512"),
    ("no trailer", |f| f[..f.len() - 12].to_vec(), "R1512"),
    ("two headers", |f| [&f[..20], &f[..]].concat(), "R1512"),
    (
        "two trailers",
        |f| [&f[..], &f[f.len() - 12..]].concat(),
        "R1512",
    ),
    (
        "an order after the trailer",
        |f| {
            let text = String::from_utf8(f).expect("text");
            let mut lines: Vec<&str> = text.split_inclusive("\r\n").collect();
            let last = lines.len() - 1;
            lines.swap(last - 1, last);
            lines.concat().into_bytes()
        },
        "R1512",
    ),
    ("the file twice", |f| [&f[..], &f[..]].concat(), "R1512"),
    (
        "one order too few",
        |f| replaced(f, "TR00000003", "TR00000004"),
        "R1510",
    ),
    (
        "one order too many",
        |f| replaced(f, "TR00000003", "TR00000002"),
        "R1510",
    ),
    (
        "a trailer of nothing",
        |f| replaced(f, "TR00000003", "TR00000000"),
        "R1510",
    ),
    (
        "a trailer of letters",
        |f| replaced(f, "TR00000003", "TRthree   "),
        "R1512",
    ),
    ("a trailer cut", |f| f[..f.len() - 5].to_vec(), "R1512"),
    (
        "a header without a date",
        |f| replaced(f, "20261120", "20261320"),
        "R1512",
    ),
    (
        "LF alone",
        |f| f.into_iter().filter(|b| *b != b'\r').collect(),
        "R1516",
    ),
    (
        "LF alone once",
        |f| replaced(f, "20261120\r\n", "20261120\n"),
        "R1516",
    ),
    (
        "CR alone",
        |f| f.into_iter().filter(|b| *b != b'\n').collect(),
        "R1512",
    ),
    (
        "UTF-16",
        |f| f.into_iter().flat_map(|b| [b, 0]).collect(),
        "R1516",
    ),
    (
        "a byte order mark",
        |f| [b"\xEF\xBB\xBF", &f[..]].concat(),
        "R1512",
    ),
    ("NUL octets", |_| vec![0; 4096], "R1512"),
    (
        "a line of 100,000 characters",
        |f| [&f[..20], &b"D".repeat(100_000)[..], b"\r\n", &f[20..]].concat(),
        "R1503",
    ),
    (
        "a million characters and no line",
        |_| b"9".repeat(1_000_000),
        "R1503",
    ),
    (
        "a PDF",
        |_| b"%PDF-1.7\r\n%\xE2\xE3\xCF\xD3\r\n1 0 obj\r\n".to_vec(),
        "R1512",
    ),
];

fn replaced(file: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(file).expect("UTF-8");
    assert!(text.contains(from));
    text.replace(from, to).into_bytes()
}

#[test]
fn a_bad_file_is_refused_whole() {
    let mut wrong = Vec::new();
    for (name, change, code) in FILES {
        let bytes = change(file(&three(|_| {})));
        let store = store();
        match take_bytes(&store, "bad.txt", &bytes) {
            Ok(taken) => wrong.push(format!("{name}: taken, {} orders", taken.summary.orders)),
            Err(error) if error.code != *code => {
                wrong.push(format!("{name}: {}: {}", error.code, error.what));
            }
            Err(_) => {}
        }
        let left = store.jobs().expect("jobs").len();
        let acts = store.audit(0, 10).expect("the audit log").len();
        // The one entry is that of the accepted bundle.
        if left > 0 || acts != 1 {
            wrong.push(format!(
                "{name}: {left} jobs and {acts} audit entries are left"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_whose_end_is_wrong_leaves_nothing_of_a_thousand_orders() {
    let lines: Vec<String> = (1..=1_200).map(|n| good(n).line()).collect();
    let bytes = file(&lines);
    let text = String::from_utf8(bytes.clone()).expect("UTF-8");
    let store = store();
    let bad = text.replace("TR00001200", "TR00001201").into_bytes();
    let error = take_bytes(&store, "orders.txt", &bad).err().map(|e| e.code);
    assert_eq!(error, Some("R1510"));
    assert!(store.jobs().expect("jobs").is_empty());
    // The good file is a new one, and its cards are asked for the first time.
    let taken = take_bytes(&store, "orders.txt", &bytes).expect("a good file");
    assert_eq!(taken.summary.accepted, 1_200);
    assert_eq!(store.counts(taken.id).expect("counts").total(), 1_200);
}

#[test]
fn a_file_or_a_card_comes_once() {
    let store = store();
    let first = file(&three(|_| {}));
    take_bytes(&store, "monday.txt", &first).expect("a good file");
    let again = take_bytes(&store, "tuesday.txt", &first)
        .err()
        .map(|e| e.code);
    assert_eq!(again, Some("R1515"), "the same octets under another name");
    // Another file, with one card of the first and one new one.
    let overlap = file(&[good(2).line(), good(4).line()]);
    let taken = take_bytes(&store, "overlap.txt", &overlap).expect("the rest goes on");
    let refused = store.refused(taken.id, 0, 10).expect("rows");
    let found: Vec<_> = refused.iter().map(|r| (r.line, r.code.as_str())).collect();
    assert_eq!(found, [(2, "R1517")]);
    assert_eq!(taken.summary.rejected, 1);
    assert_eq!(taken.summary.accepted, 1);
    // Another sequence number is another card.
    let mut renewed = good(2);
    renewed.psn = "01".into();
    let taken = take_bytes(&store, "renewed.txt", &file(&[renewed.line()])).expect("a new card");
    assert_eq!(taken.summary.accepted, 1);
}

#[test]
fn orders_are_kept_sealed() {
    let store = store();
    let taken = take_bytes(&store, "orders.txt", &file(&three(|_| {}))).expect("a good file");
    for order in 1..=3 {
        let key = OrderKey {
            job: taken.id,
            order,
        };
        let sealed = store.sealed_record(key).expect("a record");
        let pan = pan(order);
        assert!(!sealed.windows(pan.len()).any(|part| part == pan.as_bytes()));
    }
}
