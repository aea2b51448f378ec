//! Items of a page: text, the PIN, bars, lines, the card's place.

use super::super::read;
use super::measure::{self, Excess, Extent, Room};
use super::{fallback, languages};
use crate::diagnostics::Problem;
use crate::elaborate::constants::{length_um, point_um, size_mpt};
use crate::elaborate::{Elaborator, Typed};
use crate::metrics::{self, Letters};
use crate::model::{Decl, MEntry, MExpr, Span};
use crate::project::Project;
use crate::secrecy::Sink;
use crate::types::{Lengths, Type};
use cardwright_bundle::{Align, FaceSide, Item, ItemKind, Rect};
use std::collections::BTreeMap;

/// Text font when none is named.
pub(super) const TEXT_FONT: (&str, u32) = ("Noto Sans", 10_000);
/// PIN font when none is named.
const PIN_FONT: (&str, u32) = ("OCR-B", 14_000);
/// Most digits of a PIN (ISO 9564-1, 8.1).
const PIN_DIGITS_MAX: u32 = 12;
/// Longest line of text, and most lines of a text.
const LINE_MAX: u32 = 1_000;
const LINES_MAX: u32 = 99;
/// Smallest size that help proposes, thousandths of a point.
const READABLE_MPT: u32 = 5_000;

/// Files that items bring: name to media type and octets.
pub(super) type Assets = BTreeMap<String, (String, Vec<u8>)>;

/// Lowers the items of one page after the other.
pub(super) struct Page<'e, 'a> {
    pub(super) elaborator: &'e mut Elaborator<'a>,
    pub(super) project: &'a Project<'a>,
    /// The format whose record the layout speaks of.
    pub(super) format: Option<&'a Decl>,
    purpose: String,
    fallback: Vec<String>,
    fonts: Vec<(String, Span)>,
    pub(super) assets: Assets,
    items: Vec<Item>,
    /// Holds for all items that are lowered now: their language is the order's.
    pub(super) condition: Option<Typed>,
}

impl<'e, 'a> Page<'e, 'a> {
    /// For a layout.
    pub(super) fn new(
        elaborator: &'e mut Elaborator<'a>,
        project: &'a Project<'a>,
        decl: &'a Decl,
        purpose: &str,
    ) -> Self {
        let model = elaborator.model();
        let format = decl.for_record.as_ref().and_then(|(f, _)| model.get(f));
        Self {
            elaborator,
            project,
            format,
            purpose: purpose.to_owned(),
            fallback: fallback(decl),
            fonts: Vec::new(),
            assets: Assets::new(),
            items: Vec::new(),
            condition: None,
        }
    }

    /// The items so far; the next ones are those of another page.
    pub(super) fn take_items(&mut self) -> Vec<Item> {
        std::mem::take(&mut self.items)
    }

    /// Fonts and files that were used.
    pub(super) fn finish(self) -> (Vec<(String, Span)>, Assets) {
        (self.fonts, self.assets)
    }

    /// Adds a finding.
    pub(super) fn say(&mut self, problem: Problem) {
        self.elaborator.findings().push(problem);
    }

    /// Lowers items in the order in which they stand.
    pub(super) fn items(&mut self, entries: &'a [MEntry]) {
        for entry in entries {
            if entry.block.is_none() {
                continue;
            }
            if entry.word(0) == Some("language") {
                languages::lower(self, entry);
                continue;
            }
            let item = match entry.word(0) {
                Some("text") => self.text(entry),
                Some("pin") => self.pin(entry),
                Some("barcode") => self.barcode(entry),
                Some("bar") => self.bar(entry),
                Some("line") => self.line(entry),
                Some("image") => self.image(entry),
                Some("table") => self.table(entry),
                Some("face") => self.face(entry),
                _ => continue,
            };
            let Some((at, draw)) = item else {
                continue;
            };
            let when = self.when(entry);
            let span = self.elaborator.span_id(entry.span);
            self.items.push(Item {
                at,
                draw,
                when,
                span,
            });
        }
    }

