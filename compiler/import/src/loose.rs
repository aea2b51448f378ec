//! Data elements without groupings: each goes where EMV's templates have it. Records that the input
//! has stay as they are; others are made.

use crate::{
    data::{Application, Card, Grouping, Input, Value},
    error::{ImportError, nothing, too_much},
};
use cardwright_standards::{
    emv::afl,
    tags::{self, INTERNAL, Source},
    tlv::{self, Tag},
};

/// A data element; a template's value is what is inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) tag: Tag,
    pub(crate) value: Vec<u8>,
}

/// Octets of a made record at most: EMV's 254 with template 70 around them.
const RECORD_OCTETS_MAX: usize = 250;
/// Records of one SFI.
const RECORDS_MAX: usize = 254;
/// Proprietary template of the answer to SELECT (EMV Book 1, 11.3.4).
const PROPRIETARY: u32 = 0xA5;

/// What a transaction changes but personalization begins: issuer application data, counters, tries,
/// format of the log.
const COUNTED: [u32; 5] = [0x9F10, 0x9F13, 0x9F17, 0x9F36, 0x9F4F];

/// What is found, by where it goes.
#[derive(Default)]
struct Found {
    aid: Vec<u8>,
    /// Templates 70 as they are.
    records: Vec<Vec<u8>>,
    select: Vec<Object>,
    /// The whole template A5, when the input has it.
    template: Option<Vec<u8>>,
    options: Vec<Object>,
    internal: Vec<Object>,
    rest: Vec<Object>,
}

/// Makes a card of one application.
pub(crate) fn card(objects: Vec<Object>, input: &mut Input) -> Result<(), ImportError> {
    let application = application(objects, input)?;
    input.cards.push(Card {
        applications: vec![application],
    });
    Ok(())
}

/// Makes an application.
pub(crate) fn application(
    objects: Vec<Object>,
    input: &mut Input,
) -> Result<Application, ImportError> {
    let mut found = Found::default();
    for object in objects {
        place(object, &mut found, input);
    }
    let application = Application {
        aid: found.aid.clone(),
        groupings: groupings(found, input)?,
        channel: None,
    };
    if application.groupings.is_empty() {
        return Err(nothing());
    }
    Ok(application)
}

fn place(object: Object, found: &mut Found, input: &mut Input) {
    let inside = || tlv::parse_flat(&object.value).unwrap_or_default();
    match object.tag.value() {
        0x84 | 0x4F if found.aid.is_empty() => found.aid = object.value,
        0x84 | 0x4F if found.aid == object.value => {}
        // Answer to SELECT.
        0x6F => {
            let inside = inside();
            let aid = inside.iter().find(|(tag, _)| tag.value() == 0x84);
            if let Some((_, aid)) = aid {
                found.aid = aid.to_vec();
            }
            let template = inside.iter().find(|(tag, _)| tag.value() == PROPRIETARY);
            found.template = template.map(|(_, value)| value.to_vec());
        }
        PROPRIETARY => found.template = Some(object.value),
        0x70 => found.records.push(object.value),
        // Answer to GET PROCESSING OPTIONS, formats 2 and 1 (EMV Book 3, 6.5.8.4).
        0x77 => {
            let inside = inside().into_iter().map(|(tag, value)| Object {
                tag,
                value: value.to_vec(),
            });
            for object in inside.collect::<Vec<_>>() {
                element(object, found, input);
            }
        }
        0x80 if object.value.len() >= 6 && object.value.len() % 4 == 2 => {
            let parts = object.value.split_at_checked(2);
            let tags = Tag::new(0x82).zip(Tag::new(0x94));
            if let (Some((profile, locator)), Some((aip, afl))) = (parts, tags) {
                let object = |tag, value: &[u8]| Object {
                    tag,
                    value: value.to_vec(),
                };
                found
                    .options
                    .extend([object(aip, profile), object(afl, locator)]);
            }
        }
        _ => element(object, found, input),
    }
}

