//! Authentication, cardholder verification, action codes, keys.

use super::super::Mode;
use super::super::cvm;
use super::super::oda;
use super::super::records::{CERTIFICATES, Record};
use super::{Rules, aip};
use crate::diagnostics::{Change, Problem};
use crate::elaborate::{Elaborator, KeyChoice};
use crate::model::{Decl, Span};
use cardwright_vocabulary::bit_field;

/// Action code bits that mean something only when the AIP offers a method: TVR octet 1.
const AUTHENTICATION_BITS: [(&str, u8, &str); 3] = [
    ("sda_failed", aip::SDA, "sda"),
    ("dda_failed", aip::DDA, "dda"),
    ("cda_failed", aip::CDA, "cda"),
];

/// What a terminal recovers the chip's key from (EMV Book 2, 6.1).
const DYNAMIC: [&str; 5] = ["8F", "90", "9F32", "9F46", "9F47"];
/// What a terminal verifies static data with (EMV Book 2, 5.1).
const STATIC: [&str; 4] = ["8F", "90", "9F32", "93"];

/// Tag 9F10 as the profile says it.
pub(crate) fn application_data(elaborator: &mut Elaborator<'_>, decl: &Decl) -> Option<Vec<u8>> {
    let term = decl.attribute("iad")?.single()?;
    let term = crate::emit::read::follow(elaborator.model(), term);
    match &term.kind {
        crate::model::MKind::Hex(bytes) => Some(bytes.clone()),
        _ => None,
    }
}

