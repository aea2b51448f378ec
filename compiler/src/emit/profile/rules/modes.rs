//! What fast applications and those of magnetic stripe mode must hold, and what they can't have.

use super::super::{Mode, afl, records};
use super::{Rules, aip};
use crate::diagnostics::Change;
use crate::elaborate::Typed;
use crate::model::MEntry;
use cardwright_bundle::{Constant, Op};
use cardwright_standards::emv::dynamic_track::{Places, PlacesError};

/// What a fast card must be told in GET PROCESSING OPTIONS: qualifiers, and what the cryptogram and
/// the signature are over. Tags with their lengths.
const ASKED: [(&str, u8); 9] = [
    ("9F66", 4),
    ("9F02", 6),
    ("9F03", 6),
    ("9F1A", 2),
    ("95", 5),
    ("5F2A", 2),
    ("9A", 3),
    ("9C", 1),
    ("9F37", 4),
];
/// Largest modulus whose signature stands beside AIP and AFL, bits; longer ones stand in a record.
const SHORT_SIGNATURE: u32 = 1_024;
/// Data of a short answer.
const ANSWER_MOST: u32 = 256;
/// Octets of an answer to GET PROCESSING OPTIONS beside AFL, track and signature: template, AIP,
/// cryptogram, its information, counter, issuer data, sequence number, qualifiers.
const OPTIONS_OCTETS: u32 = 4 + 4 + 2 + 11 + 4 + 5 + 35 + 4 + 5;

/// 9F69 before the card fills it: version 01, its number, its qualifiers.
const RELATED_DATA: &str = "x\"01 00 00 00 00 00 00\"";

/// AIP, octet 2: EMV mode is supported over the antenna.
const EMV_MODE: u8 = 0x80;

/// A track's elements: the track, its bit maps (code, numbers), the counter's digits.
const TRACKS: [[&str; 4]; 2] = [
    ["56", "9F62", "9F63", "9F64"],
    ["9F6B", "9F65", "9F66", "9F67"],
];

