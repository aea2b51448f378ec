//! Command and response APDUs: ISO/IEC 7816-4, 5.1 and 5.2, short and extended length.

/// Longest command data field that is accepted.
pub const DATA_OCTETS_MAX: usize = 65_535;

/// Why octets are not an APDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApduError {
    /// Fewer than four octets.
    #[error("a command APDU has at least 4 octets, found {0}")]
    Header(usize),
    /// Lc and the data field do not agree.
    #[error("Lc does not fit the {0} octets of the command")]
    Length(usize),
    /// A response without its status word.
    #[error("a response APDU ends in a status word of 2 octets")]
    Status,
    /// More data than an APDU can carry.
    #[error("a command carries up to {DATA_OCTETS_MAX} octets, found {0}")]
    TooLong(usize),
}

impl ApduError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        "E0490"
    }
}

/// A command APDU.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// Class.
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// Data field; empty when there is none.
    pub data: Vec<u8>,
    /// Expected length of the answer, 256 for `00` (65,536 extended); none when no data is
    /// expected.
    pub expected: Option<u32>,
    /// Whether lengths are coded in the extended form.
    pub extended: bool,
}

impl Command {
    /// A command of the short form, extended when the data need it.
    pub fn new([cla, ins, p1, p2]: [u8; 4], data: Vec<u8>, expected: Option<u32>) -> Self {
        let extended = data.len() > 255 || expected.is_some_and(|expected| expected > 256);
        Self {
            cla,
            ins,
            p1,
            p2,
            data,
            expected,
            extended,
        }
    }

    /// Reads a command.
    pub fn parse(octets: &[u8]) -> Result<Self, ApduError> {
        let length = octets.len();
        let (header, body) = octets
            .split_first_chunk::<4>()
            .ok_or(ApduError::Header(length))?;
        let [cla, ins, p1, p2] = *header;
        let wrong = ApduError::Length(length);
        let (data, expected, extended): (&[u8], _, _) = match body {
            [] => (&[], None, false),
            [le] => (&[], Some(short_expected(*le)), false),
            [0, high, low] => (&[], Some(extended_expected(*high, *low)), true),
            [0, high, low, rest @ ..] => {
                let count = usize::from(u16::from_be_bytes([*high, *low]));
                let (data, le) = rest.split_at_checked(count).ok_or(wrong)?;
                let expected = match le {
                    [] => None,
                    [high, low] => Some(extended_expected(*high, *low)),
                    _ => return Err(wrong),
                };
                if data.is_empty() {
                    return Err(wrong);
                }
                (data, expected, true)
            }
            [count, rest @ ..] => {
                let (data, le) = rest.split_at_checked(usize::from(*count)).ok_or(wrong)?;
                let expected = match le {
                    [] => None,
                    [le] => Some(short_expected(*le)),
                    _ => return Err(wrong),
                };
                if data.is_empty() {
                    return Err(wrong);
                }
                (data, expected, false)
            }
        };
        Ok(Self {
            cla,
            ins,
            p1,
            p2,
            data: data.to_vec(),
            expected,
            extended,
        })
    }

    /// The header.
    pub fn header(&self) -> [u8; 4] {
        [self.cla, self.ins, self.p1, self.p2]
    }

    /// Lc as it is coded: nothing, one octet, or three.
    pub fn coded_length(&self) -> Vec<u8> {
        let count = self.data.len();
        match (count, self.extended) {
            (0, _) => Vec::new(),
            (_, false) => vec![count as u8],
            (_, true) => {
                let [high, low] = (count as u16).to_be_bytes();
                vec![0, high, low]
            }
        }
    }

    /// The command's octets.
    pub fn to_octets(&self) -> Result<Vec<u8>, ApduError> {
        let count = self.data.len();
        let most = if self.extended { DATA_OCTETS_MAX } else { 255 };
        if count > most {
            return Err(ApduError::TooLong(count));
        }
        let mut octets = Vec::with_capacity(count + 9);
        octets.extend_from_slice(&self.header());
        octets.extend_from_slice(&self.coded_length());
        octets.extend_from_slice(&self.data);
        if let Some(expected) = self.expected {
            let [.., high, low] = expected.to_be_bytes();
            match (self.extended, count) {
                (false, _) => octets.push(low),
                (true, 0) => octets.extend_from_slice(&[0, high, low]),
                (true, _) => octets.extend_from_slice(&[high, low]),
            }
        }
        Ok(octets)
    }
}

