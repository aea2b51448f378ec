//! `check --fix`: changes that findings name are made, said, and made once.

#![allow(clippy::expect_used, reason = "a test fails loudly")]

mod common;

use common::{aurora, cardwright, copy};

#[test]
fn what_findings_name_is_mended_and_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("bank");
    copy(&aurora(), &project);
    let file = project.join("bank.perso");
    let good = std::fs::read_to_string(&file).expect("a source");
    // A misspelt kind and attribute, and a declaration that nothing names.
    let bad =
        good.replacen("issuer aurora", "isuer aurora", 1)
            .replacen("currency =", "curency =", 1)
            + "\nlet nobody_asks = \"x\"\n";
    assert_ne!(bad, good);
    std::fs::write(&file, &bad).expect("written");
    let at = project.display().to_string();
    assert_eq!(cardwright(folder.path(), &["check", &at]).code, 1);
    let mended = cardwright(folder.path(), &["check", "--fix", &at]);
    assert_eq!(mended.code, 0, "{}{}", mended.out, mended.err);
    for said in [
        "write `issuer`",
        "write `currency`",
        "E0101",
        "E0102",
        "E0116",
    ] {
        assert!(mended.err.contains(said), "{said}\n{}", mended.err);
    }
    let left = std::fs::read_to_string(&file).expect("a source");
    assert!(!left.contains("nobody_asks"), "{left}");
    assert_eq!(left.trim_end(), good.trim_end());
    // A second time there is nothing to do.
    let again = cardwright(folder.path(), &["check", "--fix", &at]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(!again.err.contains("E0101"), "{}", again.err);
    assert_eq!(std::fs::read_to_string(&file).expect("a source"), left);
}

/// E0830 names the dies of lines 2 to 4 (ISO/IEC 7811-1, 6): all three are mended at once. The
/// number line has two to choose from, so that it is left to the author; the page says which.
#[test]
fn dies_of_every_line_are_mended() {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("bank");
    copy(&aurora(), &project);
    let file = project.join("cards.perso");
    let good = std::fs::read_to_string(&file).expect("a source");
    let numbers = "line 1 = number_line(order.pan)";
    let two = "line 2 = order.expiry |> \"MM/YY\"";
    let three = "line 3 = name_line(order.embossed_name, order.name)";
    let four = "line 4 = order.name |> embossing_name(26)";
    let with = |dies: [&str; 4]| {
        let [first, second, third, fourth] = dies;
        let last = format!("{three} with {third}\n      {four} with {fourth}");
        good.replacen(numbers, &format!("{numbers} with {first}"), 1)
            .replacen(two, &format!("{two} with {second}"), 1)
            .replacen(three, &last, 1)
    };
    let at = project.display().to_string();
    let names = ["farrington_7b", "farrington_7b", "ocr_b", "farrington_7b"];
    std::fs::write(&file, with(names)).expect("written");
    let bad = cardwright(folder.path(), &["check", &at]);
    assert_eq!(bad.code, 1);
    for name in ["Farrington 7B", "OCR-B 1"] {
        let said = format!("a line of the name and address area is not embossed with {name}");
        assert!(bad.out.contains(&said), "{said}\n{}", bad.out);
    }
    let mended = cardwright(folder.path(), &["check", "--fix", &at]);
    assert_eq!(mended.code, 0, "{}{}", mended.out, mended.err);
    assert_eq!(
        mended.err.matches("write `standard`").count(),
        3,
        "{}",
        mended.err
    );
    let left = std::fs::read_to_string(&file).expect("a source");
    assert_eq!(
        left,
        with(["farrington_7b", "standard", "standard", "standard"])
    );
    // The number line.
    let bad = with(["standard", "standard", "standard", "standard"]);
    std::fs::write(&file, &bad).expect("written");
    let mended = cardwright(folder.path(), &["check", "--fix", &at]);
    let said = "the number line is not embossed with standard";
    assert!(
        mended.code == 1 && mended.out.contains(said),
        "{}",
        mended.out
    );
    assert_eq!(std::fs::read_to_string(&file).expect("a source"), bad);
    let page = cardwright(folder.path(), &["explain", "E0830"]);
    let todo = "Take `farrington_7b` or `ocr_b` for line 1, `standard` for lines 2 to 4.";
    assert!(page.code == 0 && page.out.contains(todo), "{}", page.out);
}

#[test]
fn what_no_finding_can_mend_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("bank");
    copy(&aurora(), &project);
    let file = project.join("bank.perso");
    let good = std::fs::read_to_string(&file).expect("a source");
    let bad = format!("{good}\nprofile {{ ( [\n");
    std::fs::write(&file, &bad).expect("written");
    let at = project.display().to_string();
    let mended = cardwright(folder.path(), &["check", "--fix", &at]);
    assert_eq!(mended.code, 1);
    let parsed = |text: &str| cardwright_dsl::parse(text).diagnostics.len();
    let left = std::fs::read_to_string(&file).expect("a source");
    assert!(parsed(&left) <= parsed(&bad), "{left}");
}