    /// The item's own condition, and that of its language.
    pub(super) fn when(&mut self, entry: &'a MEntry) -> Option<u32> {
        let own = entry.clause("when").and_then(|clause| {
            let term = clause.single()?;
            let flag = self.elaborator.expr(term, Some(&Type::Flag))?;
            self.elaborator
                .sink(&flag, Sink::Condition, "what is drawn", entry.span);
            Some(flag)
        });
        match (own, self.condition.clone()) {
            (Some(own), Some(language)) => {
                let both = self.elaborator.apply("all", &[language, own], entry.span)?;
                Some(both.node)
            }
            (one, other) => Some(one.or(other)?.node),
        }
    }

    pub(super) fn place(&mut self, entry: &MEntry, size: Option<&str>) -> Option<Rect> {
        let Some(at) = entry.inner("at") else {
            let message = "this item has no place on the page";
            let problem = Problem::error("E0812", entry.span, message);
            self.say(problem.help("write `at = (25 mm, 50 mm, 85 mm, 30 mm)`"));
            return None;
        };
        let size = size.and_then(|s| entry.inner(s));
        read::rect(at, size, self.elaborator.findings())
    }

    pub(super) fn font(&mut self, entry: &MEntry, default: (&str, u32)) -> (String, u32) {
        let font = entry.inner("font").and_then(read::font);
        let font = font.unwrap_or((default.0.to_owned(), default.1));
        self.uses(&font.0, entry.span);
        font
    }

    /// Notes that a font is needed.
    pub(super) fn uses(&mut self, font: &str, span: Span) {
        self.fonts.push((font.to_owned(), span));
    }

    /// A font, and those that take over for letters that it lacks.
    pub(super) fn with_fallback(&mut self, font: String, span: Span) -> Vec<String> {
        let mut fonts = vec![font];
        for name in self.fallback.clone() {
            if !fonts.contains(&name) {
                self.uses(&name, span);
                fonts.push(name);
            }
        }
        fonts
    }

    /// Text of a page is for everybody who opens the letter, or sees the envelope.
    pub(super) fn sink(&mut self, value: &Typed, what: &str, span: Span) {
        let sink = match self.purpose.as_str() {
            "mailer" | "label" => Sink::MailerText,
            _ => Sink::CarrierText,
        };
        self.elaborator.sink(value, sink, what, span);
    }

    /// A length in micrometres, where one is given.
    pub(super) fn length(entry: &MEntry, name: &str) -> Option<u32> {
        let length = entry.inner(name)?.single().and_then(length_um)?;
        u32::try_from(length).ok()
    }

    /// `leading = 14 pt`; six fifths of the size when it is left out.
    pub(super) fn leading(entry: &MEntry, size: u32) -> u32 {
        let leading = entry.inner("leading").and_then(|e| {
            let term = e.single()?;
            size_mpt(term).or_else(|| {
                // Other units: 1 pt is 127/360 mm.
                u32::try_from(length_um(term)? * 360 / 127).ok()
            })
        });
        leading.unwrap_or(size / 5 * 6)
    }

    /// `shrink = to 7 pt`.
    pub(super) fn shrink(&mut self, entry: &MEntry, size: u32) -> Option<u32> {
        let entry = entry.inner("shrink")?;
        let terms = entry.value.as_ref().map_or(&[][..], |v| &v.terms);
        let smallest = match terms {
            [to, size] if to.word() == Some("to") => size_mpt(size),
            _ => None,
        };
        if smallest.is_none_or(|s| s > size || s < 1_000) {
            let message = "the smallest size is expected, below the font's own";
            let problem = Problem::error("E0812", entry.span, message);
            self.say(problem.help("write `shrink = to 7 pt`"));
            return None;
        }
        smallest
    }

    fn text(&mut self, entry: &'a MEntry) -> Option<(Rect, ItemKind)> {
        let at = self.place(entry, None)?;
        let lines = entry.inner("lines")?;
        let want = Type::Lines {
            count: LINES_MAX,
            each: Lengths::up_to(LINE_MAX),
        };
        let value = self.elaborator.phrase(lines.value.as_ref()?, Some(&want))?;
        self.sink(&value, "a text of the page", lines.span);
        let (font, size_mpt) = self.font(entry, TEXT_FONT);
        let leading_mpt = Self::leading(entry, size_mpt);
        let shrink_mpt = self.shrink(entry, size_mpt);
        let fonts = self.with_fallback(font, entry.span);
        let wrap = entry.inner("wrap").and_then(read::word).as_deref() != Some("false");
        if entry.inner("overflow").and_then(read::word).as_deref() != Some("refuse") {
            let lines = measure::lines_of(self.elaborator, self.format, &fonts, &value);
            let room = Room {
                width_um: at.width_um,
                height_um: at.height_um,
                wrap,
            };
            self.fits(
                entry.span,
                &lines,
                room,
                (size_mpt, shrink_mpt, leading_mpt),
            );
        }
        let text = ItemKind::Text {
            node: value.node,
            fonts,
            size_mpt,
            leading_mpt,
            align: align(entry.inner("align").and_then(read::word).as_deref()),
            wrap,
            shrink_mpt,
            colour: entry.inner("colour").and_then(read::text),
        };
        Some((at, text))
    }

