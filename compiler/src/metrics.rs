//! How wide text can get: advance widths of a font's own glyphs, for one character or for the
//! widest of a class of characters.
//!
//! Widths are millionths of the font's size. Text is printed without kerning and optional
//! ligatures, so a character's width is its glyph's advance; a character that takes other forms
//! (the joined letters of Arabic) counts with the widest form that its font can give it. The sum
//! over a text is therefore never less than what is printed.

use crate::project::standard_asset;
use skrifa::MetadataProvider;
use skrifa::raw::TableProvider;
use skrifa::raw::collections::IntSet;
use skrifa::raw::tables::gsub::Gsub;
use skrifa::raw::types::{GlyphId, Tag};
use skrifa::{FontRef, instance::LocationRef, instance::Size};
use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Characters that a value can be made of, from the narrowest class to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Letters {
    /// `0` to `9`.
    Digits,
    /// What an embosser has: capitals, digits, space and `. , - ' / &`.
    Embossed,
    /// The 95 printable characters of ASCII.
    Ascii,
    /// What names and addresses are written with in the scripts of living languages; see [`FREE`].
    Free,
}

/// Ranges that free text is reckoned with: letters, marks, digits and the punctuation of names
/// and addresses. Not in it, since nobody's name has them: per mille signs, long dashes, signs of
/// the Koran, compatibility ligatures of whole words, historic letters.
pub const FREE: &[(u32, u32)] = &[
    (0x0020, 0x007E), // ASCII
    (0x00A0, 0x01C3), // Latin-1, Latin Extended-A, most of B
    (0x01CD, 0x01F0),
    (0x01F4, 0x024F),
    (0x02B0, 0x02FF), // letters that modify
    (0x0300, 0x036F), // marks
    (0x0384, 0x03CE), // Greek, one accent
    (0x0400, 0x045F), // Cyrillic
    (0x0490, 0x0501), // Cyrillic of other languages
    (0x0531, 0x058F), // Armenian
    (0x05B0, 0x05F4), // Hebrew
    (0x060C, 0x06D5), // Arabic
    (0x06EE, 0x06FF),
    (0x0900, 0x109F), // scripts of South and South East Asia
    (0x10D0, 0x10FF), // Georgian
    (0x1780, 0x17DD), // Khmer
    (0x1E00, 0x1EFF), // Latin of Vietnam and others
    (0x200C, 0x200F), // joiners and direction
    (0x2010, 0x2014), // hyphens and dashes
    (0x2018, 0x2026), // quotes, dagger, bullet, ellipsis
    (0x20A0, 0x20BF), // currencies
    (0x3000, 0x30FF), // CJK
    (0x3400, 0x9FFF),
    (0xAC00, 0xD7A3), // Hangul
];

impl Letters {
    /// Whether a character is of this class.
    #[must_use]
    pub fn holds(self, c: char) -> bool {
        match self {
            Letters::Digits => c.is_ascii_digit(),
            Letters::Embossed => {
                c.is_ascii_uppercase() || c.is_ascii_digit() || " .,-'/&".contains(c)
            }
            Letters::Ascii => (' '..='~').contains(&c),
            Letters::Free => {
                let code = u32::from(c);
                FREE.iter()
                    .any(|(low, high)| (*low..=*high).contains(&code))
            }
        }
    }

    /// The narrowest class that holds all characters of a text; `None` when none does.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let all = [Self::Digits, Self::Embossed, Self::Ascii, Self::Free];
        all.into_iter()
            .find(|class| text.chars().all(|c| class.holds(c)))
    }

    /// In words, for messages.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Letters::Digits => "digits",
            Letters::Embossed => "capital letters",
            Letters::Ascii => "Latin letters without accents",
            Letters::Free => "letters of any script",
        }
    }

    /// Most octets of a character in UTF-8.
    #[must_use]
    pub fn octets(self) -> u32 {
        if self == Letters::Free { 3 } else { 1 }
    }
}

