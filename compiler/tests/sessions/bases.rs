//! Changes of what others build on: a profile with heirs, a card with heirs, the functions, values,
//! tables and rules that they use.

use super::{same, small_bank};
use cardwright_compiler::project::{Files as _, MemoryFiles, Project};
use cardwright_compiler::{Environment, Session, check};

const ROOT: &str = "package small

use std.emv

let tries_given = 3
let chip_service = 999

fn tail(pan, expiry) = cvv(cvk, pan, expiry, service: chip_service)
fn shown(name) = name |> embossing_name(26)
fn pair(a, b) = \"{a}{b}\"

table branches = file(\"branches.csv\") { key = code; code : text 4; town : text 20 }

rule labels for profile { require length(label) <= 12 because \"{label} is long\" }
rule known for orders.order { require listed(branches, order.psn) or order.psn == \"00\" because \"a branch\" }

profile root : debit {
  label     = \"ROOT\"
  languages = \"en\"
  data {
    #57   = track2(order.pan, order.expiry, services, tail(order.pan, order.expiry))
    #5F20 = order.name |> emv_name
    #9F14 = x\"03\"
    #9F23 = x\"05\"
  }
  records {
    sfi 1 record 1        = [#57, #5F20]
    sfi 2 record 1 signed = [#5A, #5F24, #5F28, #5F30, #5F34, #9F07, #8E, #9F0D, #9F0E, #9F0F, #9F4A]
    sfi 2 record 2        = [#8C, #8D, #9F08, #9F42, #9F49, #9F14, #9F23]
  }
  offline_pin { value = order.pin; tries = tries_given }
}

card root_card : debit_card {
  face front {
    emboss {
      line 1 = order.pan
      line 2 = order.expiry |> \"MM/YY\"
      line 3 = shown(order.name)
      line 4 = lookup(branches.town, order.psn, else: \"\")
    }
  }
}
";

const HEIRS: &str = "package small

use std.emv

profile plain : root { aid = x\"F0 00 00 00 92 20 01\" }
profile named : root { aid = x\"F0 00 00 00 92 20 02\"; label = \"NAMED\" }
profile counted : root { aid = x\"F0 00 00 00 92 20 03\"; data { #9F14 = x\"04\" } }
profile ordered : root {
  aid = x\"F0 00 00 00 92 20 04\"
  records {
    sfi 1 record 1        = [#57, #5F20]
    sfi 2 record 1 signed = [#5A, #5F24, #5F28, #5F30, #5F34, #9F07, #8E, #9F0D, #9F0E, #9F0F, #9F4A]
    sfi 2 record 2        = [#8C, #8D, #9F08, #9F42, #9F49]
    sfi 2 record 3        = [#9F14, #9F23]
  }
}
profile tried : root { aid = x\"F0 00 00 00 92 20 05\"; offline_pin { tries = 5 } }
profile served : root { aid = x\"F0 00 00 00 92 20 06\"; services = 221 }
profile below : counted { aid = x\"F0 00 00 00 92 20 07\"; label = \"BELOW\" }
profile some : root { aid = x\"F0 00 00 00 92 20 08\"; data { #5F50 = \"bank.example\" when order.psn == \"01\" } }

card of_plain : root_card { chip { applications = [plain] } }
card of_named : root_card { chip { applications = [named] } }
card of_counted : root_card { chip { applications = [counted, ordered] } }
card of_ordered : root_card { chip { applications = [ordered]; directories = [] } }
card of_tried : root_card { face front { emboss { line 3 = \"TRIED\" } }; chip { applications = [tried] } }
card of_served : root_card {
  chip { applications = [served] }
  stripe {
    track1 = track1(order.pan, order.name, order.expiry, 221, cvv(cvk, order.pan, order.expiry, service: 221))
    track2 = track2(order.pan, order.expiry, 221, cvv(cvk, order.pan, order.expiry, service: 221))
  }
}
card of_below : root_card { chip { applications = [below when order.psn == \"01\", named when order.psn != \"01\"] } }
";

const BRANCHES: &str = "code,town\n00,AURORA\n01,HARBOUR\n";

/// What changes below the heirs: path, what stands there, what comes instead.
pub(super) const BELOW: &[(&str, &str, &str)] = &[
    // A data element: its value, length, type, that it is there, who may have it.
    ("a_root.perso", "#9F14 = x\"03\"", "#9F14 = x\"07\""),
    ("a_root.perso", "#9F14 = x\"03\"", "#9F14 = x\"03 04\""),
    ("a_root.perso", "#9F14 = x\"03\"", "#9F14 = order.psn"),
    ("a_root.perso", "#9F14 = x\"03\"", "#9F14 = \"text\""),
    ("a_root.perso", "    #9F14 = x\"03\"\n", ""),
    ("a_root.perso", "#9F14 = x\"03\"", "final #9F14 = x\"03\""),
    ("a_root.perso", "#9F14 = x\"03\"", "required #9F14"),
    (
        "a_root.perso",
        "#9F23 = x\"05\"",
        "#9F23 = x\"05\" when order.psn == \"01\"",
    ),
    ("a_root.perso", "#9F23 = x\"05\"", "#9F24 = x\"05\""),
    ("a_root.perso", "#5F20 = order.name", "#5F20 = order.pan"),
    (
        "a_root.perso",
        "#57   = track2(order.pan, order.expiry, services",
        "#57   = track2(order.pan, order.expiry, 221",
    ),
    // Records.
    (
        "a_root.perso",
        ", #9F14, #9F23]",
        ", #9F14]\n    sfi 3 record 1 = [#9F23]",
    ),
    (
        "a_root.perso",
        "    sfi 2 record 2        = [#8C, #8D, #9F08, #9F42, #9F49, #9F14, #9F23]\n",
        "",
    ),
    ("a_root.perso", "record 1 signed", "record 1"),
    ("a_root.perso", "[#57, #5F20]", "[#57, #5F20, #9F23]"),
    // What heirs override goes, or is of another sort.
    ("a_root.perso", "  label     = \"ROOT\"\n", ""),
    ("a_root.perso", "\"ROOT\"", "\"A ROOT WITH A LONG NAME\""),
    (
        "a_root.perso",
        "  offline_pin { value = order.pin; tries = tries_given }\n",
        "",
    ),
    (
        "a_root.perso",
        "value = order.pin; tries",
        "value = order.psn; tries",
    ),
    ("a_root.perso", "tries = tries_given", "tries = 7"),
    (
        "a_root.perso",
        "languages = \"en\"",
        "languages = \"en\"\n  interfaces = [contact, contactless]",
    ),
    (
        "a_root.perso",
        "languages = \"en\"",
        "languages = \"en\"\n  dda { key = rsa(1152, 65537); certified_by = issuer_rsa }",
    ),
    (
        "a_root.perso",
        "languages = \"en\"",
        "languages = \"en\"\n  cvm { no_cvm always else fail }",
    ),
    (
        "a_root.perso",
        "languages = \"en\"",
        "languages = \"en\"\n  quirks { one_dgi_per_command = \"a card\" }",
    ),
    ("a_root.perso", "languages = \"en\"", "langages = \"en\""),
    // Values, functions, tables, rules.
    ("a_root.perso", "tries_given = 3", "tries_given = 4"),
    ("a_root.perso", "tries_given = 3", "tries_given = \"3\""),
    ("a_root.perso", "chip_service = 999", "chip_service = 201"),
    ("a_root.perso", "service: chip_service)", "service: 201)"),
    (
        "a_root.perso",
        "fn tail(pan, expiry) = cvv",
        "fn tail(pan, expiry) = cvv2",
    ),
    (
        "a_root.perso",
        "fn tail(pan, expiry)",
        "fn tail(pan, expiry, more)",
    ),
    (
        "a_root.perso",
        "= name |> embossing_name(26)",
        "= name |> upper",
    ),
    (
        "a_root.perso",
        "= name |> embossing_name(26)",
        "= shown(name)",
    ),
    ("a_root.perso", "\"{a}{b}\"", "\"{b}{a}\""),
    ("branches.csv", "HARBOUR", "A HARBOUR WITH A LONG NAME"),
    ("branches.csv", "01,HARBOUR\n", ""),
    ("branches.csv", "00,AURORA\n", "00,AURORA\n02,MERIDIAN\n"),
    ("branches.csv", "code,town", "kode,town"),
    ("a_root.perso", "<= 12", "<= 4"),
    (
        "a_root.perso",
        "require length(label) <= 12",
        "severity = warning; require length(label) <= 3",
    ),
    (
        "a_root.perso",
        "rule labels for profile",
        "rule labels for card",
    ),
    // Secrecy: the PIN where anyone can read it, a verification value on the face.
    (
        "a_root.perso",
        "line 3 = shown(order.name)",
        "line 3 = chip_cvv",
    ),
    (
        "a_root.perso",
        "line 3 = shown(order.name)",
        "line 3 = order.pin",
    ),
    ("a_root.perso", "#9F14 = x\"03\"", "#9F14 = order.pin"),
    (
        "a_root.perso",
        "#9F23 = x\"05\"",
        "#9F23 = if order.pin == \"1234\" then x\"05\" else x\"06\"",
    ),
    (
        "small.perso",
        "psn     : digits 2",
        "psn     : secret digits 2",
    ),
    (
        "small.perso",
        "name    : text         at 22  width 26",
        "name    : text         at 22  width 20",
    ),
    // Below that: the profile of the bank, its keys, its issuer, the card's base.
    ("small.perso", "key = rsa(1152, 3)", "key = rsa(1024, 3)"),
    (
        "small.perso",
        "key issuer_rsa : rsa(1984, 3)",
        "key issuer_rsa : rsa(1408, 3)",
    ),
    ("small.perso", "ca_index    = 0x92", "ca_index    = 0x93"),
    ("small.perso", "ac = imk_ac", "ac = imk_smi"),
    ("small.perso", "key imk_ac  : tdes2", "key imk_ac  : aes128"),
    ("small.perso", "option_a", "option_b"),
    ("small.perso", "country  = 250", "country  = 276"),
    ("small.perso", "let service  = 201", "let service  = 221"),
    (
        "small.perso",
        "quirks { record_of_255 = \"the issuer key has 1984 bits\" }",
        "",
    ),
    ("small.perso", "#5A   = order.pan", "#5A   = order.psn"),
    (
        "small.perso",
        "profile debit : cpa.application for orders.order",
        "profile debit : cpa.application",
    ),
    ("small.perso", "coercivity = high", "coercivity = low"),
    ("small.perso", "at (62 mm, 18 mm)", "at (82 mm, 18 mm)"),
    (
        "small.perso",
        "security_level: 0x33",
        "security_level: 0x01",
    ),
    // Circles and names that come, go or mean something else.
    (
        "a_root.perso",
        "profile root : debit",
        "profile root : plain",
    ),
    (
        "a_root.perso",
        "profile root : debit",
        "profile root : root",
    ),
    (
        "a_root.perso",
        "profile root : debit",
        "profile root : debt",
    ),
    (
        "a_root.perso",
        "let chip_service = 999",
        "let chip_service = other\nlet other = chip_service",
    ),
    ("a_root.perso", "use std.emv", "use small\nuse std.emv"),
    ("a_root.perso", "use std.emv", "use std.emv\nuse away.root"),
    ("c_away.perso", "package away", "package away\nuse small"),
    ("a_root.perso", "package small", "package smaller"),
    (
        "a_root.perso",
        "profile root",
        "let services = 101\nprofile root",
    ),
    (
        "a_root.perso",
        "profile root : debit {",
        "profile root : debit {{",
    ),
    // What only moves.
    (
        "a_root.perso",
        "let tries_given",
        "// above\n\nlet tries_given",
    ),
    ("a_root.perso", "    #9F23", "    // between\n    #9F23"),
    ("small.perso", "let service", "// above\nlet service"),
    ("small.perso", "    no_cvm ", "    // between\n    no_cvm "),
    ("small.perso", "    coercivity", "\n\n    coercivity"),
];

pub(super) fn bank() -> MemoryFiles {
    small_bank()
        .with("a_root.perso", ROOT)
        .with("b_heirs.perso", HEIRS)
        .with("c_away.perso", "package away\n\nlet root = 1\n")
        .with("branches.csv", BRANCHES)
}

pub(super) fn instead(
    files: &MemoryFiles,
    (path, old, new): (&str, &str, &str),
) -> Option<MemoryFiles> {
    let text = String::from_utf8(files.read(path).expect("a file")).expect("text");
    let there = text.contains(old);
    there.then(|| files.clone().with(path, text.replacen(old, new, 1)))
}

fn held(session: &mut Session, files: &MemoryFiles, what: &str) {
    let kept = session.check(&Project::read(files), Environment::Test);
    let fresh = check(&Project::read(files), Environment::Test);
    same(&kept, &fresh, what);
}

/// Each change by itself, and back: nothing of what was kept for the heirs is of another time.
#[test]
fn what_heirs_build_on_is_done_again() {
    let whole = bank();
    let sound = check(&Project::read(&whole), Environment::Test);
    assert!(sound.is_good(), "all is made: {:#?}", sound.findings);
    let mut session = Session::default();
    held(&mut session, &whole, "the whole");
    for (n, change) in BELOW.iter().enumerate() {
        let other = instead(&whole, *change);
        let other = other.unwrap_or_else(|| panic!("{} has {:?}", change.0, change.1));
        let what = format!("{}, {:?} to {:?}, change {n}", change.0, change.1, change.2);
        held(&mut session, &other, &what);
        held(&mut session, &whole, &format!("back from {what}"));
    }
}

/// One change upon the other, in several orders.
#[test]
fn changes_below_heirs_add_up() {
    for stride in [1, 5, 29] {
        let mut files = bank();
        let mut session = Session::default();
        for n in 0..BELOW.len() {
            let change = BELOW[n * stride % BELOW.len()];
            if n % 9 == 8 {
                files = bank();
            }
            // What an earlier change has taken away can't change any more.
            let Some(other) = instead(&files, change) else {
                continue;
            };
            files = other;
            let what = format!("stride {stride}, {n}, {:?} to {:?}", change.1, change.2);
            held(&mut session, &files, &what);
        }
    }
}
