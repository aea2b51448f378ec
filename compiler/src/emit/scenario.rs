//! Validation scenarios: sentences become checks by name.

use super::card::{ApplicationFacts, Facts};
use super::profile::Mode;
use super::{Context, read};
use crate::diagnostics::{Change, Problem};
use crate::elaborate::Elaborator;
use crate::elaborate::constants::decimal;
use crate::model::{Decl, MEntry, MExpr, MKind, Span};
use cardwright_bundle::{Check, Constant, Scenario};

/// Lowers all scenarios.
pub(super) fn lower(context: &mut Context<'_>) {
    let model = context.model;
    for decl in model.concrete("scenario") {
        context.shared.findings.enter(decl);
        let card = decl.for_decl.as_ref();
        let Some(card) = card.and_then(|q| context.cards.iter().find(|c| c.qualified == *q)) else {
            if !context.shared.findings.has_errors() {
                context.push(
                    Problem::error("E0907", decl.span, "the scenario speaks of no card")
                        .help("write `scenario ready : validation for debit_card`"),
                );
            }
            continue;
        };
        let card = card.clone();
        let mut sentences = Sentences {
            context,
            card: &card,
            checks: Vec::new(),
            on: String::new(),
            selected: None,
            tried: false,
        };
        for block in decl.entries.iter() {
            sentences.block(block);
        }
        let checks = sentences.checks;
        emit(context, decl, &card, checks);
    }
}

fn emit(context: &mut Context<'_>, decl: &Decl, card: &Facts, checks: Vec<Check>) {
    if checks.is_empty() {
        context.push(
            Problem::error("E0908", decl.span, "the scenario checks nothing")
                .help("write such as `contact { select debit; read records }`"),
        );
    }
    let span = context.shared.spans.id(decl.span);
    context.content.scenarios.push(Scenario {
        name: decl.name.clone(),
        card: card.name.clone(),
        checks,
        span,
    });
}

struct Sentences<'c, 'a> {
    context: &'c mut Context<'a>,
    card: &'c Facts,
    checks: Vec<Check>,
    on: String,
    selected: Option<ApplicationFacts>,
    /// Whether the block has a `select`, be it a wrong one.
    tried: bool,
}

