//! Data groupings of EMV CPS 2.0, in the order in which cards take them: records, processing
//! options, directory entry, internal data, keys and their check values, PIN, RSA components.

use super::super::value;
use super::oda::{self, Certified, Signed};
use super::records::Record;
use super::styles::{self, Holdings};
use super::{App, Masters, Mode, further, modes, presence};
use crate::elaborate::{Elaborator, KeyChoice, Typed};
use crate::emit::Frame;
use crate::model::{Decl, Span};
use crate::secrecy::Sink;
use crate::types::{Lengths, Type};
use cardwright_bundle::{Application, Dgi, KeyId, NodeId, Padding};

/// Components of the chip's RSA key by DGI (EMV CPS 2.0): number and title.
const COMPONENTS: [(u16, &str); 5] = [
    (0x8201, "ICC key: q^-1 mod p"),
    (0x8202, "ICC key: d mod (q-1)"),
    (0x8203, "ICC key: d mod (p-1)"),
    (0x8204, "ICC key: prime q"),
    (0x8205, "ICC key: prime p"),
];

/// The application as the bundle has it.
pub(super) fn application<'a>(
    elaborator: &mut Elaborator<'a>,
    frame: &Frame,
    app: &App<'a>,
) -> Option<Application> {
    let span = app.decl.span;
    let mut contents = records(elaborator, app, &Signed::default(), |r| !r.certificates)?;
    let signed = signed(elaborator, app, &contents)?;
    contents.extend(records(elaborator, app, &signed, |r| r.certificates)?);
    contents.sort_by_key(|(r, ..)| r.place);
    let mut dgis = Vec::new();
    for (record, _, whole) in &contents {
        dgis.push(self::record(elaborator, app, record, whole));
    }
    let mut answers = vec![processing_options(elaborator, app)?];
    for further in &app.further {
        let (records, answer) = further::groupings(elaborator, further, &contents)?;
        dgis.extend(records);
        answers.push(answer);
    }
    dgis.extend(answers);
    dgis.extend(directory_entry(elaborator, app)?);
    dgis.push(internal(elaborator, app)?);
    let mut sealed = Sealed {
        elaborator,
        dgis: &mut dgis,
    };
    if let Some(masters) = &app.masters {
        sealed.master_keys(app, masters)?;
    }
    for mode in std::iter::once(app).chain(&app.further) {
        let codes = modes::dynamic_codes(sealed.elaborator, mode)?;
        sealed.dgis.extend(codes);
    }
    sealed.pin(app)?;
    if let Some(certified) = &signed.certified {
        sealed.components(app, certified, span)?;
    }
    let written = styles::written(elaborator, app.decl, app);
    let (dgis, pack) = styles::arrange(elaborator, app.decl, dgis, written);
    Some(Application {
        name: app.decl.name.clone(),
        aid: hex::encode_upper(&app.aid),
        applet: String::new(),
        dictionary: app.dictionary.clone(),
        when: None,
        install: super::install::lower(elaborator, app.decl),
        script: None,
        dgis,
        pack: pack && !app.has_quirk("one_dgi_per_command"),
        facts: facts(elaborator, frame, app)?,
        keys: keys(elaborator, app),
        derivation: app
            .masters
            .as_ref()
            .map(|m| m.derivation.clone())
            .or_else(|| app.cvc3.as_ref().map(|c| c.derivation.clone()))
            .unwrap_or_default(),
        interfaces: app.interfaces.clone(),
        further: further::facts(app),
        quirks: app.quirks.clone(),
    })
}

/// What the issuer signs over the records that are marked.
fn signed(
    elaborator: &mut Elaborator<'_>,
    app: &App<'_>,
    contents: &[(&Record, Typed, Typed)],
) -> Option<Signed> {
    let mut signed = Signed::default();
    if app.issuer().is_none() {
        return Some(signed);
    }
    let data = oda::static_data(elaborator, app, contents)?;
    if let Some(sda) = &app.sda {
        signed.static_data = Some(oda::sign(elaborator, sda, &data)?);
    }
    if let Some(dda) = &app.dda {
        signed.certified = Some(oda::certify(elaborator, app, dda, &data)?);
    }
    Some(signed)
}

/// Records that hold no certificates.
pub(super) fn plain_records<'r>(
    elaborator: &mut Elaborator<'_>,
    app: &'r App<'_>,
) -> Option<Vec<(&'r Record, Typed, Typed)>> {
    records(elaborator, app, &Signed::default(), |r| !r.certificates)
}

