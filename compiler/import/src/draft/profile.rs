//! An application as a `profile`: what an engineer would write for it. Whatever a profile would make
//! otherwise than the file has it stands in `dgis`, so that the octets are the file's all the same.

use super::Written;
use crate::{
    data::Padding,
    groupings::{Form, MASTER_KEYS, Node, PIN},
};
use cardwright_standards::{
    emv::{
        afl::{self, Entry},
        bits::{CVM_CONDITIONS, CVM_METHODS, Coded, CvmList},
    },
    tlv::Tag,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// What the project's issuer says for all profiles: ISO numbers of country and currency.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground {
    pub(super) country: u16,
    pub(super) currency: u16,
}

/// A profile, ready to be written around its data.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    /// Attributes that stand before `data`.
    pub(super) head: String,
    /// Records, keys and what follows `data`, but for `dgis`.
    pub(super) tail: String,
    /// Tags that the attributes say, and that `data` does not repeat.
    pub(super) taken: BTreeSet<Tag>,
    /// Elements of `data` that are written otherwise than in an application.
    pub(super) instead: BTreeMap<Tag, String>,
    /// Numbers of the groupings that stand in `dgis`.
    pub(super) own: BTreeSet<u16>,
    /// Lines of `dgis` behind the groupings.
    pub(super) rules: String,
    /// Whether the records are where the locator says.
    pub(super) reads: bool,
    /// Whether a terminal finds it with contacts.
    pub(super) contact: bool,
    /// Whether a terminal finds it over the antenna.
    pub(super) contactless: bool,
    /// Whether it has a PIN.
    pub(super) pin: bool,
    /// Groupings that the file does not have: counter, keys and PIN, which nobody reads from a card.
    pub(super) added: Vec<u16>,
    /// Whether DGI 9000 follows the keys, although the file has it without them.
    pub(super) checked: bool,
    /// Deviations.
    pub(super) quirks: Vec<&'static str>,
}

/// Tags that stand in no record of a profile: directories, GET PROCESSING OPTIONS, internal data.
const ELSEWHERE: [u32; 14] = [
    0x50, 0x84, 0x87, 0x88, 0x9F11, 0x9F12, 0x9F38, 0x5F2D, 0x82, 0x94, 0x9F36, 0x9F10, 0x9F17,
    0x9F4F,
];
/// Certificates and signatures of somebody else's keys.
const FOREIGN: [u32; 3] = [0x90, 0x93, 0x9F46];
/// Issuer application data of format A for triple DES keys (Common Core Definitions): octets that
/// the attribute `iad` asks for.
const FORMAT_A: [(usize, u8); 3] = [(0, 0x0F), (1, 0xA5), (16, 0x0F)];

/// Writes an application as a profile; words say why it can't be one.
///
/// `directory` says whether the file has a contactless directory of its own.
pub(super) fn profile(
    written: &Written,
    ground: Ground,
    directory: bool,
) -> Result<Profile, String> {
    let mut maker = Maker::new(written, directory);
    maker.given()?;
    maker.identity()?;
    maker.services()?;
    maker.issuer(ground);
    maker.verification();
    maker.action_codes();
    maker.counters();
    let records = maker.records();
    if records.is_empty() {
        return Err("none of its records is a list of elements".to_owned());
    }
    maker.locator(&records);
    maker.select();
    maker.keys();
    maker.pin();
    maker.arrange(&records);
    Ok(maker.out)
}

/// A record: place, whether it is signed, tags.
struct Record {
    sfi: u8,
    number: u8,
    signed: bool,
    tags: Vec<Tag>,
}

impl Record {
    fn grouping(&self) -> u16 {
        u16::from_be_bytes([self.sfi, self.number])
    }
}

struct Maker<'w> {
    elements: BTreeMap<u32, (&'w str, Option<&'w [u8]>)>,
    /// Groupings that are written, in the order of the file.
    forms: Vec<(u16, &'w Form)>,
    out: Profile,
    /// Whether the file has a contactless directory.
    directory: bool,
    /// Groupings that a profile makes by itself just as the file has them.
    made: BTreeSet<u16>,
}

