//! Messages with indefinite lengths, as streaming hosts send them, made definite (X.690, 8.1.3.6
//! and 8.7). Only what DER allows besides is left to the reader behind it.
//!
//! Tags alone do not say that a `[0]` holds pieces of an OCTET STRING: where it does is known for the
//! one place that has it, the enciphered content of EnvelopedData (RFC 5652, 6.1).

use crate::ExchangeError;
use std::borrow::Cow;

/// Deepest nesting of a message.
const DEPTH_MAX: usize = 24;
/// Constructed, in an identifier octet.
const CONSTRUCTED: u8 = 0x20;
/// A constructed OCTET STRING: pieces of one.
const PIECES: u8 = 0x24;
/// An OCTET STRING.
const OCTET_STRING: u8 = 0x04;
/// A SEQUENCE.
const SEQUENCE: u8 = 0x30;
/// A `[0]` with parts.
const PARTS_0: u8 = 0xA0;
/// An OCTET STRING as an IMPLICIT `[0]`.
const STRING_0: u8 = 0x80;
/// A length that is not told.
const INDEFINITE: u8 = 0x80;

const WRONG: ExchangeError = ExchangeError::Malformed("BER");

/// The message with definite lengths; a message that has them already is taken as it is.
pub(crate) fn definite(octets: &[u8]) -> Result<Cow<'_, [u8]>, ExchangeError> {
    if octets.get(1) != Some(&INDEFINITE) {
        return Ok(Cow::Borrowed(octets));
    }
    whole(octets, Place::Anywhere).map(Cow::Owned)
}

/// EnvelopedData with definite lengths, and its enciphered content in one piece.
pub(crate) fn definite_envelope(octets: &[u8]) -> Result<Vec<u8>, ExchangeError> {
    whole(octets, Place::Envelope)
}

fn whole(octets: &[u8], place: Place) -> Result<Vec<u8>, ExchangeError> {
    let (object, rest) = object(octets, 0, place)?;
    match rest.is_empty() {
        true => Ok(object),
        false => Err(WRONG),
    }
}

/// What an object is in an envelope.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing that has a rule of its own.
    Anywhere,
    /// EnvelopedData.
    Envelope,
    /// EncryptedContentInfo: the only SEQUENCE in EnvelopedData.
    ContentInfo,
    /// encryptedContent: an OCTET STRING as `[0]`.
    Content,
}

impl Place {
    /// What a part of this place is.
    fn part(self, identifier: u8) -> Self {
        match (self, identifier) {
            (Self::Envelope, SEQUENCE) => Self::ContentInfo,
            (Self::ContentInfo, PARTS_0) => Self::Content,
            _ => Self::Anywhere,
        }
    }

    /// Whether an object of this place is an OCTET STRING in pieces.
    fn in_pieces(self, identifier: u8) -> bool {
        identifier == PIECES || self == Self::Content
    }

    /// Its identifier when the pieces are joined.
    fn joined(self, identifier: u8) -> u8 {
        match (self, identifier) {
            (Self::Content, _) => STRING_0,
            (_, PIECES) => OCTET_STRING,
            _ => identifier,
        }
    }
}

/// One object made definite, and what follows it.
fn object(octets: &[u8], depth: usize, place: Place) -> Result<(Vec<u8>, &[u8]), ExchangeError> {
    let (head, rest) = octets.split_first_chunk::<2>().ok_or(WRONG)?;
    let [identifier, length] = *head;
    // No message here has identifiers of several octets.
    if depth > DEPTH_MAX || identifier & 0x1F == 0x1F {
        return Err(WRONG);
    }
    if length == INDEFINITE {
        if identifier & CONSTRUCTED == 0 {
            return Err(WRONG);
        }
        let (content, rest) = contents((identifier, place), rest, depth, true)?;
        return Ok((written(place.joined(identifier), &content), rest));
    }
    let (length, rest) = definite_length(length, rest)?;
    let (content, rest) = rest.split_at_checked(length).ok_or(WRONG)?;
    if identifier & CONSTRUCTED == 0 {
        return Ok((written(identifier, content), rest));
    }
    let (content, after) = contents((identifier, place), content, depth, false)?;
    match after.is_empty() {
        true => Ok((written(place.joined(identifier), &content), rest)),
        false => Err(WRONG),
    }
}

/// Objects up to the end, or up to the two zeros that end an indefinite length.
fn contents(
    (identifier, place): (u8, Place),
    mut rest: &[u8],
    depth: usize,
    indefinite: bool,
) -> Result<(Vec<u8>, &[u8]), ExchangeError> {
    let mut content = Vec::new();
    loop {
        match (rest, indefinite) {
            ([0, 0, after @ ..], true) => return Ok((content, after)),
            ([], false) => return Ok((content, rest)),
            _ => {}
        }
        let of = rest.first().map_or(place, |first| place.part(*first));
        let (part, after) = object(rest, depth + 1, of)?;
        if place.in_pieces(identifier) {
            content.extend_from_slice(piece(&part)?);
        } else {
            content.extend_from_slice(&part);
        }
        rest = after;
    }
}