/// The data grouping of a record.
pub(super) fn record(
    elaborator: &mut Elaborator<'_>,
    app: &App<'_>,
    record: &Record,
    whole: &Typed,
) -> Dgi {
    let title = format!("SFI {} record {}", record.place.sfi, record.place.record);
    elaborator.sink(whole, Sink::ChipClear, &title, record.span);
    let when = presence::of_record(elaborator, app, record).map(|flag| flag.node);
    Dgi {
        when,
        ..clear(record.place.dgi(), whole, title)
    }
}

pub(super) fn clear(number: u16, value: &Typed, title: impl Into<String>) -> Dgi {
    Dgi {
        number,
        node: value.node,
        encrypted: false,
        padding: Padding::None,
        joined: false,
        dictionary: String::new(),
        when: None,
        octets: None,
        title: title.into(),
        fields: Vec::new(),
    }
}

/// Content and whole (`70 …`) of the records that are chosen.
fn records<'r>(
    elaborator: &mut Elaborator<'_>,
    app: &'r App<'_>,
    signed: &Signed,
    chosen: impl Fn(&Record) -> bool,
) -> Option<Vec<(&'r Record, Typed, Typed)>> {
    let mut result = Vec::new();
    for record in app.records.iter().filter(|r| chosen(r)) {
        let mut parts = Vec::new();
        for (tag, span) in &record.tags {
            if let Some(element) = app.element(tag) {
                parts.push(presence::object(elaborator, element, *span)?);
                continue;
            }
            let (value, if_any) = oda::object(elaborator, app, signed, tag)?;
            parts.push(value::object(elaborator, tag, &value, if_any, *span)?);
        }
        let when = presence::of_record(elaborator, app, record);
        let content = value::concat(elaborator, &parts, record.span)?;
        let whole = if record.place.sfi <= 10 {
            value::object(elaborator, "70", &content, false, record.span)?
        } else {
            content.clone()
        };
        let content = presence::perhaps(elaborator, when.as_ref(), content, record.span);
        let whole = presence::perhaps(elaborator, when.as_ref(), whole, record.span);
        result.push((record, content, whole));
    }
    Some(result)
}

/// DGI 9104: AIP and AFL, which the card gives to GET PROCESSING OPTIONS.
fn processing_options(elaborator: &mut Elaborator<'_>, app: &App<'_>) -> Option<Dgi> {
    options(elaborator, app, 0x9104, "AIP and AFL")
}

/// AIP and AFL of a mode, with what else its answer holds.
pub(super) fn options(
    elaborator: &mut Elaborator<'_>,
    app: &App<'_>,
    number: u16,
    title: &str,
) -> Option<Dgi> {
    let span = app.decl.span;
    let aip = elaborator.octets(&app.aip, span);
    let afl = presence::afl(elaborator, app, span);
    let parts = [
        value::object(elaborator, "82", &aip, false, span)?,
        value::object(elaborator, "94", &afl, false, span)?,
    ];
    let mut parts = parts.to_vec();
    parts.extend(modes::beside_options(elaborator, app)?);
    let value = value::concat(elaborator, &parts, span)?;
    elaborator.sink(&value, Sink::ChipClear, title, span);
    Some(clear(number, &value, title))
}

/// DGI 9102 (contacts) and 9103 (antenna): template A5 of the answer to SELECT.
fn directory_entry(elaborator: &mut Elaborator<'_>, app: &App<'_>) -> Option<Vec<Dgi>> {
    let span = app.decl.span;
    let label = elaborator.octets(app.label.as_bytes(), span);
    let priority = elaborator.octets(&[app.priority], span);
    let mut parts = vec![
        value::object(elaborator, "50", &label, false, span)?,
        value::object(elaborator, "87", &priority, false, span)?,
    ];
    if let Some(pdol) = app.element("9F38") {
        let value = pdol.value.clone();
        parts.push(value::object(elaborator, "9F38", &value, false, pdol.span)?);
    }
    if let Some(languages) = &app.languages {
        let value = elaborator.octets(languages.as_bytes(), span);
        parts.push(value::object(elaborator, "5F2D", &value, false, span)?);
    }
    let content = value::concat(elaborator, &parts, span)?;
    let template = value::object(elaborator, "A5", &content, false, span)?;
    let mut dgis = Vec::new();
    if app.on("contact") {
        dgis.push(clear(0x9102, &template, "answer to SELECT"));
    }
    if app.on("contactless") {
        dgis.push(clear(0x9103, &template, "answer to SELECT, contactless"));
    }
    Some(dgis)
}

