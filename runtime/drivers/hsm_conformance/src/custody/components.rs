//! Components: typed, drawn, joined, refused; keys taken apart.

use cardwright_ports::SecretBytes;
use cardwright_ports::custody::{Exportability, KeyAlgorithm, NewKey, SealedComponent};
use cardwright_ports::hsm::{CheckMethod, KeyUse};
use cardwright_standards::des_keys::set_odd_parity;

use super::desk::{Desk, new, unhex, value};
use super::rows;
use crate::bench::{Checked, Stop, equal, holds};

const DOUBLE: &str = "0123456789ABCDEFFEDCBA9876543210";
const OTHER: &str = "6E2FBA6DFB7F6E8A20A8CB5286EAC485";
const THIRD: &str = "B0D33BCE9D62E591E3F2A7A8455D6889";
const TDES2: KeyAlgorithm = KeyAlgorithm::Tdes2;

rows! {
    "custody.components.joined" "combine" "two and three components joined, with their check values" "OpenSSL" joined;
    "custody.components.drawn" "new_component" "drawn components of every algorithm, revealed and joined" "the port's own rules" drawn;
    "custody.components.typed" "take_component" "wrong parity, length, weak components" "FIPS 74 and the port's own rules" typed;
    "custody.components.foreign" "combine" "components of another ceremony or algorithm, changed ones, one, six, one twice" "the port's own rules" foreign;
    "custody.components.result" "combine" "a weak result, another check value than expected" "OpenSSL" result;
    "custody.split" "split" "a key taken apart and joined again; one that may not leave" "the port's own rules" split;
}

fn pair(desk: &mut Desk<'_>, ceremony: &str) -> Result<Vec<SealedComponent>, Stop> {
    let first = desk.typed(ceremony, TDES2, &unhex(DOUBLE))?;
    let second = desk.typed(ceremony, TDES2, &unhex(OTHER))?;
    Ok(vec![first, second])
}

fn cvk(label: &str) -> NewKey<'_> {
    new(label, TDES2, KeyUse::CardVerification)
}

fn joined(desk: &mut Desk<'_>) -> Checked {
    let mut parts = pair(desk, "c1")?;
    for (part, expected) in parts.iter().zip(["08D7B4", "DC328D"]) {
        equal("component", &part.check_value.octets, &unhex(expected))?;
    }
    let expected = value(CheckMethod::Ecb, "483DCC");
    let made = desk
        .custody
        .combine("c1", &parts, &cvk("kit.two@1"), Some(&expected));
    desk.kept("combine", made)?;
    desk.has("kit.two@1", CheckMethod::Ecb, "483DCC")?;
    parts.push(desk.typed("c1", TDES2, &unhex(THIRD))?);
    let last = parts.last().map(|p| p.check_value.octets.clone());
    equal("component", &last.unwrap_or_default(), &unhex("E9AEFD"))?;
    let made = desk
        .custody
        .combine("c1", &parts, &cvk("kit.three@1"), None);
    desk.kept("combine", made)?;
    desk.has("kit.three@1", CheckMethod::Ecb, "869E95")
}

fn drawn(desk: &mut Desk<'_>) -> Checked {
    for (algorithm, _) in KeyAlgorithm::SYMMETRIC {
        let mut parts = Vec::new();
        let mut sum = vec![0u8; algorithm.octets().unwrap_or_default()];
        for _ in 0..5 {
            let part = desk.custody.new_component("c2", algorithm);
            let part = desk.kept("new_component", part)?;
            let clear = desk.custody.reveal_component("c2", algorithm, &part);
            let clear = desk.kept("reveal_component", clear)?;
            holds(
                clear.expose().len() == sum.len(),
                "a component of another length",
            )?;
            for (octet, more) in sum.iter_mut().zip(clear.expose()) {
                *octet ^= more;
            }
            // What is typed from the form is the same component.
            let again = desk.typed("c2", algorithm, clear.expose())?;
            holds(again.check_value == part.check_value, "another check value")?;
            holds(again.blob != part.blob, "equal components show")?;
            parts.push(part);
        }
        if algorithm.has_parity() {
            set_odd_parity(&mut sum);
        }
        let label = format!("kit.drawn.{}@1", algorithm.name());
        let key = new(&label, algorithm, KeyUse::CardIssuance);
        let made = desk.custody.combine("c2", &parts, &key, None);
        let made = desk.kept("combine", made)?;
        let as_key = desk.typed("c2", algorithm, &sum)?;
        let same = made.check_values.contains(&as_key.check_value);
        holds(same, "the key is not the sum")?;
    }
    let none = desk.custody.new_component("c2", KeyAlgorithm::P256);
    desk.refused("new_component", none, &["R1314"], "a key pair")
}

fn typed(desk: &mut Desk<'_>) -> Checked {
    for (hex, code, why) in [
        ("0023456789ABCDEFFEDCBA9876543210", "R1376", "wrong parity"),
        (
            "0123456789ABCDEFFEDCBA98765432",
            "R1376",
            "a short component",
        ),
        ("", "R1376", "no component"),
        (
            "01010101010101010101010101010101",
            "R1372",
            "a weak component",
        ),
        ("0123456789ABCDEF0123456789ABCDEF", "R1372", "equal halves"),
        (
            "01FE01FE01FE01FEFEDCBA9876543210",
            "R1372",
            "a semi-weak half",
        ),
    ] {
        let clear = SecretBytes::new(unhex(hex));
        let taken = desk.custody.take_component("c3", TDES2, &clear);
        desk.refused("take_component", taken, &[code], why)?;
    }
    let zeros = SecretBytes::new(vec![0; 16]);
    let taken = desk
        .custody
        .take_component("c3", KeyAlgorithm::Aes128, &zeros);
    desk.refused("take_component", taken, &["R1372"], "zeros for AES")
}