impl<'w> Maker<'w> {
    fn new(written: &'w Written, directory: bool) -> Self {
        let elements = written.composed.elements.iter();
        let elements = elements.map(|(tag, element)| {
            let constant = element.constant.as_deref();
            (tag.value(), (element.value.as_str(), constant))
        });
        let forms = written.composed.groupings.iter();
        let forms = forms.filter(|(_, form)| !matches!(form, Form::LeftOut(_)));
        Self {
            elements: elements.collect(),
            forms: forms.map(|(number, form)| (*number, form)).collect(),
            out: Profile::default(),
            directory,
            made: BTreeSet::new(),
        }
    }

    fn value(&self, tag: u32) -> Option<&'w str> {
        self.elements.get(&tag).map(|(value, _)| *value)
    }

    fn constant(&self, tag: u32) -> Option<&'w [u8]> {
        self.elements.get(&tag).and_then(|(_, constant)| *constant)
    }

    fn form(&self, number: u16) -> Option<&'w Form> {
        let mut forms = self.forms.iter();
        forms.find(|(n, _)| *n == number).map(|(_, form)| *form)
    }

    fn take(&mut self, tag: u32) {
        self.out.taken.extend(Tag::new(tag));
    }

    fn say(&mut self, line: impl AsRef<str>) {
        let _ = writeln!(self.out.head, "  {}", line.as_ref());
    }

    /// A profile's locator names what there is: the file has to give it all.
    fn given(&self) -> Result<(), String> {
        let entries = self
            .constant(0x94)
            .and_then(|octets| afl::parse(octets).ok());
        let entries = entries.unwrap_or_default();
        for (sfi, record, _) in afl::records(&entries) {
            if self.form(u16::from_be_bytes([sfi, record])).is_none() {
                return Err(format!(
                    "the file does not say what SFI {sfi} record {record} holds, which its locator (tag 94) names"
                ));
            }
        }
        Ok(())
    }

    /// Label, AIP, account; where a terminal finds it.
    fn identity(&mut self) -> Result<(), String> {
        let wanted = [
            (0x5A, "order.pan", "number"),
            (0x5F24, "order.expiry", "expiry"),
        ];
        for (tag, value, what) in wanted {
            if self.value(tag) != Some(value) {
                return Err(format!(
                    "it has no {what} that an order could say (tag {tag:02X})"
                ));
            }
        }
        let label = self.value(0x50).filter(|label| label.starts_with('"'));
        let label = label.ok_or("it has no label (tag 50)")?;
        self.say(format!("label = {label}"));
        let aip = self.constant(0x82).and(self.value(0x82));
        let aip = aip.ok_or("it has no AIP that is the same on all cards (tag 82)")?;
        self.say(format!("aip = {}", super::card::folded(aip)));
        [0x50, 0x82].into_iter().for_each(|tag| self.take(tag));
        let found = |number: u16, word: &'static str| self.form(number).map(|_| word);
        let places = [found(0x9102, "contact"), found(0x9103, "contactless")];
        let places: Vec<&str> = places.into_iter().flatten().collect();
        if places.is_empty() {
            return Err("it has no answer to SELECT (DGI 9102)".to_owned());
        }
        self.out.contact = self.form(0x9102).is_some();
        self.out.contactless = self.form(0x9103).is_some();
        if self.out.contactless && self.directory {
            return Err(
                "the file's own contactless directory stands for one of profiles".to_owned(),
            );
        }
        self.say(format!("interfaces = [{}]", places.join(", ")));
        if let Some([priority]) = self.constant(0x87)
            && priority & 0x70 == 0
        {
            self.say(format!("priority = {}", priority & 0x0F));
            if priority & 0x80 != 0 {
                self.say("confirmation = true");
            }
            self.take(0x87);
        }
        let languages = self.value(0x5F2D).filter(|text| text.starts_with('"'));
        if let Some(languages) = languages {
            self.say(format!("languages = {languages}"));
            self.take(0x5F2D);
        }
        if FOREIGN.iter().any(|tag| self.elements.contains_key(tag)) {
            self.say(
                "// Certificates are those of the file, for a key of the chip that was not copied. Cards of your own:\n  \
                 // `dda { key = rsa(1152, 3); certified_by = … }` in the place of the quirk and of their tags.",
            );
            self.out.quirks.push(
                "foreign_certificates = \"imported with the file, without the key of the chip\"",
            );
        }
        Ok(())
    }

    /// The service code of the track, of tag 5F30, or one that says so.
    fn services(&mut self) -> Result<(), String> {
        let track = self.value(0x57).and_then(|value| {
            let parts = value.strip_prefix("track2(order.pan, order.expiry, ")?;
            parts.split_once(", ")
        });
        let digits = self.constant(0x5F30).map(hex::encode);
        let digits = digits.as_deref().and_then(|code| code.strip_prefix('0'));
        if self.value(0x57).is_some() && track.is_none() {
            return Err("its track (tag 57) does not say what the order says".to_owned());
        }
        match (track, digits) {
            (Some((service, tail)), _) => {
                self.say(format!("services = {service}"));
                let value = format!("track2(order.pan, order.expiry, services, {tail}");
                self.out
                    .instead
                    .extend(Tag::new(0x57).map(|tag| (tag, value)));
                if digits == Some(service) {
                    self.take(0x5F30);
                }
            }
            (None, Some(code)) if !code.starts_with('0') => {
                self.say(format!("services = {code}"));
                self.take(0x5F30);
            }
            _ => self.say("services = 201  // the file does not say it"),
        }
        Ok(())
    }

    /// Country and currency follow from the issuer.
    fn issuer(&mut self, ground: Ground) {
        for (tag, code) in [(0x5F28, ground.country), (0x9F42, ground.currency)] {
            let octets = hex::decode(format!("{code:04}")).unwrap_or_default();
            if self.constant(tag) == Some(octets.as_slice()) {
                self.take(tag);
            }
        }
    }

    /// Tag 8E rule by rule, where every code has a word.
    fn verification(&mut self) {
        let Some(list) = self.constant(0x8E).and_then(CvmList::parse) else {
            return;
        };
        let Some(rules) = list
            .rules
            .iter()
            .map(|rule| cvm_rule(*rule))
            .collect::<Option<Vec<_>>>()
        else {
            return;
        };
        if rules.is_empty() {
            return;
        }
        let mut block = "cvm {\n".to_owned();
        for (name, amount) in [("x", list.amount_x), ("y", list.amount_y)] {
            if amount > 0 {
                let _ = writeln!(block, "    {name} = {amount}");
            }
        }
        for rule in rules {
            let _ = writeln!(block, "    {rule}");
        }
        block.push_str("  }");
        self.say(block);
        self.take(0x8E);
        let offline = |(code, _): &(u8, u8)| matches!(code & 0x3F, 0x01 | 0x03 | 0x04 | 0x05);
        self.out.pin = list.rules.iter().any(offline);
    }

    fn action_codes(&mut self) {
        let mut block = String::new();
        for (tag, name) in [(0x9F0E, "denial"), (0x9F0F, "online"), (0x9F0D, "default")] {
            let words = self.constant(tag).and(self.value(tag));
            if let Some(words) = words.filter(|words| words.starts_with('[')) {
                let _ = writeln!(block, "    {name} = {}", super::card::folded(words));
                self.take(tag);
            }
        }
        if !block.is_empty() {
            self.say(format!("action_codes {{\n{block}  }}"));
        }
    }

    /// DGI 3000: counter and issuer application data.
    fn counters(&mut self) {
        let mut made = Vec::new();
        if let Some([high, low]) = self.constant(0x9F36) {
            self.say(format!("atc = {}", u16::from_be_bytes([*high, *low])));
            self.take(0x9F36);
            made.push(0x9F36);
        }
        let format_a = |iad: &&[u8]| {
            let fits = |(at, octet): &(usize, u8)| iad.get(*at) == Some(octet);
            iad.len() == 32 && FORMAT_A.iter().all(fits)
        };
        if let Some(iad) = self.constant(0x9F10).filter(format_a) {
            self.say(format!("iad = x\"{}\"", hex::encode_upper(iad)));
            self.take(0x9F10);
            made.push(0x9F10);
        }
        if self.elements.contains_key(&0x9F4F) {
            made.push(0x9F4F);
        }
        let found = self.form(0x3000).and_then(leaves);
        if made.first() == Some(&0x9F36) && found.is_some_and(|tags| same(&tags, &made)) {
            self.made.insert(0x3000);
        }
    }

    /// Records that a profile's list can say.
    fn records(&mut self) -> Vec<Record> {
        let signed = self.signed();
        let mut seen: BTreeSet<Tag> = BTreeSet::new();
        let mut records = Vec::new();
        for (number, form) in self.forms.clone() {
            let [sfi, record] = number.to_be_bytes();
            if !(1..=30).contains(&sfi) || record == 0 {
                continue;
            }
            let tags = match form {
                Form::Template(tag, nodes) if sfi <= 10 && tag.value() == 0x70 => flat(nodes),
                Form::Sequence(nodes) if sfi > 10 => flat(nodes),
                _ => None,
            };
            let Some(tags) = tags else {
                continue;
            };
            let own: BTreeSet<Tag> = tags.iter().copied().collect();
            let elsewhere = tags.iter().any(|tag| ELSEWHERE.contains(&tag.value()));
            if elsewhere || own.len() < tags.len() || own.iter().any(|tag| seen.contains(tag)) {
                continue;
            }
            seen.extend(own);
            self.made.insert(number);
            records.push(Record {
                sfi,
                number: record,
                signed: signed.contains(&(sfi, record)),
                tags,
            });
        }
        records.sort_by_key(Record::grouping);
        self.out.tail.push_str("  records {\n");
        for record in &records {
            let (sfi, number) = (record.sfi, record.number);
            let signed = if record.signed { " signed" } else { "" };
            let tags = record.tags.iter().map(|tag| format!("#{tag}"));
            let tags = format!("[{}]", tags.collect::<Vec<_>>().join(", "));
            let tags = super::card::folded(&tags);
            let line = format!("    sfi {sfi} record {number}{signed} = {tags}\n");
            self.out.tail.push_str(&line);
        }
        self.out.tail.push_str("  }\n");
        records
    }

    /// Records that the locator says are signed.
    fn signed(&self) -> BTreeSet<(u8, u8)> {
        let entries = self
            .constant(0x94)
            .and_then(|octets| afl::parse(octets).ok());
        let entries = entries.unwrap_or_default();
        let signed = afl::records(&entries).filter(|(.., signed)| *signed);
        signed.map(|(sfi, record, _)| (sfi, record)).collect()
    }

    /// DGI 9104: a profile reckons the locator from its records.
    fn locator(&mut self, records: &[Record]) {
        let reckoned = locator(records);
        let agrees = self.constant(0x94).is_some_and(|found| found == reckoned);
        self.out.reads = agrees;
        if !agrees {
            return;
        }
        self.take(0x94);
        if self
            .form(0x9104)
            .and_then(leaves)
            .is_some_and(|tags| same(&tags, &[0x82, 0x94]))
        {
            self.made.insert(0x9104);
        }
    }

    /// DGI 9102 and 9103: label, priority, list of GET PROCESSING OPTIONS, languages.
    fn select(&mut self) {
        let mut made = vec![0x50];
        let taken = |tag: u32| Tag::new(tag).is_some_and(|tag| self.out.taken.contains(&tag));
        if taken(0x87) {
            made.push(0x87);
        }
        if self.elements.contains_key(&0x9F38) {
            made.push(0x9F38);
        }
        if taken(0x5F2D) {
            made.push(0x5F2D);
        }
        for number in [0x9102, 0x9103] {
            let Some(Form::Template(tag, nodes)) = self.form(number) else {
                continue;
            };
            let tags = flat(nodes).filter(|_| tag.value() == 0xA5 && made.contains(&0x87));
            if tags.is_some_and(|tags| same(&tags, &made)) {
                self.made.insert(number);
            }
        }
    }

    /// The block `keys`: DGI 8000 and, of check values, 9000.
    fn keys(&mut self) {
        self.out.tail.push_str(
            "  keys { ac = imk_ac; smi = imk_smi; smc = imk_smc; derivation = option_a }\n",
        );
        if let Some(Form::Blob(None | Some(Padding::None), parts)) = self.form(0x8000)
            && parts
                .iter()
                .map(|(name, ..)| name.as_str())
                .eq(MASTER_KEYS.map(|(name, _)| name))
        {
            self.made.insert(0x8000);
        }
        // Check values without keys are those of keys that the file does not have.
        self.out.checked = match self.form(0x9000) {
            Some(Form::Raw(_)) => self.form(0x8000).is_none(),
            _ => false,
        };
        if self.out.checked || matches!(self.form(0x9000), Some(Form::Struct(_))) {
            self.made.insert(0x9000);
        }
    }

    /// The block `offline_pin`: DGI 8010 and 9010.
    fn pin(&mut self) {
        let block = match self.form(0x8010) {
            Some(Form::Blob(padding, parts)) => Some((padding, parts.len())),
            _ => None,
        };
        self.out.pin |= block.is_some();
        if !self.out.pin {
            return;
        }
        let counters = match self.form(0x9010) {
            Some(Form::Raw(text)) => tries(text),
            _ => None,
        };
        let tries = counters.unwrap_or(3);
        let _ = writeln!(
            self.out.tail,
            "  offline_pin {{ value = {PIN}; tries = {tries} }}"
        );
        if matches!(block, Some((None | Some(Padding::IfNeeded), 1))) {
            self.made.insert(0x8010);
        }
        if counters.is_some() {
            self.made.insert(0x9010);
        }
    }

    /// What goes into `dgis`: groupings of another kind, what the file does not have, the order.
    fn arrange(&mut self, records: &[Record]) {
        let mut all: Vec<u16> = records.iter().map(Record::grouping).collect();
        all.push(0x9104);
        if self.out.contact {
            all.push(0x9102);
        }
        if self.out.contactless {
            all.push(0x9103);
        }
        all.extend([0x3000, 0x8000, 0x9000]);
        if self.out.pin {
            all.extend([0x8010, 0x9010]);
        }
        let wanted: Vec<u16> = self.forms.iter().map(|(number, _)| *number).collect();
        let (found, added) = all.into_iter().partition(|number| wanted.contains(number));
        let mut all: Vec<u16> = found;
        self.out.added = added;
        let more = wanted.iter().filter(|number| !all.contains(number));
        all.extend(more.copied().collect::<Vec<_>>());
        if all != wanted {
            let numbers = wanted.iter().map(|number| format!("0x{number:04X}"));
            let list = format!("[{}]", numbers.collect::<Vec<_>>().join(", "));
            let _ = writeln!(self.out.rules, "    order = {}", super::card::folded(&list));
        }
        let own = wanted.iter().filter(|number| !self.made.contains(number));
        self.out.own = own.copied().collect();
    }
}

