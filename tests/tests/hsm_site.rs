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
