//! Magnetic stripe tracks 1 and 2: ISO/IEC 7813 content, ISO/IEC 7811-2 and -6 coding, and the
//! track 2 equivalent data of the chip (tag 57).
//!
//! A track's text here includes start and end sentinel and leaves out the LRC; the limits of 79
//! and 40 characters include all three.

use crate::digits;
use crate::formats;
use crate::pan::{self, PanError};

/// Most characters of track 1 with sentinels and LRC.
pub const TRACK_1_MAX: usize = 79;
/// Most characters of track 2 with sentinels and LRC.
pub const TRACK_2_MAX: usize = 40;
/// Fewest characters of a name on track 1.
pub const NAME_MIN: usize = 2;
/// Most characters of a name on track 1.
pub const NAME_MAX: usize = 26;

/// Why a track can't be. Never holds its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrackError {
    /// The PAN.
    #[error(transparent)]
    Pan(#[from] PanError),
    /// Expiry date.
    #[error("the expiry date on a track is YYMM, four digits")]
    Expiry,
    /// Service code.
    #[error("the service code has three digits")]
    ServiceCode,
    /// Name length.
    #[error("a name on track 1 has {NAME_MIN} to {NAME_MAX} characters, found {0}")]
    NameLength(usize),
    /// A character that the track can't hold.
    #[error("character {position} of {field} is not in the track's character set")]
    Character {
        /// Name of the field.
        field: &'static str,
        /// From 1.
        position: usize,
    },
    /// Too long.
    #[error("the track has {found} characters with sentinels and LRC, at most {most} fit")]
    TooLong {
        /// Characters.
        found: usize,
        /// Limit.
        most: usize,
    },
    /// Sentinels are missing or in the wrong place.
    #[error("the text has no start and end sentinel of that track")]
    Sentinel,
    /// A character with even parity.
    #[error("character {0} of the stripe has wrong parity")]
    Parity(usize),
    /// The longitudinal redundancy check is wrong or missing.
    #[error("the stripe's LRC is wrong or missing")]
    Lrc,
}

impl TrackError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Pan(error) => error.code(),
            Self::Parity(_) | Self::Lrc => "E0794",
            _ => "E0790",
        }
    }
}

/// Which track; they differ in character set and coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Track {
    /// 6 bits and parity: ASCII 20 to 5F.
    One,
    /// 4 bits and parity: ASCII 30 to 3F.
    Two,
}

impl Track {
    fn base(self) -> u8 {
        match self {
            Self::One => 0x20,
            Self::Two => 0x30,
        }
    }

    fn data_bits(self) -> u32 {
        match self {
            Self::One => 6,
            Self::Two => 4,
        }
    }

    fn sentinels(self) -> [char; 2] {
        match self {
            Self::One => ['%', '?'],
            Self::Two => [';', '?'],
        }
    }

    /// Most characters with sentinels and LRC.
    pub fn characters_max(self) -> usize {
        match self {
            Self::One => TRACK_1_MAX,
            Self::Two => TRACK_2_MAX,
        }
    }
}

/// `%B PAN ^ NAME ^ YYMM SVC discretionary ?` without the spaces.
pub fn track_1(
    pan: &str,
    name: &str,
    expiry_yymm: &str,
    service_code: &str,
    discretionary: &str,
) -> Result<String, TrackError> {
    check_common(pan, expiry_yymm, service_code)?;
    check_name(name)?;
    check_text(discretionary, "the discretionary data", is_track_1_data)?;
    let text = format!("%B{pan}^{name}^{expiry_yymm}{service_code}{discretionary}?");
    fits(text, Track::One)
}

/// `; PAN = YYMM SVC discretionary ?` without the spaces.
pub fn track_2(
    pan: &str,
    expiry_yymm: &str,
    service_code: &str,
    discretionary: &str,
) -> Result<String, TrackError> {
    check_common(pan, expiry_yymm, service_code)?;
    check_text(discretionary, "the discretionary data", |c| {
        c.is_ascii_digit()
    })?;
    let text = format!(";{pan}={expiry_yymm}{service_code}{discretionary}?");
    fits(text, Track::Two)
}

/// Track 2 equivalent data, tag 57: `PAN D YYMM SVC discretionary`, F to whole octets, at most 19.
pub fn track_2_equivalent(
    pan: &str,
    expiry_yymm: &str,
    service_code: &str,
    discretionary: &str,
) -> Result<Vec<u8>, TrackError> {
    let text = track_2(pan, expiry_yymm, service_code, discretionary)?;
    let nibbles = text
        .trim_matches([';', '?'])
        .bytes()
        .map(|octet| match octet {
            b'=' => 0x0D,
            digit => digit & 0x0F,
        });
    let mut octets = digits::pack::<19>(nibbles.chain(std::iter::repeat(0x0F))).to_vec();
    octets.truncate((text.len() - 2).div_ceil(2));
    Ok(octets)
}

