//! Pictures of orders: what a field's type says of them, and the fields that drawings name.

use super::Elaborator;
use super::fields::{field_def, record_of};
use crate::diagnostics::Problem;
use crate::model::{MArg, MEntry, MExpr, MKind, Span};
use crate::types::Type;
use cardwright_bundle::{Fit, OrderPicture, PictureFormat, PictureRules};

/// Fewest and most pixels of a side where a field does not say.
const LEAST: (u32, u32) = (100, 100);
const MOST: (u32, u32) = (4_000, 4_000);
/// Most pixels that a side may have, whatever a field says.
const SIDE_MAX: u32 = 5_000;
/// Most octets of a file: where a field does not say, and whatever it says.
const OCTETS: u32 = 500_000;
const OCTETS_MAX: u32 = 1_000_000;
/// Most characters of a folder's name.
const FOLDER_MAX: usize = 40;

/// How a picture field is written.
const EXAMPLE: &str = "write such as `picture(jpeg, png, folder: \"photos\", least: (300, 400), \
                       most: (1200, 1600), aspect: (3, 4), octets: 300000)`; `grey` takes only \
                       grey pictures";

/// The rules of `picture(jpeg, folder: "photos", …)`, or what is wrong with them (E0211).
///
/// # Errors
/// An argument is unknown, or a number is outside its limits.
pub fn picture_rules(span: Span, args: &[MArg]) -> Result<PictureRules, Box<Problem>> {
    let mut rules = PictureRules {
        formats: Vec::new(),
        folder: String::new(),
        least: LEAST,
        most: MOST,
        aspect: None,
        octets: OCTETS,
        grey: false,
    };
    for arg in args {
        let value = &arg.value;
        let refused = |what: &str| Err(wrong(value.span, what));
        match (arg.name.as_deref(), value.word()) {
            (None, Some("jpeg")) => rules.formats.push(PictureFormat::Jpeg),
            (None, Some("png")) => rules.formats.push(PictureFormat::Png),
            (None, Some("grey")) => rules.grey = true,
            (Some("folder"), _) => match value.literal_text().filter(|f| is_folder(f)) {
                Some(folder) => rules.folder = folder,
                None => return refused("a folder's name has letters, digits, `-` and `_`"),
            },
            (Some("least"), _) => match pair(value, SIDE_MAX) {
                Some(least) => rules.least = least,
                None => return refused("pixels are two numbers from 1 to 5000"),
            },
            (Some("most"), _) => match pair(value, SIDE_MAX) {
                Some(most) => rules.most = most,
                None => return refused("pixels are two numbers from 1 to 5000"),
            },
            (Some("aspect"), _) => match pair(value, 100) {
                Some(aspect) => rules.aspect = Some(aspect),
                None => return refused("a shape is two numbers from 1 to 100"),
            },
            (Some("octets"), _) => match number(value).filter(|n| *n <= OCTETS_MAX) {
                Some(octets) => rules.octets = octets,
                None => return refused("a picture has at most 1000000 octets"),
            },
            _ => return refused("a picture's type has no such part"),
        }
    }
    rules.formats.sort_unstable();
    rules.formats.dedup();
    if rules.formats.is_empty() {
        rules.formats = vec![PictureFormat::Jpeg, PictureFormat::Png];
    }
    if rules.folder.is_empty() {
        return Err(wrong(
            span,
            "a picture's type names the folder of its files",
        ));
    }
    if rules.least.0 > rules.most.0 || rules.least.1 > rules.most.1 {
        return Err(wrong(
            span,
            "no picture has at least and at most so many pixels",
        ));
    }
    if rules.aspect.is_some_and(|aspect| !reaches(aspect, &rules)) {
        return Err(wrong(span, "no picture of this shape has so many pixels"));
    }
    Ok(rules)
}

/// Whether a shape can be had within the limits.
fn reaches((across, down): (u32, u32), rules: &PictureRules) -> bool {
    let smallest = rules
        .least
        .0
        .div_ceil(across)
        .max(rules.least.1.div_ceil(down));
    let largest = (rules.most.0 / across).min(rules.most.1 / down);
    smallest <= largest
}

fn wrong(span: Span, what: &str) -> Box<Problem> {
    Box::new(Problem::error("E0211", span, what).help(EXAMPLE))
}

fn is_folder(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    !text.is_empty() && text.len() <= FOLDER_MAX && text.bytes().all(plain)
}

fn number(e: &MExpr) -> Option<u32> {
    u32::try_from(e.integer()?).ok().filter(|n| *n > 0)
}

fn pair(e: &MExpr, most: u32) -> Option<(u32, u32)> {
    let MKind::Tuple(parts) = &e.kind else {
        return None;
    };
    match parts.as_slice() {
        [across, down] => {
            let (across, down) = (number(across)?, number(down)?);
            (across <= most && down <= most).then_some((across, down))
        }
        _ => None,
    }
}

/// The arguments of a field's type `picture(…)`.
#[must_use]
pub fn picture_args(entry: &MEntry) -> Option<(Span, &[MArg])> {
    let first = entry.base.as_ref()?.terms.first()?;
    match &first.kind {
        MKind::Call { callee, args } if callee.word() == Some("picture") => {
            Some((first.span, args.as_slice()))
        }
        _ => None,
    }
}

/// A picture of the order that a drawing names.
pub struct Drawn {
    /// Field and fit.
    pub order: OrderPicture,
    /// What the field takes.
    pub rules: PictureRules,
    /// Whether an order may come without one.
    pub optional: bool,
}

impl Elaborator<'_> {
    /// The field that `value = order.photo` names, E0831.
    pub fn order_picture(&mut self, value: &MEntry, fit: Option<&MEntry>) -> Option<Drawn> {
        let term = value.single()?;
        if matches!(term.kind, MKind::Poison) {
            return None;
        }
        let found = self.picture_field(term);
        if found.is_none() {
            let record = self.program.record.clone();
            let message = "a picture of the order is expected";
            let help = format!(
                "name a field of the order's own whose type is `picture(…)`: `value = \
                 {record}.photo`; for a picture of the project write `file = file(\"logo.png\")`"
            );
            self.findings()
                .push(Problem::error("E0831", term.span, message).help(help));
        }
        let (field, rules, optional) = found?;
        let fit = match fit.and_then(|e| e.single()?.word()) {
            Some("cover") => Fit::Cover,
            _ => Fit::Contain,
        };
        Some(Drawn {
            order: OrderPicture { field, fit },
            rules,
            optional,
        })
    }

    fn picture_field(&self, term: &MExpr) -> Option<(String, PictureRules, bool)> {
        let MKind::Name(segments) = &term.kind else {
            return None;
        };
        let [record, field] = segments.as_slice() else {
            return None;
        };
        if record.text != self.program.record {
            return None;
        }
        let entries = record_of(self.format?, &record.text)?.entries();
        let entry = entries.iter().find(|e| e.word(0) == Some(&field.text))?;
        let def = field_def(self.model, entry).ok()?;
        if def.ty != Type::Picture {
            return None;
        }
        let (span, args) = picture_args(entry)?;
        let rules = picture_rules(span, args).ok()?;
        Some((field.text.clone(), rules, def.optional))
    }
}