/// Width of the widest character of a class in these fonts, millionths of the size; `None` when a
/// font is unknown or can't be read.
///
/// A character of ASCII is set in the first font that has it. Where accents join letters, the
/// printer may take any of the fonts for both: free text counts with the widest of them all.
#[must_use]
pub fn widest(fonts: &[String], letters: Letters) -> Option<u64> {
    if letters < Letters::Free {
        let mut most = 0;
        for c in (' '..='~').filter(|c| letters.holds(*c)) {
            most = most.max(first_width(fonts, c)?.unwrap_or(0));
        }
        return Some(most);
    }
    let each = fonts.iter().map(|name| with(name, |m| m.widest(letters)));
    each.collect::<Option<Vec<u64>>>()?.into_iter().max()
}

/// Width of a character in the first font that has it.
fn first_width(fonts: &[String], c: char) -> Option<Option<u64>> {
    for name in fonts {
        if let Some(width) = with(name, |m| m.width(c))? {
            return Some(Some(width));
        }
    }
    Some(None)
}

/// Widths of a text's characters, millionths of the size.
#[must_use]
pub fn widths(fonts: &[String], text: &str) -> Vec<u64> {
    let plain = text.is_ascii();
    let one = |c: char| match first_width(fonts, c) {
        Some(Some(first)) if plain => first,
        _ => width(fonts, c).unwrap_or(0),
    };
    text.chars().map(one).collect()
}

/// Width of a character in the widest of the fonts that have it; that of the class when none has.
#[must_use]
pub fn width(fonts: &[String], c: char) -> Option<u64> {
    let mut most = None;
    for name in fonts {
        most = most.max(with(name, |m| m.width(c))?);
    }
    most.or_else(|| widest(fonts, Letters::Free))
}

/// Whether one of the fonts has the character.
#[must_use]
pub fn has(fonts: &[String], c: char) -> bool {
    fonts
        .iter()
        .any(|name| with(name, |m| m.width(c).is_some()) == Some(true))
}

/// Height of a font's letters above and below the baseline, millionths of the size.
#[must_use]
pub fn rise(font: &str) -> Option<(u64, u64)> {
    with(font, |m| m.rise)
}

/// Features that shaping applies to every text, as OpenType and Unicode demand; what is left out
/// here (kerning, optional ligatures) the printer leaves out as well.
const FEATURES: [&[u8; 4]; 8] = [
    b"ccmp", b"locl", b"rlig", b"init", b"medi", b"fina", b"isol", b"rclt",
];

struct Measured {
    font: FontRef<'static>,
    lookups: IntSet<u16>,
    upem: u64,
    rise: (u64, u64),
    widest: BTreeMap<Letters, u64>,
    single: BTreeMap<char, Option<u64>>,
}

type Shelf = BTreeMap<String, Option<Measured>>;

/// What was measured before: a font of the standard packages never changes.
static SHELF: LazyLock<Mutex<Shelf>> = LazyLock::new(|| Mutex::new(Shelf::new()));

fn with<T>(name: &str, f: impl FnOnce(&mut Measured) -> T) -> Option<T> {
    let mut shelf = SHELF.lock().unwrap_or_else(PoisonError::into_inner);
    if !shelf.contains_key(name) {
        let measured = crate::emit::font_bytes(name).and_then(Measured::open);
        shelf.insert(name.to_owned(), measured);
    }
    shelf.get_mut(name)?.as_mut().map(f)
}

impl Measured {
    fn open(bytes: &'static [u8]) -> Option<Self> {
        let font = FontRef::new(bytes).ok()?;
        let metrics = font.metrics(Size::unscaled(), LocationRef::default());
        let upem = u64::from(metrics.units_per_em.max(1));
        let whole = |v: f32| (v.abs().ceil() as u64 * 1_000_000).div_ceil(upem);
        let lookups = font.gsub().ok().and_then(|gsub| always(&gsub));
        Some(Self {
            upem,
            rise: (whole(metrics.ascent), whole(metrics.descent)),
            lookups: lookups.unwrap_or_else(IntSet::empty),
            font,
            widest: BTreeMap::new(),
            single: BTreeMap::new(),
        })
    }