/// The parts of a track 2 or of tag 57.
#[derive(Clone, PartialEq, Eq)]
pub struct Track2Parts {
    /// PAN.
    pub pan: String,
    /// Expiry, YYMM.
    pub expiry_yymm: String,
    /// Service code.
    pub service_code: String,
    /// Discretionary data.
    pub discretionary: String,
}

/// Reads the text of track 2 (with sentinels).
pub fn parse_track_2(text: &str) -> Result<Track2Parts, TrackError> {
    let inner = text
        .strip_prefix(';')
        .and_then(|text| text.strip_suffix('?'));
    split_track_2(inner.ok_or(TrackError::Sentinel)?, '=')
}

/// Reads tag 57.
pub fn parse_track_2_equivalent(octets: &[u8]) -> Result<Track2Parts, TrackError> {
    let text: String = digits::nibbles(octets)
        .filter_map(|nibble| char::from_digit(u32::from(nibble), 16))
        .collect();
    split_track_2(text.strip_suffix('f').unwrap_or(&text), 'd')
}

/// Whether a character may stand in the name or discretionary data of track 1: ASCII 20 to 5F
/// without `%`, `?` and `^`.
pub fn is_track_1_data(character: char) -> bool {
    matches!(character, ' '..='_') && !matches!(character, '%' | '?' | '^')
}

/// Checks a name for track 1.
pub fn check_name(name: &str) -> Result<(), TrackError> {
    let length = name.chars().count();
    if !(NAME_MIN..=NAME_MAX).contains(&length) {
        return Err(TrackError::NameLength(length));
    }
    check_text(name, "the name", is_track_1_data)
}

/// The LRC character of a track's text: even parity over each data bit of all characters.
pub fn lrc(text: &str, track: Track) -> Result<char, TrackError> {
    let mut sum = 0;
    for value in data_values(text, track)? {
        sum ^= value;
    }
    Ok(char::from(sum + track.base()))
}

/// What goes onto the stripe: one octet for each character, with its odd parity bit above the data
/// bits; sentinels are in the text, the LRC is appended. Bits go out lowest first.
pub fn encode(text: &str, track: Track) -> Result<Vec<u8>, TrackError> {
    let found = text.chars().count() + 1;
    if found > track.characters_max() {
        return Err(TrackError::TooLong {
            found,
            most: track.characters_max(),
        });
    }
    let values = data_values(text, track)?;
    let lrc = values.iter().fold(0, |sum, value| sum ^ value);
    Ok(values
        .into_iter()
        .chain([lrc])
        .map(|value| with_parity(value, track))
        .collect())
}

/// Reads a stripe back: checks parity, LRC and sentinels, and gives the text without the LRC.
pub fn decode(stripe: &[u8], track: Track) -> Result<String, TrackError> {
    if stripe.len() > track.characters_max() {
        let (found, most) = (stripe.len(), track.characters_max());
        return Err(TrackError::TooLong { found, most });
    }
    let mask = (1u8 << track.data_bits()) - 1;
    let mut sum = 0;
    for (index, octet) in stripe.iter().enumerate() {
        if with_parity(octet & mask, track) != *octet {
            return Err(TrackError::Parity(index + 1));
        }
        sum ^= octet & mask;
    }
    let (_, characters) = stripe.split_last().ok_or(TrackError::Lrc)?;
    if sum != 0 {
        return Err(TrackError::Lrc);
    }
    let text: String = characters
        .iter()
        .map(|octet| char::from((octet & mask) + track.base()))
        .collect();
    let [start, end] = track.sentinels();
    let inner = text
        .strip_prefix(start)
        .and_then(|text| text.strip_suffix(end));
    if inner.is_none_or(|inner| inner.contains([start, end])) {
        return Err(TrackError::Sentinel);
    }
    Ok(text)
}

fn check_common(pan: &str, expiry_yymm: &str, service_code: &str) -> Result<(), TrackError> {
    pan::check_format(pan)?;
    let month = expiry_yymm
        .get(2..)
        .and_then(|month| month.parse::<u8>().ok());
    let digits = expiry_yymm.len() == 4 && digits::is_digits(expiry_yymm);
    if !digits || !month.is_some_and(|month| (1..=12).contains(&month)) {
        return Err(TrackError::Expiry);
    }
    if service_code.len() != 3 || !digits::is_digits(service_code) {
        return Err(TrackError::ServiceCode);
    }
    Ok(())
}

