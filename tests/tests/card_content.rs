//! Card content: load files, instances, new keys and the life cycle, from the source to the card.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::{
    Bundle, Chip, Content, ContentManagement, Dap, Deletion, Dgi, Install, LoadFile, NewKeys,
};
use cardwright_ports::{
    CardChannel, CardError, Hsm, SecretBytes,
    hsm::{Diversification, Draw},
};
use cardwright_rehearsal::{Order, Rehearsal, Rehearsed};
use cardwright_runtime::{load, plan::BoundKeys};
use cardwright_soft_hsm::SoftHsm;
use cardwright_standards::test_keys;
use cardwright_stations::perso;
use cardwright_tests::{projects, workspace};
use cardwright_virtual_card::{
    BlankKeys, BlankSpec, PackageSpec, PlainApplet, PlainGrouping, PlainPadding, Protocol,
    VirtualCard,
};
use std::collections::BTreeMap;

/// A wallet whose applet comes with the bundle, on a card that ends with the issuer's own keys.
const WALLET: &str = r#"
key kmc_own : aes128 { use = card_issuance }
application wallet for orders.order {
  aid = x"F0 00 00 00 92 60 01 01"
  install {
    module     = x"F0 00 00 00 92 60 01"
    privileges = [default_selected]
    parameters = x"01 02"
  }
  dgis {
    dgi 0x3001 struct { limit : b 4 = 5000 }
    dgi 0x8301 blob   { reference : pin(iso2) = order.pin }
  }
}
script numbers {
  secured = true
  command "issuer and card numbers" {
    header = x"80 E2 90 00"
    data   = x"42 03 99 99 92 45 04 01 02 03 04"
  }
}
application domain for orders.order {
  aid    = x"A0 00 00 01 51 00 00 00"
  script = numbers
}
card loaded_card : debit_card {
  chip {
    applications = [debit, wallet, domain]
    delete       = [related x"A0 00 00 99 92 01"]
    load "wallet" { file = file("wallet.cap"); hash = sha256 }
    put_keys { keys = kmc_own; version = 2; replaces = 1 }
    life_cycle = secured
  }
}
scenario loaded_ready : validation for loaded_card {
  contact { select debit; read records; select wallet; expect data matches source }
}
job other {
  input     = orders
  card      = loaded_card
  scenarios = [loaded_ready]
  flow      = line
  mailer    = letter  after produced
}
"#;

fn archive() -> Vec<u8> {
    let path = workspace::root().join("tests/cases/codes/shared/wallet.cap");
    std::fs::read(path).expect("the archive")
}

fn bundle() -> Bundle {
    projects::small_with_file(WALLET, "wallet.cap", archive())
}

fn order() -> Order {
    let fields = [
        ("pan", "9999920000000011"),
        ("name", "ADA LOVELACE"),
        ("expiry", "2912"),
        ("pin", "1234"),
    ];
    let text = |(name, value): (&str, &str)| (name.to_owned(), vec![value.to_owned()]);
    Order {
        fields: fields.into_iter().map(text).collect::<BTreeMap<_, _>>(),
        bin: None,
    }
}

fn made(bundle: Bundle) -> Rehearsed {
    let mut rehearsal = Rehearsal::new(bundle).unwrap_or_else(|e| panic!("{} {}", e.code, e.what));
    let made = rehearsal.order_in("other", &order());
    made.unwrap_or_else(|e| panic!("{} {}", e.code, e.what))
}

#[test]
fn an_applet_is_loaded_and_the_card_closed_up() {
    let made = made(bundle());
    for (scenario, verdict) in &made.verdicts {
        assert_eq!(verdict.failure, None, "{scenario}: {}", verdict.name);
    }
    let managed = [0xE4, 0xE6, 0xE8, 0xF2, 0xD8, 0xF0];
    let commands: Vec<(u8, u8, u8)> = made
        .exchanges
        .iter()
        .filter(|e| managed.contains(&e.header[1]))
        .map(|e| (e.header[1], e.header[2], e.header[3]))
        .collect();
    // 1083 octets of components, C4 82 hh ll before them, 239 octets a command at level 33.
    let expected = [
        (0xE4, 0x00, 0x80),
        (0xE6, 0x02, 0x00),
        (0xE8, 0x00, 0x00),
        (0xE8, 0x00, 0x01),
        (0xE8, 0x00, 0x02),
        (0xE8, 0x00, 0x03),
        (0xE8, 0x80, 0x04),
        (0xE6, 0x0C, 0x00),
        (0xF2, 0x40, 0x02),
        (0xD8, 0x01, 0x81),
        (0xF2, 0x80, 0x02),
        (0xF0, 0x80, 0x07),
        (0xF0, 0x80, 0x0F),
    ];
    assert_eq!(commands, expected);
}