    fn widest(&mut self, letters: Letters) -> u64 {
        if let Some(known) = self.widest.get(&letters) {
            return *known;
        }
        let charmap = self.font.charmap();
        let held = |code: u32| char::from_u32(code).is_some_and(|c| letters.holds(c));
        let glyphs: IntSet<GlyphId> = charmap
            .mappings()
            .filter(|(code, _)| held(*code))
            .map(|(_, glyph)| glyph)
            .collect();
        let width = self.reach(glyphs);
        self.widest.insert(letters, width);
        width
    }

    fn width(&mut self, c: char) -> Option<u64> {
        if let Some(known) = self.single.get(&c) {
            return *known;
        }
        let glyph = self.font.charmap().map(c);
        let width = glyph.map(|glyph| self.reach([glyph].into_iter().collect()));
        self.single.insert(c, width);
        width
    }

    /// The widest of these glyphs and of all that shaping can put in their place.
    fn reach(&self, mut glyphs: IntSet<GlyphId>) -> u64 {
        if let Ok(gsub) = self.font.gsub() {
            // A table that can't be followed leaves the glyphs as they are.
            let _ = gsub.closure_glyphs(&self.lookups, &mut glyphs);
        }
        let metrics = self
            .font
            .glyph_metrics(Size::unscaled(), LocationRef::default());
        let widths = glyphs
            .iter()
            .filter_map(|glyph| metrics.advance_width(glyph));
        let widest = widths.map(|width| width.ceil() as u64).max().unwrap_or(0);
        (widest * 1_000_000).div_ceil(self.upem)
    }
}

/// The lookups of the features that are always applied.
fn always(gsub: &Gsub<'_>) -> Option<IntSet<u16>> {
    let features: IntSet<Tag> = FEATURES.iter().map(|tag| Tag::new(tag)).collect();
    let indices = gsub
        .collect_features(&IntSet::all(), &IntSet::all(), &features)
        .ok()?;
    gsub.collect_lookups(&indices).ok()
}

/// A font of the standard packages by the path of its file.
pub(crate) fn font_file(file: &str) -> Option<&'static [u8]> {
    standard_asset(&format!("layouts/fonts/{file}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fonts(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    /// Figures of fontTools for the same files (hmtx over unitsPerEm).
    #[test]
    fn widths_are_the_fonts_own() {
        assert_eq!(widest(&fonts(&["OCR-B"]), Letters::Digits), Some(723_000));
        let sans = fonts(&["Noto Sans"]);
        assert_eq!(widest(&sans, Letters::Digits), Some(572_000));
        assert_eq!(widest(&sans, Letters::Embossed), Some(930_000));
        assert_eq!(width(&sans, 'W'), Some(930_000));
        assert_eq!(width(&sans, 'm'), Some(935_000));
        assert_eq!(widest(&sans, Letters::Ascii), Some(935_000));
        assert!(has(&sans, 'ß') && !has(&sans, 'م'));
    }

    #[test]
    fn joined_letters_count_with_their_widest_form() {
        let naskh = fonts(&["Noto Naskh Arabic"]);
        // U+0636: 1096 alone, 1099 at the end of a word (fontTools: uni0636, uni0636.fina).
        assert_eq!(width(&naskh, '\u{636}'), Some(1_099_000));
        // The letter of a whole sentence (U+FDFD, 6137) is no free text.
        let most = widest(&naskh, Letters::Free);
        assert!(most.is_some_and(|w| w < 2_000_000), "{most:?}");
    }

    #[test]
    fn classes_hold_each_other() {
        for code in 0..0x1_0000 {
            let Some(c) = char::from_u32(code) else {
                continue;
            };
            let all = [
                Letters::Digits,
                Letters::Embossed,
                Letters::Ascii,
                Letters::Free,
            ];
            for pair in all.windows(2) {
                if let [narrow, wide] = pair {
                    assert!(!narrow.holds(c) || wide.holds(c), "{code:04X}");
                }
            }
        }
        assert_eq!(Letters::of("O'CONNOR 7"), Some(Letters::Embossed));
        assert_eq!(Letters::of("\u{2031}"), None);
    }
}
