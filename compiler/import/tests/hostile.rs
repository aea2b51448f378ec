//! Whatever stands in a file: a draft that parses, or a code; never a panic.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

use cardwright_import::{CODES, Draft, ImportError, Kind, Options, import};
use proptest::{collection::vec, prelude::*};

const KINDS: [Kind; 5] = [Kind::Dgi, Kind::Commands, Kind::Cps, Kind::Tlv, Kind::Csv];

/// One sample of each kind, laid out by hand.
fn samples() -> [Vec<u8>; 5] {
    let cps = "23434849503031 30303030303439 30322E32 01 04 44454249 01 00000022 05 F000000001 03 \
               54A1C0 01 02 01 03 33 02 0101 8000 01 8000 00 0101 02 7000 8000 02 AABB";
    [
        b"AID: A0000000031010\n0101 0C 700A5A089999920000000029\n8000: 00112233445566778899AABBCCDDEEFF\n".to_vec(),
        b"00A4040007A000000003101000\n80E28000040B010155\n".to_vec(),
        hex::decode(cps.replace([' ', '\n'], "")).expect("hexadecimal"),
        b"6F\n  84: A0000000031010\n  A5\n    50: 54455354\n70 0A 5A 08 9999920000000029\n".to_vec(),
        b"tag,value,name\n5A,9999920000000029,number\n50,TEST,label\n9F36,0000\n".to_vec(),
    ]
}

fn options(kind: Option<Kind>) -> Options {
    Options {
        name: "draft".to_owned(),
        kind,
        test_bins: Vec::new(),
        ..Options::default()
    }
}

fn judge(result: Result<Draft, ImportError>) {
    match result {
        Err(error) => assert!(
            CODES.iter().any(|row| row.0 == error.code),
            "{} is in no table",
            error.code
        ),
        Ok(draft) => {
            for (path, text) in &draft.files {
                if path.ends_with(".perso") {
                    let parsed = cardwright_dsl::parse(text);
                    let found = &parsed.diagnostics;
                    assert!(found.is_empty(), "{path}: {found:?}\n{text}");
                    assert_eq!(cardwright_dsl::format(text), *text, "{path}");
                }
            }
        }
    }
}

#[test]
fn samples_are_known_by_their_looks() {
    for (sample, kind) in samples().iter().zip(KINDS) {
        let found = import(sample, &options(None)).expect("a draft");
        let said = import(sample, &options(Some(kind))).expect("a draft");
        assert_eq!(found.files, said.files, "{}", kind.words());
        judge(Ok(found));
    }
}

#[test]
fn each_refusal_has_its_code() {
    let code = |octets: &[u8], kind| import(octets, &options(kind)).expect_err("refused").code;
    assert_eq!(code(b"", None), "E0180");
    assert_eq!(code(b"what is this?", None), "E0180");
    assert_eq!(code(&[0xFF; 9], None), "E0180");
    assert_eq!(code(b"0101 05 70", Some(Kind::Dgi)), "E0181");
    assert_eq!(code(&vec![b' '; (16 << 20) + 1], None), "E0182");
    let many: String = (0..300)
        .map(|n| format!("{:04X}: 00\n", 0x0B01 + n))
        .collect();
    assert_eq!(code(many.as_bytes(), None), "E0182");
    let people: String = (0..40)
        .map(|n| format!("0B01: 5A0841{n:02}111111111111\n"))
        .collect();
    assert_eq!(code(people.as_bytes(), Some(Kind::Dgi)), "E0182");
    let kinds: String = (0..20)
        .map(|n| format!("{:04X}: 00\n---\n", 0x0B01 + n))
        .collect();
    assert_eq!(code(kinds.as_bytes(), None), "E0182");
    assert_eq!(
        code(b"84E2800010AABBCCDDEEFF00112233445566778899", None),
        "E0183"
    );
    assert_eq!(code(b"AID: F000000001", Some(Kind::Dgi)), "E0184");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_octets(octets in vec(any::<u8>(), 0..400), kind in 0usize..6) {
        judge(import(&octets, &options(KINDS.get(kind).copied())));
    }

    #[test]
    fn any_text(text in "([0-9A-F]{2,8}|[ \n:=,;#\"\t-]|AID|70|5A|9F0D|0101|80E2|[a-z{}\\\\]){0,60}", kind in 0usize..6) {
        judge(import(text.as_bytes(), &options(KINDS.get(kind).copied())));
    }

    #[test]
    fn samples_with_changes(
        sample in 0usize..5,
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut octets = samples()[sample].clone();
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        judge(import(&octets, &options(None)));
        octets.truncate(cut.index(octets.len()));
        judge(import(&octets, &options(Some(KINDS[sample]))));
    }

    /// Groupings of any content: the draft says them by elements or by octets, and parses.
    #[test]
    fn any_groupings(
        all in vec((any::<u16>(), vec(any::<u8>(), 0..40), any::<bool>()), 1..8),
        tags in vec(prop::sample::select(vec![
            "50", "57", "5A", "5F20", "5F24", "5F25", "5F34", "82", "8C", "8E", "94", "9F07", "9F0D",
            "9F4A", "9F36", "DF01", "BF0C", "A5", "61", "9F1F", "9F46",
        ]), 8),
    ) {
        let mut text = String::new();
        for ((number, value, wrapped), tag) in all.iter().zip(tags) {
            let value = hex::encode_upper(value);
            let inside = format!("{tag}{:02X}{value}", value.len() / 2);
            let shown = if *wrapped { format!("70{:02X}{inside}", inside.len() / 2) } else { value };
            text.push_str(&format!("{number:04X}: {shown}\n"));
        }
        judge(import(text.as_bytes(), &options(Some(Kind::Dgi))));
    }
}
