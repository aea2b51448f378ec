//! The numbers of an RSA private key as objects in the token, cut out of its wrapped form.
//!
//! No mechanism of PKCS#11 takes a private key apart. But a token that wraps one under a key of the moment
//! (PKCS#8, AES-CBC with padding) may unwrap any blocks of that ciphertext as octets of no cipher, cut octets out of
//! those (`CKM_EXTRACT_KEY_FROM_KEY`), and put zeros and padding at their ends (`CKM_CONCATENATE_…`). What is
//! read here on the way is public: the first octets, which are the encoding's and the modulus's, and of each
//! secret number the octets that tell its length.

use cardwright_pkcs11_raw::ck;
use cardwright_pkcs11_raw::{Attribute, Mechanism, Object, Outcome, Session};
use zeroize::Zeroizing;

use crate::objects::{self, Flags, Kind, Place, Protection};

/// Most octets that are unwrapped at once: NSS takes no longer secret key.
const WINDOW_OCTETS_MAX: usize = 256;
const BLOCK: usize = 16;
/// Octets that are read at the beginning: no secret number of a key of 512 bits and more begins so early.
const HEAD_OCTETS: usize = 48;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
/// The numbers behind the public exponent: d, p, q, dP, dQ, qInv.
const SECRETS: usize = 6;
/// Longest number of a chip's key in octets; its length is then one octet in the encoding.
const NUMBER_OCTETS_MAX: usize = 126;

/// Where a number stands in the clear encoding, its leading octet 00 included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    at: usize,
    octets: usize,
}

/// Octets of the clear encoding that are an object in the token.
struct Window {
    at: usize,
    octets: usize,
    object: Object,
}

/// A private key that was taken apart, for the life of a session.
pub(crate) struct Apart {
    moment: Object,
    vector: [u8; BLOCK],
    wrapped: Vec<u8>,
    /// Octets of each of the five numbers on a card.
    half: usize,
    /// p, q, dP, dQ, qInv.
    spans: [Span; 5],
    window: Option<Window>,
}

/// The five numbers in the order of an encoded key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    P,
    Q,
    DP,
    DQ,
    QInverse,
}

impl Apart {
    /// Takes a key apart that may leave wrapped. `None` where the token encodes keys in another way.
    ///
    /// # Errors
    /// What the token returned.
    pub(crate) fn of(session: &Session, private: Object) -> Outcome<Option<Self>> {
        let kinds = [(ck::CKA_MODULUS, 512), (ck::CKA_PUBLIC_EXPONENT, 8)];
        let found = session.all_attributes(private, &kinds)?;
        let mut found = found.into_iter().flatten();
        let (Some(modulus), Some(exponent)) = (found.next(), found.next()) else {
            return Ok(None);
        };
        let half = modulus.len() / 2;
        if !modulus.len().is_multiple_of(2) || half > NUMBER_OCTETS_MAX {
            return Ok(None);
        }
        let moment = key_of_the_moment(session)?;
        let mut vector = [0; BLOCK];
        session.random(&mut vector)?;
        let mechanism = Mechanism::Initial(ck::CKM_AES_CBC_PAD, vector.to_vec());
        let wrapped = session.wrap(&mechanism, moment, private)?;
        let nowhere = Span { at: 0, octets: 0 };
        let mut apart = Self {
            moment,
            vector,
            wrapped,
            half,
            spans: [nowhere; 5],
            window: None,
        };
        let known = apart.find(session, &modulus, &exponent)?;
        if !known {
            apart.end(session)?;
            return Ok(None);
        }
        Ok(Some(apart))
    }

    /// Finds the secret numbers; false where they are not where they should be.
    fn find(&mut self, session: &Session, modulus: &[u8], exponent: &[u8]) -> Outcome<bool> {
        if self.wrapped.len() < HEAD_OCTETS || !self.wrapped.len().is_multiple_of(BLOCK) {
            return Ok(false);
        }
        let head = self.unwrapped(session, (0, HEAD_OCTETS), Protection::Readable)?;
        let octets = objects::value(session, head, HEAD_OCTETS)?;
        session.destroy(head)?;
        let Some(mut at) = behind_public(&octets, modulus, exponent) else {
            return Ok(false);
        };
        for place in 0..SECRETS {
            let Some((begins, octets)) = self.integer(session, at)? else {
                return Ok(false);
            };
            // The private exponent is no number of a card.
            if let Some(span) = place.checked_sub(1).and_then(|n| self.spans.get_mut(n)) {
                if octets == 0 || octets > self.half + 1 {
                    return Ok(false);
                }
                *span = Span { at: begins, octets };
            }
            at = begins + octets;
        }
        Ok(at <= self.wrapped.len())
    }