impl<'a> Sentences<'_, 'a> {
    fn block(&mut self, block: &'a MEntry) {
        let Some(on) = block.word(0).filter(|_| block.block.is_some()) else {
            return;
        };
        self.on = on.to_owned();
        self.selected = None;
        self.tried = false;
        let there = match on {
            "contact" | "contactless" => self
                .card
                .applications
                .iter()
                .any(|a| a.interfaces.iter().any(|i| i == on)),
            "stripe" => self.card.stripe,
            _ => true,
        };
        if !there && !self.card.complete {
            return;
        }
        if !there {
            let message = format!("the card has nothing to check on `{on}`");
            self.wrong(
                "E0909",
                block.span,
                &message,
                "take the block out, or change the card",
            );
            return;
        }
        for entry in block.entries() {
            self.sentence(entry);
        }
    }

    fn wrong(&mut self, code: &str, span: Span, message: &str, help: &str) {
        self.context
            .push(Problem::error(code, span, message).help(help));
    }

    fn sentence(&mut self, entry: &'a MEntry) {
        let words: Vec<&str> = entry.head.iter().map_while(MExpr::word).collect();
        let other = self.selected.as_ref().is_some_and(|a| !a.emv);
        let tag = self.selected.as_ref().is_some_and(|a| a.tag);
        if tag && words.as_slice() == ["read", "ndef"] {
            return self.simple("ndef_matches_source", entry);
        }
        if self.selected.as_ref().is_some_and(|a| a.access) {
            return self.access(&words, entry);
        }
        if other && !matches!(words.as_slice(), ["select", ..] | ["expect", "data", ..]) {
            let message = "the selected application is not EMV's: it has no such command";
            let help = "write `expect data matches source`, or select a profile first";
            return self.wrong("E0930", entry.span, message, help);
        }
        let on_chip = matches!(self.on.as_str(), "contact" | "contactless");
        if on_chip && self.selected.is_none() && words.first() != Some(&"select") {
            // A selection that failed has said why.
            if !self.tried {
                let message = "no application is selected before this";
                self.wrong("E0909", entry.span, message, "write `select …` first");
            }
            return;
        }
        match (self.on.as_str(), words.as_slice()) {
            ("contact" | "contactless", ["expect", "data", "matches", "source"]) if tag => {
                self.simple("ndef_matches_source", entry);
            }
            ("contact" | "contactless", ["expect", "data", "matches", "source"]) if other => {
                self.simple("groupings_match_source", entry);
            }
            ("contact" | "contactless", ["select", ..]) => self.select(entry),
            ("contact" | "contactless", ["read", "records"]) => self.simple("read_records", entry),
            ("contact" | "contactless", ["expect", "data", "matches", "source"]) => {
                self.simple("data_matches_source", entry);
            }
            ("contact" | "contactless", ["authenticate", "offline", "dda" | "cda"]) => {
                self.authenticate(entry);
            }
            ("contactless", ["authenticate", "offline", "fdda"]) => self.authenticate_fast(entry),
            ("contact" | "contactless", ["authenticate", "offline", "sda"]) => {
                self.authenticate_static(entry);
            }
            ("contact", ["verify", "pin", ..]) => self.verify_pin(entry),
            ("contact" | "contactless", ["purchase", ..]) => self.purchase(entry),
            ("stripe", ["expect", "track1", "matches", "source"]) => {
                self.simple("track1_matches_source", entry);
            }
            ("stripe", ["expect", "track2", "matches", "source"]) => {
                self.simple("track2_matches_source", entry);
            }
            ("cross", ["expect", "embossing", "matches", "source"]) => {
                if self.card.embossed {
                    self.simple("embossing_matches_source", entry);
                } else {
                    let message = "the card has no embossing to compare";
                    let problem = Problem::error("E0909", entry.span, message);
                    let problem = problem.help("take the sentence out");
                    self.context.push(problem.fix(Change::Out(entry.span)));
                }
            }
            ("cross", ["expect", ..]) => self.comparisons(entry),
            _ => self.not_understood(entry.span),
        }
    }

    /// Sentences about an access card.
    fn access(&mut self, words: &[&str], entry: &'a MEntry) {
        match words {
            ["select", ..] => self.select(entry),
            ["expect", "data", "matches", "source"] => self.simple("objects_match_source", entry),
            ["authenticate", "card"] => self.simple("authenticate_card", entry),
            ["authenticate", "management"] => self.simple("authenticate_management", entry),
            ["verify", "pin", ..] => {
                if self.selected.as_ref().is_some_and(|a| !a.offline_pin) {
                    let message = "the application does not say its PIN";
                    let help = "write `pin = order.pin` into the application";
                    return self.wrong("E0909", entry.span, message, help);
                }
                let method = Constant::Text("piv".to_owned());
                self.push("verify_pin", entry, vec![("method".to_owned(), method)]);
            }
            _ => {
                let message = "an access card has no such command";
                let help = "write `expect data matches source`, `verify pin order.pin`, \
                            `authenticate card` or `authenticate management`";
                self.wrong("E0930", entry.span, message, help);
            }
        }
    }

    fn not_understood(&mut self, span: Span) {
        let message = format!("this is no sentence of `{}`", self.on);
        let help = "sentences are such as `select debit`, `read records`, `expect data matches \
                    source`, `authenticate offline dda`, `verify pin order.pin`, `purchase 10.00 \
                    EUR expect arqc signed_by imk_ac`, `expect track2 matches source`, `expect \
                    chip.pan == stripe.pan`";
        self.wrong("E0908", span, &message, help);
    }

    fn push(&mut self, check: &str, entry: &MEntry, settings: Vec<(String, Constant)>) {
        let span = self.context.shared.spans.id(entry.span);
        self.checks.push(Check {
            on: self.on.clone(),
            check: check.to_owned(),
            settings,
            keys: Vec::new(),
            nodes: Vec::new(),
            span,
        });
    }

    fn simple(&mut self, check: &str, entry: &MEntry) {
        self.push(check, entry, Vec::new());
    }

    fn select(&mut self, entry: &'a MEntry) {
        self.tried = true;
        self.selected = None;
        let model = self.context.model;
        let Some(name) = entry.head.get(1) else {
            return self.not_understood(entry.span);
        };
        let other = read::declaration(model, name, "application");
        let found = other.or_else(|| read::reference(model, name, "profile"));
        let Some(profile) = found else {
            return;
        };
        let found = self
            .card
            .applications
            .iter()
            .find(|a| a.name == profile.name);
        let found = found.filter(|a| a.interfaces.contains(&self.on)).cloned();
        let Some(found) = found else {
            let message = format!("`{}` is not on `{}` of this card", profile.name, self.on);
            self.wrong(
                "E0909",
                entry.span,
                &message,
                "select an application of the card",
            );
            return;
        };
        let name = Constant::Text(found.name.clone());
        let mut settings = vec![("application".to_owned(), name)];
        let found = match entry.head.get(2).and_then(MExpr::word) {
            None => found,
            Some(mode) => {
                let Some(found) = self.in_further_mode(found, entry.span) else {
                    return;
                };
                settings.push(("mode".to_owned(), Constant::Text(mode.to_owned())));
                found
            }
        };
        self.selected = Some(found);
        self.push("select", entry, settings);
    }

    /// An application as a terminal of magnetic stripe mode alone meets it.
    fn in_further_mode(&mut self, found: ApplicationFacts, span: Span) -> Option<ApplicationFacts> {
        if found.mode == Mode::Magstripe || !found.further || self.on != "contactless" {
            let message = match found.further {
                true => "magnetic stripe mode is for the antenna".to_owned(),
                false => format!("`{}` has no second mode", found.name),
            };
            let help =
                "write `select` with the name alone, or a `magstripe` block into the profile";
            self.wrong("E0909", span, &message, help);
            return None;
        }
        Some(ApplicationFacts {
            mode: Mode::Magstripe,
            dynamic: false,
            signed: false,
            offline_pin: false,
            ..found
        })
    }

    fn authenticate(&mut self, entry: &MEntry) {
        if self.selected.as_ref().is_some_and(|a| a.mode != Mode::Emv) {
            let message = "the application knows no INTERNAL AUTHENTICATE and no GENERATE AC";
            let help = "write `authenticate offline fdda` for `mode = fast`";
            return self.wrong("E0909", entry.span, message, help);
        }
        if self.selected.as_ref().is_some_and(|a| !a.dynamic) {
            let message = "the application has no key of its own to authenticate with";
            self.wrong(
                "E0909",
                entry.span,
                message,
                "add a `dda` block to the profile",
            );
            return;
        }
        self.simple("authenticate_dda", entry);
    }

    fn authenticate_fast(&mut self, entry: &MEntry) {
        let fast = |a: &ApplicationFacts| a.mode == Mode::Fast && a.dynamic;
        if self.selected.as_ref().is_some_and(|a| !fast(a)) {
            let message = "the application signs nothing in GET PROCESSING OPTIONS";
            let help = "write `mode = fast` and a `dda` block into the profile";
            return self.wrong("E0909", entry.span, message, help);
        }
        self.simple("authenticate_fdda", entry);
    }

    fn authenticate_static(&mut self, entry: &MEntry) {
        if self.selected.as_ref().is_some_and(|a| !a.signed) {
            let message = "the application's data has no signature of its issuer";
            let help = "add an `sda` block to the profile";
            return self.wrong("E0909", entry.span, message, help);
        }
        self.simple("authenticate_sda", entry);
    }

    fn verify_pin(&mut self, entry: &MEntry) {
        let Some(selected) = self.selected.clone() else {
            return;
        };
        if !selected.offline_pin {
            let message = "the chip has no PIN to verify";
            self.wrong(
                "E0909",
                entry.span,
                message,
                "add `offline_pin` to the profile",
            );
            return;
        }
        let method = if selected.enciphered_pin {
            "enciphered"
        } else {
            "plain"
        };
        let method = Constant::Text(method.to_owned());
        self.push("verify_pin", entry, vec![("method".to_owned(), method)]);
    }

    /// Whether a purchase expects what the application gives: a cryptogram, or a dynamic code.
    fn proves(&mut self, entry: &MEntry, coded: bool) -> bool {
        let clause = entry.clause("expect");
        let terms = clause.map_or(&[][..], |c| c.terms.as_slice());
        let mut terms = entry.head.iter().chain(terms);
        if terms.any(|t| t.word() == Some("cvc3")) == coded {
            return true;
        }
        let (message, help) = match coded {
            true => (
                "in magnetic stripe mode there is no cryptogram",
                "write `expect cvc3 …`",
            ),
            false => (
                "the application makes no dynamic codes",
                "write `expect arqc …`",
            ),
        };
        self.wrong("E0909", entry.span, message, help);
        false
    }

    /// `purchase 10.00 EUR expect arqc signed_by imk_ac`.
    fn purchase(&mut self, entry: &'a MEntry) {
        let model = self.context.model;
        let amount = entry.head.iter().find_map(|t| match &t.kind {
            MKind::Quantity { number, unit } => Some((minor_units(number)?, unit.clone())),
            _ => None,
        });
        let Some((amount, unit)) = amount else {
            return self.not_understood(entry.span);
        };
        let clause = entry
            .clause("expect")
            .map_or(&[][..], |c| c.terms.as_slice());
        let mode = self.selected.as_ref().map_or(Mode::Emv, |a| a.mode);
        let coded = mode == Mode::Magstripe;
        if !self.proves(entry, coded) {
            return;
        }
        let mut terms = entry.head.iter().chain(clause);
        let named = terms.find(|t| t.word() == Some("signed_by")).is_some();
        let key = if named { terms.next() } else { None };
        let mut keys = Vec::new();
        if let Some(key) = key {
            let shared = &mut self.context.shared;
            let mut elaborator = Elaborator::new(model, shared, "", "");
            let usage = match coded {
                true => "emv.dynamic_numbers",
                false => "emv.application_cryptogram",
            };
            let found = elaborator.key(key, &[usage]);
            drop(elaborator);
            let Some(name) = found else {
                return;
            };
            let own = self.selected.as_ref().map(|a| match coded {
                true => a.code_key.clone(),
                false => a.cryptogram_key.clone(),
            });
            let own = own.unwrap_or_default();
            if let Some((message, help)) = another_key(&own, &name) {
                return self.wrong("E0909", entry.span, message, help);
            }
            let role = if coded { "cvc3" } else { "ac" };
            keys.extend(model.key_id(&name).map(|id| (role.to_owned(), id)));
        }
        let Some(currency) = currency(&unit).map(i64::from) else {
            let message = format!("`{unit}` is no currency that a purchase can be made in");
            let known: Vec<&str> = CURRENCIES.iter().map(|(code, _)| *code).collect();
            let help = format!("take one of {}", known.join(", "));
            return self.wrong("E0908", entry.span, &message, &help);
        };
        let settings = vec![
            ("amount_minor".to_owned(), Constant::Number(amount)),
            ("currency".to_owned(), Constant::Number(currency)),
        ];
        let check = match mode {
            Mode::Emv => "purchase",
            Mode::Fast => "purchase_fast",
            Mode::Magstripe => "purchase_magstripe",
        };
        self.push(check, entry, settings);
        if let Some(check) = self.checks.last_mut() {
            check.keys = keys;
        }
    }

    /// `chip.pan == stripe.pan and chip.expiry == stripe.expiry`.
    fn comparisons(&mut self, entry: &MEntry) {
        let Some(term) = entry.head.get(1) else {
            return self.not_understood(entry.span);
        };
        for (left, right) in equalities(term) {
            let mut pair = [left.as_str(), right.as_str()];
            pair.sort_unstable();
            match pair {
                ["chip.pan", "stripe.pan"] => self.simple("chip_pan_is_stripe_pan", entry),
                ["chip.expiry", "stripe.expiry"] => {
                    self.simple("chip_expiry_is_stripe_expiry", entry);
                }
                ["chip.service_code", "stripe.service_code"] => {
                    self.simple("chip_service_code_is_stripe_service_code", entry);
                }
                ["chip.pan", "embossed.pan"] => self.simple("chip_pan_is_embossed_pan", entry),
                _ => self.not_understood(term.span),
            }
        }
    }
}