/// DGI 3000: transaction counter and issuer application data.
fn internal(elaborator: &mut Elaborator<'_>, app: &App<'_>) -> Option<Dgi> {
    let decl = app.decl;
    let span = decl.span;
    let atc = elaborator.octets(&counter(decl), span);
    let mut parts = vec![value::object(elaborator, "9F36", &atc, false, span)?];
    if let Some(octets) = super::rules::application_data(elaborator, decl) {
        let iad = elaborator.octets(&octets, span);
        parts.push(value::object(elaborator, "9F10", &iad, false, span)?);
    }
    for tag in ["9F4F"] {
        if let Some(element) = app.element(tag) {
            let value = element.value.clone();
            parts.push(value::object(elaborator, tag, &value, false, element.span)?);
        }
    }
    let value = value::concat(elaborator, &parts, span)?;
    Some(clear(0x3000, &value, "internal data"))
}

/// Tag 9F36 before the first transaction.
fn counter(decl: &Decl) -> [u8; 2] {
    let counter = decl.attribute("atc").and_then(|e| e.single()?.integer());
    u16::try_from(counter.unwrap_or(0))
        .unwrap_or(0)
        .to_be_bytes()
}

/// Groupings that travel under the channel's data encryption key.
struct Sealed<'e, 'a> {
    elaborator: &'e mut Elaborator<'a>,
    dgis: &'e mut Vec<Dgi>,
}

impl Sealed<'_, '_> {
    fn push(&mut self, number: u16, value: &Typed, padding: Padding, title: &str, span: Span) {
        self.elaborator
            .sink(value, Sink::ChipEncrypted, title, span);
        self.dgis.push(Dgi {
            number,
            node: value.node,
            encrypted: true,
            padding,
            joined: false,
            dictionary: String::new(),
            when: None,
            octets: None,
            title: title.to_owned(),
            fields: Vec::new(),
        });
    }

    /// DGI 8000: AC, SM integrity, SM confidentiality; DGI 9000: their check values.
    fn master_keys(&mut self, app: &App<'_>, masters: &Masters) -> Option<()> {
        let span = masters.span;
        let option = self.elaborator.text(&masters.derivation, span);
        let pan = app.element("5A")?.raw.clone()?;
        let psn = psn(self.elaborator, app);
        let args = [option, pan, psn];
        let keys = self
            .elaborator
            .with_keys(&masters.keys, &mut |elaborator, names| {
                elaborator.intent("emv.master_keys", names, &args, span)
            })?;
        // 48 octets or more, whole blocks of DES and of AES alike: nothing to pad.
        self.push(0x8000, &keys, Padding::None, "ICC master keys", span);
        let ty = Type::Bytes(Lengths::exactly(9));
        let values = value::apply(self.elaborator, "check_values", &[&keys], ty, span)?;
        self.dgis
            .push(clear(0x9000, &values, "check values of the keys"));
        Some(())
    }

    /// DGI 8010: the reference PIN; DGI 9010: try counter and limit.
    fn pin(&mut self, app: &App<'_>) -> Option<()> {
        let Some((pin, tries)) = &app.offline_pin else {
            return Some(());
        };
        let span = super::read::span_of(app.decl, "offline_pin");
        let block =
            self.elaborator
                .intent("pin.card_block", &[], std::slice::from_ref(pin), span)?;
        // 8 octets: a DES block; under AES they are filled.
        let padding = Padding::Iso7816IfNeeded;
        self.push(0x8010, &block, padding, "reference PIN block", span);
        let counters = self.elaborator.octets(&[*tries, *tries], span);
        self.dgis
            .push(clear(0x9010, &counters, "PIN try counter and limit"));
        Some(())
    }

    /// DGIs 8201 to 8205. Public personalization scripts add the padding also to whole blocks.
    fn components(&mut self, app: &App<'_>, certified: &Certified, span: Span) -> Option<()> {
        let padding = if app.has_quirk("component_padding_never") {
            Padding::Iso7816IfNeeded
        } else {
            Padding::Iso7816Always
        };
        for (n, (number, title)) in (0..).zip(COMPONENTS) {
            let which = self.elaborator.number(n, span);
            let args = [&certified.key, &which];
            let part = value::apply(self.elaborator, "icc_component", &args, Type::Sealed, span)?;
            self.push(number, &part, padding, title, span);
        }
        Some(())
    }
}

