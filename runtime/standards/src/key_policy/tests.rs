//! The policy's rules, each with what it lets pass and what it refuses.

use super::*;
use crate::keyblock::Header;

fn day(year: u32, month: u32, day: u32) -> Day {
    Day::new(year, month, day).unwrap()
}

fn today() -> Day {
    day(2026, 11, 23)
}

fn wraps(wrapping: KeyKind, wrapped: KeyKind, form: Form) -> bool {
    may_wrap(wrapping, wrapped, form, None, today()).is_ok()
}

fn attributes(header: &str) -> Attributes {
    Attributes::parse(&Header::from_text(header).unwrap()).unwrap()
}

fn exception(form: Form) -> Exception<'static> {
    Exception {
        form,
        weaker_wrapping: false,
        weaker_form: false,
        granted: day(2026, 9, 1),
        until: day(2026, 12, 31),
        reason: "the bureau's host is replaced in December",
    }
}

const D: Form = Form::KeyBlock(Version::D);
const B: Form = Form::KeyBlock(Version::B);

// NIST SP 800-57 part 1 revision 5, table 2.
#[test]
fn strengths_of_the_table() {
    for (kind, strength) in [
        (KeyKind::new(Family::Tdes, 64), 0),
        (KeyKind::TDES2, 80),
        (KeyKind::TDES3, 112),
        (KeyKind::AES128, 128),
        (KeyKind::AES192, 192),
        (KeyKind::AES256, 256),
        (KeyKind::rsa(1023), 0),
        (KeyKind::rsa(1024), 80),
        (KeyKind::rsa(2048), 112),
        (KeyKind::rsa(3072), 128),
        (KeyKind::rsa(4096), 128),
        (KeyKind::rsa(7680), 192),
        (KeyKind::rsa(15_360), 256),
        (KeyKind::P256, 128),
        (KeyKind::new(Family::Ec, 384), 192),
        (KeyKind::new(Family::Ec, 521), 256),
        (KeyKind::new(Family::Ec, 224), 112),
    ] {
        assert_eq!(kind.strength(), strength, "{kind}");
    }
}

#[test]
fn no_key_under_a_weaker_one() {
    assert!(wraps(KeyKind::AES128, KeyKind::AES128, D));
    assert!(wraps(KeyKind::AES256, KeyKind::AES256, D));
    assert!(!wraps(KeyKind::AES128, KeyKind::AES192, D));
    assert!(wraps(KeyKind::AES128, KeyKind::TDES3, D));
    assert!(wraps(KeyKind::AES128, KeyKind::rsa(3072), D));
    assert!(wraps(KeyKind::AES128, KeyKind::P256, D));
    assert!(!wraps(KeyKind::AES128, KeyKind::rsa(7680), D));
    assert!(!wraps(KeyKind::TDES3, KeyKind::AES128, B));
    assert!(!wraps(KeyKind::TDES2, KeyKind::TDES3, B));
    assert!(wraps(KeyKind::TDES3, KeyKind::TDES2, B));
    assert!(!wraps(KeyKind::rsa(2048), KeyKind::AES128, Form::RsaOaep));
    assert!(wraps(KeyKind::rsa(2048), KeyKind::TDES3, Form::Tr34));
    assert!(wraps(KeyKind::rsa(3072), KeyKind::AES128, Form::Tr34));
    assert!(!wraps(KeyKind::P256, KeyKind::AES256, Form::EcdhKeyWrap));
    assert!(!wraps(
        KeyKind::new(Family::Tdes, 64),
        KeyKind::new(Family::Tdes, 64),
        B
    ));
    // A private key does not go into a block of 3DES, nor an AES key under the wrong family.
    assert!(!wraps(KeyKind::TDES3, KeyKind::rsa(1024), B));
    assert!(!wraps(KeyKind::TDES3, KeyKind::TDES3, D));
    assert!(!wraps(KeyKind::AES256, KeyKind::TDES2, B));
    assert!(!wraps(KeyKind::AES256, KeyKind::AES256, Form::Components));
    let weaker = may_wrap(KeyKind::TDES2, KeyKind::TDES3, B, None, today());
    assert_eq!(
        weaker.unwrap_err().to_string(),
        "3DES with two keys (80 bits of security) is weaker than 3DES with three keys (112)"
    );
    let allowed = Exception {
        weaker_wrapping: true,
        ..exception(B)
    };
    let (kek, key) = (KeyKind::TDES2, KeyKind::TDES3);
    assert!(may_wrap(kek, key, B, Some(&allowed), today()).is_ok());
    assert!(may_wrap(kek, key, B, Some(&exception(B)), today()).is_err());
}

