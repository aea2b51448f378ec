//! Barcodes: what they may hold, and whether the longest content fits with readable modules.

use super::super::read;
use super::items::{Page, mm};
use super::measure::{self, Extent, Room};
use crate::diagnostics::Problem;
use crate::metrics::Letters;
use crate::model::{MEntry, MExpr};
use crate::secrecy::Sink;
use crate::types::{Lengths, Type};
use cardwright_bundle::{FontUse, ItemKind, Rect, Symbology};
use cardwright_standards::symbol::{self, LINEAR_UM_MIN, MODULE_UM_MIN, PDF417_ROW};

/// Most characters of a symbol's content.
const CONTENT_MAX: u32 = 300;
/// Height of a caption, in parts of its size.
const CAPTION: (u64, u64) = (13, 10);

impl<'a> Page<'_, 'a> {
    /// `barcode qr { value = …; at = …; size = 20 mm }`.
    pub(super) fn barcode(&mut self, entry: &'a MEntry) -> Option<(Rect, ItemKind)> {
        let at = self.place(entry, Some("size"))?;
        let value = entry.inner("value")?;
        let want = Type::Text(Lengths::up_to(CONTENT_MAX));
        let text = self.elaborator.phrase(value.value.as_ref()?, Some(&want))?;
        // Anybody can read a symbol through a window.
        self.elaborator
            .sink(&text, Sink::Report, "the barcode", value.span);
        self.sink(&text, "the barcode", value.span);
        let extent = measure::line_of(self.elaborator, self.format, &[], &text);
        let symbology = match entry.word(1) {
            Some("code128") => Symbology::Code128,
            Some("itf") => Symbology::Itf,
            Some("pdf417") => Symbology::Pdf417,
            Some("qr") => Symbology::Qr,
            _ => {
                let digits = extent.letters == Letters::Digits;
                let octets = extent.chars.saturating_mul(extent.letters.octets());
                let modules = symbol::data_matrix(octets, digits);
                self.square(entry, &at, modules);
                return Some((at, ItemKind::DataMatrix { node: text.node }));
            }
        };
        let check_digit = entry.inner("check").and_then(read::word).as_deref() == Some("mod10");
        self.repertoire(entry, symbology, check_digit, &extent);
        let level = self.level(entry, symbology);
        let caption = self.caption(entry, symbology, &at, &extent);
        let chars = extent.chars.saturating_add(u32::from(check_digit));
        self.size(entry, symbology, &at, (&extent, chars, level, &caption));
        let symbol = ItemKind::Symbol {
            node: text.node,
            symbology,
            level,
            check_digit,
            caption,
        };
        Some((at, symbol))
    }

    /// What the symbol can say: E0818.
    fn repertoire(&mut self, entry: &MEntry, symbology: Symbology, check: bool, extent: &Extent) {
        let digits = extent.letters == Letters::Digits;
        let message = match symbology {
            Symbology::Itf if !digits => {
                "an ITF symbol holds digits, this may hold other characters"
            }
            Symbology::Code128 if extent.letters > Letters::Ascii => {
                "a Code 128 symbol holds ASCII, this may hold other characters"
            }
            _ if check && !digits => "a check digit is reckoned from digits, this may hold others",
            Symbology::Qr | Symbology::Pdf417 if check => {
                "this symbol corrects errors by itself and takes no check digit"
            }
            _ => return,
        };
        let help = "bring the value to digits or ASCII (`latin`), or take a `datamatrix`, `qr` or \
                    `pdf417`, which hold any text";
        self.say(Problem::error("E0818", entry.span, message).help(help));
    }

    fn level(&mut self, entry: &MEntry, symbology: Symbology) -> u8 {
        let given = entry.inner("level");
        let term = given.and_then(MEntry::single);
        let level = match (symbology, term) {
            (Symbology::Qr, None) => Some(1),
            (Symbology::Pdf417, None) => Some(2),
            (_, None) => Some(0),
            (Symbology::Qr, Some(term)) => match term.word() {
                Some("l") => Some(0),
                Some("m") => Some(1),
                Some("q") => Some(2),
                Some("h") => Some(3),
                _ => None,
            },
            (Symbology::Pdf417, Some(term)) => {
                let level = term.integer().and_then(|n| u8::try_from(n).ok());
                level.filter(|n| *n <= 8)
            }
            (_, Some(_)) => None,
        };
        if let (None, Some(given)) = (level, given) {
            let message = "this symbol has no such level of error correction";
            let help = "qr has `l`, `m`, `q`, `h`; pdf417 has 0 to 8; the others have none";
            self.say(Problem::error("E0818", given.span, message).help(help));
        }
        level.unwrap_or(1)
    }

    fn caption(
        &mut self,
        entry: &MEntry,
        symbology: Symbology,
        at: &Rect,
        extent: &Extent,
    ) -> Option<FontUse> {
        let given = entry.inner("caption")?;
        let (font, size_mpt) = read::font(given)?;
        if matches!(symbology, Symbology::Qr | Symbology::Pdf417) {
            let message = "only linear symbols have their content written below";
            let help = "leave `caption` out; a `text` item may stand below the symbol";
            self.say(Problem::error("E0818", given.span, message).help(help));
            return None;
        }
        self.uses(&font, given.span);
        let fonts = [font.clone()];
        let chars = extent.chars.saturating_add(1);
        let line = Extent::of_class(&fonts, extent.letters, chars);
        let room = Room {
            width_um: at.width_um,
            height_um: at.height_um,
            wrap: false,
        };
        self.fits(given.span, &[line], room, (size_mpt, None, size_mpt));
        Some(FontUse { font, size_mpt })
    }

    fn size(
        &mut self,
        entry: &MEntry,
        symbology: Symbology,
        at: &Rect,
        (extent, chars, level, caption): (&Extent, u32, u8, &Option<FontUse>),
    ) {
        let digits = extent.letters == Letters::Digits;
        let octets = chars.saturating_mul(extent.letters.octets());
        match symbology {
            Symbology::Qr => self.square(entry, at, symbol::qr(octets, level)),
            Symbology::Pdf417 => {
                let wide = at.width_um / MODULE_UM_MIN;
                let found = symbol::pdf417(octets, level, wide);
                // Two modules of quiet zone above and below.
                let high = |(_, rows): (u32, u32)| rows * PDF417_ROW + 4;
                match found.map(high) {
                    Some(modules) if modules <= at.height_um / MODULE_UM_MIN => {}
                    _ => self.too_small(entry, octets, "it is too small for that"),
                }
            }
            Symbology::Code128 | Symbology::Itf => {
                let modules = if symbology == Symbology::Itf {
                    symbol::itf(chars)
                } else {
                    // An odd number of digits may occur as well as an even one.
                    symbol::code128(chars, digits && exact(extent))
                };
                let below = caption.as_ref().map_or(0, |c| {
                    measure::in_um(1_000_000, c.size_mpt) * CAPTION.0 / CAPTION.1
                });
                let bars = u64::from(at.height_um).saturating_sub(below);
                let need = u64::from(modules) * u64::from(MODULE_UM_MIN);
                if need > u64::from(at.width_um) {
                    let message = format!("it needs {} mm across", mm(need));
                    self.too_small(entry, chars, &message);
                } else if bars < u64::from(LINEAR_UM_MIN) {
                    self.too_small(entry, chars, "its bars would be lower than 5 mm");
                }
            }
        }
    }

    fn square(&mut self, entry: &MEntry, at: &Rect, modules: Option<u32>) {
        let side = at.width_um.min(at.height_um);
        match modules {
            Some(modules) if modules * MODULE_UM_MIN <= side => {}
            Some(modules) => {
                let need = u64::from(modules) * u64::from(MODULE_UM_MIN);
                let message = format!("it needs {} mm on a side", mm(need));
                self.too_small(entry, modules, &message);
            }
            None => self.too_small(entry, 0, "no symbol of its kind holds so much"),
        }
    }

    /// E0817.
    fn too_small(&mut self, entry: &MEntry, _octets: u32, why: &str) {
        let what = entry.head.get(1).and_then(MExpr::word).unwrap_or("symbol");
        let message = format!("the {what} symbol does not fit its longest content: {why}");
        let help = "make it larger, its content shorter, or its level lower; modules under 0.2 mm \
                    are not read";
        self.say(Problem::error("E0817", entry.span, message).help(help));
    }
}

/// Whether the number of characters is known: a constant's.
fn exact(extent: &Extent) -> bool {
    extent.is_constant()
}
