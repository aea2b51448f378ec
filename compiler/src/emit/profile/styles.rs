//! Data groupings as the source writes them: templates, sequences, structs, blobs, octets, nothing;
//! and the order and company in which they are sent.

use super::super::value;
use super::parts;
use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, Typed};
use crate::model::{Decl, MEntry, MExpr, MKind, Span};
use crate::secrecy::Sink;
use crate::types::{Lengths, Type};
use cardwright_bundle::{Dgi, Padding};

/// Most data elements of one template or sequence.
const ELEMENTS_MAX: usize = 64;

/// What a grouping may refer to.
pub(super) trait Holdings {
    /// The value of a data element.
    fn element(&self, elaborator: &mut Elaborator<'_>, tag: &str) -> Option<Typed>;
    /// Account number and its sequence number, for keys and PIN blocks.
    fn account(&self, elaborator: &mut Elaborator<'_>) -> Option<(Typed, Typed)>;
}

/// A grouping that the source writes.
pub(super) struct Written {
    pub(super) dgi: Dgi,
    pub(super) span: Span,
}

/// The entries of a declaration's `dgis` block that have a head such as `dgi 0x9102 …`.
fn entries(decl: &Decl) -> impl Iterator<Item = &MEntry> {
    let block = decl.attribute("dgis").map_or(&[][..], MEntry::entries);
    block.iter().filter(|e| e.word(0) == Some("dgi"))
}

/// Tags that groupings of a declaration name: their values are read, though in no record.
pub(super) fn tags_used(decl: &Decl) -> Vec<String> {
    let mut tags = Vec::new();
    for list in entries(decl).filter_map(MEntry::single) {
        collect(list, &mut tags);
    }
    tags
}

fn collect(list: &MExpr, tags: &mut Vec<String>) {
    let MKind::List(items) = &list.kind else {
        return;
    };
    for term in items.iter().flat_map(|i| &i.phrase.terms) {
        match crate::model::shape::tag_of(term) {
            Some(tag) => tags.push(tag.to_ascii_uppercase()),
            None => collect(term, tags),
        }
    }
}

/// All groupings that a declaration writes, in its order.
pub(super) fn written<'a>(
    elaborator: &mut Elaborator<'a>,
    decl: &'a Decl,
    holdings: &dyn Holdings,
) -> Vec<Written> {
    let mut all: Vec<Written> = Vec::new();
    for entry in entries(decl) {
        let Some(number) = number(elaborator, entry, 1) else {
            continue;
        };
        let own = entry.origin == decl.qualified;
        if let Some(before) = all.iter_mut().find(|w| w.dgi.number == number) {
            // What builds on a base may write a grouping anew, in another style as well.
            if own
                && before.span != entry.span
                && !same_origin(decl, before.span, entry)
                && let Some(dgi) = grouping(elaborator, decl, entry, number, holdings)
            {
                before.dgi = dgi;
                before.span = entry.span;
            } else {
                twice(elaborator, number, entry.span, before.span);
            }
            continue;
        }
        if let Some(dgi) = grouping(elaborator, decl, entry, number, holdings) {
            all.push(Written {
                dgi,
                span: entry.span,
            });
        }
    }
    all
}

fn same_origin(decl: &Decl, before: Span, entry: &MEntry) -> bool {
    entries(decl).any(|e| e.span == before && e.origin == entry.origin)
}

fn twice(elaborator: &mut Elaborator<'_>, number: u16, span: Span, first: Span) {
    let message = format!("DGI {number:04X} is written twice");
    elaborator.findings().push(
        Problem::error("E0430", span, message)
            .label(first, "here first")
            .help("leave one of them"),
    );
}

/// A head's DGI number; E0430 for one that no application may have.
fn number(elaborator: &mut Elaborator<'_>, entry: &MEntry, place: usize) -> Option<u16> {
    let term = entry.head.get(place)?;
    let found = term.integer().and_then(|n| u16::try_from(n).ok());
    // EMV CPS: 7FF0 to 7FFE are for processing that belongs to no application; 0000 is none.
    let free = |n: &u16| *n != 0 && !(0x7FF0..=0x7FFE).contains(n);
    let fine = found.filter(free);
    if fine.is_none() {
        let message = "this can't be the number of an application's DGI";
        elaborator
            .findings()
            .push(Problem::error("E0430", term.span, message).help(
                "a DGI has a number from 0x0001 to 0xFFFF; 0x7FF0 to 0x7FFE are reserved \
                 (EMV CPS)",
            ));
    }
    fine
}

fn grouping<'a>(
    elaborator: &mut Elaborator<'a>,
    decl: &Decl,
    entry: &'a MEntry,
    number: u16,
    holdings: &dyn Holdings,
) -> Option<Dgi> {
    let span = entry.span;
    let style = entry.word(2)?;
    let title = format!("DGI {number:04X}");
    if style == "blob" {
        let (value, padding, octets, fields) = parts::blob(elaborator, entry, holdings)?;
        elaborator.sink(&value, Sink::ChipEncrypted, &title, span);
        if let Some(octets) = octets {
            elaborator.measure(span, octets, octets, None);
        }
        return Some(Dgi {
            number,
            node: value.node,
            encrypted: true,
            padding,
            joined: false,
            dictionary: String::new(),
            when: None,
            octets,
            title,
            fields,
        });
    }
    let mut fields = Vec::new();
    let value = match style {
        "template" => {
            let tag = template_tag(elaborator, entry)?;
            let content = sequence(elaborator, entry.single()?, holdings)?;
            value::object(elaborator, &tag, &content, false, span)?
        }
        "tlv" => sequence(elaborator, entry.single()?, holdings)?,
        "struct" => {
            let (value, named) = parts::positional(elaborator, entry, holdings)?;
            fields = named;
            value
        }
        "raw" => elaborator.phrase(entry.value.as_ref()?, Some(&Type::bytes()))?,
        _ => elaborator.octets(&[], span),
    };
    elaborator.sink(&value, Sink::ChipClear, &title, span);
    let long = has_quirk(decl, "record_of_255");
    fits(elaborator, (number, long), style, entry, &value);
    Some(Dgi {
        number,
        node: value.node,
        encrypted: false,
        padding: Padding::None,
        joined: false,
        dictionary: String::new(),
        when: None,
        octets: None,
        title,
        fields,
    })
}

