//! What `cardstation` says when a site, a file or a disk is not as it should be: code, place, what
//! was expected, what to do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_tests::{
    orders::{OrderRecord, file},
    plant,
    station::{Said, Station, program},
};
use std::{path::Path, process::Command};

/// Exit code 3: file or environment.
const ENVIRONMENT: i32 = 3;

#[track_caller]
fn says(said: Said, exit: i32, code: &str, words: &str) {
    let said = said.expect(exit);
    assert!(said.err.contains(code), "{code}: {}", said.err);
    // The renderer breaks long lines.
    let flat: Vec<&str> = said.err.split_whitespace().collect();
    assert!(flat.join(" ").contains(words), "{words}: {}", said.err);
    assert!(said.err.contains("help"), "no help: {}", said.err);
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn three_orders() -> Vec<u8> {
    let lines: Vec<String> = (1..=3)
        .map(|n| OrderRecord::good(n, "DEBI", "1357").line())
        .collect();
    file(&lines)
}

#[test]
fn a_site_is_found_whole_or_not_at_all() {
    let station = Station::new();
    let site = text(&station.site());
    says(
        station.say(&["init", &site]),
        ENVIRONMENT,
        "R1293",
        "is not empty",
    );
    let path = station.site().join("site.toml");
    let away = station.path("away.toml");
    std::fs::rename(&path, &away).expect("the site file goes");
    says(
        station.say(&["job", "list"]),
        ENVIRONMENT,
        "R1294",
        "no site at",
    );
    std::fs::rename(&away, &path).expect("and comes back");
    let whole = std::fs::read_to_string(&path).expect("the site file");
    for (from, to, words) in [
        ("schema = 1", "schema = 9", "schema 9, 1 expected"),
        ("schema = 1", "schema = one", "site.toml"),
        ("schema = 1", "schema = 1\ncolour = \"red\"", "colour"),
    ] {
        std::fs::write(&path, whole.replace(from, to)).expect("the site file");
        says(station.say(&["job", "list"]), ENVIRONMENT, "R1295", words);
    }
    let signer = whole.replace("signers = []", "signers = [\"01\"]");
    std::fs::write(&path, signer).expect("the site file");
    let bundle = text(&station.bundle());
    let said = station.say(&["bundle", "load", &bundle]);
    says(said, ENVIRONMENT, "R1295", "64 hexadecimal digits");
}

#[test]
fn files_that_are_not_there_or_far_too_large() {
    let station = Station::new();
    let none = text(&station.path("none.cwb"));
    says(
        station.say(&["bundle", "load", &none]),
        ENVIRONMENT,
        "R1290",
        "none.cwb",
    );
    let large = std::fs::File::create(station.path("large.card")).expect("a file");
    large.set_len(1 << 30).expect("a hole");
    let large = text(&station.path("large.card"));
    says(
        station.say(&["card", "show", &large]),
        ENVIRONMENT,
        "R1290",
        "larger than",
    );
}

#[test]
fn one_card_is_asked_for_and_codes_are_known_or_not() {
    let station = Station::new();
    says(station.say(&["card", "serve"]), 2, "R1296", "one card");
    let key = ["card", "serve", "--blank", "scp03", "--key"];
    says(
        station.say(&[&key[..], &["xyz"]].concat()),
        2,
        "R1296",
        "not hexadecimal",
    );
    says(station.say(&["explain", "R9999"]), 1, "R1297", "R9999");
    let said = station.say(&["explain", "r1297"]).expect(0);
    assert!(said.out.contains("R1297: unknown code"), "{}", said.out);
}

#[test]
fn an_ended_job_has_a_report_and_no_key() {
    let station = Station::new();
    let orders = station.write("orders.txt", &three_orders());
    station.run(&orders, "out", &[]).expect(0);
    let out = text(&station.path("out"));
    station
        .say(&["job", "report", "1", "--out", &out])
        .expect(0);
    let other = text(&station.path("other"));
    let said = station.say(&["job", "report", "1", "--out", &other]);
    says(said, ENVIRONMENT, "R1298", "has no report");
    let said = station.say(&[
        "job",
        "resume",
        "1",
        "--out",
        &other,
        "--authorized-by",
        "cleo",
    ]);
    says(said, ENVIRONMENT, "R1417", "its key was destroyed");
    assert_eq!(station.machine().good, 3, "no card was moved");
}

#[test]
fn blanks_whose_chip_is_silent_are_rejected() {
    let station = Station::new();
    // A platform that no chip of ours has: its blanks are plain plastic.
    let bundle = plant::changed(|content| {
        let chip = content.cards[0].chip.as_mut().expect("a chip");
        chip.channel.as_mut().expect("a channel").option = 0x11;
    });
    std::fs::write(station.bundle(), bundle.to_bytes().expect("octets")).expect("a bundle");
    let plant = plant::Plant::new();
    let orders = station.write("orders.txt", plant.order_file(4).as_bytes());
    let said = station.run(&orders, "out", &["--lanes", "1"]).expect(0);
    assert!(said.out.contains("R1208"), "{}\n{}", said.out, said.err);
    let machine = station.machine();
    assert!(machine.holds(), "{machine:?}");
    assert_eq!(machine.good, 0);
    assert_eq!(machine.rejected, 4, "{machine:?}");
}

/// Runs `cardstation` where no file may grow beyond so many kilobytes.
#[cfg(target_os = "linux")]
fn confined(station: &Station, kilobytes: u64, arguments: &[String]) -> Said {
    // The signal is ignored, so that writes fail as they do on a full disk.
    let script = format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$@\"");
    let output = Command::new("bash")
        .args(["-c", &script, "bash"])
        .arg(program("cardstation"))
        .arg("--site")
        .arg(station.site())
        .args(arguments)
        .env_remove("CARDSTATION_SITE")
        .output()
        .expect("bash runs");
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_at_any_moment_loses_and_doubles_nothing() {
    for kilobytes in [1, 16, 64, 100, 160, 240, 400] {
        let station = Station::new();
        let orders = station.write("orders.txt", &three_orders());
        let run = station.run_arguments(&orders, "out", &["--lanes", "1"]);
        let said = confined(&station, kilobytes, &run);
        if said.code != Some(0) {
            let known = ["R14", "R126", "R129", "R1310"]
                .iter()
                .any(|band| said.err.contains(band));
            let paused = said.out.contains("R1");
            assert!(
                known || paused,
                "{kilobytes} KB: {}\n{}",
                said.out,
                said.err
            );
            assert!(!said.err.contains("panicked"), "{}", said.err);
        }
        // Room again: people look, and the job goes on or begins anew.
        let jobs = station
            .say(&["job", "list", "--format", "json"])
            .expect(0)
            .json();
        let jobs = jobs["jobs"].as_array().cloned().unwrap_or_default();
        let ended = jobs.first().is_some_and(|job| job["state"] == "DONE");
        if jobs.is_empty() {
            station.run(&orders, "out", &[]).expect(0);
        } else if !ended {
            finish(&station, &orders);
        }
        let machine = station.machine();
        assert!(machine.duplicates.is_empty(), "{kilobytes} KB: {machine:?}");
        assert!(machine.findings.is_empty(), "{kilobytes} KB: {machine:?}");
        assert_eq!(machine.unaccounted, 0, "{kilobytes} KB: {machine:?}");
        assert_eq!(machine.good, 3, "{kilobytes} KB: {machine:?}");
        station.say(&["audit", "verify"]).expect(0);
    }
}

/// Looks at what is in doubt, settles it by the machine's ledger, and goes on.
#[cfg(target_os = "linux")]
fn finish(station: &Station, orders: &Path) {
    // A job that was running is looked through; nothing moves before somebody said so.
    station.run(orders, "out", &[]);
    let shown = station
        .say(&["job", "show", "1", "--format", "json"])
        .expect(0)
        .json();
    for order in shown["in_doubt"].as_array().expect("a list") {
        let number = order["order"].to_string();
        let blank = order["blank"].as_u64();
        let lines = station.machine_lines();
        let left = |act: &str| {
            let mut own = lines.iter().filter(|l| l["blank"].as_u64() == blank);
            own.any(|l| l["act"] == act)
        };
        let found = match (left("eject"), left("feed")) {
            (true, _) => "good",
            (false, true) => "destroyed",
            (false, false) => "nothing",
        };
        for who in ["ann", "bob"] {
            let settle = ["job", "settle", "1", &number, "--found", found, "--by", who];
            station.say(&settle).expect(0);
        }
    }
    for order in shown["mailers_in_doubt"].as_array().expect("a list") {
        let number = order.to_string();
        for who in ["ann", "bob"] {
            let found = ["--mailer", "--found", "destroyed", "--by", who];
            let settle = [&["job", "settle", "1", &number][..], &found].concat();
            station.say(&settle).expect(0);
        }
    }
    let out = text(&station.path("out"));
    let resume = [
        "job",
        "resume",
        "1",
        "--out",
        &out,
        "--authorized-by",
        "cleo",
    ];
    station.say(&resume).expect(0);
}