#[test]
fn legacy_forms_need_a_dated_exception() {
    let (kek, key, form) = (KeyKind::TDES3, KeyKind::TDES2, Form::LegacyEcb);
    let with = |exception: &Exception<'_>, today| may_wrap(kek, key, form, Some(exception), today);
    assert_eq!(
        may_wrap(kek, key, form, None, today()),
        Err(Refusal::NeedsException("legacy-ecb"))
    );
    assert!(with(&exception(form), today()).is_ok());
    let (first, last) = (day(2026, 9, 1), day(2026, 12, 31));
    assert!(with(&exception(form), first).is_ok() && with(&exception(form), last).is_ok());
    let outside = Err(Refusal::ExceptionDay(first, last));
    assert_eq!(with(&exception(form), day(2027, 1, 1)), outside);
    assert_eq!(with(&exception(form), day(2026, 8, 31)), outside);
    let other = with(&exception(Form::LegacyCbc), today());
    assert_eq!(other, Err(Refusal::ExceptionForm("legacy-cbc")));
    for wrong in [
        Exception {
            reason: "    because    ",
            ..exception(form)
        },
        Exception {
            until: day(2027, 9, 2),
            ..exception(form)
        },
    ] {
        assert_eq!(with(&wrong, today()), Err(Refusal::ExceptionIncomplete));
    }
    let aes = may_wrap(kek, KeyKind::AES128, form, Some(&exception(form)), today());
    assert!(matches!(aes, Err(Refusal::Carries { .. })));
}

#[test]
fn no_downgrade() {
    let attributes = attributes("D0000P0TB00S0000");
    let forms = [
        D,
        Form::KeyBlock(Version::E),
        B,
        Form::KeyBlock(Version::A),
        Form::KeyBlock(Version::C),
    ];
    for (came, leaves) in forms
        .into_iter()
        .flat_map(|it| forms.map(|other| (it, other)))
    {
        let held = Held {
            came_in: Some(came),
            attributes: &attributes,
        };
        let result = may_leave(&held, leaves, Some(&attributes), None, today());
        let (came, leaves) = (came.row().unwrap().rank, leaves.row().unwrap().rank);
        assert_eq!(result.is_ok(), leaves >= came);
    }
    let held = Held {
        came_in: Some(D),
        attributes: &attributes,
    };
    let bare = may_leave(&held, Form::RsaOaep, None, None, today());
    assert!(matches!(bare, Err(Refusal::Downgrade { .. })));
    let allowed = Exception {
        weaker_form: true,
        ..exception(Form::RsaOaep)
    };
    assert!(may_leave(&held, Form::RsaOaep, None, Some(&allowed), today()).is_ok());
    let made_here = Held {
        came_in: None,
        attributes: &attributes,
    };
    assert!(may_leave(&made_here, Form::AesKeyWrap, None, None, today()).is_ok());
    let header = may_leave(
        &made_here,
        Form::AesKeyWrap,
        Some(&attributes),
        None,
        today(),
    );
    assert_eq!(header, Err(Refusal::Header("aes-key-wrap")));
    let legacy = may_leave(&made_here, Form::LegacyEcb, None, None, today());
    assert_eq!(legacy, Err(Refusal::NeedsException("legacy-ecb")));
}

#[test]
fn exportability_and_context() {
    let leaves = |header: &str, form, with: bool| {
        let attributes = attributes(header);
        let held = Held {
            came_in: None,
            attributes: &attributes,
        };
        may_leave(&held, form, with.then_some(&attributes), None, today())
    };
    assert_eq!(
        leaves("D0000P0AB00N0000", D, true),
        Err(Refusal::NotExportable)
    );
    assert!(leaves("D0000P0AB00E0000", D, true).is_ok());
    assert!(leaves("D0000P0AB00E0000", Form::Tr34, true).is_ok());
    assert_eq!(
        leaves("D0000P0AB00E0000", Form::AesKeyWrap, false),
        Err(Refusal::KeyBlocksOnly("aes-key-wrap"))
    );
    assert!(leaves("D0000P0AB00S0000", Form::AesKeyWrap, false).is_ok());
    assert_eq!(
        leaves("D0000P0AB00E0010", D, true),
        Err(Refusal::StorageOnly)
    );
}

#[test]
fn no_wider_use() {
    let held = attributes("D0000P0AB00E0000");
    let becomes = |header: &str| may_become(&held, &attributes(header));
    assert!(becomes("D0000P0AB00E0000").is_ok());
    assert!(becomes("D0000P0AE00N0020").is_ok());
    assert!(becomes("E0000P0AD00E0000").is_ok());
    for (header, what) in [
        ("D0000K0AB00E0000", "usage"),
        ("D0000P0TB00E0000", "algorithm"),
        ("D0000P0AN00E0000", "mode of use"),
        ("D0000P0AB00S0000", "exportability"),
        ("D0000P0AB01E0000", "key version"),
    ] {
        assert_eq!(becomes(header), Err(Refusal::Widened(what)));
    }
    let narrow = attributes("D0000P0AE00E0020");
    let wide = attributes("D0000P0AE00E0000");
    assert_eq!(
        may_become(&narrow, &wide),
        Err(Refusal::Widened("key context"))
    );
}

#[test]
fn forms_have_names() {
    for row in FORMS {
        assert_eq!(Form::of(row.name), Some(row.form));
        assert_eq!(row.form.name(), row.name);
    }
    assert_eq!(Day::new(2026, 13, 1), None);
    assert_eq!(today().to_string(), "2026-11-23");
}
