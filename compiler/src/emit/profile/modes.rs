//! Ways in which terminals deal with an application beside the whole of EMV: fast, by a cryptogram
//! and a signature in GET PROCESSING OPTIONS; magnetic stripe mode, by tracks with a dynamic code.
//!
//! Both after public summaries; the numbers of the data groupings of dynamic codes are this house's.

use super::super::value;
use super::{App, dgis, presence};
use crate::elaborate::{Elaborator, KeyChoice, Typed};
use crate::model::{Decl, MEntry, MExpr, Span};
use crate::secrecy::Sink;
use crate::types::{Lengths, Type};
use cardwright_bundle::{Dgi, Padding};

/// How terminals deal with an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By the whole of EMV: records, then GENERATE AC.
    Emv,
    /// By a cryptogram and a signature in GET PROCESSING OPTIONS.
    Fast,
    /// By tracks with a dynamic code.
    Magstripe,
}

/// The issuer's key of dynamic codes.
#[derive(Clone, Debug)]
pub(crate) struct Cvc3 {
    /// The key.
    pub(crate) key: KeyChoice,
    /// `a` or `b`.
    pub(crate) derivation: String,
    /// Where.
    pub(crate) span: Span,
}

/// Data elements that a fast card gives with its AIP and AFL.
const WITH_OPTIONS: [&str; 3] = ["57", "5F34", "9F6C"];
/// The card's key of dynamic codes.
const CODE_KEY: u16 = 0x8400;
/// Its check value.
const CODE_CHECK: u16 = 0x9400;
/// What codes start from: track 1, track 2, two octets each; zeros without the track.
const CODE_VECTORS: u16 = 0x9401;

impl Mode {
    /// The mode that a profile says.
    pub(crate) fn of(decl: &Decl) -> Self {
        let word = decl.attribute("mode").and_then(MEntry::single);
        match word.and_then(MExpr::word) {
            Some("fast") => Self::Fast,
            Some("magstripe") => Self::Magstripe,
            _ => Self::Emv,
        }
    }

    /// Whether an element stands beside AIP and AFL, and so in no record.
    pub(crate) fn with_options(self, tag: &str) -> bool {
        self == Self::Fast && WITH_OPTIONS.contains(&tag)
    }
}

/// The `cvc3` block.
pub(super) fn cvc3<'a>(elaborator: &mut Elaborator<'a>, block: Option<&'a MEntry>) -> Option<Cvc3> {
    let block = block?;
    let term = block.inner("key")?.single()?;
    let key = elaborator.key_choice(term, &["emv.dynamic_numbers"], "this place")?;
    let option = block.inner("derivation").and_then(super::read::word);
    let option = option.unwrap_or_else(|| "option_a".to_owned());
    Some(Cvc3 {
        key,
        derivation: option.trim_start_matches("option_").to_owned(),
        span: block.span,
    })
}

/// Elements of a fast card that GET PROCESSING OPTIONS answers beside AIP and AFL.
pub(super) fn beside_options(elaborator: &mut Elaborator<'_>, app: &App<'_>) -> Option<Vec<Typed>> {
    let mut parts = Vec::new();
    for tag in WITH_OPTIONS {
        let Some(element) = app.element(tag).filter(|_| app.mode.with_options(tag)) else {
            continue;
        };
        parts.push(presence::object(elaborator, element, element.span)?);
    }
    Some(parts)
}

/// The groupings of dynamic codes: the card's key, its check value, the vectors of its tracks.
pub(super) fn dynamic_codes(elaborator: &mut Elaborator<'_>, app: &App<'_>) -> Option<Vec<Dgi>> {
    let Some(cvc3) = app.cvc3.as_ref().filter(|_| app.mode == Mode::Magstripe) else {
        return Some(Vec::new());
    };
    let span = cvc3.span;
    let key = std::slice::from_ref(&cvc3.key);
    let option = elaborator.text(&cvc3.derivation, span);
    let pan = app.element("5A")?.raw.clone()?;
    let psn = dgis::psn(elaborator, app);
    let account = [option, pan, psn];
    let sealed = elaborator.with_keys(key, &mut |elaborator, names| {
        elaborator.intent("key.card", names, &account, span)
    })?;
    let title = "key of dynamic codes";
    elaborator.sink(&sealed, Sink::ChipEncrypted, title, span);
    let three = Type::Bytes(Lengths::exactly(3));
    let check = value::apply(elaborator, "check_values", &[&sealed], three, span)?;
    let mut vectors = Vec::new();
    for tag in ["56", "9F6B"] {
        let vector = match app.element(tag) {
            Some(track) => {
                let mut args = account.to_vec();
                args.push(track.value.clone());
                let made = elaborator.with_keys(key, &mut |elaborator, names| {
                    elaborator.intent("emv.cvc3_vector", names, &args, span)
                })?;
                made.of_type(Type::Bytes(Lengths::exactly(2)))
            }
            None => elaborator.octets(&[0, 0], span),
        };
        vectors.push(vector);
    }
    let vectors = value::concat(elaborator, &vectors, span)?;
    let what = "vectors of dynamic codes";
    elaborator.sink(&vectors, Sink::ChipClear, what, span);
    Some(vec![
        Dgi {
            encrypted: true,
            padding: Padding::None,
            ..dgis::clear(CODE_KEY, &sealed, title)
        },
        dgis::clear(
            CODE_CHECK,
            &check,
            "check value of the key of dynamic codes",
        ),
        dgis::clear(CODE_VECTORS, &vectors, what),
    ])
}