/// An element by itself: the table of tags knows where it stands.
fn element(object: Object, found: &mut Found, input: &mut Input) {
    let tag = object.tag;
    let all = [&found.select, &found.options, &found.internal, &found.rest];
    let before = all.into_iter().flatten().find(|o| o.tag == tag);
    if let Some(before) = before {
        if before.value != object.value {
            input.note(format!("{tag} stands there twice: the first is taken"));
        }
        return;
    }
    let row = tags::element_in("", tag);
    let held = row.is_none_or(|row| match row.source {
        Source::Card => true,
        Source::CardInTransaction => COUNTED.contains(&tag.value()),
        Source::Issuer | Source::Terminal => false,
    });
    if !held {
        input.note(format!(
            "{tag} is not the card's to hold and was left aside"
        ));
        return;
    }
    let stands_in = |template: u32| row.is_some_and(|row| row.templates.contains(&template));
    let list = if matches!(tag.value(), 0x82 | 0x94) {
        &mut found.options
    } else if stands_in(PROPRIETARY) || tag.value() == 0xBF0C {
        &mut found.select
    } else if stands_in(INTERNAL) || COUNTED.contains(&tag.value()) {
        &mut found.internal
    } else {
        &mut found.rest
    };
    list.push(object);
}

/// Records, answer to GET PROCESSING OPTIONS, answer to SELECT, internal data: in the order of the
/// numbers that EMV CPS gives them.
fn groupings(mut found: Found, input: &mut Input) -> Result<Vec<Grouping>, ImportError> {
    let places = places(&found);
    for content in made_records(&found.rest)? {
        found.records.push(content);
    }
    if found.records.len() > RECORDS_MAX {
        return Err(too_much("the application", RECORDS_MAX, "records"));
    }
    if !found.rest.is_empty() {
        input.note("elements without a record were put into records in their order");
    }
    let mut all = Vec::new();
    for (at, content) in (1u16..).zip(&found.records) {
        let place = places.get(usize::from(at) - 1);
        let number = place.copied().unwrap_or(0x0100 | at);
        all.push(clear(number, template(0x70, content)?));
    }
    if !found.options.is_empty() {
        all.push(clear(0x9104, joined(&found.options)?));
    }
    if found.template.is_some() && !found.select.is_empty() {
        input.note("elements beside the answer to SELECT were put behind it");
    }
    let mut answer = found.template.unwrap_or_default();
    answer.extend(joined(&found.select)?);
    if !answer.is_empty() {
        all.push(clear(0x9102, template(PROPRIETARY, &answer)?));
    }
    if !found.internal.is_empty() {
        all.push(clear(0x3000, joined(&found.internal)?));
    }
    Ok(all)
}

fn clear(number: u16, octets: Vec<u8>) -> Grouping {
    Grouping {
        number,
        value: Value::Clear(octets),
    }
}

/// Numbers of the records by the AFL, when it speaks of as many as there are.
fn places(found: &Found) -> Vec<u16> {
    let afl = found.options.iter().find(|o| o.tag.value() == 0x94);
    let entries = afl
        .and_then(|o| afl::parse(&o.value).ok())
        .unwrap_or_default();
    let places = afl::records(&entries);
    let places: Vec<u16> = places
        .map(|(sfi, record, _)| u16::from_be_bytes([sfi, record]))
        .collect();
    if places.len() == found.records.len() && found.rest.is_empty() {
        places
    } else {
        Vec::new()
    }
}

/// Elements in records, as many in each as fit.
fn made_records(elements: &[Object]) -> Result<Vec<Vec<u8>>, ImportError> {
    let mut records: Vec<Vec<u8>> = Vec::new();
    for element in elements {
        let octets = joined(std::slice::from_ref(element))?;
        match records.last_mut() {
            Some(last) if last.len() + octets.len() <= RECORD_OCTETS_MAX => last.extend(octets),
            _ => records.push(octets),
        }
    }
    Ok(records)
}

fn joined(objects: &[Object]) -> Result<Vec<u8>, ImportError> {
    let mut octets = Vec::new();
    for object in objects {
        push(&mut octets, object.tag, &object.value)?;
    }
    Ok(octets)
}

fn template(tag: u32, content: &[u8]) -> Result<Vec<u8>, ImportError> {
    let mut octets = Vec::new();
    if let Some(tag) = Tag::new(tag) {
        push(&mut octets, tag, content)?;
    }
    Ok(octets)
}

fn push(to: &mut Vec<u8>, tag: Tag, value: &[u8]) -> Result<(), ImportError> {
    tlv::push(to, tag, value).map_err(|_| too_much("a value", tlv::VALUE_OCTETS_MAX, "octets"))
}