    /// Where the octets of an integer begin, and how many they are. Only its tag and length are read.
    fn integer(&mut self, session: &Session, at: usize) -> Outcome<Option<(usize, usize)>> {
        let start = self.read(session, at, 2)?;
        let more = match start.as_slice() {
            [INTEGER, octets @ 0..=0x7F] => return Ok(Some((at + 2, usize::from(*octets)))),
            [INTEGER, 0x81] => 1,
            [INTEGER, 0x82] => 2,
            _ => return Ok(None),
        };
        let length = self.read(session, at + 2, more)?;
        let octets = length.iter().fold(0, |n, o| n << 8 | usize::from(*o));
        Ok(Some((at + 2 + more, octets)))
    }

    /// Octets that are no secret.
    fn read(&mut self, session: &Session, at: usize, octets: usize) -> Outcome<Zeroizing<Vec<u8>>> {
        let mut cut = self.cut(session, Span { at, octets }, Protection::Wrappable)?;
        // What comes of a sensitive key is sensitive; it is read by a key of the moment that both wraps
        // and unwraps it.
        let fill = Mechanism::Data(ck::CKM_CONCATENATE_BASE_AND_DATA, vec![0; BLOCK - octets]);
        let block = session.derive(&fill, cut, &octets_of(BLOCK, Protection::Wrappable))?;
        session.destroy(cut)?;
        let mechanism = Mechanism::Initial(ck::CKM_AES_CBC, vec![0; BLOCK]);
        let wrapped = session.wrap(&mechanism, self.moment, block)?;
        session.destroy(block)?;
        let made = octets_of(BLOCK, Protection::Readable);
        cut = session.unwrap(&mechanism, self.moment, &wrapped, &made)?;
        let mut value = objects::value(session, cut, BLOCK)?;
        session.destroy(cut)?;
        value.truncate(octets);
        Ok(value)
    }

    /// Octets of the encoding as an object.
    fn cut(&mut self, session: &Session, span: Span, protection: Protection) -> Outcome<Object> {
        let ends = span.at + span.octets;
        let covers = |w: &&Window| w.at <= span.at && ends <= w.at + w.octets;
        let (base, from) = match self.window.as_ref().filter(covers) {
            Some(window) => (window.object, window.at),
            None => {
                if let Some(old) = self.window.take() {
                    session.destroy(old.object)?;
                }
                let at = span.at - span.at % BLOCK;
                let left = self.wrapped.len().saturating_sub(at);
                let octets = left.min(WINDOW_OCTETS_MAX);
                let object = self.unwrapped(session, (at, octets), Protection::Wrappable)?;
                self.window = Some(Window { at, octets, object });
                (object, at)
            }
        };
        let bits = 8 * (span.at - from) as ck::CK_ULONG;
        let mechanism = Mechanism::Number(ck::CKM_EXTRACT_KEY_FROM_KEY, bits);
        let made = octets_of(span.octets, protection);
        session.derive(&mechanism, base, &made)
    }

    /// Blocks of the ciphertext, unwrapped as octets of no cipher.
    fn unwrapped(
        &self,
        session: &Session,
        (at, octets): (usize, usize),
        protection: Protection,
    ) -> Outcome<Object> {
        let before = at.checked_sub(BLOCK).and_then(|b| self.wrapped.get(b..at));
        let vector = before.unwrap_or(&self.vector).to_vec();
        let blocks = self.wrapped.get(at..at + octets).unwrap_or_default();
        let mechanism = Mechanism::Initial(ck::CKM_AES_CBC, vector);
        let made = octets_of(octets, protection);
        session.unwrap(&mechanism, self.moment, blocks, &made)
    }

    /// A number as a card takes it, as long as half the modulus, with public octets behind it.
    ///
    /// # Errors
    /// What the token returned.
    pub(crate) fn number(
        &mut self,
        session: &Session,
        number: Number,
        tail: &[u8],
    ) -> Outcome<Object> {
        let [p, q, d_p, d_q, q_inverse] = self.spans;
        let span = match number {
            Number::P => p,
            Number::Q => q,
            Number::DP => d_p,
            Number::DQ => d_q,
            Number::QInverse => q_inverse,
        };
        let octets = span.octets.min(self.half);
        let without_zero = Span {
            at: span.at + span.octets - octets,
            octets,
        };
        let mut object = self.cut(session, without_zero, Protection::Wrappable)?;
        let mut length = octets;
        let joined = [
            (
                ck::CKM_CONCATENATE_DATA_AND_BASE,
                vec![0; self.half - octets],
            ),
            (ck::CKM_CONCATENATE_BASE_AND_DATA, tail.to_vec()),
        ];
        for (mechanism, data) in joined {
            if data.is_empty() {
                continue;
            }
            length += data.len();
            let made = octets_of(length, Protection::Wrappable);
            let longer = session.derive(&Mechanism::Data(mechanism, data), object, &made)?;
            session.destroy(object)?;
            object = longer;
        }
        Ok(object)
    }