fn foreign(desk: &mut Desk<'_>) -> Checked {
    let parts = pair(desk, "c4")?;
    let key = cvk("kit.foreign@1");
    let refuse = |desk: &mut Desk<'_>, ceremony: &str, parts: &[SealedComponent], why: &str| {
        let made = desk.custody.combine(ceremony, parts, &key, None);
        desk.refused("combine", made, &["R1372"], why)
    };
    refuse(desk, "c5", &parts, "another ceremony's components")?;
    for changed in changed_blobs(&parts) {
        refuse(desk, "c4", &changed, "a changed component")?;
    }
    let mut other = parts.clone();
    if let Some(part) = other.first_mut() {
        part.check_value.octets = unhex("08D7B5");
    }
    refuse(desk, "c4", &other, "a component with another check value")?;
    let one: Vec<_> = parts.iter().take(1).cloned().collect();
    refuse(desk, "c4", &one, "one component")?;
    let twice: Vec<_> = one.iter().chain(&one).cloned().collect();
    refuse(desk, "c4", &twice, "a component twice")?;
    let six: Vec<_> = parts.iter().cycle().take(6).cloned().collect();
    refuse(desk, "c4", &six, "six components")?;
    let aes = desk.typed("c4", KeyAlgorithm::Aes128, &unhex(DOUBLE))?;
    let mixed: Vec<_> = one.iter().cloned().chain([aes]).collect();
    refuse(desk, "c4", &mixed, "a component of another algorithm")?;
    desk.absent("kit.foreign@1")
}

/// The components with each octet of the first blob changed, one at a time, and cut.
fn changed_blobs(parts: &[SealedComponent]) -> Vec<Vec<SealedComponent>> {
    let Some(first) = parts.first() else {
        return Vec::new();
    };
    let mut blobs: Vec<Vec<u8>> = (0..first.blob.len())
        .map(|place| {
            let mut blob = first.blob.clone();
            if let Some(octet) = blob.get_mut(place) {
                *octet ^= 0x10;
            }
            blob
        })
        .collect();
    blobs.push(first.blob.iter().skip(1).copied().collect());
    blobs.push(Vec::new());
    let with = |blob: Vec<u8>| {
        let mut changed = parts.to_vec();
        if let Some(first) = changed.first_mut() {
            first.blob = blob;
        }
        changed
    };
    blobs.into_iter().map(with).collect()
}

fn result(desk: &mut Desk<'_>) -> Checked {
    let parts = pair(desk, "c6")?;
    let key = cvk("kit.result@1");
    for octets in ["483DCD", "48", ""] {
        let expected = value(CheckMethod::Ecb, octets);
        let made = desk.custody.combine("c6", &parts, &key, Some(&expected));
        desk.refused("combine", made, &["R1373"], "another check value")?;
    }
    // 0123…CDEF 0123…CDEF but for one octet that differs, XORed into equal halves.
    let first = desk.typed("c6", TDES2, &unhex("1323456789ABCDEF2F23456789ABCDEF"))?;
    let second = desk.typed("c6", TDES2, &unhex("6E2FBA6DFB7F6E8A522FBA6DFB7F6E8A"))?;
    let made = desk.custody.combine("c6", &[first, second], &key, None);
    desk.refused("combine", made, &["R1372"], "a weak result")?;
    desk.absent("kit.result@1")
}

fn split(desk: &mut Desk<'_>) -> Checked {
    let key = |label, exportability| NewKey {
        exportability,
        ..cvk(label)
    };
    desk.known(&key("kit.whole@1", Exportability::Exportable), DOUBLE)?;
    for (number, ceremony) in [(2, "s2"), (3, "s3"), (5, "s5")] {
        let parts = desk.custody.split(ceremony, "kit.whole@1", number);
        let parts = desk.kept("split", parts)?;
        holds(parts.len() == number, "another number of components")?;
        for part in &parts {
            let clear = desk.custody.reveal_component(ceremony, TDES2, part);
            let clear = desk.kept("reveal_component", clear)?;
            desk.typed(ceremony, TDES2, clear.expose())?;
        }
        let label = format!("kit.again.{number}@1");
        let again = new(&label, TDES2, KeyUse::CardVerification);
        let made = desk.custody.combine(ceremony, &parts, &again, None);
        desk.kept("combine", made)?;
        desk.has(&label, CheckMethod::Ecb, "08D7B4")?;
    }
    for number in [0, 1, 6] {
        let parts = desk.custody.split("s9", "kit.whole@1", number);
        desk.refused("split", parts, &["R1372"], "that many components")?;
    }
    desk.generate(&key("kit.fixed@1", Exportability::NonExportable))?;
    let parts = desk.custody.split("s9", "kit.fixed@1", 2);
    desk.refused("split", parts, &["R1374"], "a key that may not leave")
}