/// Whether a declaration names a deviation of its card.
fn has_quirk(decl: &Decl, name: &str) -> bool {
    let quirks = decl.attribute("quirks").map_or(&[][..], MEntry::entries);
    quirks.iter().any(|entry| entry.word(0) == Some(name))
}

/// Records of SFI 1 to 10 are templates of tag 70; no grouping is longer than its length says.
fn fits(
    elaborator: &mut Elaborator<'_>,
    (number, long): (u16, bool),
    style: &str,
    entry: &MEntry,
    value: &Typed,
) {
    let payment_record = (0x0101..=0x0AFF).contains(&number) && number & 0xFF != 0;
    let template = style == "template" && entry.head.get(3).and_then(MExpr::integer) == Some(0x70);
    if payment_record && !template && style != "raw" {
        let message = format!("DGI {number:04X} is a record of SFI 1 to 10, but no template 70");
        elaborator
            .findings()
            .push(Problem::error("E0438", entry.span, message).help(format!(
                "write `dgi 0x{number:04X} template 0x70 = [ … ]`, or take an SFI from 11 \
                 (EMV Book 3, 5.3)"
            )));
    }
    let longest = value
        .ty
        .lengths()
        .filter(|l| l.max < crate::types::ANY_LENGTH.max);
    let most = match (payment_record, long) {
        (true, false) => 254,
        (true, true) => 255,
        (false, _) => 4096,
    };
    if let Some(lengths) = longest {
        elaborator.measure(entry.span, lengths.min, lengths.max, Some(most));
    }
    if let Some(lengths) = longest.filter(|l| l.max > most) {
        let message = format!(
            "DGI {number:04X} would have up to {} octets, {most} is the most",
            lengths.max
        );
        elaborator.findings().push(
            Problem::error("E0439", entry.span, message).help("move some of it to another DGI"),
        );
    }
}