impl Rules<'_, '_, '_> {
    /// What goes with `mode`.
    pub(super) fn modes(&mut self) {
        let mode = self.app.mode;
        let span = self.span("mode");
        self.further_modes();
        if mode != Mode::Magstripe {
            self.needs("keys", self.app.masters.is_some());
        }
        if mode == Mode::Emv {
            self.needs("cvm", self.app.decl.attribute("cvm").is_some());
            return;
        }
        if self.app.interfaces != ["contactless"] {
            let message = "terminals know this mode over the antenna only";
            let help = "write `interfaces = [contactless]`, and another profile for the contacts";
            let own = |entry: &&MEntry| entry.origin == self.decl().qualified;
            let change = match self.decl().attribute("interfaces").filter(own) {
                Some(entry) => self.instead(entry.span, "[contactless]"),
                None => self.more("interfaces = [contactless]"),
            };
            self.report_fix("E0355", span, message, help, change);
        }
        match mode {
            Mode::Fast => self.fast(),
            _ => self.magstripe(),
        }
    }

    /// What a `magstripe` block goes with: another mode over the antenna, and a card that is told which
    /// the terminal offers.
    fn further_modes(&mut self) {
        let Some(block) = self.app.further.first().and_then(|f| f.block) else {
            return;
        };
        let (app, span) = (self.app, block.head_span());
        if app.mode == Mode::Magstripe {
            let message = "magnetic stripe mode is the mode of the profile already";
            let help =
                "write the block's content into the profile, or `mode = emv` or `mode = fast`";
            return self.report("E0367", span, message, help);
        }
        if !app.on("contactless") {
            let message = "magnetic stripe mode is for the antenna, and the profile is not on it";
            let help = "write `interfaces = [contactless]` or `[contact, contactless]`";
            let own = |e: &&MEntry| e.origin == self.decl().qualified;
            let change = match self.decl().attribute("interfaces").filter(own) {
                Some(entry) => self.instead(entry.span, "[contact, contactless]"),
                None => self.more("interfaces = [contact, contactless]"),
            };
            return self.report_fix("E0367", span, message, help, change);
        }
        let list = app.element("9F38");
        let list = list.and_then(|e| super::lists::entries(e.constant.as_ref()?));
        let asked = list.is_some_and(|list| list.iter().any(|(t, l)| t == "9F66" && *l == 4));
        // A fast card asks for it in any case (E0356).
        if !asked && app.mode != Mode::Fast && !app.is_unknown("9F38") {
            let at = app.element("9F38").map_or(span, |e| e.span);
            let message = "#9F38 does not ask for #9F66: the card can't tell which mode the terminal \
                           offers";
            let change = match app.element("9F38") {
                Some(element) => Some(Change::Listed(element.span, "#9F66".to_owned())),
                None => self.more_data("#9F38 = [#9F66]"),
            };
            self.report_fix("E0365", at, message, "write `#9F38 = [#9F66]`", change);
        }
    }

    /// A terminal that knows both modes takes this bit for the promise of a GENERATE AC.
    fn no_emv_mode(&mut self) {
        if self
            .app
            .aip
            .get(1)
            .is_some_and(|octet| octet & EMV_MODE != 0)
        {
            let span = self.span("aip");
            let message = "the AIP of magnetic stripe mode promises EMV mode";
            let help = "take `emv_mode` out: a terminal would wait for a GENERATE AC";
            let change = self.without(span, &["emv_mode"]);
            self.report_fix("E0368", span, message, help, change);
        }
    }

    fn needs(&mut self, attribute: &str, there: bool) {
        if !there && self.app.attribute(attribute).is_none() {
            let name = &self.app.decl.name;
            let (message, help) = match self.app.block {
                Some(_) => (
                    format!("`magstripe` of the profile `{name}` lacks `{attribute}`"),
                    "magnetic stripe mode does not do without it",
                ),
                None => (
                    format!("profile `{name}` lacks `{attribute}`"),
                    "only some values of `mode` do without it",
                ),
            };
            let span = self.app.block.map_or(self.app.decl.span, |b| b.span);
            self.report("E0109", span, message, help);
        }
    }

    fn fast(&mut self) {
        let span = self.app.decl.span;
        if self.app.element("9F6C").is_none() {
            let message = "#9F6C is missing: the card's answer to the terminal's qualifiers";
            let help = "write such as `#9F6C = [online_pin, signature]`";
            self.report("E0356", span, message, help);
        }
        let list = self.app.element("9F38");
        let list = list.and_then(|e| super::lists::entries(e.constant.as_ref()?));
        let list = list.unwrap_or_default();
        let missing: Vec<&str> = ASKED
            .iter()
            .filter(|(tag, length)| !list.iter().any(|(t, l)| t == tag && l == length))
            .map(|(tag, _)| *tag)
            .collect();
        if !missing.is_empty() {
            let message = format!(
                "#9F38 does not ask for #{}: cryptogram and signature are made from it",
                missing.join(", #")
            );
            let help = "write `#9F38 = emv.pdol_fast`";
            let own = self
                .app
                .element("9F38")
                .and_then(|e| self.instead(e.span, "emv.pdol_fast"));
            let change = own.or_else(|| self.more_data("#9F38 = emv.pdol_fast"));
            self.report_fix("E0356", span, message, help, change);
        }
        if self.app.aip_has(aip::DDA) {
            self.related_data();
            self.signature_fits();
        }
    }

    /// 9F69: version 01, room for the card's number and its qualifiers, in a record that is not
    /// signed, because the card fills it.
    fn related_data(&mut self) {
        let Some(element) = self.app.element("9F69").cloned() else {
            let span = self.app.decl.span;
            let message = "#9F69 is missing: the card's part of what its signature is over";
            let help = format!("write `#9F69 = {RELATED_DATA}`");
            let change = self.more_data(&format!("#9F69 = {RELATED_DATA}"));
            self.report_fix("E0356", span, message, &help, change);
            return;
        };
        let octets = element.constant.clone().unwrap_or_default();
        let shape =
            matches!(octets.as_slice(), [0x01, rest @ ..] if rest.len() == 6 || rest.len() == 7);
        let signed =
            self.app.records.iter().any(|record| {
                record.place.signed && record.tags.iter().any(|(tag, _)| tag == "9F69")
            });
        if !shape || signed {
            let message = if signed {
                "#9F69 stands in a signed record, and the card fills it anew each time"
            } else {
                "#9F69 is not version 01 with room for the card's number and its qualifiers"
            };
            let help = format!("write `#9F69 = {RELATED_DATA}`, in a record without `signed`");
            let change = self.instead(element.span, RELATED_DATA).filter(|_| !signed);
            self.report_fix("E0357", element.span, message, &help, change);
        }
    }

    /// The signature stands with AIP and AFL, or in the record of 9F69 behind it.
    fn signature_fits(&mut self) {
        let app = self.app;
        let Some(dda) = &app.dda else { return };
        let signature = afl::object_octets("9F4B", dda.bits / 8);
        let octets = if dda.bits <= SHORT_SIGNATURE {
            let places: Vec<_> = app.records.iter().map(|r| r.place).collect();
            let locator = u32::try_from(afl::locator(&places).len()).unwrap_or(u32::MAX);
            OPTIONS_OCTETS.saturating_add(locator) + 21 + signature
        } else {
            let record = app.records.iter();
            let mut record = record.filter(|r| r.tags.iter().any(|(t, _)| t == "9F69"));
            let content = record.next().map_or(0, |r| records::content_octets(app, r));
            records::template(content + signature)
        };
        if octets > ANSWER_MOST {
            let span = dda.span;
            let message = format!(
                "the answer with the signature of a {}-bit key would have {octets} octets, \
                 {ANSWER_MOST} are the most",
                dda.bits
            );
            let help = "take a shorter key, or give #9F69 a record of its own";
            self.report("E0358", span, message, help);
        }
    }

    fn magstripe(&mut self) {
        let span = self.app.block.map_or(self.app.decl.span, |b| b.span);
        self.needs("cvc3", self.app.cvc3.is_some());
        self.no_emv_mode();
        if self.app.dictionary != "mastercard" {
            let span = self.span("mode");
            let message = "the tags of magnetic stripe mode are words of the dictionary mastercard";
            let unsaid = self.decl().attribute("dictionary").is_none();
            let change = self.more("dictionary = mastercard").filter(|_| unsaid);
            self.report_fix(
                "E0356",
                span,
                message,
                "write `dictionary = mastercard`",
                change,
            );
            return;
        }
        let wanted = ["9F6B", "9F65", "9F66", "9F67", "9F6C"];
        let missing: Vec<&str> = wanted
            .into_iter()
            .filter(|tag| self.app.element(tag).is_none())
            .collect();
        if !missing.is_empty() {
            let message = format!("#{} is missing", missing.join(", #"));
            let help = "magnetic stripe mode has a track (9F6B), its bit maps (9F65, 9F66), the \
                        digits of the counter (9F67) and a version (9F6C)";
            self.report("E0356", span, message, help);
        }
        for tags in TRACKS {
            self.places(tags);
        }
    }

    /// Bit maps against each other and against the discretionary data.
    fn places(&mut self, [track, code, number, counter]: [&str; 4]) {
        let constant = |tag: &str| {
            let octets = self.app.element(tag)?.constant.clone()?;
            Some(octets.iter().fold(0u64, |n, o| n << 8 | u64::from(*o)))
        };
        let maps = (constant(code), constant(number), constant(counter));
        let Some(element) = self.app.element(track).cloned() else {
            return;
        };
        let (Some(code_map), Some(number_map), Some(digits)) = maps else {
            if self.app.element(code).is_some() || track == "56" {
                let message = format!("#{track} needs #{code}, #{number} and #{counter} as octets");
                let help = "write the bit maps as octets, such as `#9F65 = x\"1C 00\"`";
                self.report("E0359", element.span, message, help);
            }
            return;
        };
        let places = Places {
            code: code_map,
            number: number_map,
            counter_digits: u8::try_from(digits).unwrap_or(u8::MAX),
        };
        let tail = element
            .track
            .as_ref()
            .and_then(|t| self.constant_text(&t.tail));
        let found = match tail {
            Some(tail) => places.fit(&tail),
            None => Err(PlacesError::NoRoom),
        };
        if let Err(e) = found {
            let span = self.app.element(code).map_or(element.span, |e| e.span);
            let message = format!("#{code}, #{number}, #{counter} do not fit #{track}: {e}");
            let help = "the discretionary data is constant, with zeros where digits go; bit 1 is its \
                        rightmost digit";
            self.report("E0359", span, message, help);
        }
    }

    fn constant_text(&self, value: &Typed) -> Option<String> {
        match self.elaborator.op(value.node)? {
            Op::Constant {
                value: Constant::Text(text),
            } => Some(text.clone()),
            _ => None,
        }
    }
}
