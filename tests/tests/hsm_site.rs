//! A site whose HSM is reached by PKCS#11: the example bank's cards with keys in SoftHSM.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_tests::{
    orders::{OrderRecord, file},
    station::Said,
    token::{pin, site},
};

#[test]
fn cards_with_keys_in_a_token() {
    let station = site("host_memory = \"allowed\"\ntest_only = true\n");
    let bundle = station.bundle().to_string_lossy().into_owned();
    let check = ["check", "--bundle", &bundle];
    let said = station.say(&check);
    assert_ne!(said.code, Some(0), "no key is there yet: {}", said.out);
    station.say(&["hsm", "prepare"]).expect(0);
    station.say(&["hsm", "test-keys", &bundle]).expect(0);
    let said = station.say(&check).expect(0);
    assert!(said.out.contains("PKCS#11"), "{}", said.out);
    assert!(said.out.contains("a key in host memory"), "{}", said.out);
    let lines: Vec<String> = (1..=4)
        .map(|n| OrderRecord::good(n, "DEBI", &format!("{:05}", 10_000 + n)).line())
        .collect();
    let orders = station.write("orders.txt", &file(&lines));
    station.run(&orders, "out", &["--lanes", "2"]).expect(0);
    let report = station.report("out");
    assert_eq!(report["validated"]["passed"], 4, "{report}");
    // The same keys a second time are refused, and nothing of them changes.
    let again = station.say(&["hsm", "test-keys", &bundle]);
    assert!(again.err.contains("R1339"), "{}", again.err);
    station.say(&check).expect(0);
}

#[test]
fn a_site_that_allows_no_key_in_host_memory_says_what_it_can_not_do() {
    let station = site("test_only = true\n");
    let said = station.say(&["hsm", "show"]).expect(0);
    assert!(said.out.contains("NOT POSSIBLE"), "{}", said.out);
    let wrong = site("deadline_ms = 1\n").say(&["hsm", "show"]);
    assert!(wrong.err.contains("R1338"), "{}", wrong.err);
    pin(&station, 0o644);
    let open = station.say(&["hsm", "show"]);
    assert!(open.err.contains("R1324"), "{}", open.err);
}

/// Operations that the token was asked for while a job ran.
fn operations(said: &Said) -> u64 {
    let asked = "the HSM was asked for";
    let line = said.err.lines().find(|line| line.contains(asked));
    let line = line.unwrap_or_else(|| panic!("no count: {}", said.err));
    let mut words = line.split_whitespace();
    words.find_map(|word| word.parse().ok()).unwrap()
}

/// What a card more costs in a whole run, from the order to the files, each card validated: the difference of two
/// runs of one lane, so that what a job costs once is left out.
fn each_card(product: &str, host_memory: &str) -> f64 {
    let station = site(&format!(
        "host_memory = {host_memory:?}\ntest_only = true\n"
    ));
    let bundle = station.bundle().to_string_lossy().into_owned();
    station.say(&["hsm", "prepare"]).expect(0);
    station.say(&["hsm", "test-keys", &bundle]).expect(0);
    let run = |count: u64| {
        let order = |n: u64| {
            let pin = format!("{:05}", 10_000 + n);
            OrderRecord::good(100 * count + n, product, &pin).line()
        };
        let lines: Vec<String> = (1..=count).map(order).collect();
        let out = count.to_string();
        let orders = station.write(&format!("{out}.txt"), &file(&lines));
        let said = station.run(&orders, &out, &["--lanes", "1"]).expect(0);
        let report = station.report(&out);
        assert_eq!(report["validated"]["passed"], count, "{report}");
        operations(&said)
    };
    let (few, many) = (run(16), run(64));
    let each = (many - few) as f64 / 48.0;
    println!(
        "{product}, {host_memory}: {each:.2} operations for one card more: {few} for 16, {many} for 64"
    );
    each
}

/// What a plain program asks that has all keys of cards in host memory, too, and stores nothing on the way, as
/// docs/PERFORMANCE.md lists it.
const PLAIN_CONTACT: f64 = 46.0;
const PLAIN_DUAL: f64 = 73.0;

#[test]
fn a_whole_run_asks_a_fifth_of_a_plain_programs_operations() {
    let each = each_card("DEBI", "preferred");
    assert!(each <= PLAIN_CONTACT / 5.0, "{each:.2}");
    // What it is today, so that it does not grow unseen.
    assert!(each < 8.0, "{each:.2}");
}

#[test]
fn so_does_one_for_cards_with_two_interfaces() {
    let each = each_card("DUAL", "preferred");
    assert!(each <= PLAIN_DUAL / 5.0, "{each:.2}");
    assert!(each < 10.5, "{each:.2}");
}

/// The same where the token does inside all that it can do there, so that a key is in host memory only where
/// SoftHSM has no other way: a chip's channel and its RSA key's parts take most of the operations.
#[test]
fn with_keys_inside_a_whole_run_asks_for_each_command_of_a_chip() {
    let contact = each_card("DEBI", "allowed");
    let dual = each_card("DUAL", "allowed");
    // What they are today, so that they do not grow unseen.
    assert!(contact < 200.0 && dual < 350.0, "{contact:.2} {dual:.2}");
}

#[test]
fn sessions_that_are_too_few_for_the_lanes_are_told_before_anything_begins() {
    let station = site("host_memory = \"allowed\"\ntest_only = true\nsessions = 2\n");
    let bundle = station.bundle().to_string_lossy().into_owned();
    station.say(&["hsm", "prepare"]).expect(0);
    station.say(&["hsm", "test-keys", &bundle]).expect(0);
    let lines: Vec<String> = (1..=2)
        .map(|n| OrderRecord::good(n, "DEBI", "1357").line())
        .collect();
    let orders = station.write("orders.txt", &file(&lines));
    let refused = station.run(&orders, "none", &["--lanes", "3"]).expect(5);
    for words in [
        "R1338",
        "hsm.sessions is 2",
        "3 lanes",
        "sessions = 4",
        "--lanes",
    ] {
        assert!(refused.err.contains(words), "{words}: {}", refused.err);
    }
    // Nothing was taken in; with fewer lanes it runs.
    let jobs = station.say(&["job", "list", "--format", "json"]).expect(0);
    assert_eq!(jobs.json()["jobs"].as_array().map(Vec::len), Some(0));
    station.run(&orders, "out", &["--lanes", "1"]).expect(0);

    // One session is too few for any number of lanes, so that every computer finds it.
    let path = station.site().join("site.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("sessions = 2", "sessions = 1")).unwrap();
    let said = station.say(&["check", "--bundle", &bundle]).expect(5);
    let told = said.out.lines().find(|l| l.starts_with("WRONG"));
    let told = told.expect("a finding");
    for words in ["R1338", "hsm.sessions is 1", "write `sessions = "] {
        assert!(told.contains(words), "{words}: {told}");
    }
    // Where the site says nothing there are as many as the lanes need.
    std::fs::write(&path, text.replace("sessions = 2\n", "")).unwrap();
    let orders = station.write(
        "more.txt",
        &file(&[OrderRecord::good(9, "DEBI", "1357").line()]),
    );
    station.run(&orders, "more", &["--lanes", "6"]).expect(0);
    station.say(&["check", "--bundle", &bundle]).expect(0);
}