    /// Destroys what is left of it.
    ///
    /// # Errors
    /// What the token returned.
    pub(crate) fn end(self, session: &Session) -> Outcome<()> {
        if let Some(window) = self.window {
            session.destroy(window.object)?;
        }
        session.destroy(self.moment)
    }
}

/// An AES key that wraps and unwraps for the life of the session.
fn key_of_the_moment(session: &Session) -> Outcome<Object> {
    let flags = Flags::WRAP.and(Flags::UNWRAP);
    let rows = objects::generated(Kind::Aes(32), flags, Place::Session, Protection::Inside);
    let rows: Vec<Attribute> = rows
        .into_iter()
        // What the mechanism says already.
        .filter(|row| ![ck::CKA_CLASS, ck::CKA_KEY_TYPE].contains(&row.kind()))
        .collect();
    session.generate(&Mechanism::Plain(ck::CKM_AES_KEY_GEN), &rows)
}

fn octets_of(octets: usize, protection: Protection) -> Vec<Attribute> {
    objects::made(Kind::Generic(octets), Flags::DERIVE, protection, true)
}

/// Where the encoding of a PKCS#8 key goes on behind its public exponent (RFC 5208, RFC 8017 A.1.2).
fn behind_public(head: &[u8], modulus: &[u8], exponent: &[u8]) -> Option<usize> {
    let mut at = 0;
    entered(head, &mut at, SEQUENCE)?;
    passed(head, &mut at, INTEGER)?;
    passed(head, &mut at, SEQUENCE)?;
    entered(head, &mut at, OCTET_STRING)?;
    entered(head, &mut at, SEQUENCE)?;
    passed(head, &mut at, INTEGER)?;
    let octets = entered(head, &mut at, INTEGER)?;
    // The key that was asked for, as far as its modulus is in what was read.
    let zeros = octets
        .checked_sub(modulus.len())
        .filter(|zeros| *zeros <= 1)?;
    let begins = at + zeros;
    let seen = head.get(begins..)?;
    let same = seen.iter().zip(modulus).all(|(a, b)| a == b);
    let exponent: Vec<&u8> = exponent.iter().skip_while(|octet| **octet == 0).collect();
    let zero = usize::from(exponent.first().is_some_and(|octet| **octet & 0x80 != 0));
    (same && !seen.is_empty()).then_some(at + octets + 2 + zero + exponent.len())
}

/// Goes to what is inside an element; its length.
fn entered(head: &[u8], at: &mut usize, tag: u8) -> Option<usize> {
    if *head.get(*at)? != tag {
        return None;
    }
    let first = *head.get(*at + 1)?;
    *at += 2;
    let more = match first {
        0..=0x7F => return Some(usize::from(first)),
        0x81 => 1,
        0x82 => 2,
        _ => return None,
    };
    let octets = head.get(*at..*at + more)?;
    *at += more;
    Some(octets.iter().fold(0, |n, o| n << 8 | usize::from(*o)))
}

/// Goes behind an element.
fn passed(head: &[u8], at: &mut usize, tag: u8) -> Option<()> {
    *at += entered(head, at, tag)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // The beginning of a key of 512 bits as OpenSSL writes it.
    #[test]
    fn the_public_part_is_passed() {
        let head = "30820155020100300D06092A864886F70D01010105000482013F3082013B020100024100";
        let modulus = [vec![0xC1; 8], vec![0x55; 56]].concat();
        let mut octets = crate::known::unhex(head);
        octets.extend_from_slice(&modulus);
        octets.truncate(HEAD_OCTETS);
        // 36 octets in front, the modulus, and 02 03 01 00 01.
        let found = behind_public(&octets, &modulus, &[1, 0, 1]);
        assert_eq!(found, Some(36 + 64 + 5));
        let found = behind_public(&octets, &modulus, &[0, 1, 0, 1]);
        assert_eq!(found, Some(36 + 64 + 5));
        assert_eq!(behind_public(&octets, &[0xC2; 64], &[3]), None);
        for cut in 0..HEAD_OCTETS {
            let _ = behind_public(&octets[..cut], &modulus, &[3]);
        }
        for place in 0..30 {
            let mut other = octets.clone();
            other[place] = 0xFF;
            let _ = behind_public(&other, &modulus, &[3]);
        }
    }
}
