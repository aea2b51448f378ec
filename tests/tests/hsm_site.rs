//! A site whose HSM is reached by PKCS#11: the example bank's cards with keys in SoftHSM.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_tests::{
    orders::{OrderRecord, file},
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
fn operations(said: &cardwright_tests::station::Said) -> u64 {
    let line = said
        .err
        .lines()
        .find(|l| l.contains("the HSM was asked for"));
    let line = line.unwrap_or_else(|| panic!("no count: {}", said.err));
    let mut words = line.split_whitespace();
    words.find_map(|word| word.parse().ok()).unwrap()
}

// Of its data a card costs one signature and its share of joined calls; of its chip one call for the
// channel's keys and three for all its secrets together; of its letter three, since PINs are revealed one
// at a time. A plain program asks 25 times for the data, 11 times for the chip and once for the letter.
#[test]
fn the_example_banks_cards_take_few_calls() {
    let lean = "host_memory = \"allowed\"\ntest_only = true\navoid = [\"tdes_derive\", \"aes_derive\", \"aes_key_wrap_pad\"]\n";
    let station = site(lean);
    let bundle = station.bundle().to_string_lossy().into_owned();
    station.say(&["hsm", "prepare"]).expect(0);
    station.say(&["hsm", "test-keys", &bundle]).expect(0);
    let run = |count: u64, out: &str| {
        let lines: Vec<String> = (1..=count)
            .map(|n| OrderRecord::good(100 * count + n, "DEBI", &format!("{:05}", 10_000 + n)))
            .map(|order| order.line())
            .collect();
        let orders = station.write(&format!("{out}.txt"), &file(&lines));
        let said = station.run(&orders, out, &["--lanes", "1"]).expect(0);
        operations(&said)
    };
    // The first cards of a job are validated, which costs calls of its own, the same for both.
    let (few, many) = (run(16, "few"), run(48, "many"));
    let each = (many - few) as f64 / 32.0;
    println!("{each:.2} operations for one card more: {few} for 16, {many} for 48");
    assert!(each <= 10.0, "{each:.2}: {few} for 16, {many} for 48");
}
