//! Data elements, records and lists.

use super::super::Mode;
use super::super::records::{self, ELSEWHERE, Record};
use super::{Rules, aip};
use crate::diagnostics::Change;
use crate::model::shape::tag_of;
use crate::model::{MEntry, MKind, Span};
use std::collections::BTreeMap;

/// Mandatory in every application (EMV Book 3, 7.2, table 26) and what it is for.
const MANDATORY: [(&str, &str); 4] = [
    ("5A", "the application PAN"),
    ("5F24", "the expiry"),
    (
        "8C",
        "the first data object list of the card risk management",
    ),
    (
        "8D",
        "the second data object list of the card risk management",
    ),
];

impl Rules<'_, '_, '_> {
    /// AID and label.
    pub(super) fn identity(&mut self) {
        let octets = self.app.aid.len();
        if !(5..=16).contains(&octets) {
            let span = self.span("aid");
            let message = format!("an AID has 5 to 16 octets, found {octets}");
            self.report(
                "E0328",
                span,
                message,
                "write `aid = x\"F0 00 00 00 92 10 10\"`",
            );
        }
        let label = &self.app.label;
        let fits = (1..=16).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b' ');
        if !fits {
            let span = self.span("label");
            let message = "an application label has 1 to 16 letters, digits and spaces";
            let help = "terminals show it as it is (EMV Book 1, 12.2.2); shorten it";
            self.report("E0328", span, message, help);
        }
    }

    /// What every application must have.
    pub(super) fn mandatory_data(&mut self) {
        for (tag, what) in MANDATORY {
            // Card risk management has lists where there is a GENERATE AC.
            let asked = self.app.mode == Mode::Emv || !matches!(tag, "8C" | "8D");
            if asked && self.app.element(tag).is_none() {
                let span = self.decl().span;
                let message = format!("#{tag}, {what}, is missing (EMV Book 3, 7.2)");
                let help = format!("write `#{tag} = …` into the `data` block");
                self.report_on(tag, ("E0301", span), message, &help);
            }
        }
        let tracks = self.app.mode == Mode::Magstripe;
        if self.app.on("contactless") && !tracks && self.app.element("57").is_none() {
            let span = self.decl().span;
            let message = "#57 is missing: contactless terminals read the track first";
            let help = "write `#57 = track2(order.pan, order.expiry, services, tail)`";
            self.report_on("57", ("E0301", span), message, help);
        }
    }

    /// Every record: length, tags with values, each tag once, nothing that belongs elsewhere.
    pub(super) fn records(&mut self) {
        let app = self.app;
        let mut seen: BTreeMap<&str, (Span, String)> = BTreeMap::new();
        for record in &app.records {
            let name = place(record);
            let most = records::most(app);
            let octets = records::template(records::content_octets(app, record));
            if octets > most {
                self.too_long(record, octets, most);
            }
            for (tag, span) in &record.tags {
                self.tag(tag, *span, record);
                if let Some((first, where_)) = seen.get(tag.as_str()) {
                    let message = format!("#{tag} stands in {where_} and again in {name}");
                    let (first, span) = (*first, *span);
                    let problem = crate::diagnostics::Problem::error("E0311", span, message)
                        .label(first, "here first")
                        .help("terminals refuse a card with the same element twice; leave one");
                    self.elaborator.findings().push(problem);
                }
                seen.insert(tag, (*span, name.clone()));
            }
        }
        self.unread(&seen);
    }

    fn too_long(&mut self, record: &Record, octets: u32, most: u32) {
        let message = format!(
            "{} would have up to {octets} octets, {most} is the most (EMV Book 3, 7.5)",
            place(record)
        );
        let help = if record.certificates {
            format!(
                "take an issuer key of at most 1976 bits, or declare the quirk `{}` with a reason \
                 if the card product takes it",
                records::QUIRK_255
            )
        } else {
            "move some of its elements to another record".to_owned()
        };
        self.report("E0310", record.span, message, &help);
    }

    fn tag(&mut self, tag: &str, span: Span, record: &Record) {
        if ELSEWHERE.contains(&tag) || self.app.mode.with_options(tag) {
            let message = format!("#{tag} does not belong into a record");
            let help = "it goes into the answer to SELECT or GET PROCESSING OPTIONS by itself";
            self.report("E0313", span, message, help);
            return;
        }
        let certificate = records::CERTIFICATES.contains(&tag);
        if certificate && record.place.signed {
            let message = format!("#{tag} can't be signed: it carries the signature or its key");
            self.report(
                "E0315",
                span,
                message,
                "leave `signed` out for certificate records",
            );
        }
        if self.app.element(tag).is_none() && !(certificate && self.app.issuer().is_some()) {
            let message = format!("{} names #{tag}, which has no value", place(record));
            let help = format!("write `#{tag} = …` into the `data` block, or take it out here");
            self.report_on(tag, ("E0312", span), message, &help);
        }
    }

    /// Values that no terminal would ever read.
    fn unread(&mut self, seen: &BTreeMap<&str, (Span, String)>) {
        let app = self.app;
        let grouped = super::super::styles::tags_used(app.decl);
        let block = app.attribute("records").map(|b| b.entries().len());
        let made = app.records.iter().filter(|r| !r.certificates).count();
        if block.is_some_and(|written| written != made) {
            return; // a record that is not understood may be the one
        }
        let services = super::super::super::read::span_of(app.decl, "services");
        let missing = app
            .elements
            .iter()
            .filter(|e| !seen.contains_key(e.tag.as_str()) && !ELSEWHERE.contains(&e.tag.as_str()))
            .filter(|e| !app.mode.with_options(&e.tag) && app.lays_out(&e.tag))
            .filter(|e| !grouped.contains(&e.tag))
            // The service code is asked for in any case, and stands in the track.
            .filter(|e| e.tag != "5F30" || e.span != services)
            // The issuer's country and currency are offered to whoever wants them.
            .filter(|e| e.span != app.decl.span);
        for element in missing {
            let verified = element.tag == "8E" && app.aip_has(aip::CVM);
            let mandatory = verified || MANDATORY.iter().any(|(t, _)| *t == element.tag);
            let message = format!("#{} has a value and stands in no record", element.tag);
            let help = "add it to a record, or leave the `records` block out";
            if mandatory {
                self.report("E0312", element.span, message, help);
            } else {
                self.warn("E0341", element.span, message, help);
            }
        }
    }

    /// Tag 57 says the same as the rest of the application.
    pub(super) fn track2(&mut self) {
        for tag in ["57", "56", "9F6B"] {
            self.track(tag);
        }
    }

    fn track(&mut self, tag: &str) {
        let Some(track) = self.app.element(tag).and_then(|e| e.track.clone()) else {
            return;
        };
        let span = self.app.element(tag).map_or(self.decl().span, |e| e.span);
        let raw = |tag: &str| Some(self.app.element(tag)?.raw.as_ref()?.node);
        let (pan, expiry, service) = (raw("5A"), raw("5F24"), raw("5F30"));
        let differs = |found: u32, expected: Option<u32>| expected.is_some_and(|e| e != found);
        if differs(track.pan.node, pan) {
            let message = format!("the PAN in #{tag} is not the one of #5A");
            self.report("E0303", span, message, "write the same field in both");
        }
        if differs(track.expiry.node, expiry) {
            let message = format!("the expiry in #{tag} is not the one of #5F24");
            self.report("E0304", span, message, "write the same field in both");
        }
        if differs(track.service.node, service) {
            let message = format!("the service code in #{tag} is not the one of #5F30");
            let change = self.services_instead(span);
            self.report_fix("E0305", span, message, "write `services` in both", change);
        }
    }

    /// `services` as the service code of a track, where #5F30 comes from that attribute.
    fn services_instead(&self, span: Span) -> Option<Change> {
        let decl = self.app.decl;
        let data = decl.attribute("data").map_or(&[][..], MEntry::entries);
        let written = |e: &MEntry| e.head.first().and_then(tag_of) == Some("5F30");
        decl.attribute("services")
            .filter(|_| !data.iter().any(written))?;
        let value = super::entry_at(&decl.entries, span)?.single()?;
        let MKind::Call { callee, args } = &value.kind else {
            return None;
        };
        // Behind PAN and expiry; track 1 has the name too.
        let at = if callee.word() == Some("track1") {
            3
        } else {
            2
        };
        let service = args.get(at).filter(|argument| argument.name.is_none())?;
        Some(Change::Instead(service.value.span, "services".to_owned()))
    }
}

/// `SFI 2 record 1`.
fn place(record: &Record) -> String {
    format!("SFI {} record {}", record.place.sfi, record.place.record)
}