/// Why a named key is not that of an application's cryptograms, and how to mend it.
fn another_key(own: &[String], named: &str) -> Option<(&'static str, &'static str)> {
    match own {
        [_, _, ..] => Some((
            "orders choose the key of these cryptograms",
            "leave `signed_by` out: each card is held against its own key",
        )),
        [own] if own != named => Some((
            "the application's cryptograms are made with another key",
            "name the key of its `keys` block, or of its `cvc3` block",
        )),
        _ => None,
    }
}

/// Both sides of every equality of an `and` chain; a term that is none gives blanks.
fn equalities(term: &MExpr) -> Vec<(String, String)> {
    match &term.kind {
        MKind::Binary { op, left, right } if op == "and" => {
            let mut all = equalities(left);
            all.extend(equalities(right));
            all
        }
        MKind::Binary { op, left, right } if op == "==" => vec![(
            left.dotted().unwrap_or_default(),
            right.dotted().unwrap_or_default(),
        )],
        _ => vec![(String::new(), String::new())],
    }
}

/// `10.00` as 1000.
fn minor_units(number: &str) -> Option<i64> {
    let (digits, scale) = decimal(number)?;
    match scale {
        1 => digits.checked_mul(100),
        10 => digits.checked_mul(10),
        100 => Some(digits),
        _ => None,
    }
}

/// ISO 4217 numeric codes of currencies with two decimals that cards are often issued in.
const CURRENCIES: [(&str, u16); 16] = [
    ("AED", 784),
    ("AUD", 36),
    ("BRL", 986),
    ("CAD", 124),
    ("CHF", 756),
    ("CNY", 156),
    ("CZK", 203),
    ("DKK", 208),
    ("EUR", 978),
    ("GBP", 826),
    ("INR", 356),
    ("NOK", 578),
    ("PLN", 985),
    ("SAR", 682),
    ("SEK", 752),
    ("USD", 840),
];

fn currency(code: &str) -> Option<u16> {
    CURRENCIES.iter().find(|(c, _)| *c == code).map(|(_, n)| *n)
}
