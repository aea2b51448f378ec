//! The tables against each other, and values that published sources print.

use super::*;
use crate::tlv::Tag;

#[test]
fn words_become_octets() {
    // EMV Book 3, Annex C1: 20 DDA, 10 cardholder verification, 08 terminal risk management.
    let aip = field("aip").expect("aip");
    let octets = aip.value(["dda", "cardholder_verification", "terminal_risk_management"]);
    assert_eq!(octets, Ok(vec![0x38, 0x00]));
    assert_eq!(aip.value(["colour"]), Err(("colour", BitError::Unknown)));
    assert!(aip.has(&[0x38, 0], "dda") && !aip.has(&[0x38, 0], "sda"));
    // Annex C5: octet 5, 40: issuer authentication failed.
    let tvr = field_of_tag(0x9F0F, "").expect("tvr");
    let octets = tvr.value(["issuer_authentication_failed"]);
    assert_eq!(octets, Ok(vec![0, 0, 0, 0, 0x40]));
}

#[test]
fn numbers_and_codes_have_their_places() {
    // Book 1, 12.2.3: bit 8 asks for confirmation, bits 4 to 1 are the priority.
    let priority = field("priority").expect("priority");
    let mut value = Word::new(priority);
    assert_eq!(priority.set(&mut value, "priority", Some(3)), Ok(()));
    assert_eq!(
        priority.set(&mut value, "confirmation_required", None),
        Ok(())
    );
    assert_eq!(value.octets, [0x83]);
    let fails = [
        ("priority", None, BitError::NumberMissing),
        ("priority", Some(16), BitError::NumberTooLarge(15)),
        ("priority", Some(2), BitError::Clash),
        ("confirmation_required", Some(1), BitError::NumberTooMuch),
    ];
    for (word, number, error) in fails {
        assert_eq!(priority.set(&mut value, word, number), Err(error), "{word}");
    }
    assert_eq!(value.octets, [0x83]);
    // A card status update that jPOS prints as its default approval: 00 83 00 00.
    let csu = field("csu").expect("csu");
    let octets = csu.value(["issuer_approves", "add_to_counters"]);
    assert_eq!(octets, Ok(vec![0x00, 0x83, 0x00, 0x00]));
    assert_eq!(
        csu.value(["reset_counters", "add_to_counters"]),
        Err(("add_to_counters", BitError::Clash))
    );
}

#[test]
fn values_are_shown_back() {
    let tvr = field("tvr").expect("tvr");
    let words: Vec<_> = tvr
        .shown(&[0x88, 0, 0x80, 0, 0])
        .iter()
        .map(|s| s.word)
        .collect();
    assert_eq!(words, ["oda_not_performed", "dda_failed", "cvm_failed"]);
    let unknown: Vec<_> = tvr
        .shown(&[0, 0x04, 0, 0, 0x08])
        .iter()
        .map(|s| (s.octet, s.mask))
        .collect();
    assert_eq!(unknown, [(2, 0x04), (5, 0x08)]);
    // What was said can be written again and gives the same octets.
    for field in fields() {
        for seed in 0..=255u8 {
            let value: Vec<u8> = (0..field.octets)
                .map(|n| {
                    seed.wrapping_mul(31)
                        .wrapping_add(u8::try_from(n).unwrap_or(0).wrapping_mul(77))
                })
                .collect();
            let mut word = Word::new(field);
            let mut unknown = vec![0u8; field.octets];
            for shown in field.shown(&value) {
                if shown.word.is_empty() {
                    unknown[usize::from(shown.octet) - 1] = shown.mask;
                } else {
                    let number = shown.number.map(u32::from);
                    assert_eq!(
                        field.set(&mut word, shown.word, number),
                        Ok(()),
                        "{}",
                        field.name
                    );
                }
            }
            // A code without a row is neither said nor unknown: its bits are known to be a code.
            for (at, octet) in word.octets.iter().enumerate() {
                assert_eq!(octet & !value[at], 0, "{} {value:02X?}", field.name);
                assert_eq!(unknown[at] & !value[at], 0);
            }
        }
    }
}

#[test]
fn rows_do_not_overlap() {
    let mut names: Vec<&str> = fields().map(|f| f.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), fields().count());
    for field in fields() {
        for (at, row) in field.rows.iter().enumerate() {
            assert!(usize::from(row.octet) <= field.octets && row.octet > 0);
            assert_eq!(
                row.reading == Reading::Bit,
                row.mask.count_ones() == 1,
                "{}",
                row.word
            );
            for other in &field.rows[..at] {
                assert_ne!(row.word, other.word, "{}", field.name);
                let codes = matches!(
                    (row.reading, other.reading),
                    (Reading::Code(a), Reading::Code(b)) if a != b && row.mask == other.mask
                );
                let apart = row.octet != other.octet || row.mask & other.mask == 0;
                assert!(apart || codes, "{} {} {}", field.name, row.word, other.word);
            }
        }
    }
}

#[test]
fn cvm_lists_and_service_codes() {
    // A public personalization script's list: plain PIN, online PIN, signature, PIN and signature.
    let octets = crate::hex::decode("0000000000000000410342035E0343031F00");
    let octets = octets.expect("hex");
    let list = CvmList::parse(&octets).expect("a list");
    assert_eq!(list.to_octets(), octets);
    assert_eq!(
        list.lines()[1],
        "plain_pin_offline when supported else next"
    );
    assert_eq!(list.lines()[5], "no_cvm when always else fail");
    assert_eq!(CvmList::parse(&octets[..11]), None);
    assert!(service_code_meaning("201").is_some() && service_code_meaning("2O1").is_none());
    let words = [
        "no_restrictions",
        "international_chip",
        "normal_authorization",
    ];
    assert_eq!(service_code_of(words), Ok(201));
    assert_eq!(
        service_code_of(["international_chip", "test"]),
        Err(Some("test"))
    );
    assert_eq!(service_code_of(["international_chip"]), Err(None));
}

#[test]
fn decoders_know_who_owns_a_tag() {
    let says = |dictionary, tag, hex: &str| {
        let value = crate::hex::decode(hex).expect("hex");
        describe(dictionary, Tag::constant(tag), &value)
    };
    assert_eq!(says("visa", 0x9F6E, "23000000").len(), 3);
    assert!(says("mastercard", 0x9F6E, "23000000").is_empty());
    assert_eq!(
        says("", 0x94, "08010100"),
        ["SFI 1 records 1 to 1, 0 signed"]
    );
    assert_eq!(
        says("", 0x9F38, "9F3704"),
        ["9F37 4 octets  Unpredictable Number"]
    );
    assert_eq!(
        says("", 0x9F4A, "82"),
        ["82  Application Interchange Profile"]
    );
    let iad = format!("0FA501{}0F{}", "00".repeat(13), "00".repeat(15));
    let lines = says("", 0x9F10, &iad);
    assert!(lines.contains(&"common core identifier A5: triple DES".to_owned()));
    // Whatever the octets are, a decoder answers.
    for tag in [0x8E, 0x94, 0x9F10, 0x9F4A, 0x5F30, 0x8C, 0x5F20, 0xA5, 0x82] {
        for length in 0..40 {
            let _ = describe("visa", Tag::constant(tag), &vec![0x9F; length]);
            let _ = describe("mastercard", Tag::constant(tag), &vec![0x06; length]);
        }
    }
}
