//! Command APDUs as they come over the wire (ISO/IEC 7816-4, clause 5) and status words.

/// A status word.
pub(crate) type Sw = u16;

/// Status words, in numeric order, with the meaning that this card gives them.
pub(crate) mod sw {
    use super::Sw;
    /// Selected application is blocked; its FCI follows.
    pub(crate) const BLOCKED_APPLICATION: Sw = 0x6283;
    /// Authentication of host or issuer failed.
    pub(crate) const AUTHENTICATION_FAILED: Sw = 0x6300;
    /// Verification failed, low nibble holds the tries that are left.
    pub(crate) const TRIES_LEFT: Sw = 0x63C0;
    /// Wrong length.
    pub(crate) const WRONG_LENGTH: Sw = 0x6700;
    /// Logical channel not supported.
    pub(crate) const NO_LOGICAL_CHANNEL: Sw = 0x6881;
    /// Security status not satisfied.
    pub(crate) const SECURITY: Sw = 0x6982;
    /// Authentication method blocked.
    pub(crate) const METHOD_BLOCKED: Sw = 0x6983;
    /// Referenced data invalidated: no challenge, or the deciphered PIN data are not well formed.
    pub(crate) const DATA_INVALIDATED: Sw = 0x6984;
    /// Conditions of use not satisfied.
    pub(crate) const CONDITIONS: Sw = 0x6985;
    /// Incorrect data.
    pub(crate) const WRONG_DATA: Sw = 0x6A80;
    /// Function not supported; the card is blocked.
    pub(crate) const NOT_SUPPORTED: Sw = 0x6A81;
    /// File or application not found.
    pub(crate) const NOT_FOUND: Sw = 0x6A82;
    /// Record not found.
    pub(crate) const NO_RECORD: Sw = 0x6A83;
    /// Not enough memory.
    pub(crate) const NO_MEMORY: Sw = 0x6A84;
    /// Incorrect P1 P2.
    pub(crate) const WRONG_P1P2: Sw = 0x6A86;
    /// Referenced data not found.
    pub(crate) const NO_DATA: Sw = 0x6A88;
    /// Wrong Le; the low octet holds the right one.
    pub(crate) const WRONG_LE: Sw = 0x6C00;
    /// Response octets wait for GET RESPONSE.
    pub(crate) const MORE_DATA: Sw = 0x6100;
    /// Instruction not supported.
    pub(crate) const WRONG_INS: Sw = 0x6D00;
    /// Class not supported.
    pub(crate) const WRONG_CLA: Sw = 0x6E00;
    /// Fine.
    pub(crate) const OK: Sw = 0x9000;
}

/// Largest data field that the card's buffer takes, octets.
pub(crate) const DATA_OCTETS_MAX: usize = 4096;

/// A parsed command.
#[derive(Clone)]
pub(crate) struct Command {
    pub(crate) cla: u8,
    pub(crate) ins: u8,
    pub(crate) p1: u8,
    pub(crate) p2: u8,
    pub(crate) data: zeroize::Zeroizing<Vec<u8>>,
    /// Octets that the terminal expects: none, or 1 to 65,536.
    pub(crate) le: Option<usize>,
    /// Whether Lc and Le are in the extended form.
    pub(crate) extended: bool,
}

impl Command {
    /// Reads a command in any of the cases 1 to 4, short or extended. Nothing when the lengths do
    /// not add up.
    pub(crate) fn parse(octets: &[u8]) -> Option<Self> {
        let (&[cla, ins, p1, p2], body) = octets.split_first_chunk::<4>()?;
        let (data, le, extended) = match body {
            [] => (&[][..], None, false),
            [le] => (&[][..], Some(short_le(*le)), false),
            [0, high, low] => (&[][..], Some(extended_le(*high, *low)), true),
            [0, high, low, rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                if length == 0 {
                    return None;
                }
                let (data, tail) = rest.split_at_checked(length)?;
                match tail {
                    [] => (data, None, true),
                    [high, low] => (data, Some(extended_le(*high, *low)), true),
                    _ => return None,
                }
            }
            [0, ..] => return None,
            [length, rest @ ..] => {
                let (data, tail) = rest.split_at_checked(usize::from(*length))?;
                match tail {
                    [] => (data, None, false),
                    [le] => (data, Some(short_le(*le)), false),
                    _ => return None,
                }
            }
        };
        if data.len() > DATA_OCTETS_MAX {
            return None;
        }
        Some(Self {
            cla,
            ins,
            p1,
            p2,
            data: zeroize::Zeroizing::new(data.to_vec()),
            le,
            extended,
        })
    }

    /// Header and Lc as they enter a MAC, for a data field of `length` octets.
    pub(crate) fn mac_header(&self, length: usize) -> Vec<u8> {
        let mut header = vec![self.cla, self.ins, self.p1, self.p2];
        match (u8::try_from(length), self.extended) {
            (Ok(short), false) => header.push(short),
            _ => {
                let [.., high, low] = (length as u64).to_be_bytes();
                header.extend([0, high, low]);
            }
        }
        header
    }
}

fn short_le(le: u8) -> usize {
    if le == 0 { 256 } else { usize::from(le) }
}

fn extended_le(high: u8, low: u8) -> usize {
    match u16::from_be_bytes([high, low]) {
        0 => 65_536,
        le => usize::from(le),
    }
}

/// What a command handler gives: response data, or the status word that refuses.
pub(crate) type Answer = Result<Vec<u8>, Sw>;

#[cfg(test)]
mod tests {
    use super::*;

    /// ISO/IEC 7816-4, table of the command cases.
    #[test]
    fn every_case_of_the_standard_is_read() {
        let shape =
            |octets: &[u8]| Command::parse(octets).map(|c| (c.data.len(), c.le, c.extended));
        assert_eq!(shape(&[0, 0xB2, 1, 0x0C]), Some((0, None, false)));
        assert_eq!(shape(&[0, 0xB2, 1, 0x0C, 0]), Some((0, Some(256), false)));
        assert_eq!(shape(&[0, 0xB2, 1, 0x0C, 9]), Some((0, Some(9), false)));
        assert_eq!(shape(&[0, 0xA4, 4, 0, 1, 9]), Some((1, None, false)));
        assert_eq!(
            shape(&[0, 0xA4, 4, 0, 1, 9, 0]),
            Some((1, Some(256), false))
        );
        assert_eq!(
            shape(&[0, 0xB2, 1, 4, 0, 0, 0]),
            Some((0, Some(65_536), true))
        );
        assert_eq!(shape(&[0, 0xA4, 4, 0, 0, 0, 1, 9]), Some((1, None, true)));
        assert_eq!(
            shape(&[0, 0xA4, 4, 0, 0, 0, 1, 9, 0, 5]),
            Some((1, Some(5), true))
        );
        for bad in [
            &[0u8, 0xA4, 4][..],
            &[0, 0xA4, 4, 0, 2, 9],
            &[0, 0xA4, 4, 0, 1, 9, 0, 0],
            &[0, 0xA4, 4, 0, 0, 0],
            &[0, 0xA4, 4, 0, 0, 0, 0, 9],
        ] {
            assert!(shape(bad).is_none(), "{bad:02X?}");
        }
    }
}