impl Holdings for App<'_> {
    /// Elements of the `data` block, and those that follow from attributes.
    fn element(&self, elaborator: &mut Elaborator<'_>, tag: &str) -> Option<Typed> {
        if let Some(element) = self.element(tag) {
            // What only some orders have stands in records, nowhere else.
            return element.when.is_none().then(|| element.value.clone());
        }
        let span = self.decl.span;
        let octets = match tag {
            "50" => self.label.as_bytes().to_vec(),
            "82" => self.aip.clone(),
            "84" => self.aid.clone(),
            "87" => vec![self.priority],
            "94" => return Some(presence::afl(elaborator, self, span)),
            "5F2D" => self.languages.clone()?.into_bytes(),
            "9F10" => super::rules::application_data(elaborator, self.decl)?,
            "9F36" => counter(self.decl).to_vec(),
            _ => return None,
        };
        Some(styles::octets_of(elaborator, &octets, span))
    }

    fn account(&self, elaborator: &mut Elaborator<'_>) -> Option<(Typed, Typed)> {
        let pan = self.element("5A")?.raw.clone()?;
        Some((pan, psn(elaborator, self)))
    }
}

/// PAN sequence number as two digits; `00` when the application has none (EMV Book 2, A1.4.1).
pub(crate) fn psn(elaborator: &mut Elaborator<'_>, app: &App<'_>) -> Typed {
    let span = app.decl.span;
    let found = app.element("5F34");
    let found = found.and_then(|e| presence::number_or_none(elaborator, e, span));
    found.unwrap_or_else(|| elaborator.text("00", span))
}

fn facts(
    elaborator: &mut Elaborator<'_>,
    frame: &Frame,
    app: &App<'_>,
) -> Option<Vec<(String, NodeId)>> {
    let span = app.decl.span;
    let pan = app.element("5A")?.raw.clone()?;
    let date = app.element("5F24")?.raw.clone()?;
    let pattern = elaborator.text("YYMMDD", span);
    let ty = Type::Digits(Lengths::exactly(6));
    let expiry = value::apply(elaborator, "format_date", &[&date, &pattern], ty, span)?;
    let aip = elaborator.octets(&app.aip, span);
    let psn = psn(elaborator, app);
    let mut facts = vec![
        ("aip".to_owned(), aip.node),
        ("expiry".to_owned(), expiry.node),
        ("pan".to_owned(), pan.node),
        ("psn".to_owned(), psn.node),
    ];
    if let Some((pin, _)) = &app.offline_pin {
        facts.push(("pin".to_owned(), pin.node));
    }
    for (role, key) in chosen_keys(app) {
        if key.only().is_none() {
            let slot = slot_name(elaborator, frame, key, span)?;
            facts.push((format!("key_{role}"), slot.node));
        }
    }
    facts.sort();
    Some(facts)
}

/// Keys that validation asks for by their roles.
fn chosen_keys<'k>(app: &'k App<'_>) -> Vec<(&'static str, &'k KeyChoice)> {
    let masters = app.masters.iter();
    let masters = masters.flat_map(|m| ["ac", "smi", "smc"].into_iter().zip(&m.keys));
    let modes = std::iter::once(app).chain(&app.further);
    let codes = modes.filter(|mode| mode.mode == Mode::Magstripe);
    let codes = codes.filter_map(|mode| mode.cvc3.as_ref());
    masters.chain(codes.map(|c| ("cvc3", &c.key))).collect()
}

/// The name of the slot that an order chooses.
fn slot_name(
    elaborator: &mut Elaborator<'_>,
    frame: &Frame,
    key: &KeyChoice,
    span: Span,
) -> Option<Typed> {
    elaborator.with_keys(std::slice::from_ref(key), &mut |elaborator, names| {
        let id = elaborator.model().key_id(names.first()?)?;
        let slot = frame.keys.get(usize::try_from(id).ok()?)?;
        Some(elaborator.text(&slot.name, span))
    })
}

fn keys(elaborator: &Elaborator<'_>, app: &App<'_>) -> Vec<(String, KeyId)> {
    let mut keys = Vec::new();
    for (role, key) in chosen_keys(app) {
        for name in key.names() {
            let id = elaborator.model().key_id(name);
            keys.extend(id.map(|id| (role.to_owned(), id)));
        }
    }
    if let Some((_, id, _)) = app.issuer() {
        keys.push(("issuer".to_owned(), id));
    }
    keys.sort();
    keys.dedup();
    keys
}