impl Rules<'_, '_, '_> {
    /// 8E against the AIP, the offline PIN, the interface, the application's currency.
    pub(super) fn cardholder_verification(&mut self) {
        let span = self.span("cvm");
        let promised = self.app.aip_has(aip::CVM);
        let rules = self.app.cvm.rules.clone();
        if promised && rules.is_empty() {
            let message = "the AIP promises cardholder verification, the `cvm` block has no rule";
            self.report(
                "E0309",
                span,
                message,
                "write at least `no_cvm always else fail`",
            );
        }
        if !promised && !rules.is_empty() {
            let message =
                "there are rules of cardholder verification that the AIP does not promise";
            let help = "add `cardholder_verification` to `aip`: terminals skip the list otherwise";
            let change = self.in_aip("cardholder_verification");
            self.report_fix("E0309", span, message, help, change);
        }
        for rule in &rules {
            self.cvm_rule(rule);
        }
        if let Some((last, others)) = rules.split_last() {
            if last.apply_next {
                let message = "the last rule says `else next`, and nothing follows";
                let change = self.gives_up(last.span);
                self.warn_fix("E0342", last.span, message, "write `else fail`", change);
            }
            // Always tried, and either it succeeds or the list ends.
            let ends = |r: &&cvm::Rule| r.condition == 0 && (r.method == 0x1F || !r.apply_next);
            if let Some(rule) = others.iter().find(ends) {
                let method = cvm::method_word(rule.method);
                let message = format!("rules behind `{method} always` are never reached");
                self.warn("E0342", rule.span, message, "move it to the end");
            }
        }
        for (n, rule) in rules.iter().enumerate() {
            let same = |r: &&cvm::Rule| r.method == rule.method && r.condition == rule.condition;
            if rules.iter().take(n).any(|r| same(&r)) {
                let message = "this rule stands in the list already: what failed once fails again";
                let change = Some(Change::Out(rule.span));
                self.warn_fix(
                    "E0342",
                    rule.span,
                    message,
                    "leave the first of them",
                    change,
                );
            }
        }
        self.qualifiers(&rules);
    }

    /// The `else next` of a rule as `else fail`.
    fn gives_up(&self, rule: Span) -> Option<Change> {
        let entry = super::entry_at(&self.app.decl.entries, rule)?;
        let word = entry.clause("else")?.single()?;
        Some(Change::Instead(word.span, "fail".to_owned()))
    }

    /// Tag 9F6C promises what the list holds: contactless terminals look at either.
    fn qualifiers(&mut self, rules: &[cvm::Rule]) {
        if self.app.mode != Mode::Emv {
            return; // a terminal of these modes looks at no list
        }
        let Some((octets, span)) = self
            .app
            .element("9F6C")
            .and_then(|e| Some((e.constant.clone()?, e.span)))
        else {
            return;
        };
        let set = bit_field("ctq");
        for (word, method) in [("online_pin", 0x02), ("signature", 0x1E)] {
            let promised = set.is_some_and(|s| super::usage::any_set(s, &octets, &[word]));
            let listed = rules.iter().any(|r| r.method == method);
            if promised != listed {
                let (message, help) = if promised {
                    (
                        format!("#9F6C asks for {word}, and no rule of `cvm` does"),
                        format!("add a rule `{}`", cvm::method_word(method)),
                    )
                } else {
                    (
                        format!(
                            "`cvm` has a rule `{}`, and #9F6C does not ask for it",
                            cvm::method_word(method)
                        ),
                        format!("add `{word}` to #9F6C"),
                    )
                };
                let change = (!promised).then(|| Change::Listed(span, word.to_owned()));
                self.warn_fix("E0350", span, message, &help, change);
            }
        }
    }

    fn cvm_rule(&mut self, rule: &cvm::Rule) {
        let method = cvm::method_word(rule.method);
        let condition = cvm::condition_word(rule.condition);
        if rule.needs_currency() && !self.readable("9F42") {
            let message =
                format!("`{condition}` needs #9F42, the application's currency, in a record");
            let help = "add #9F42 to a record; its value follows from the issuer's `currency`";
            self.report("E0318", rule.span, message, help);
        }
        if !rule.is_offline_pin() {
            return;
        }
        if !self.app.on("contact") {
            let message = format!("`{method}` can't be done without contacts");
            let help = "the antenna has no VERIFY: take `enciphered_pin_online`";
            let change = self.method_instead(rule.span, "enciphered_pin_online");
            self.report_fix("E0319", rule.span, message, help, change);
        } else if self.app.offline_pin.is_none() {
            let message = format!("`{method}` needs a PIN on the chip, there is no `offline_pin`");
            let block = "offline_pin { value = order.pin; tries = 3 }";
            let help = format!("write `{block}`");
            let change = self
                .has_field("order.pin")
                .then(|| self.more(block))
                .flatten();
            self.report_fix("E0317", rule.span, message, &help, change);
        }
        if !rule.is_enciphered_offline_pin() && self.app.has_quirk("no_clear_pin") {
            let message = format!("`{method}` sends a clear PIN, and the card refuses it");
            let help = "take `enciphered_pin_offline`; the profile declares `no_clear_pin`";
            let change = self.method_instead(rule.span, "enciphered_pin_offline");
            let change = change.filter(|_| self.app.dda.is_some());
            self.report_fix("E0363", rule.span, message, help, change);
        }
        let has_key = self.app.dda.is_some() || self.app.foreign;
        if rule.is_enciphered_offline_pin() && !has_key {
            let message = format!("`{method}` needs a key of the chip's own, there is no `dda`");
            let help = "write `dda { key = rsa(1152, 3); certified_by = … }` (EMV Book 2, 7.1)";
            self.report("E0320", rule.span, message, help);
        }
    }

    /// A PIN on the chip that no rule uses.
    pub(super) fn offline_pin(&mut self) {
        let used = self.app.cvm.rules.iter().any(cvm::Rule::is_offline_pin);
        if self.app.offline_pin.is_some() && !used && !self.app.is_unknown("cvm") {
            let span = self.span("offline_pin");
            let message = "the chip gets a PIN, and no rule of `cvm` ever asks for it";
            self.warn(
                "E0333",
                span,
                message,
                "add a rule, or take `offline_pin` out",
            );
        }
    }

    /// AIP against keys, certificates and static data.
    pub(super) fn authentication(&mut self) {
        let dynamic = self.app.aip_has(aip::DDA) || self.app.aip_has(aip::CDA);
        let span = self.span("aip");
        self.static_authentication();
        if self.app.issuer().is_none() {
            if !self.made_elsewhere(&DYNAMIC) && !self.made_elsewhere(&STATIC) {
                self.signed_without_signature();
            }
        } else {
            self.static_data();
            self.made_twice();
        }
        let Some(dda) = self.app.dda.clone() else {
            if dynamic && !self.made_elsewhere(&DYNAMIC) {
                let message = "the AIP promises dynamic authentication, there is no `dda` block";
                let help = "write `dda { key = rsa(1152, 3); certified_by = issuer_rsa }`";
                self.report("E0307", span, message, help);
            }
            return;
        };
        if !dynamic {
            let message =
                "the chip gets a key of its own, and the AIP promises neither DDA nor CDA";
            let change = self.in_aip("dda");
            self.report_fix("E0308", span, message, "add `dda` to `aip`", change);
        }
        self.key_sizes(&dda);
        let asked = self.app.aip_has(aip::DDA) && self.app.mode == Mode::Emv;
        if asked && self.app.element("9F49").is_none() {
            let message = "DDA needs #9F49, the data object list of INTERNAL AUTHENTICATE";
            self.report(
                "E0301",
                dda.span,
                message,
                "write `#9F49 = emv.ddol` and put it in a record",
            );
        }
    }

    /// A certificate or signature that the profile makes, and that its data gives, too.
    fn made_twice(&mut self) {
        let app = self.app;
        let (block, made) = match (&app.dda, &app.sda) {
            (Some(dda), _) => ("dda", dda.span),
            (None, Some(sda)) => ("sda", sda.span),
            (None, None) => return,
        };
        let of_keys = |tag: &str| CERTIFICATES.contains(&tag) && oda::longest(app, tag) > 0;
        for element in app.elements.iter().filter(|e| of_keys(&e.tag)) {
            let message = format!(
                "#{} is given here, and the profile makes it by `{block}`",
                element.tag
            );
            let help = format!(
                "take it out: it belongs to the keys of `{block}`; a certificate that somebody else \
                 made stands in a profile without `{block}`, with the quirk `foreign_certificates`"
            );
            let problem = Problem::error("E0369", element.span, message)
                .label(made, "made by this")
                .help(help)
                .fix(Change::Out(element.span));
            self.elaborator.findings().push(problem);
        }
    }

    /// Whether certificates and signatures that somebody else made are there for a terminal.
    fn made_elsewhere(&self, tags: &[&str]) -> bool {
        self.app.foreign && tags.iter().all(|tag| self.readable(tag))
    }

    /// The issuer application data of the other algorithm, where a name says which it is.
    fn other_issuer_data(&self, span: Span, option_c: bool) -> Option<Change> {
        let value = super::entry_at(&self.decl().entries, span)?
            .value
            .as_ref()?;
        let (from, to) = match option_c {
            true => ("iad_ccd_tdes", "iad_ccd_aes"),
            false => ("iad_ccd_aes", "iad_ccd_tdes"),
        };
        let written = self.elaborator.model().sources.text(value.span);
        let fits = written.rsplit('.').next() == Some(from);
        fits.then(|| Change::Instead(value.span, written.replace(from, to)))
    }

    /// The `sda` block against the AIP and the `dda` block.
    fn static_authentication(&mut self) {
        let promised = self.app.aip_has(aip::SDA);
        let Some(sda) = self.app.sda.clone() else {
            if promised && !self.made_elsewhere(&STATIC) {
                let span = self.span("aip");
                let message = "the AIP promises static authentication, there is no `sda` block";
                let help = "write `sda { certified_by = issuer_rsa; reason = \"…\" }`, or take \
                            `dda`: cards with static data alone can be copied";
                self.report("E0307", span, message, help);
            }
            return;
        };
        if !promised {
            let message = "the issuer signs the card's data, and the AIP does not promise SDA";
            self.report("E0308", sda.span, message, "add `sda` to `aip`");
        }
        match &self.app.dda {
            None if !sda.reasoned => {
                let message = "a card with static data authentication alone can be copied";
                let help = "write `reason = \"…\"` into the `sda` block, such as \"cards for \
                            terminal tests\", or take `dda`";
                self.report("E0352", sda.span, message, help);
            }
            Some(dda) if dda.issuer_id != sda.issuer_id => {
                let message = format!(
                    "`{}` signs the card's data, `{}` certifies the chip's key: tag 90 has room \
                     for one of them",
                    sda.issuer_name, dda.issuer_name
                );
                self.report(
                    "E0353",
                    sda.span,
                    message,
                    "name the same key in both blocks",
                );
            }
            _ => {}
        }
    }

    /// Records that are signed, and the list of what else is (EMV Book 3, 10.3).
    fn static_data(&mut self) {
        let span = self
            .app
            .issuer()
            .map_or(self.decl().span, |(.., span)| span);
        if !self.app.records.iter().any(|r| r.place.signed) {
            let message = "no record is signed: the certificate would protect no data of the card";
            let help = "write `signed` behind the record with #5A, #5F24, #8E";
            let place = self.app.attribute("records").map_or(span, |e| e.span);
            let change = self.record_to_sign();
            self.report_fix("E0315", place, message, help, change);
        }
        let list = self.app.element("9F4A").and_then(|e| e.constant.clone());
        if list.is_some_and(|octets| octets != [0x82]) {
            let span = self.app.element("9F4A").map_or(span, |e| e.span);
            let message = "#9F4A may name #82 and nothing else (EMV Book 3, 10.3)";
            let value = super::entry_at(&self.app.decl.entries, span);
            let value = value.and_then(|e| e.value.as_ref());
            let change = value.map(|v| Change::Instead(v.span, "[#82]".to_owned()));
            self.report_fix("E0331", span, message, "write `#9F4A = [#82]`", change);
        }
    }

    /// `signed` behind the one record that has the PAN and nothing that can't be signed.
    fn record_to_sign(&self) -> Option<Change> {
        let has = |r: &&Record, tag: &str| r.tags.iter().any(|(t, _)| t == tag);
        let mut with_pan = self.app.records.iter().filter(|r| has(r, "5A"));
        let record = with_pan.next().filter(|_| with_pan.next().is_none())?;
        if CERTIFICATES.iter().any(|tag| has(&record, tag)) {
            return None;
        }
        let entry = super::entry_at(&self.app.decl.entries, record.span)?;
        Some(Change::Behind(entry.head_span(), " signed".to_owned()))
    }

    fn signed_without_signature(&mut self) {
        let app = self.app;
        let written = app.attribute("records").is_some();
        let signed = app.records.iter().find(|r| r.place.signed && written);
        if let Some(record) = signed {
            let message = "a record is marked signed, and nothing signs it";
            self.report(
                "E0315",
                record.span,
                message,
                "add a `dda` block, or leave `signed` out",
            );
        }
    }

    /// EMV Book 2, 5.1 and 6.1: no key is longer than the one that certifies it.
    fn key_sizes(&mut self, dda: &super::super::Dda) {
        if let Some(message) = crate::emit::keys::rsa_problem(dda.bits, dda.exponent) {
            self.report(
                "E0509",
                dda.span,
                message,
                "write such as `key = rsa(1152, 3)`",
            );
        }
        if dda.bits > dda.issuer.bits {
            let message = format!(
                "the chip's key ({} bits) is longer than the issuer's ({} bits)",
                dda.bits, dda.issuer.bits
            );
            self.report(
                "E0508",
                dda.span,
                message,
                "take a shorter key for the chip",
            );
        }
        if dda.bits < 1024 {
            let message = format!(
                "a chip key of {} bits is too short for a new card",
                dda.bits
            );
            self.report(
                "E0509",
                dda.span,
                message,
                "take at least 1024 bits, better 1152",
            );
        }
    }

    /// Action codes name only results that can happen.
    pub(super) fn action_codes(&mut self) {
        let Some(set) = bit_field("tvr") else {
            return;
        };
        for (tag, name) in [("9F0D", "default"), ("9F0E", "denial"), ("9F0F", "online")] {
            let app = self.app;
            let Some((octets, span)) = app
                .element(tag)
                .and_then(|e| Some((e.constant.clone()?, e.span)))
            else {
                continue;
            };
            for (word, mask, method) in AUTHENTICATION_BITS {
                if set.has(&octets, word) && !app.aip_has(mask) {
                    let message = format!(
                        "action code `{name}` looks at {word}, and the AIP does not offer {method}"
                    );
                    let help = format!("take {word} out, or add `{method}` to `aip`");
                    let change = self.without(span, &[word]);
                    self.report_fix("E0321", span, message, &help, change);
                }
            }
        }
    }

    /// Tag 9F10 of the Common Core Definitions: format A, and the key's algorithm.
    pub(super) fn issuer_application_data(&mut self) {
        let span = self.span("iad");
        if self.app.block.is_some() {
            return; // it goes with a cryptogram
        }
        let Some(octets) = application_data(self.elaborator, self.app.decl) else {
            return;
        };
        let option_c = self
            .app
            .masters
            .as_ref()
            .is_some_and(|m| m.derivation == "c");
        let expected = if option_c { 0xA6 } else { 0xA5 };
        let shape = octets.len() == 32 && octets.first() == Some(&0x0F);
        if !shape || octets.get(1) != Some(&expected) || octets.get(16) != Some(&0x0F) {
            let message = format!(
                "#9F10 is not format A with common core identifier {expected:02X}, which the keys' \
                 derivation asks for"
            );
            let help = "take `emv.iad_ccd_tdes` for triple DES keys, `emv.iad_ccd_aes` for AES";
            let change = self.other_issuer_data(span, option_c);
            self.report_fix("E0327", span, message, help, change);
        }
        if self.app.aip_has(aip::ISSUER_AUTHENTICATION) {
            let span = self.span("aip");
            let message = "a Common Core application answers the issuer in the second GENERATE AC";
            let help =
                "take `issuer_authentication` out of `aip`: EXTERNAL AUTHENTICATE is not used";
            let change = self.without(span, &["issuer_authentication"]);
            self.report_fix("E0326", span, message, help, change);
        }
    }

    /// Three keys, all of the algorithm that the derivation is defined for. That they are three is
    /// told by their uses (E0501).
    pub(super) fn keys(&mut self) {
        let Some(masters) = self.app.masters.clone() else {
            return;
        };
        let wants_aes = masters.derivation == "c";
        let model = self.elaborator.model();
        let mut names = masters.keys.iter().flat_map(KeyChoice::names);
        let wrong = names.find(|name| {
            let base = model
                .get(name)
                .and_then(|d| d.base.as_ref()?.single()?.word());
            base.is_some_and(|algorithm| algorithm.starts_with("aes") != wants_aes)
        });
        if let Some(name) = wrong {
            let message = format!(
                "derivation option {} does not go with the algorithm of `{name}`",
                masters.derivation
            );
            let help = "options A and B are for triple DES, option C is for AES (EMV Book 2, A1.4)";
            self.report("E0516", masters.span, message, help);
        }
    }
}