    /// Text against its box, at the smallest size that it may have: E0811, E0814.
    pub(super) fn fits(
        &mut self,
        span: Span,
        lines: &[Extent],
        room: Room,
        (size, shrink, leading): (u32, Option<u32>, u32),
    ) {
        let at = |mpt: u32| {
            let leading = u64::from(leading) * u64::from(mpt) / u64::from(size.max(1));
            let leading = u32::try_from(leading).unwrap_or(u32::MAX);
            measure::excess(lines, room, mpt, leading)
        };
        let smallest = shrink.unwrap_or(size);
        let Some(excess) = at(smallest) else {
            return;
        };
        let mut smaller = (READABLE_MPT..smallest).rev().step_by(500);
        let way_out = match smaller.find(|mpt| at(*mpt).is_none()) {
            Some(mpt) => {
                let points = mpt / 500 * 500;
                let points = if at(points).is_none() { points } else { mpt };
                format!("`shrink = to {} pt` would do; or ", tenths(points))
            }
            None => String::new(),
        };
        let (code, message) = match excess {
            Excess::Wide(um) => {
                let longest = lines.iter().max_by_key(|line| line.sum);
                let of = longest.map_or_else(String::new, |line| {
                    format!(" for {} {}", line.chars, line.letters.words())
                });
                let message = format!(
                    "a line may need {} mm{of}, its box is {} mm wide",
                    mm(um),
                    mm(u64::from(room.width_um))
                );
                ("E0814", message)
            }
            Excess::High(um, count) => {
                let message = format!(
                    "up to {count} lines need {} mm, the box is {} mm high",
                    mm(um),
                    mm(u64::from(room.height_um))
                );
                ("E0811", message)
            }
        };
        let help = format!(
            "{way_out}make the box larger or the font smaller, or the text shorter: `latin` and \
             `slice` narrow what it may hold, `overflow = refuse` leaves it to the printer"
        );
        self.say(Problem::error(code, span, message).help(help));
    }

    fn pin(&mut self, entry: &'a MEntry) -> Option<(Rect, ItemKind)> {
        let at = self.place(entry, None)?;
        let value = entry.inner("value")?;
        let pin = self
            .elaborator
            .phrase(value.value.as_ref()?, Some(&Type::Pin))?;
        if self.purpose == "mailer" {
            self.elaborator
                .sink(&pin, Sink::MailerPin, "the PIN of the mailer", entry.span);
        } else {
            let problem = Problem::error("E0603", entry.span, "only a mailer may show a PIN");
            let help = "a PIN and a card never travel together (ISO 9564-1): take the PIN out";
            self.say(problem.help(help));
        }
        let (font, size_mpt) = self.font(entry, PIN_FONT);
        self.pin_fits(entry.span, &at, (&font, size_mpt));
        let pin = ItemKind::Pin {
            node: pin.node,
            font,
            size_mpt,
        };
        Some((at, pin))
    }

    /// The longest PIN in its field: E0815.
    fn pin_fits(&mut self, span: Span, at: &Rect, (font, size_mpt): (&str, u32)) {
        let fonts = [font.to_owned()];
        let Some(digit) = metrics::widest(&fonts, Letters::Digits) else {
            return; // E0809 says that there is no such font
        };
        let wide = measure::in_um(digit * u64::from(PIN_DIGITS_MAX), size_mpt);
        let high = measure::in_um(1_000_000, size_mpt);
        if wide <= u64::from(at.width_um) && high <= u64::from(at.height_um) {
            return;
        }
        let message = format!(
            "a PIN of {PIN_DIGITS_MAX} digits needs {} by {} mm, its field has {} by {} mm",
            mm(wide),
            mm(high),
            mm(u64::from(at.width_um)),
            mm(u64::from(at.height_um))
        );
        let help = "make the field larger or its font smaller: a PIN has 4 to 12 digits \
                    (ISO 9564-1), and what does not fit is found when the letter is printed";
        self.say(Problem::error("E0815", span, message).help(help));
    }