/// `0303`: limit and counter alike.
fn tries(text: &str) -> Option<u8> {
    let octets = hex::decode(text.strip_prefix("x\"")?.strip_suffix('"')?).ok()?;
    match octets.as_slice() {
        [counter, limit] if counter == limit => Some(*limit),
        _ => None,
    }
}

fn cvm_rule((code, condition): (u8, u8)) -> Option<String> {
    let word = |table: &'static [Coded], code: u8| {
        let row = table.iter().find(|row| row.code == code);
        row.map(|row| row.word)
    };
    (code & 0x80 == 0).then_some(())?;
    let method = word(CVM_METHODS, code & 0x3F)?;
    let when = match word(CVM_CONDITIONS, condition)? {
        "always" => "always".to_owned(),
        condition => format!("when {condition}"),
    };
    let otherwise = if code & 0x40 == 0 { "fail" } else { "next" };
    Some(format!("{method} {when} else {otherwise}"))
}

/// Tags of a list without templates.
fn flat(nodes: &[Node]) -> Option<Vec<Tag>> {
    let tags = nodes.iter().map(|node| match node {
        Node::Leaf(tag) => Some(*tag),
        Node::Inner(..) => None,
    });
    tags.collect()
}

fn leaves(form: &Form) -> Option<Vec<Tag>> {
    match form {
        Form::Sequence(nodes) => flat(nodes),
        _ => None,
    }
}

fn same(tags: &[Tag], values: &[u32]) -> bool {
    tags.iter()
        .map(|tag| tag.value())
        .eq(values.iter().copied())
}

/// The locator of records in the order of their places: an entry ends where the numbers have a gap,
/// and where a signed record follows one that is not (EMV Book 3, 10.2).
fn locator(records: &[Record]) -> Vec<u8> {
    let mut entries: Vec<Entry> = Vec::new();
    for record in records {
        let follows = entries.last_mut().filter(|entry| {
            let all_signed = entry.signed == entry.last - entry.first + 1;
            entry.sfi == record.sfi
                && entry.last.checked_add(1) == Some(record.number)
                && (!record.signed || all_signed)
        });
        match follows {
            Some(entry) => {
                entry.last = record.number;
                entry.signed += u8::from(record.signed);
            }
            None => entries.push(Entry {
                sfi: record.sfi,
                first: record.number,
                last: record.number,
                signed: u8::from(record.signed),
            }),
        }
    }
    afl::build(&entries).unwrap_or_default()
}
