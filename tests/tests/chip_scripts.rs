//! Scripts against cards that answer what they like, and bundles that lie about chips.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail loudly"
)]

use cardwright_bundle::{
    Application, Bundle, Capture, Chip, Content, ContentManagement, Otherwise, Script,
    ScriptCommand, ScriptPart, StatusWords, Variable,
};
use cardwright_ports::{CardChannel, CardError, Hsm, hsm::Draw};
use cardwright_rehearsal::Rehearsal;
use cardwright_runtime::{
    datagen::{ApplicationData, CardData, DgiValue, ScriptData},
    load,
    plan::{BoundKeys, Draws},
};
use cardwright_soft_hsm::SoftHsm;
use cardwright_stations::{
    StationError, perso,
    validation::{Specimen, Validator},
};
use cardwright_tests::projects;
use std::collections::BTreeMap;

/// A card that answers from a list and keeps what it heard.
struct Canned {
    answers: Vec<Vec<u8>>,
    heard: Vec<Vec<u8>>,
}

impl CardChannel for Canned {
    fn reset(&mut self) -> Result<Vec<u8>, CardError> {
        Ok(vec![0x3B, 0x00])
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardError> {
        self.heard.push(command.to_vec());
        let last = self.answers.len() <= 1;
        Ok(if last {
            self.answers[0].clone()
        } else {
            self.answers.remove(0)
        })
    }
}

fn command(header: &str, parts: Vec<ScriptPart>) -> ScriptCommand {
    ScriptCommand {
        title: header.to_owned(),
        header: header.to_owned(),
        parts,
        le: None,
        expect: vec![StatusWords {
            first: 0x9000,
            last: 0x9000,
        }],
        otherwise: Otherwise::Fail,
        captures: Vec::new(),
        split: None,
        span: 0,
    }
}

/// Asks for a serial number and sends it back behind an octet of its own.
fn echo() -> (Vec<ScriptCommand>, Vec<Vec<Option<DgiValue>>>) {
    let mut ask = command("80CA9F7F", Vec::new());
    ask.le = Some(256);
    ask.captures.push(Capture {
        variable: "serial".to_owned(),
        from: 3,
    });
    let variable = ScriptPart::Variable {
        name: "serial".to_owned(),
    };
    let send = command("00D60000", vec![ScriptPart::Value { node: 0 }, variable]);
    let values = vec![vec![], vec![Some(DgiValue::Clear(vec![0xA5])), None]];
    (vec![ask, send], values)
}

fn application(commands: Vec<ScriptCommand>) -> Application {
    Application {
        name: "box".to_owned(),
        aid: "F000000092".to_owned(),
        applet: "native".to_owned(),
        dictionary: String::new(),
        when: None,
        install: None,
        script: Some(Script {
            name: "written".to_owned(),
            secured: false,
            variables: vec![Variable {
                name: "serial".to_owned(),
                octets: 4,
            }],
            commands,
        }),
        dgis: Vec::new(),
        pack: true,
        facts: Vec::new(),
        keys: Vec::new(),
        derivation: String::new(),
        interfaces: vec!["contact".to_owned()],
        further: Vec::new(),
        quirks: Vec::new(),
    }
}

fn run(
    commands: Vec<ScriptCommand>,
    values: Vec<Vec<Option<DgiValue>>>,
    answers: &[&[u8]],
) -> (Result<u32, StationError>, Vec<Vec<u8>>) {
    let loaded = load::accept(projects::small_with("")).expect("it loads");
    let hsm = SoftHsm::in_memory([7; 32]).expect("an HSM");
    let mut session = hsm.open_session().expect("a session");
    let keys = BoundKeys::bind(loaded.content(), session.as_mut()).expect("keys");
    let chip = Chip {
        channel: None,
        applications: vec![application(commands)],
        content: ContentManagement::default(),
    };
    let data = CardData {
        card: "box".to_owned(),
        pan: String::new(),
        psn: String::new(),
        expiry: String::new(),
        applications: vec![ApplicationData {
            name: "box".to_owned(),
            dgis: Vec::new(),
            script: Some(ScriptData { commands: values }),
            facts: BTreeMap::new(),
            pin: None,
        }],
        track1: None,
        track2: None,
        emboss: Vec::new(),
        panels: Vec::new(),
        draws: Draws::default(),
    };
    let mut card = Canned {
        answers: answers.iter().map(|a| a.to_vec()).collect(),
        heard: Vec::new(),
    };
    let draw = Draw {
        job: "1",
        order: 1,
        purpose: "test",
    };
    let count = perso::personalize(
        &loaded,
        &chip,
        &keys,
        &data,
        session.as_mut(),
        &mut card,
        &draw,
    );
    (count.map(|c| c.commands), card.heard)
}

#[test]
fn what_a_card_answers_comes_back_in_a_later_command() {
    let (commands, values) = echo();
    let answers: [&[u8]; 2] = [&[1, 2, 3, 4, 5, 6, 7, 0x90, 0x00], &[0x90, 0x00]];
    let (count, heard) = run(commands, values, &answers);
    assert_eq!(count.expect("it goes well"), 2);
    assert_eq!(heard[0], [0x80, 0xCA, 0x9F, 0x7F, 0x00]);
    assert_eq!(heard[1], [0x00, 0xD6, 0, 0, 5, 0xA5, 3, 4, 5, 6]);
}

#[test]
fn status_words_decide_and_retries_are_counted() {
    let wrong: &[u8] = &[0x6A, 0x82];
    let fine: &[u8] = &[0x90, 0x00];
    let one = |otherwise: Otherwise, answers: &[&[u8]]| {
        let mut command = command("00A40000", Vec::new());
        command.otherwise = otherwise;
        let (count, heard) = run(vec![command], vec![vec![]], answers);
        (count.map_err(|e| e.code), heard.len())
    };
    assert_eq!(one(Otherwise::Fail, &[wrong]), (Err("R1210"), 1));
    assert_eq!(one(Otherwise::Next, &[wrong]), (Ok(1), 1));
    assert_eq!(
        one(Otherwise::Retry { times: 2 }, &[wrong, wrong, fine]),
        (Ok(3), 3)
    );
    assert_eq!(
        one(Otherwise::Retry { times: 2 }, &[wrong]),
        (Err("R1210"), 3)
    );
    // A card that never comes to an end is left.
    let endless: &[u8] = &[0x61, 0x10];
    assert_eq!(one(Otherwise::Fail, &[endless]).0, Err("R1211"));
    assert_eq!(one(Otherwise::Fail, &[&[0x90]]).0, Err("R1211"));
}

#[test]
fn an_answer_too_short_or_passed_over_leaves_no_variable() {
    let (commands, values) = echo();
    let short: &[u8] = &[1, 2, 3, 0x90, 0x00];
    assert_eq!(
        run(commands, values, &[short]).0.expect_err("short").code,
        "R1214"
    );
    let (mut commands, values) = echo();
    commands[0].otherwise = Otherwise::Next;
    let refused: &[u8] = &[0x6A, 0x88];
    assert_eq!(
        run(commands, values, &[refused]).0.expect_err("none").code,
        "R1214"
    );
}

#[test]
fn data_longer_than_a_command_is_refused_where_it_is_not_split() {
    let long = vec![vec![Some(DgiValue::Clear(vec![7; 300]))]];
    let part = || vec![ScriptPart::Value { node: 0 }];
    let (count, heard) = run(vec![command("00D60000", part())], long, &[&[0x90, 0x00]]);
    assert_eq!(count.expect_err("too long").code, "R1213");
    assert!(heard.is_empty());
    let long = vec![vec![Some(DgiValue::Clear(vec![7; 300]))]];
    let mut split = command("00DB3FFF", part());
    split.split = Some(cardwright_bundle::Split::Chain { octets: 200 });
    let (count, heard) = run(vec![split], long, &[&[0x90, 0x00]]);
    assert_eq!(count.expect("in two"), 2);
    assert_eq!(
        (heard[0][0], heard[0][4], heard[1][0], heard[1][4]),
        (0x10, 200, 0x00, 100)
    );
}

/// What a load of the small bank comes to after its content was changed.
fn lie(change: impl FnOnce(&mut Content)) -> Option<&'static str> {
    let bundle = projects::small();
    let mut content = bundle.content().clone();
    change(&mut content);
    let assets = content.assets.iter().map(|asset| {
        let octets = bundle.asset(&asset.name).expect("an asset").to_vec();
        (asset.name.clone(), (asset.media_type.clone(), octets))
    });
    let assets = assets.collect();
    let changed = Bundle::seal(content, assets).expect("it can be sealed");
    load::accept(changed).err().map(|e| e.code)
}