fn check_text(
    text: &str,
    field: &'static str,
    allowed: impl Fn(char) -> bool,
) -> Result<(), TrackError> {
    match formats::first_refused(text, allowed) {
        Some(position) => Err(TrackError::Character { field, position }),
        None => Ok(()),
    }
}

fn fits(text: String, track: Track) -> Result<String, TrackError> {
    let (found, most) = (text.len() + 1, track.characters_max());
    if found > most {
        Err(TrackError::TooLong { found, most })
    } else {
        Ok(text)
    }
}

fn split_track_2(inner: &str, separator: char) -> Result<Track2Parts, TrackError> {
    let (pan, rest) = inner.split_once(separator).ok_or(TrackError::Sentinel)?;
    let part = |range| rest.get(range).map(str::to_owned);
    let expiry_yymm = part(0..4).ok_or(TrackError::Expiry)?;
    let service_code = part(4..7).ok_or(TrackError::ServiceCode)?;
    let discretionary = part(7..rest.len()).unwrap_or_default();
    check_common(pan, &expiry_yymm, &service_code)?;
    check_text(&discretionary, "the discretionary data", |c| {
        c.is_ascii_digit()
    })?;
    Ok(Track2Parts {
        pan: pan.to_owned(),
        expiry_yymm,
        service_code,
        discretionary,
    })
}

fn data_values(text: &str, track: Track) -> Result<Vec<u8>, TrackError> {
    let span = 1u8 << track.data_bits();
    let value = |(index, character): (usize, char)| {
        u8::try_from(character)
            .ok()
            .and_then(|octet| octet.checked_sub(track.base()))
            .filter(|value| *value < span)
            .ok_or(TrackError::Character {
                field: "the track",
                position: index + 1,
            })
    };
    text.chars().enumerate().map(value).collect()
}

fn with_parity(value: u8, track: Track) -> u8 {
    if value.count_ones().is_multiple_of(2) {
        value | 1 << track.data_bits()
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAN: &str = "4761739001010119";

    #[test]
    fn both_tracks_and_tag_57() {
        let one = track_1(PAN, "LOVELACE/ADA", "2812", "201", "0949479").unwrap();
        assert_eq!(one, "%B4761739001010119^LOVELACE/ADA^28122010949479?");
        let two = track_2(PAN, "2812", "201", "0949479").unwrap();
        assert_eq!(two, ";4761739001010119=28122010949479?");
        // Tag 57 of the golden card.
        let chip = track_2_equivalent(PAN, "2812", "201", "0000000324").unwrap();
        assert_eq!(
            crate::hex::encode(&chip),
            "4761739001010119D28122010000000324"
        );
        let chip = track_2_equivalent(PAN, "2812", "201", "000000324").unwrap();
        assert_eq!(
            crate::hex::encode(&chip),
            "4761739001010119D2812201000000324F"
        );
        let parts = parse_track_2_equivalent(&chip).unwrap();
        assert_eq!(
            (parts.pan.as_str(), parts.discretionary.as_str()),
            (PAN, "000000324")
        );
        assert!(parse_track_2(&two).unwrap().service_code == "201");
    }

    #[test]
    fn the_stripe_reads_back() {
        for (text, track) in [
            (
                "%B4761739001010119^LOVELACE/ADA^28122010949479?",
                Track::One,
            ),
            (";4761739001010119=28122010949479?", Track::Two),
        ] {
            let stripe = encode(text, track).unwrap();
            assert_eq!(decode(&stripe, track).unwrap(), text);
            assert!(stripe.iter().all(|octet| octet.count_ones() % 2 == 1));
            for place in 0..stripe.len() {
                let mut changed = stripe.clone();
                changed[place] ^= 0x03;
                assert!(decode(&changed, track).is_err());
            }
            assert!(decode(&stripe[1..], track).is_err());
        }
        // By hand: B ^ (0 ^ … ^ 9 = 1) ^ D ^ F = 8.
        assert_eq!(lrc(";0123456789=?", Track::Two), Ok('8'));
    }

    #[test]
    fn what_is_refused() {
        assert_eq!(track_2(PAN, "2813", "201", ""), Err(TrackError::Expiry));
        assert_eq!(track_2(PAN, "2812", "20", ""), Err(TrackError::ServiceCode));
        assert!(matches!(
            track_2(PAN, "2812", "201", &"0".repeat(14)),
            Err(TrackError::TooLong { .. })
        ));
        assert!(matches!(
            track_1(PAN, "ADA^L", "2812", "201", ""),
            Err(TrackError::Character { .. })
        ));
        assert_eq!(
            track_1(PAN, "A", "2812", "201", ""),
            Err(TrackError::NameLength(1))
        );
        assert!(track_1(PAN, "lower/case", "2812", "201", "").is_err());
    }
}