    fn bar(&mut self, entry: &MEntry) -> Option<(Rect, ItemKind)> {
        let colour = colour(entry);
        Some((self.place(entry, None)?, ItemKind::Rule { colour }))
    }

    fn line(&mut self, entry: &MEntry) -> Option<(Rect, ItemKind)> {
        let point = |name: &str| entry.inner(name)?.single().and_then(point_um);
        let width = Self::length(entry, "width").unwrap_or(200).max(10);
        let dash = point("dash")
            .and_then(|(on, off)| Some((u32::try_from(on).ok()?, u32::try_from(off).ok()?)));
        let rect = point("from").zip(point("to")).and_then(|(from, to)| {
            let (left, top) = (from.0.min(to.0), from.1.min(to.1));
            let (wide, high) = (from.0.max(to.0) - left, from.1.max(to.1) - top);
            let half = i64::from(width / 2);
            let number = |n: i64| u32::try_from(n.max(0)).ok();
            let rect = match (wide, high) {
                (1.., 0) => (left, top - half, wide, i64::from(width)),
                (0, 1..) => (left - half, top, i64::from(width), high),
                _ => return None,
            };
            Some(Rect {
                x_um: number(rect.0)?,
                y_um: number(rect.1)?,
                width_um: number(rect.2)?,
                height_um: number(rect.3)?,
            })
        });
        if rect.is_none() || dash.is_some_and(|(on, off)| on == 0 || off == 0) {
            let message = "a line goes across the page or down it, from one point to another";
            let help = "write `from = (25 mm, 100 mm); to = (185 mm, 100 mm)`; a dash has two \
                        lengths: `dash = (2 mm, 1 mm)`";
            self.say(Problem::error("E0812", entry.span, message).help(help));
            return None;
        }
        let draw = ItemKind::Line {
            colour: colour(entry),
            dash_um: dash,
        };
        Some((rect?, draw))
    }

    fn image(&mut self, entry: &MEntry) -> Option<(Rect, ItemKind)> {
        let at = self.place(entry, None)?;
        if let (Some(value), "label") = (entry.inner("value"), self.purpose.as_str()) {
            let message = "a label shows no picture of the order";
            let help = "labels are printed many to a sheet, by addresses alone: draw it on the \
                        card, its carrier or its letter";
            self.say(Problem::error("E0831", value.span, message).help(help));
            return None;
        }
        let drawn = super::pictures::drawn(self.elaborator, self.project, entry, &at);
        let (asset, file, order) = drawn?;
        if let Some(file) = file {
            self.assets.insert(asset.clone(), file);
        }
        Some((at, ItemKind::Image { asset, order }))
    }

    fn face(&mut self, entry: &MEntry) -> Option<(Rect, ItemKind)> {
        let side = match entry.head.get(1).and_then(MExpr::word) {
            Some("back") => FaceSide::Back,
            _ => FaceSide::Front,
        };
        Some((self.place(entry, None)?, ItemKind::Face { side }))
    }
}

/// Alignment by its word.
pub(super) fn align(word: Option<&str>) -> Align {
    match word {
        Some("middle") => Align::Middle,
        Some("end") => Align::End,
        Some("justify") => Align::Justify,
        _ => Align::Start,
    }
}

/// `colour = "0B2545"`; black when it is left out.
pub(super) fn colour(entry: &MEntry) -> String {
    let colour = entry.inner("colour").and_then(read::text);
    colour.unwrap_or_else(|| "000000".to_owned())
}

/// Millimetres with one decimal, rounded up.
pub(super) fn mm(um: u64) -> String {
    let tenths = um.div_ceil(100);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Points with at most one decimal.
fn tenths(mpt: u32) -> String {
    match mpt / 100 % 10 {
        0 => format!("{}", mpt / 1_000),
        tenth => format!("{}.{tenth}", mpt / 1_000),
    }
}