fn chip(content: &mut Content) -> &mut Chip {
    content.cards[0].chip.as_mut().expect("a chip")
}

#[test]
fn a_deviation_that_nobody_knows_is_refused() {
    let quirk = |name: &str| {
        let name = name.to_owned();
        lie(move |c| {
            chip(c).applications[0]
                .quirks
                .push((name, "a reason".into()))
        })
    };
    assert_eq!(quirk("unheard_of"), Some("R1130"));
    assert_eq!(quirk("le_required"), None);
}

/// R1101 with other references: a dictionary is one of those that the tables have.
#[test]
fn a_dictionary_that_nobody_has_is_refused() {
    let speaks = |name: &str| {
        let name = name.to_owned();
        lie(move |c| chip(c).applications[0].dictionary = name)
    };
    assert_eq!(speaks("esperanto"), Some("R1101"));
    assert_eq!(speaks(&"v".repeat(1 << 20)), Some("R1101"));
    assert_eq!(speaks("visa"), None);
    assert_eq!(speaks(""), None);
}

/// The small bank with a card of one application beside its debit application.
fn boxed(dgis: &str) -> Bundle {
    projects::small_with(&format!(
        "
application other for orders.order {{ aid = x\"F0 00 00 00 92 50 01\"; dgis {{ {dgis} }} }}
card boxed : debit_card {{ chip {{ applications = [debit, other] }} }}
scenario boxed_ready : validation for boxed {{
  contact {{ select other; expect data matches source }}
}}
job boxed_job {{
  input = orders; card = boxed; scenarios = [boxed_ready]; flow = line
  mailer = letter after produced
}}
"
    ))
}

#[test]
fn groupings_that_belong_together_have_to_fit_into_a_command() {
    let long = "ascii(pad_right(order.name, 200, \" \"))";
    let bundle = boxed(&format!(
        "dgi 0x3001 raw = {long}; dgi 0x3002 raw = {long}; join 0x3002 to 0x3001"
    ));
    let mut rehearsal = Rehearsal::new(bundle).unwrap_or_else(|e| panic!("{}", e.what));
    let made = rehearsal.specimen("boxed_job", "", Some("999992"));
    assert_eq!(made.err().map(|e| e.code), Some("R1212"));
}

#[test]
fn a_card_that_gives_a_secret_out_fails_its_validation() {
    let bundle = boxed("dgi 0x8301 blob { reference : pin(iso2) = order.pin }");
    let mut rehearsal = Rehearsal::new(bundle.clone()).unwrap_or_else(|e| panic!("{}", e.what));
    let made = rehearsal.specimen("boxed_job", "", Some("999992"));
    let made = made.unwrap_or_else(|e| panic!("{}", e.what));
    let loaded = load::accept(bundle).expect("it loads");
    let hsm = SoftHsm::in_memory([7; 32]).expect("an HSM");
    let mut session = hsm.open_session().expect("a session");
    let keys = BoundKeys::bind(loaded.content(), session.as_mut()).expect("keys");
    let day = cardwright_rehearsal::rehearsal_day();
    let validator = Validator::new(&loaded, "boxed_ready", &keys, day).expect("a scenario");
    let mut card = Canned {
        answers: vec![vec![0x90, 0x00]],
        heard: Vec::new(),
    };
    let specimen = Specimen {
        data: &made.data,
        chip: Some(&mut card),
        stripe: None,
        vision: None,
    };
    let draw = Draw {
        job: "1",
        order: 1,
        purpose: "test",
    };
    let verdicts = validator.run(specimen, session.as_mut(), &draw);
    let codes: Vec<_> = verdicts
        .iter()
        .filter_map(|v| Some(v.failure.as_ref()?.0))
        .collect();
    assert_eq!(codes, ["R1229"]);
}

#[test]
fn a_script_that_lies_is_refused() {
    let scripted = |change: fn(&mut ScriptCommand)| {
        lie(move |c| {
            let mut command = command("00D60000", Vec::new());
            change(&mut command);
            chip(c).applications.push(application(vec![command]));
        })
    };
    assert_eq!(scripted(|_| {}), None);
    let variable = |c: &mut ScriptCommand| {
        c.parts.push(ScriptPart::Variable {
            name: "serial".to_owned(),
        });
    };
    assert_eq!(scripted(variable), Some("R1131"), "before it is captured");
    assert_eq!(scripted(|c| c.header = "00D6".into()), Some("R1131"));
    assert_eq!(scripted(|c| c.le = Some(300)), Some("R1131"));
    assert_eq!(scripted(|c| c.expect.clear()), Some("R1131"));
    assert_eq!(
        scripted(|c| c.otherwise = Otherwise::Retry { times: 200 }),
        Some("R1131")
    );
    let beyond = |c: &mut ScriptCommand| {
        c.captures.push(Capture {
            variable: "serial".into(),
            from: 510,
        });
    };
    assert_eq!(scripted(beyond), Some("R1131"));
    let both = lie(|c| {
        let mut twice = application(vec![command("00D60000", Vec::new())]);
        twice.dgis.clone_from(&chip(c).applications[0].dgis);
        chip(c).applications.push(twice);
    });
    assert_eq!(both, Some("R1131"), "a script and groupings");
    assert_eq!(
        lie(|c| chip(c).channel = None),
        Some("R1131"),
        "groupings without a channel"
    );
}