fn template_tag(elaborator: &mut Elaborator<'_>, entry: &MEntry) -> Option<String> {
    let term = entry.head.get(3)?;
    let tag = term.integer().filter(|n| (1..=0xFF_FFFF).contains(n));
    let octets = tag.map(|n| {
        let [_, a, b, c] = u32::try_from(n).unwrap_or_default().to_be_bytes();
        let all = [a, b, c];
        let first = all.iter().position(|o| *o != 0).unwrap_or(2);
        all.get(first..).unwrap_or_default().to_vec()
    });
    // ISO/IEC 8825-1, 8.1.2.5: bit 6 of the first octet says that more objects are inside.
    let constructed = octets.filter(|o| o.first().is_some_and(|first| first & 0x20 != 0));
    if constructed.is_none() {
        elaborator.findings().push(
            Problem::error("E0431", term.span, "this tag can't hold other objects").help(
                "a template's tag has bit 6 of its first octet set, such as 0xA5, 0x70 or 0xBF0C",
            ),
        );
    }
    constructed.map(hex::encode_upper)
}

/// `[#50, #87, #BF0C [#9F4D]]`: objects one after another.
fn sequence<'a>(
    elaborator: &mut Elaborator<'a>,
    list: &'a MExpr,
    holdings: &dyn Holdings,
) -> Option<Typed> {
    let list = super::super::read::follow(elaborator.model(), list);
    let MKind::List(items) = &list.kind else {
        elaborator.findings().push(
            Problem::error("E0431", list.span, "a list of data elements is expected")
                .help("write tags or names in brackets: `[#50, #87]`"),
        );
        return None;
    };
    if items.len() > ELEMENTS_MAX {
        let message = format!("a DGI holds at most {ELEMENTS_MAX} data elements");
        let problem = Problem::error("E0431", list.span, message);
        elaborator.findings().push(problem.help("use several DGIs"));
        return None;
    }
    let mut objects = Vec::new();
    let mut complete = true;
    for item in items {
        let object = item.phrase.terms.first().and_then(|first| {
            let inside = item.phrase.terms.get(1);
            object(elaborator, first, inside, holdings)
        });
        complete &= object.is_some();
        objects.extend(object);
    }
    if !complete {
        return None;
    }
    if objects.is_empty() {
        return Some(elaborator.octets(&[], list.span));
    }
    value::concat(elaborator, &objects, list.span)
}

fn object<'a>(
    elaborator: &mut Elaborator<'a>,
    term: &'a MExpr,
    inside: Option<&'a MExpr>,
    holdings: &dyn Holdings,
) -> Option<Typed> {
    let Some(tag) = crate::model::shape::tag_of(term).map(str::to_ascii_uppercase) else {
        let shown = term.dotted().unwrap_or_else(|| "this".to_owned());
        elaborator.findings().push(
            Problem::error("E0431", term.span, format!("`{shown}` is no data element"))
                .help("write its tag, such as `#50`, or its name, such as `application_label`"),
        );
        return None;
    };
    let content = match inside {
        Some(list) => sequence(elaborator, list, holdings)?,
        None => match holdings.element(elaborator, &tag) {
            Some(content) => content,
            None => {
                let message = format!("#{tag} has no value");
                let help = format!("write `#{tag} = …` into the `data` block");
                elaborator
                    .findings()
                    .push(Problem::error("E0431", term.span, message).help(help));
                return None;
            }
        },
    };
    value::object(elaborator, &tag, &content, false, term.span)
}

/// Brings all groupings together: what the source writes stands for what the compiler would make,
/// what it leaves out goes, `order` and `join` are obeyed. Also says whether small ones may share.
pub(super) fn arrange(
    elaborator: &mut Elaborator<'_>,
    decl: &Decl,
    made: Vec<Dgi>,
    written: Vec<Written>,
) -> (Vec<Dgi>, bool) {
    let mut dgis = made;
    for own in written {
        match dgis.iter_mut().find(|d| d.number == own.dgi.number) {
            Some(place) => *place = own.dgi,
            None => dgis.push(own.dgi),
        }
    }
    let Some(block) = decl.attribute("dgis") else {
        return (dgis, true);
    };
    for entry in block.entries() {
        if entry.word(0) == Some("leave") {
            leave_out(elaborator, entry, &mut dgis);
        }
    }
    if let Some(order) = block.inner("order") {
        reorder(elaborator, order, &mut dgis);
    }
    for entry in block.entries() {
        if entry.word(0) == Some("join") {
            join(elaborator, entry, &mut dgis);
        }
    }
    let grouping = block.inner("grouping").and_then(|e| e.single()?.word());
    (dgis, grouping != Some("one_per_command"))
}