/// Data and status word of a response.
pub fn split_response(octets: &[u8]) -> Result<(&[u8], u16), ApduError> {
    let (data, status) = octets.split_last_chunk::<2>().ok_or(ApduError::Status)?;
    Ok((data, u16::from_be_bytes(*status)))
}

/// What a status word says, for people; none when it has no meaning of its own.
pub fn status_meaning(status: u16) -> Option<&'static str> {
    let exact = STATUS_WORDS.iter().find(|(word, _)| *word == status);
    let [high, low] = status.to_be_bytes();
    match (exact, high, low >> 4) {
        (Some((_, meaning)), ..) => Some(meaning),
        (None, 0x61, _) => Some("more data are waiting"),
        (None, 0x6C, _) => Some("wrong Le; the second octet says the right one"),
        (None, 0x63, 0xC) => Some("failed; the last digit is the number of tries left"),
        _ => None,
    }
}

/// Status words of ISO/IEC 7816-4, 5.1.3, and EMV Book 3, 6.3.5.
pub const STATUS_WORDS: &[(u16, &str)] = &[
    (
        0x6283,
        "selected file deactivated (EMV: application blocked)",
    ),
    (0x6300, "verification failed"),
    (0x6581, "memory failure"),
    (0x6700, "wrong length"),
    (0x6882, "secure messaging not supported"),
    (0x6982, "security status not satisfied"),
    (0x6983, "authentication method blocked"),
    (0x6984, "reference data not usable"),
    (0x6985, "conditions of use not satisfied"),
    (0x6986, "command not allowed"),
    (0x6988, "secure messaging data objects incorrect"),
    (0x6A80, "wrong data"),
    (0x6A81, "function not supported (EMV: card blocked)"),
    (0x6A82, "file or application not found"),
    (0x6A83, "record not found"),
    (0x6A84, "not enough memory"),
    (0x6A86, "wrong P1 or P2"),
    (0x6A88, "referenced data not found"),
    (0x6D00, "instruction not supported"),
    (0x6E00, "class not supported"),
    (0x6F00, "no precise diagnosis"),
    (0x9000, "ok"),
];

fn short_expected(octet: u8) -> u32 {
    if octet == 0 { 256 } else { u32::from(octet) }
}

fn extended_expected(high: u8, low: u8) -> u32 {
    match u16::from_be_bytes([high, low]) {
        0 => 65_536,
        expected => u32::from(expected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_cases_round_trip() {
        for text in [
            "00A40400",
            "80CA9F7F00",
            "80CA9F7F10",
            "80F220020A4F0212345C054F9F70C5",
            "80F28002024F0000",
            "00B00000000000",
            "00B000000001F4",
            "80E2000000000301020304D2",
            "80E20000000003010203",
        ] {
            let octets = crate::hex::decode(text).unwrap();
            let command = Command::parse(&octets).unwrap();
            assert_eq!(crate::hex::encode(&command.to_octets().unwrap()), text);
        }
        let long = Command::new([0x80, 0xE2, 0, 0], vec![1; 300], None)
            .to_octets()
            .unwrap();
        assert_eq!(Command::parse(&long).unwrap().data.len(), 300);
    }

    #[test]
    fn what_is_refused() {
        for text in [
            "00A404",
            "00A4040002AA",
            "00A4040001AA0000",
            "80E2000000000003",
            "8000000000",
        ] {
            let octets = crate::hex::decode(text).unwrap();
            assert_eq!(
                Command::parse(&octets).is_err(),
                text != "8000000000",
                "{text}"
            );
        }
        assert!(split_response(&[0x90]).is_err());
        assert_eq!(split_response(&[1, 0x90, 0]), Ok((&[1u8][..], 0x9000)));
        assert!(status_meaning(0x63C2).is_some());
    }
}
