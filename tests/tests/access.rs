//! The access card of Kestrel Works: keys that the chip makes, certificates that others believe.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::{Application, Bundle, Content, ScriptCommand, ScriptPart};
use cardwright_ports::{
    Hsm, HsmSession,
    hsm::{Draw, KeyRequest, KeyUse},
    machine::VisionRead,
};
use cardwright_rehearsal::{Carried, Order, Rehearsal, Rehearsed, blank, rehearsal_day};
use cardwright_runtime::{Loaded, datagen::CardData, load, plan::BoundKeys};
use cardwright_soft_hsm::SoftHsm;
use cardwright_standards::{
    piv::{self, Signed},
    x509,
};
use cardwright_stations::{
    perso,
    validation::{Specimen, Validator, Verdict},
};
use cardwright_tests::{
    plant::{Lent, REHEARSAL_SEED, TrickCard},
    projects::{self, Folder},
    workspace,
};
use cardwright_virtual_card::VirtualCard;
use std::path::PathBuf;
use std::process::Command;

fn folder() -> PathBuf {
    workspace::root().join("examples/kestrel-access")
}

fn bundle() -> Bundle {
    projects::compile(&Folder(folder()))
}

fn order() -> Order {
    let fields = [
        ("badge", "7000000013"),
        ("facility", "12"),
        ("level", "3"),
        ("until", "2812"),
        ("name", "Åsa Lindqvist"),
        ("unit", "Foundry"),
    ];
    let text = |(name, value): (&str, &str)| (name.to_owned(), vec![value.to_owned()]);
    Order {
        fields: fields.into_iter().map(text).collect(),
        bin: None,
    }
}

fn made() -> Rehearsed {
    let mut rehearsal = Rehearsal::new(bundle()).unwrap_or_else(|e| panic!("{}", e.what));
    let made = rehearsal.order_in("badges", &order());
    made.unwrap_or_else(|e| panic!("{} {}", e.code, e.what))
}

/// What the script wrote into containers, by the last octet of their tags.
fn containers(made: &Rehearsed) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    let mut data = Vec::new();
    for exchange in &made.exchanges {
        let Some(clear) = exchange.carries.as_ref().filter(|c| c.header[1] == 0xDB) else {
            continue;
        };
        for part in &clear.parts {
            match part {
                Carried::Clear(octets) => data.extend_from_slice(octets),
                Carried::Sealed(_) => panic!("a container is no secret"),
            }
        }
        if clear.header[0] & 0x10 == 0 {
            let whole = std::mem::take(&mut data);
            found.push((whole[4], whole[5..].to_vec()));
        }
    }
    found
}

/// The value behind a tag and a length in the long form.
fn inside(octets: &[u8], tag: u8) -> &[u8] {
    assert_eq!(octets[0], tag);
    let (length, head) = match octets[1] {
        0x82 => (usize::from(u16::from_be_bytes([octets[2], octets[3]])), 4),
        0x81 => (usize::from(octets[2]), 3),
        short => (usize::from(short), 2),
    };
    &octets[head..head + length]
}