fn leave_out(elaborator: &mut Elaborator<'_>, entry: &MEntry, dgis: &mut Vec<Dgi>) {
    let Some(number) = number(elaborator, entry, 2) else {
        return;
    };
    let before = dgis.len();
    dgis.retain(|d| d.number != number);
    if dgis.len() == before {
        absent(elaborator, number, entry.span);
    }
}

fn absent(elaborator: &mut Elaborator<'_>, number: u16, span: Span) {
    let message = format!("the application has no DGI {number:04X}");
    elaborator.findings().push(
        Problem::error("E0434", span, message)
            .help("name a DGI that stands in `dgis`, or that the compiler makes (see `inspect`)"),
    );
}

/// `order = [0x8000, 0x9000]`: these first, the others as they stand.
fn reorder(elaborator: &mut Elaborator<'_>, entry: &MEntry, dgis: &mut Vec<Dgi>) {
    let list = match entry.single().map(|e| &e.kind) {
        Some(MKind::List(items)) => items.as_slice(),
        _ => {
            elaborator.findings().push(
                Problem::error("E0434", entry.span, "an order is a list of DGI numbers")
                    .help("write `order = [0x8000, 0x9000]`"),
            );
            return;
        }
    };
    let mut first: Vec<Dgi> = Vec::new();
    for item in list {
        let number = item.phrase.single().and_then(MExpr::integer);
        let Some(number) = number.and_then(|n| u16::try_from(n).ok()) else {
            let message = "an order is a list of DGI numbers";
            let problem = Problem::error("E0434", item.phrase.span, message);
            elaborator
                .findings()
                .push(problem.help("write such as `0x8000`"));
            continue;
        };
        match dgis.iter().position(|d| d.number == number) {
            Some(at) => first.push(dgis.remove(at)),
            None if first.iter().any(|d| d.number == number) => {
                let message = format!("DGI {number:04X} stands twice in the order");
                let problem = Problem::error("E0434", item.phrase.span, message);
                elaborator
                    .findings()
                    .push(problem.help("leave one of them"));
            }
            None => absent(elaborator, number, item.phrase.span),
        }
    }
    first.append(dgis);
    *dgis = first;
}

/// `join 0x9010 to 0x8010`: moves the first behind the second and keeps them in one command.
fn join(elaborator: &mut Elaborator<'_>, entry: &MEntry, dgis: &mut Vec<Dgi>) {
    let (Some(number), Some(to)) = (number(elaborator, entry, 1), number(elaborator, entry, 3))
    else {
        return;
    };
    let place = |dgis: &[Dgi], number: u16| dgis.iter().position(|d| d.number == number);
    let Some(at) = place(dgis, number) else {
        return absent(elaborator, number, entry.span);
    };
    if place(dgis, to).is_none() || number == to {
        return absent(elaborator, to, entry.span);
    }
    let mut dgi = dgis.remove(at);
    // P1 says of the whole command how its DGIs travel (GlobalPlatform 11.11.2.1).
    if let Some(target) = place(dgis, to).and_then(|at| dgis.get(at))
        && target.encrypted != dgi.encrypted
    {
        let message = format!(
            "DGI {number:04X} and DGI {to:04X} can't share a command: one is enciphered, the \
             other is not"
        );
        elaborator
            .findings()
            .push(Problem::error("E0434", entry.span, message).help("join DGIs that travel alike"));
    }
    dgi.joined = true;
    // Behind those that are joined already.
    let mut behind = place(dgis, to).map_or(dgis.len(), |at| at + 1);
    while dgis.get(behind).is_some_and(|d| d.joined) {
        behind += 1;
    }
    dgis.insert(behind, dgi);
}

/// An element of text or octets that follows from an attribute.
pub(super) fn octets_of(elaborator: &mut Elaborator<'_>, octets: &[u8], span: Span) -> Typed {
    let length = u32::try_from(octets.len()).unwrap_or(u32::MAX);
    let typed = elaborator.octets(octets, span);
    typed.of_type(Type::Bytes(Lengths::exactly(length)))
}