#[test]
fn a_cap_archive_and_its_components_give_the_same_bundle() {
    let bundle = bundle();
    let chip = bundle
        .content()
        .cards
        .iter()
        .find(|c| c.name == "loaded_card");
    let content = &chip.unwrap().chip.as_ref().unwrap().content;
    let components = bundle.asset(&content.load[0].asset).unwrap().to_vec();
    // Header, Directory, Import, Applet, Class, Method, StaticField, ConstantPool, RefLocation.
    let mut tags = Vec::new();
    let mut rest = components.as_slice();
    while let [tag, high, low, body @ ..] = rest {
        tags.push(*tag);
        rest = &body[usize::from(u16::from_be_bytes([*high, *low]))..];
    }
    assert_eq!(tags, [1, 2, 4, 3, 6, 7, 8, 5, 9]);
    let flat = projects::small_with_file(WALLET, "wallet.cap", components.clone());
    let chip = flat
        .content()
        .cards
        .iter()
        .find(|c| c.name == "loaded_card");
    let asset = &chip.unwrap().chip.as_ref().unwrap().content.load[0].asset;
    assert_eq!(flat.asset(asset).unwrap(), components);
}

/// What a load of the wallet's bundle comes to after it was changed.
fn lie(change: impl FnOnce(&mut Content)) -> Option<&'static str> {
    let bundle = bundle();
    let mut content = bundle.content().clone();
    change(&mut content);
    let assets = content.assets.iter().map(|asset| {
        let octets = bundle.asset(&asset.name).expect("an asset").to_vec();
        (asset.name.clone(), (asset.media_type.clone(), octets))
    });
    let changed = Bundle::seal(content.clone(), assets.collect()).expect("it can be sealed");
    load::accept(changed).err().map(|e| e.code)
}

fn chip(content: &mut Content) -> &mut Chip {
    let card = content.cards.iter_mut().find(|c| c.name == "loaded_card");
    card.unwrap().chip.as_mut().expect("a chip")
}

#[test]
fn content_that_lies_is_refused() {
    assert_eq!(lie(|_| {}), None);
    let no_part = lie(|c| {
        let wallet = chip(c).applications.iter_mut().find(|a| a.name == "wallet");
        wallet.expect("it").dgis[0].fields[0].node = 999_999;
    });
    assert_eq!(no_part, Some("R1101"), "a part that is not there");
    let load = |change: fn(&mut LoadFile)| lie(|c| change(&mut chip(c).content.load[0]));
    let font = bundle().content().assets[0].name.clone();
    assert_eq!(load(|l| l.asset = "nowhere".into()), Some("R1132"));
    assert_eq!(lie(|c| chip(c).content.load[0].asset = font), Some("R1132"));
    assert_eq!(load(|l| l.package = "F000000092".into()), Some("R1132"));
    assert_eq!(load(|l| l.hash = Some("md5".into())), Some("R1132"));
    let unsigned = |l: &mut LoadFile| {
        l.dap = Some(Dap {
            domain: "F00000009270".into(),
            asset: "nowhere".into(),
        });
    };
    assert_eq!(load(unsigned), Some("R1132"));
    let twice = lie(|c| {
        let content = &mut chip(c).content;
        content.load.push(content.load[0].clone());
    });
    assert_eq!(twice, Some("R1132"));
    let install = |change: fn(&mut Install)| {
        lie(|c| {
            let mut all = chip(c).applications.iter_mut();
            change(all.find_map(|a| a.install.as_mut()).expect("an instance"));
        })
    };
    assert_eq!(
        install(|i| i.module = "F0000000926009".into()),
        Some("R1132")
    );
    assert_eq!(install(|i| i.module = "F0".into()), Some("R1132"));
    assert_eq!(install(|i| i.package = "zz".into()), Some("R1132"));
    assert_eq!(install(|i| i.privileges = "0000".into()), Some("R1132"));
    assert_eq!(install(|i| i.parameters = "00".repeat(121)), Some("R1132"));
    let keys = |change: fn(&mut NewKeys)| {
        lie(|c| change(chip(c).content.keys.as_mut().expect("new keys")))
    };
    assert_eq!(keys(|k| k.key = 999), Some("R1132"));
    assert_eq!(keys(|k| k.key = 0), Some("R1132"), "a key of another use");
    assert_eq!(keys(|k| k.version = 0), Some("R1132"));
    assert_eq!(keys(|k| k.replaces = 0x80), Some("R1132"));
    let content = |change: fn(&mut ContentManagement)| lie(|c| change(&mut chip(c).content));
    assert_eq!(
        content(|c| c.life_cycle = Some("locked".into())),
        Some("R1132")
    );
    let short = |c: &mut ContentManagement| {
        c.delete.push(Deletion {
            aid: "A0".into(),
            related: false,
        });
    };
    assert_eq!(content(short), Some("R1132"));
    let many = |c: &mut ContentManagement| c.delete = vec![c.delete[0].clone(); 33];
    assert_eq!(content(many), Some("R1132"));
}