/// What OpenSSL says, and whether it was content.
fn openssl(arguments: &[&str]) -> (bool, String) {
    let done = Command::new("openssl").args(arguments).output();
    let done = done.expect("`openssl` is needed by this test");
    let text = [done.stdout, done.stderr].concat();
    (
        done.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// Tags, values and whole objects of a container with tags of one octet.
fn objects(mut octets: &[u8]) -> Vec<(u8, &[u8], &[u8])> {
    let mut all = Vec::new();
    while let [tag, rest @ ..] = octets {
        let (length, head) = match rest {
            [0x82, high, low, ..] => (usize::from(u16::from_be_bytes([*high, *low])), 4),
            [0x81, length, ..] => (usize::from(*length), 3),
            [length, ..] => (usize::from(*length), 2),
            [] => panic!("a tag without a length"),
        };
        all.push((*tag, &octets[head..head + length], &octets[..head + length]));
        octets = &octets[head + length..];
    }
    all
}

/// What a badge of `std.profiles.piv.signed_card` holds, and certificates as OpenSSL reads them.
struct Badge {
    containers: Vec<(u8, Vec<u8>)>,
    scratch: tempfile::TempDir,
}

impl Badge {
    fn made() -> Self {
        let containers = containers(&made());
        let badge = Self {
            containers: containers
                .into_iter()
                .map(|(number, value)| (number, inside(&value, 0x53).to_vec()))
                .collect(),
            scratch: tempfile::tempdir().expect("a folder"),
        };
        for (name, pem) in [
            ("badge-ca.cer", "ca.pem"),
            ("content-signer.cer", "signer.pem"),
        ] {
            let der = folder().join("keys").join(name);
            let der = der.to_string_lossy();
            openssl(&[
                "x509",
                "-inform",
                "DER",
                "-in",
                &der,
                "-out",
                &badge.path(pem),
            ]);
        }
        badge
    }

    fn path(&self, name: &str) -> String {
        self.scratch
            .path()
            .join(name)
            .to_string_lossy()
            .into_owned()
    }

    fn file(&self, name: &str, octets: &[u8]) -> String {
        std::fs::write(self.path(name), octets).expect("a file");
        self.path(name)
    }

    fn container(&self, wanted: u8) -> &[u8] {
        let found = self.containers.iter().find(|(number, _)| *number == wanted);
        found
            .map(|(_, value)| value.as_slice())
            .expect("a container")
    }

    /// Whether a message holds, by the words of `openssl cms -verify`.
    fn verify(&self, message: &str, more: &[&str]) -> (bool, String) {
        let (ca, out) = (self.path("ca.pem"), self.path("out"));
        let head = [
            "cms", "-verify", "-binary", "-inform", "DER", "-in", message,
        ];
        let tail = ["-CAfile", &ca, "-purpose", "any", "-out", &out];
        openssl(&[&head[..], more, &tail[..]].concat())
    }
}

fn print(message: &str) -> String {
    openssl(&["cms", "-cmsout", "-print", "-inform", "DER", "-in", message]).1
}

fn tags(objects: &[(u8, &[u8], &[u8])]) -> Vec<u8> {
    objects.iter().map(|(tag, ..)| *tag).collect()
}

/// FIPS 201-2, 4.2.1: the signature under the card holder unique identifier.
#[test]
fn openssl_believes_the_signature_of_an_identifier() {
    let badge = Badge::made();
    let identifier = objects(badge.container(0x02));
    assert_eq!(tags(&identifier), [0x30, 0x34, 0x35, 0x3E, 0xFE]);
    let mut signed: Vec<u8> = identifier
        .iter()
        .filter(|(tag, ..)| *tag != 0x3E)
        .flat_map(|(.., whole)| whole.iter().copied())
        .collect();
    let message = badge.file("identifier.der", identifier[3].1);
    let content = badge.file("identifier", &signed);
    let (fine, words) = badge.verify(&message, &["-content", &content]);
    assert!(fine, "{words}");
    signed[30] ^= 1;
    let content = badge.file("identifier", &signed);
    assert!(!badge.verify(&message, &["-content", &content]).0);
    let shown = print(&message);
    for expected in [
        "2.16.840.1.101.3.6.1",
        "2.16.840.1.101.3.6.5",
        "<ABSENT>",
        "Kestrel TEST contents",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
}

/// SP 800-73-4 part 1, 3.1.7: the signed table of hashes of what containers hold.
#[test]
fn openssl_believes_a_security_object() {
    let badge = Badge::made();
    let object = objects(badge.container(0x06));
    assert_eq!(tags(&object), [0xBA, 0xBB, 0xFE]);
    // Groups 1 to 4: identifier, printed information, key history, capabilities.
    assert_eq!(hex::encode_upper(object[0].1), "01300002300103606004DB00");
    let message = badge.file("object.der", object[1].1);
    let signer = badge.path("signer.pem");
    let (fine, words) = badge.verify(&message, &["-certfile", &signer]);
    assert!(fine, "{words}");
    assert!(print(&message).contains("2.23.136.1.1.1"));
    let table = hex::encode(std::fs::read(badge.path("out")).expect("the table"));
    for (group, number) in (1..).zip([0x02, 0x09, 0x0C, 0x07]) {
        let file = badge.file("container", badge.container(number));
        let (_, digest) = openssl(&["dgst", "-sha256", "-r", &file]);
        let row = format!("30250201{group:02x}0420{}", &digest[..64]);
        assert!(table.contains(&row), "data group {group}");
    }
}

/// SP 800-73-4 part 1, table 14: name, unit, last day, number, issuer.
#[test]
fn printed_information_says_what_the_card_shows() {
    let badge = Badge::made();
    let printed: Vec<(u8, String)> = objects(badge.container(0x09))
        .iter()
        .map(|(tag, value, _)| (*tag, String::from_utf8_lossy(value).into_owned()))
        .collect();
    let expected = [
        (0x01, "ASA LINDQVIST"),
        (0x02, "FOUNDRY"),
        (0x04, "2028DEC31"),
        (0x05, "7000000013"),
        (0x06, "KESTREL"),
        (0xFE, ""),
    ];
    assert_eq!(printed, expected.map(|(tag, text)| (tag, text.to_owned())));
}

#[test]
fn openssl_believes_the_certificates_of_keys_that_the_card_made() {
    let made = made();
    for (scenario, verdict) in &made.verdicts {
        assert_eq!(verdict.failure, None, "{scenario}: {}", verdict.name);
    }
    let containers = containers(&made);
    let numbers: Vec<u8> = containers.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [0x02, 0x07, 0x05, 0x01, 0x09, 0x0C, 0x06]);
    let scratch = tempfile::tempdir().expect("a folder");
    let path = |name: &str| scratch.path().join(name).to_string_lossy().into_owned();
    let authority = folder()
        .join("keys/badge-ca.cer")
        .to_string_lossy()
        .into_owned();
    let pem = path("ca.pem");
    openssl(&["x509", "-inform", "DER", "-in", &authority, "-out", &pem]);
    for (number, holder, purpose) in [
        (
            0x05,
            "CN = \\C3\\85sa Lindqvist",
            "TLS Web Client Authentication",
        ),
        (0x01, "CN = badge 7000000013", "2.16.840.1.101.3.6.8"),
    ] {
        let (_, value) = containers
            .iter()
            .find(|(n, _)| *n == number)
            .expect("a container");
        let value = inside(value, 0x53);
        let certificate = inside(value, 0x70);
        assert!(value.ends_with(&[0x71, 0x01, 0x00, 0xFE, 0x00]));
        let (der, own) = (path("own.der"), path("own.pem"));
        std::fs::write(&der, certificate).expect("a file");
        let shown = ["x509", "-inform", "DER", "-in", &der, "-out", &own, "-text"];
        let (fine, text) = openssl(&shown);
        assert!(fine, "{text}");
        let text = std::fs::read_to_string(&own).expect("text") + &text;
        for expected in [
            holder,
            purpose,
            "O = Kestrel Works",
            "C = SE",
            "NIST CURVE: P-256",
            "Digital Signature",
            "sha256WithRSAEncryption",
            "Not After : Dec 31 23:59:59 2028 GMT",
        ] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
        let at = [
            "verify",
            "-attime",
            "1790000000",
            "-CAfile",
            &pem,
            "-x509_strict",
            &own,
        ];
        let (fine, text) = openssl(&at);
        assert!(fine, "{text}");
        // A certificate with one octet changed is nobody's.
        let mut forged = certificate.to_vec();
        forged[60] ^= 1;
        std::fs::write(&der, &forged).expect("a file");
        openssl(&["x509", "-inform", "DER", "-in", &der, "-out", &own]);
        assert!(!openssl(&["verify", "-attime", "1790000000", "-CAfile", &pem, &own]).0);
    }
}

#[test]
fn secrets_travel_where_the_hsm_alone_knows_them() {
    let made = made();
    let sealed: Vec<([u8; 2], usize)> = made
        .exchanges
        .iter()
        .filter_map(|e| e.carries.as_ref())
        .filter(|c| matches!(c.header[1], 0x24 | 0xFF))
        .map(|c| match c.parts.as_slice() {
            [Carried::Sealed(octets)] => ([c.header[1], c.header[3]], *octets),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        sealed,
        [([0x24, 0x80], 16), ([0x24, 0x81], 16), ([0xFF, 0xFF], 19)]
    );
}

/// What a load of Kestrel's bundle comes to after its script was changed.
fn lie(change: impl FnOnce(&mut Vec<ScriptCommand>)) -> Option<&'static str> {
    lie_about(|content| change(commands(content)))
}

fn lie_about(change: impl FnOnce(&mut Content)) -> Option<&'static str> {
    load::accept(changed(change)).err().map(|e| e.code)
}

fn changed(change: impl FnOnce(&mut Content)) -> Bundle {
    let bundle = bundle();
    let mut content = bundle.content().clone();
    change(&mut content);
    let assets = content.assets.iter().map(|asset| {
        let octets = bundle.asset(&asset.name).expect("an asset").to_vec();
        (asset.name.clone(), (asset.media_type.clone(), octets))
    });
    Bundle::seal(content.clone(), assets.collect()).expect("it can be sealed")
}

/// The commands of Kestrel's badge.
fn commands(content: &mut Content) -> &mut Vec<ScriptCommand> {
    let mut all = content.cards.iter_mut().filter_map(|c| c.chip.as_mut());
    let chip = all.next().expect("a chip");
    let access = |a: &&mut Application| a.name == "access";
    let access = chip.applications.iter_mut().find(access).expect("it");
    &mut access.script.as_mut().expect("a script").commands
}

/// Changes the certificate of the first command that has one.
fn certificate(commands: &mut [ScriptCommand], change: fn(&mut ScriptPart)) {
    fn find(part: &mut ScriptPart) -> Option<&mut ScriptPart> {
        match part {
            ScriptPart::Object { parts, .. } => parts.iter_mut().find_map(find),
            ScriptPart::Certificate { .. } => Some(part),
            _ => None,
        }
    }
    let mut all = commands.iter_mut().flat_map(|c| &mut c.parts);
    change(all.find_map(find).expect("a certificate"));
}

/// A key for certificates signs no contents, and one for contents no certificates.
#[test]
fn keys_that_sign_for_badges_sign_what_they_are_for() {
    let hsm = SoftHsm::in_memory([7; 32]).expect("an HSM");
    let mut session = hsm.open_session().expect("a session");
    let mut key = |name: &str, usage| {
        let request = KeyRequest {
            name: name.to_owned(),
            algorithm: "rsa".to_owned(),
            bits: 2048,
            exponent: 65_537,
            usage,
        };
        session.bind(&request).expect("an open test key")
    };
    let authority = key("kestrel.badge_ca", KeyUse::CertificateSigning);
    let contents = key("kestrel.content_key", KeyUse::ContentSigning);
    let file = std::fs::read(folder().join("keys/content-signer.cer")).expect("a certificate");
    let signer = piv::Signer::read(&file).expect("a signer");
    let certificate = x509::test_authority("nobody", &signer.modulus, &[1, 0, 1]);
    let certificate = certificate.expect("a TBSCertificate");
    let mut sign = |key, what: &[u8]| session.sign_certificate(key, what).map_err(|e| e.code);
    for what in [Signed::Identifier, Signed::SecurityObject] {
        let attributes = piv::attributes(what, b"contents", &signer).expect("attributes");
        let made = sign(contents, &attributes).expect("a signature");
        let message = piv::message(what, b"contents", &signer, &made).expect("a message");
        assert_eq!(piv::check(what, &message, b"contents", &signer), Ok(()));
        assert!(piv::check(what, &message, b"other", &signer).is_err());
        assert!(sign(authority, &attributes).is_err());
        let cut = &attributes[..attributes.len() - 1];
        assert!(sign(contents, cut).is_err());
    }
    assert!(sign(contents, &certificate).is_err());
    assert!(sign(contents, b"anything").is_err());
    assert!(
        piv::Signer::read(&std::fs::read(folder().join("keys/badge-ca.cer")).expect("one"))
            .is_err()
    );
}

type Lie = (&'static str, fn(&mut ScriptPart));

/// Lies about what is signed.
fn signed_lies() -> [Lie; 4] {
    [
        ("a key of another use", |part| {
            if let ScriptPart::SignedIdentifier { signer, .. } = part {
                *signer = 0;
            }
        }),
        ("a certificate that is not there", |part| {
            if let ScriptPart::SecurityObject { certificate, .. } = part {
                "nowhere".clone_into(certificate);
            }
        }),
        ("no groups", |part| {
            if let ScriptPart::SecurityObject { groups, .. } = part {
                groups.clear();
            }
        }),
        ("eleven groups", |part| {
            if let ScriptPart::SecurityObject { groups, .. } = part {
                let one = groups[1].clone();
                groups.resize(11, one);
            }
        }),
    ]
}

#[test]
fn a_bundle_that_lies_about_certificates_is_refused() {
    assert_eq!(lie(|_| {}), None);
    let changed = |change: fn(&mut ScriptPart)| lie(|c| certificate(c, change));
    let issuer = |part: &mut ScriptPart| {
        if let ScriptPart::Certificate { issuer, .. } = part {
            *issuer = 0;
        }
    };
    assert_eq!(changed(issuer), Some("R1131"), "a key of another use");
    let authority = |part: &mut ScriptPart| {
        if let ScriptPart::Certificate { authority, .. } = part {
            "nowhere".clone_into(authority);
        }
    };
    assert_eq!(changed(authority), Some("R1131"));
    let variable = |part: &mut ScriptPart| {
        if let ScriptPart::Certificate { key, .. } = part {
            "card_key".clone_into(key);
        }
    };
    assert_eq!(changed(variable), Some("R1131"), "not captured yet");
    let usage = |part: &mut ScriptPart| {
        if let ScriptPart::Certificate { usage, .. } = part {
            usage.push("anything".into());
        }
    };
    assert_eq!(changed(usage), Some("R1131"));
    let name = |part: &mut ScriptPart| {
        if let ScriptPart::Certificate { name, .. } = part {
            name.clear();
        }
    };
    assert_eq!(changed(name), Some("R1131"));
    let serial = |part: &mut ScriptPart| {
        if let ScriptPart::Certificate {
            serial, not_before, ..
        } = part
        {
            *serial = *not_before;
        }
    };
    assert_eq!(changed(serial), Some("R1101"), "a date as a number");
    for (what, change) in signed_lies() {
        let found = lie(|commands| {
            let parts = commands.iter_mut().flat_map(|c| &mut c.parts);
            let inside = parts.flat_map(|part| match part {
                ScriptPart::Object { parts, .. } => parts.as_mut_slice(),
                _ => &mut [],
            });
            inside.for_each(change);
        });
        assert_eq!(found, Some("R1131"), "{what}");
    }
    let deep = lie(|commands| {
        for _ in 0..8 {
            let parts = std::mem::take(&mut commands[0].parts);
            let tag = "53".to_owned();
            commands[0].parts = vec![ScriptPart::Object { tag, parts }];
        }
    });
    assert_eq!(deep, Some("R1131"));
}

#[test]
fn a_certificate_that_ends_before_it_begins_is_r1218() {
    let bundle = changed(|content| {
        certificate(commands(content), |part| {
            if let ScriptPart::Certificate {
                not_before,
                not_after,
                ..
            } = part
            {
                std::mem::swap(not_before, not_after);
            }
        });
    });
    let mut rehearsal = Rehearsal::new(bundle).unwrap_or_else(|e| panic!("{}", e.what));
    let refused = rehearsal.order_in("badges", &order()).err();
    assert_eq!(refused.map(|e| e.code), Some("R1218"));
}

#[test]
fn a_badge_whose_certificates_name_no_key_is_r1230() {
    fn certifies(part: &ScriptPart) -> bool {
        match part {
            ScriptPart::Object { parts, .. } => parts.iter().any(certifies),
            part => matches!(part, ScriptPart::Certificate { .. }),
        }
    }
    let bundle = changed(|content| {
        commands(content).retain(|command| !command.parts.iter().any(certifies));
    });
    let mut rehearsal = Rehearsal::new(bundle).unwrap_or_else(|e| panic!("{}", e.what));
    let made = rehearsal.order_in("badges", &order());
    let made = made.unwrap_or_else(|e| panic!("{} {}", e.code, e.what));
    let failures = made.verdicts.iter().filter_map(|(_, v)| v.failure.as_ref());
    let codes: Vec<&str> = failures.map(|(code, _)| *code).collect();
    assert!(codes.contains(&"R1230"), "{codes:?}");
}

#[test]
fn a_secret_in_a_channel_that_carries_data_in_clear_is_refused() {
    let clear = lie_about(|content| {
        let mut all = content.cards.iter_mut().filter_map(|c| c.chip.as_mut());
        let channel = all.next().expect("a chip").channel.as_mut();
        channel.expect("a channel").security_level = 0x01;
    });
    assert_eq!(clear, Some("R1131"));
    let split = lie(|commands| {
        let secret = |c: &&mut ScriptCommand| c.title == "set the PIN";
        let command = commands.iter_mut().find(secret).expect("it");
        command.split = Some(cardwright_bundle::Split::Chain { octets: 100 });
    });
    assert_eq!(split, Some("R1131"));
}

/// A badge in the hands of the terminal that validates it.
struct Gate {
    loaded: Loaded,
    session: Box<dyn HsmSession>,
    keys: BoundKeys,
    data: CardData,
    card: VirtualCard,
    /// What the script wrote, by container.
    written: Vec<(u8, Vec<u8>)>,
}

const DRAW: Draw<'static> = Draw {
    job: "job",
    order: 1,
    purpose: "test",
};

impl Gate {
    fn new() -> Self {
        let made = made();
        let hsm = SoftHsm::in_memory(REHEARSAL_SEED).expect("an HSM");
        let mut session = hsm.open_session().expect("a session");
        let loaded = load::accept(bundle()).expect("it loads");
        let keys = BoundKeys::bind(loaded.content(), session.as_mut()).expect("its keys");
        let content = loaded.content();
        let mut chips = content.cards.iter().filter_map(|c| c.chip.as_ref());
        let chip = chips.next().expect("a chip");
        let mut card = blank(content, chip).expect("a blank");
        let channel = &mut card;
        let s = session.as_mut();
        perso::personalize(&loaded, chip, &keys, &made.data, s, channel, &DRAW)
            .unwrap_or_else(|e| panic!("{} {}", e.code, e.what));
        // The keys are this card's own, and so are the certificates and what is signed over them: all is
        // read back from it.
        let mut gate = Self {
            keys,
            session,
            data: made.data,
            card,
            written: Vec::new(),
            loaded,
        };
        gate.written = gate.contents();
        gate
    }

    /// Identifier and security object as the card holds them, with what is around them.
    fn contents(&mut self) -> Vec<(u8, Vec<u8>)> {
        let seen = std::sync::Mutex::new(Vec::<(u8, Vec<u8>)>::new());
        let verdicts = self.read(|command, answer| {
            let mut seen = seen.lock().expect("no panic before");
            let Some((part, _)) = answer.split_last_chunk::<2>() else {
                return answer;
            };
            if let Some(number) = asked(command) {
                seen.push((number, part.to_vec()));
            } else if command.get(1) == Some(&0xC0)
                && let Some((_, whole)) = seen.last_mut()
            {
                whole.extend_from_slice(part);
            }
            answer
        });
        for verdict in verdicts.iter().filter(|v| !v.name.contains("panel")) {
            assert_eq!(verdict.failure, None, "{}", verdict.name);
        }
        let mut found = seen.into_inner().expect("no panic before");
        found.retain(|(number, whole)| matches!(number, 0x02 | 0x06) && !whole.is_empty());
        found.sort();
        found.dedup_by_key(|(number, _)| *number);
        found
    }

    fn read(&mut self, mut trick: impl FnMut(&[u8], Vec<u8>) -> Vec<u8> + Send) -> Vec<Verdict> {
        let vision = VisionRead {
            lines: Vec::new(),
            panels: Vec::new(),
            duration_us: 0,
        };
        let card = TrickCard::new(Lent(&mut self.card), |_, command, answer| {
            Ok(trick(command, answer))
        });
        let mut card = card.with_field();
        let scenario = Validator::new(&self.loaded, "opens_doors", &self.keys, rehearsal_day());
        let specimen = Specimen {
            data: &self.data,
            chip: Some(&mut card),
            stripe: None,
            vision: Some(&vision),
        };
        let validator = scenario.expect("a scenario");
        validator.run(specimen, self.session.as_mut(), &DRAW)
    }

    /// What validation says of a card that holds something else in a container.
    fn holding(&mut self, number: u8, whole: &[u8]) -> Option<(String, &'static str, String)> {
        let mut rest: Vec<u8> = Vec::new();
        let verdicts = self.read(|command, answer| {
            match asked(command) {
                Some(wanted) if wanted == number => rest = whole.to_vec(),
                Some(_) => {
                    rest.clear();
                    return answer;
                }
                None if command.get(1) == Some(&0xC0) && !rest.is_empty() => {}
                None => return answer,
            }
            let mut part: Vec<u8> = rest.drain(..rest.len().min(250)).collect();
            let more = u8::try_from(rest.len().min(250)).expect("a short length");
            part.extend(if more == 0 {
                [0x90, 0x00]
            } else {
                [0x61, more]
            });
            part
        });
        let chip = verdicts.into_iter().filter(|v| !v.name.contains("panel"));
        let mut failed = chip.filter_map(|v| v.failure.map(|(code, words)| (v.name, code, words)));
        failed.next()
    }
}

/// The container that a GET DATA asks for.
fn asked(command: &[u8]) -> Option<u8> {
    let tail = command.get(4..)?;
    let at = tail
        .windows(4)
        .position(|w| w == [0x5C, 0x03, 0x5F, 0xC1])?;
    (command.get(1) == Some(&0xCB)).then(|| tail.get(at + 4).copied())?
}

/// Validation notices a card whose identifier or security object is another by one bit, anywhere, and one
/// that holds somebody else's, rightly signed.
#[test]
fn validation_notices_a_tampered_identifier_and_a_tampered_security_object() {
    let mut gate = Gate::new();
    let written = std::mem::take(&mut gate.written);
    assert_eq!(written.len(), 2, "identifier and security object");
    for (number, whole) in &written {
        let fine = gate.holding(*number, whole);
        assert_eq!(fine, None, "container {number:02X} as it is");
        // All of the head, of the middle every 19th octet, all of the end.
        let points = (0..whole.len()).filter(|at| {
            *at < 24 || at + 16 >= whole.len() || (at + usize::from(*number)) % 19 == 0
        });
        for at in points {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            let what = format!("container {number:02X}, octet {at} of {}", whole.len());
            let told = gate.holding(*number, &changed);
            let (_, code, words) = told.unwrap_or_else(|| panic!("{what} was not noticed"));
            assert!(code.starts_with("R12"), "{what}: {code} {words}");
            assert!(words.len() > 8, "{what}: {words}");
        }
    }
    // Another badge's, signed by the same people.
    let mut other = order();
    other
        .fields
        .insert("badge".to_owned(), vec!["7000000021".to_owned()]);
    let mut rehearsal = Rehearsal::new(bundle()).unwrap_or_else(|e| panic!("{}", e.what));
    let other = rehearsal.order_in("badges", &other);
    let other = containers(&other.unwrap_or_else(|e| panic!("{} {}", e.code, e.what)));
    for (number, words) in [(0x02, "not what was made"), (0x06, "another hash")] {
        let (_, whole) = other
            .iter()
            .find(|(n, _)| *n == number)
            .expect("a container");
        let told = gate.holding(number, whole);
        let (_, code, said) = told.unwrap_or_else(|| panic!("container {number:02X} of another"));
        assert_eq!(code, "R1230");
        assert!(said.contains(words), "{said}");
    }
}