/// What one piece of an OCTET STRING holds.
fn piece(part: &[u8]) -> Result<&[u8], ExchangeError> {
    let (head, rest) = part.split_first_chunk::<2>().ok_or(WRONG)?;
    let [identifier, length] = *head;
    let (length, content) = definite_length(length, rest)?;
    match identifier == OCTET_STRING && content.len() == length {
        true => Ok(content),
        false => Err(WRONG),
    }
}

fn definite_length(first: u8, rest: &[u8]) -> Result<(usize, &[u8]), ExchangeError> {
    if first < 0x80 {
        return Ok((usize::from(first), rest));
    }
    let octets = usize::from(first & 0x7F);
    let (length, rest) = rest.split_at_checked(octets).ok_or(WRONG)?;
    if !(1..=3).contains(&octets) {
        return Err(WRONG);
    }
    let length = length
        .iter()
        .fold(0, |value, octet| value << 8 | usize::from(*octet));
    Ok((length, rest))
}

/// An object with the shortest length.
fn written(identifier: u8, content: &[u8]) -> Vec<u8> {
    let mut octets = vec![identifier];
    match content.len() {
        length @ 0..=0x7F => octets.push(length as u8),
        length => {
            let bytes = length.to_be_bytes();
            let zeros = bytes.iter().take_while(|octet| **octet == 0).count();
            octets.push(0x80 | (bytes.len() - zeros) as u8);
            octets.extend(bytes.iter().skip(zeros));
        }
    }
    octets.extend_from_slice(content);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_become_definite() {
        // SEQUENCE { [0] { OCTET STRING 01 02 | 03 }, NULL }, all indefinite (X.690, 8.7.4).
        let streamed = [
            0x30, 0x80, 0xA0, 0x80, 0x24, 0x80, 0x04, 0x02, 1, 2, 0x04, 0x81, 0x01, 3, 0, 0, 0, 0,
            0x05, 0x00, 0, 0,
        ];
        let made = definite(&streamed).unwrap();
        assert_eq!(*made, [0x30, 9, 0xA0, 5, 0x04, 3, 1, 2, 3, 0x05, 0x00]);
        assert_eq!(*definite(&made).unwrap(), *made);
        for length in 2..streamed.len() {
            assert!(definite(&streamed[..length]).is_err(), "{length}");
        }
        let longer = [&streamed[..], &[0]].concat();
        assert!(definite(&longer).is_err());
        // A primitive without a length, pieces that are none, too deep, a length of four octets.
        assert!(definite(&[0x30, 0x80, 0x04, 0x80, 0, 0, 0, 0]).is_err());
        assert!(definite(&[0x30, 0x80, 0x24, 0x80, 0x05, 0, 0, 0, 0, 0]).is_err());
        assert!(definite(&[0x30, 0x80].repeat(100)).is_err());
        assert!(definite(&[0x30, 0x80, 0x04, 0x84, 0, 0, 0, 0, 0, 0]).is_err());
    }
    #[test]
    fn an_enciphered_content_in_pieces_becomes_one() {
        // EnvelopedData (RFC 5652, 6.1): version, recipients (here with a [0] that is none of it),
        // EncryptedContentInfo { OID, algorithm, [0] { 01 02 | 03 } }, indefinite and definite.
        let head = [0x02, 1, 0, 0x31, 4, 0xA0, 2, 0x05, 0];
        let info = [0x06, 1, 7, 0x30, 2, 0x06, 0];
        let pieces = [0x24, 0x80, 0x04, 1, 1, 0x04, 1, 2, 0, 0, 0x04, 1, 3];
        let one = [&head[..], &[0x30, 12], &info, &[0x80, 3, 1, 2, 3]].concat();
        let one = [&[0x30, 23][..], &one].concat();
        let told = [&head[..], &[0x30, 22], &info, &[0xA0, 13], &pieces].concat();
        let told = [&[0x30, 33][..], &told].concat();
        let streamed = [
            &[0x30, 0x80][..],
            &head,
            &[0x30, 0x80],
            &info,
            &[0xA0, 0x80],
            &pieces,
            &[0; 6],
        ];
        let streamed = streamed.concat();
        for octets in [&one, &told, &streamed] {
            assert_eq!(definite_envelope(octets).unwrap(), one);
        }
        for length in 0..streamed.len() {
            assert!(definite_envelope(&streamed[..length]).is_err(), "{length}");
        }
        // A piece that is no OCTET STRING.
        let mut wrong = told.clone();
        let last = wrong.len() - 3;
        wrong[last] = 0x05;
        assert!(definite_envelope(&wrong).is_err());
    }
}