/// A chip that changes what it answers to one command.
struct Lying {
    chip: VirtualCard,
    to: (u8, u8),
    answer: fn(Vec<u8>) -> Vec<u8>,
}

impl CardChannel for Lying {
    fn reset(&mut self) -> Result<Vec<u8>, CardError> {
        self.chip.reset()
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardError> {
        let answer = self.chip.transmit(command)?;
        match (command[1], command[2]) == self.to {
            true => Ok((self.answer)(answer)),
            false => Ok(answer),
        }
    }
}

/// What the wallet's applet keeps.
fn wallet(chip: &Chip) -> PlainApplet {
    let wallet = chip
        .applications
        .iter()
        .find(|a| a.name == "wallet")
        .unwrap();
    let kept = |dgi: &Dgi| PlainGrouping {
        number: dgi.number,
        secret: dgi.encrypted,
        padding: PlainPadding::IfNeeded,
        octets: dgi.octets.map(|octets| octets as usize),
        joined: false,
    };
    PlainApplet {
        aid: hex::decode(&wallet.aid).expect("an AID"),
        groupings: wallet.dgis.iter().map(kept).collect(),
    }
}

/// What personalization of the wallet's card comes to on a chip that lies. Its channel has no MAC
/// on answers.
fn on_a_lying_chip(to: (u8, u8), answer: fn(Vec<u8>) -> Vec<u8>) -> Option<&'static str> {
    let level = "platform = globalplatform(scp03, keys: kmc, option: 0x00, security_level: 0x01)";
    let applications = "applications = [debit, wallet, domain]";
    let source = WALLET.replace(applications, &format!("{level}; {applications}"));
    let bundle = projects::small_with_file(&source, "wallet.cap", archive());
    let data = made(bundle.clone()).data;
    let loaded = load::accept(bundle).expect("it loads");
    let card = loaded.content().cards.iter();
    let chip = card.clone().find(|c| c.name == "loaded_card");
    let chip = chip.unwrap().chip.as_ref().expect("a chip");
    let key = test_keys::symmetric_key("aurora.kmc", "aes128").expect("a test key");
    let keys = BlankKeys::Master {
        key: SecretBytes::new(key.expose().to_vec()),
        method: Diversification::Kdf3,
    };
    let debit = hex::decode(&chip.applications[0].aid).expect("an AID");
    let directory = cardwright_virtual_card::PSE_AID.to_vec();
    let protocol = Protocol::Scp03 { option: 0x00 };
    let instances = vec![debit, directory];
    let mut spec = BlankSpec::new(protocol, keys, [0x47; 6], [0, 0, 0, 9], instances);
    spec.packages.push(PackageSpec {
        aid: hex::decode("A00000999201").expect("an AID"),
        modules: Vec::new(),
    });
    spec.loadable.push(wallet(chip));
    for (quirk, _) in chip.applications.iter().flat_map(|a| &a.quirks) {
        spec.quirks.declare(quirk);
    }
    let mut lying = Lying {
        chip: VirtualCard::blank(&spec).expect("a blank"),
        to,
        answer,
    };
    // The rehearsal's HSM: what it sealed opens here as well.
    let hsm = SoftHsm::in_memory(*b"Cardwright rehearsal, TEST only.").expect("an HSM");
    let mut session = hsm.open_session().expect("a session");
    let keys = BoundKeys::bind(loaded.content(), session.as_mut()).expect("keys");
    let draw = Draw {
        job: "1",
        order: 1,
        purpose: "test",
    };
    let written = perso::personalize(
        &loaded,
        chip,
        &keys,
        &data,
        session.as_mut(),
        &mut lying,
        &draw,
    );
    written.err().map(|e| e.code)
}

#[test]
fn a_chip_that_lies_about_its_content_is_rejected() {
    assert_eq!(on_a_lying_chip((0, 0), |answer| answer), None);
    let nothing = |_| vec![0x90, 0x00];
    assert_eq!(on_a_lying_chip((0xF2, 0x40), nothing), Some("R1215"));
    assert_eq!(on_a_lying_chip((0xF2, 0x80), nothing), Some("R1217"));
    let other = |mut answer: Vec<u8>| {
        answer[1] ^= 1;
        answer
    };
    assert_eq!(on_a_lying_chip((0xD8, 0x01), other), Some("R1216"));
    let refused = |_| vec![0x6A, 0x80];
    assert_eq!(on_a_lying_chip((0xE8, 0x00), refused), Some("R1210"));
}
