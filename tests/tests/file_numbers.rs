//! Numbers of output files are kept from job to job: none is lost, none stands twice, and a job that
//! is ended again after a failure finds the one that it took.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_ports::Store;
use cardwright_ports::binding::Unwatched;
use cardwright_ports::store::{AuditEntry, Batch, Change, NewJob, OrderKey, OutputName};
use cardwright_runtime::engine::{self, End};
use cardwright_runtime::load;
use cardwright_store::MemoryStore;
use cardwright_tests::plant::{self, Noon, Plant, Work};

const RETURNS: &str = r#"
format returns : delimited for orders.order {
  file_name = "returns.csv"
  record header { number : n 6 = sequence(files) }
  record card   { number : n 6 = sequence(file); reference : text = run.reference }
}
"#;

fn name() -> OutputName {
    OutputName {
        owner: "aurora".to_owned(),
        format: "returns".to_owned(),
        file: "returns.csv".to_owned(),
    }
}

/// What an earlier job took.
fn number_for(store: &dyn Store, job: u64) -> u64 {
    let batch = Batch {
        at: 1,
        require: None,
        changes: vec![Change::NumberFile(job, name())],
        audit: vec![AuditEntry {
            actor: "engine".to_owned(),
            act: "number_file".to_owned(),
            key: OrderKey { job, order: 0 },
            detail: "returns returns.csv".to_owned(),
        }],
    };
    store.commit(&batch).expect("a number");
    store
        .file_number(job, &name())
        .expect("a store")
        .expect("it")
}

fn another_job(store: &dyn Store, digest: &str, file: &str) -> u64 {
    let job = NewJob {
        name: "daily".to_owned(),
        bundle_digest: digest.to_owned(),
        file_sha256: file.repeat(32),
        file_name: "orders.txt".to_owned(),
        wrapped_key: vec![1; 16],
    };
    store.open_job(1, &job, "test").expect("a job")
}

#[test]
fn a_job_that_is_ended_again_after_a_failure_keeps_its_number() {
    let bank = plant::bank_of(|source| {
        let outputs = "outputs   = [transfer]";
        assert!(source.contains(outputs), "the small bank's outputs");
        source.replace(outputs, "outputs   = [transfer, returns]") + RETURNS
    });
    let mut plant = Plant::new();
    plant.loaded = load::accept(bank).expect("it loads");
    let store = MemoryStore::new();
    let job = plant.take(&store, 2);
    let digest = hex::encode_upper(plant.loaded.bundle().digest());
    // Two jobs before it.
    assert_eq!(number_for(&store, another_job(&store, &digest, "01")), 1);
    assert_eq!(number_for(&store, another_job(&store, &digest, "02")), 2);
    let machine = plant.machine(|card| Box::new(card));
    let work = Work {
        job,
        hsm: &plant.hsm,
        store: &store,
        machine: &machine,
        clock: &Noon,
        binding: &Unwatched,
    };
    // The file can't be written when the job closes; its number has been taken then.
    let obstacle = plant.folder().join("out/files/.returns.csv.part");
    std::fs::create_dir_all(&obstacle).expect("an obstacle");
    let started = engine::start(&store, &Noon, job, "operator").expect("it starts");
    let end = plant.go_on(&work, started).map(|o| o.end);
    assert_ne!(end.as_ref().ok(), Some(&End::Done), "{end:?}");
    assert_eq!(store.file_number(job, &name()).expect("a store"), Some(3));
    // Somebody else's file comes between.
    assert_eq!(number_for(&store, another_job(&store, &digest, "03")), 4);
    std::fs::remove_dir(&obstacle).expect("it goes");
    let end = match end {
        Ok(_) => plant.run(&work).map(|o| o.end),
        Err(_) => {
            engine::recover(&store, &Noon, job, "Ada").expect("it recovers");
            let begun = engine::authorize(&store, &Noon, job, "Ada").expect("authorized");
            plant.go_on(&work, begun).map(|o| o.end)
        }
    };
    assert_eq!(end.as_ref().ok(), Some(&End::Done), "{end:?}");
    let path = plant.folder().join("out/files/returns.csv");
    let written = std::fs::read_to_string(path).expect("the file");
    let first = written.lines().next().expect("a header");
    assert!(first.ends_with('3'), "{written}");
    assert_eq!(written.lines().count(), 3);
    assert_eq!(number_for(&store, another_job(&store, &digest, "04")), 5);
    let verdict = store.verify_audit().expect("an audit log");
    assert!(verdict.findings.is_empty(), "{verdict:?}");
}
