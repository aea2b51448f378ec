//! Meaning of the bits of AIP, TVR and action codes, AUC and CTQ, of CVM lists and service codes,
//! as tables. EMV Book 3, annex C; the tables keep the standard's order.

/// One bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Octet, from 0.
    pub octet: usize,
    /// Mask in that octet.
    pub mask: u8,
    /// Name that sources use.
    pub name: &'static str,
    /// What it says.
    pub text: &'static str,
}

/// A table of bits.
#[derive(Debug)]
pub struct Flags {
    /// Name that sources use.
    pub name: &'static str,
    /// Octets of the value.
    pub octets: usize,
    /// Bits that have a meaning.
    pub flags: &'static [Flag],
}

impl Flags {
    /// The bits that are set in a value, in the table's order.
    pub fn set_in<'t>(&'t self, value: &'t [u8]) -> impl Iterator<Item = &'t Flag> + 't {
        let is_set = |flag: &&Flag| {
            value
                .get(flag.octet)
                .is_some_and(|octet| octet & flag.mask != 0)
        };
        self.flags.iter().filter(is_set)
    }

    /// Bits that are set though the table knows no meaning for them.
    pub fn unknown_in(&self, value: &[u8]) -> Vec<u8> {
        let known = |octet: usize| {
            let flags = self.flags.iter().filter(|flag| flag.octet == octet);
            flags.fold(0u8, |mask, flag| mask | flag.mask)
        };
        value
            .iter()
            .enumerate()
            .map(|(octet, bits)| bits & !known(octet))
            .collect()
    }

    /// A value out of names; the name that is unknown as the error.
    pub fn value<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<Vec<u8>, &'n str> {
        let mut value = vec![0; self.octets];
        for name in names {
            let flag = self
                .flags
                .iter()
                .find(|flag| flag.name == name)
                .ok_or(name)?;
            if let Some(octet) = value.get_mut(flag.octet) {
                *octet |= flag.mask;
            }
        }
        Ok(value)
    }
}

/// The table of a tag, where it has one.
pub fn of_tag(tag: u32) -> Option<&'static Flags> {
    Some(match tag {
        0x82 => &AIP,
        0x95 | 0x9F0D | 0x9F0E | 0x9F0F => &TVR,
        0x9F07 => &AUC,
        0x9F6C => &CTQ,
        _ => return None,
    })
}

const fn f(octet: usize, mask: u8, name: &'static str, text: &'static str) -> Flag {
    Flag {
        octet,
        mask,
        name,
        text,
    }
}

/// Application interchange profile, tag 82 (annex C1).
pub static AIP: Flags = Flags {
    name: "aip",
    octets: 2,
    flags: &[
        f(0, 0x80, "xda", "XDA is supported"),
        f(0, 0x40, "sda", "static data authentication is supported"),
        f(0, 0x20, "dda", "dynamic data authentication is supported"),
        f(
            0,
            0x10,
            "cardholder_verification",
            "cardholder verification is supported",
        ),
        f(
            0,
            0x08,
            "terminal_risk_management",
            "terminal risk management is to be performed",
        ),
        f(
            0,
            0x04,
            "issuer_authentication",
            "issuer authentication by EXTERNAL AUTHENTICATE is supported",
        ),
        f(
            0,
            0x02,
            "on_device_cvm",
            "on-device cardholder verification is supported (contactless)",
        ),
        f(
            0,
            0x01,
            "cda",
            "combined DDA and application cryptogram is supported",
        ),
        f(1, 0x80, "emv_mode", "EMV mode is supported (contactless)"),
        f(1, 0x40, "mobile", "the device is a mobile (contactless)"),
        f(
            1,
            0x20,
            "contactless_transaction",
            "contactless transaction",
        ),
        f(
            1,
            0x01,
            "relay_resistance",
            "relay resistance protocol is supported (contactless)",
        ),
    ],
};

/// Terminal verification results, tag 95, and the action codes 9F0D, 9F0E, 9F0F (annex C5).
pub static TVR: Flags = Flags {
    name: "tvr",
    octets: 5,
    flags: &[
        f(
            0,
            0x80,
            "oda_not_performed",
            "offline data authentication was not performed",
        ),
        f(0, 0x40, "sda_failed", "static data authentication failed"),
        f(0, 0x20, "icc_data_missing", "ICC data are missing"),
        f(
            0,
            0x10,
            "exception_file",
            "the card is in the terminal's exception file",
        ),
        f(0, 0x08, "dda_failed", "dynamic data authentication failed"),
        f(
            0,
            0x04,
            "cda_failed",
            "combined DDA and application cryptogram failed",
        ),
        f(
            0,
            0x02,
            "sda_selected",
            "static data authentication was selected",
        ),
        f(0, 0x01, "xda_selected", "XDA was selected"),
        f(
            1,
            0x80,
            "application_versions_differ",
            "ICC and terminal have different application versions",
        ),
        f(
            1,
            0x40,
            "application_expired",
            "the application has expired",
        ),
        f(
            1,
            0x20,
            "application_not_yet_effective",
            "the application is not yet effective",
        ),
        f(
            1,
            0x10,
            "service_not_allowed",
            "the requested service is not allowed for the card",
        ),
        f(1, 0x08, "new_card", "new card"),
        f(
            1,
            0x02,
            "biometric_performed",
            "biometric verification was performed and successful",
        ),
        f(
            1,
            0x01,
            "biometric_template_unsupported",
            "the biometric template format is not supported",
        ),
        f(
            2,
            0x80,
            "cvm_failed",
            "cardholder verification was not successful",
        ),
        f(
            2,
            0x40,
            "cvm_unrecognised",
            "unrecognised cardholder verification method",
        ),
        f(2, 0x20, "pin_try_limit_exceeded", "PIN try limit exceeded"),
        f(
            2,
            0x10,
            "pin_entry_required_no_pinpad",
            "PIN entry required and the PIN pad is missing or broken",
        ),
        f(
            2,
            0x08,
            "pin_entry_required_not_entered",
            "PIN entry required, PIN pad present, but no PIN entered",
        ),
        f(
            2,
            0x04,
            "online_cvm_captured",
            "online cardholder verification was captured",
        ),
        f(
            2,
            0x02,
            "biometric_required_no_device",
            "biometric required but no capture device",
        ),
        f(
            2,
            0x01,
            "biometric_required_not_captured",
            "biometric required but not captured",
        ),
        f(
            3,
            0x80,
            "exceeds_floor_limit",
            "the transaction exceeds the floor limit",
        ),
        f(
            3,
            0x40,
            "lower_consecutive_offline_limit_exceeded",
            "lower consecutive offline limit exceeded",
        ),
        f(
            3,
            0x20,
            "upper_consecutive_offline_limit_exceeded",
            "upper consecutive offline limit exceeded",
        ),
        f(
            3,
            0x10,
            "selected_at_random",
            "selected at random for online processing",
        ),
        f(
            3,
            0x08,
            "merchant_forced_online",
            "the merchant forced the transaction online",
        ),
        f(
            3,
            0x04,
            "biometric_try_limit_exceeded",
            "biometric try limit exceeded",
        ),
        f(
            3,
            0x02,
            "biometric_type_unsupported",
            "the biometric type is not supported",
        ),
        f(3, 0x01, "xda_failed", "XDA signature verification failed"),
        f(4, 0x80, "default_tdol_used", "the default TDOL was used"),
        f(
            4,
            0x40,
            "issuer_authentication_failed",
            "issuer authentication failed",
        ),
        f(
            4,
            0x20,
            "script_failed_before_final_ac",
            "script processing failed before the final GENERATE AC",
        ),
        f(
            4,
            0x10,
            "script_failed_after_final_ac",
            "script processing failed after the final GENERATE AC",
        ),
        f(4, 0x04, "ca_ecc_key_missing", "the CA's ECC key is missing"),
        f(
            4,
            0x02,
            "ecc_key_recovery_failed",
            "ECC key recovery failed",
        ),
    ],
};

/// Application usage control, tag 9F07 (annex C2).
pub static AUC: Flags = Flags {
    name: "auc",
    octets: 2,
    flags: &[
        f(
            0,
            0x80,
            "domestic_cash",
            "valid for domestic cash transactions",
        ),
        f(
            0,
            0x40,
            "international_cash",
            "valid for international cash transactions",
        ),
        f(0, 0x20, "domestic_goods", "valid for domestic goods"),
        f(
            0,
            0x10,
            "international_goods",
            "valid for international goods",
        ),
        f(0, 0x08, "domestic_services", "valid for domestic services"),
        f(
            0,
            0x04,
            "international_services",
            "valid for international services",
        ),
        f(0, 0x02, "atm", "valid at ATMs"),
        f(0, 0x01, "non_atm", "valid at terminals other than ATMs"),
        f(1, 0x80, "domestic_cashback", "domestic cashback allowed"),
        f(
            1,
            0x40,
            "international_cashback",
            "international cashback allowed",
        ),
    ],
};

/// Card transaction qualifiers, tag 9F6C (contactless kernel 3).
pub static CTQ: Flags = Flags {
    name: "ctq",
    octets: 2,
    flags: &[
        f(0, 0x80, "online_pin_required", "online PIN required"),
        f(0, 0x40, "signature_required", "signature required"),
        f(
            0,
            0x20,
            "online_if_oda_fails",
            "go online if offline data authentication fails and the reader can",
        ),
        f(
            0,
            0x10,
            "switch_interface_if_oda_fails",
            "switch interface if offline data authentication fails",
        ),
        f(
            0,
            0x08,
            "online_if_expired",
            "go online if the application has expired",
        ),
        f(
            0,
            0x04,
            "switch_interface_for_cash",
            "switch interface for cash",
        ),
        f(
            0,
            0x02,
            "switch_interface_for_cashback",
            "switch interface for cashback",
        ),
        f(
            0,
            0x01,
            "not_valid_for_contactless_atm",
            "not valid for contactless ATM transactions",
        ),
        f(
            1,
            0x80,
            "cdcvm_performed",
            "consumer device cardholder verification was performed",
        ),
        f(
            1,
            0x40,
            "issuer_update_at_pos",
            "issuer update processing at the point of sale is supported",
        ),
    ],
};

/// A code and its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Value.
    pub code: u8,
    /// Name that sources use.
    pub name: &'static str,
}

const fn c(code: u8, name: &'static str) -> Code {
    Code { code, name }
}

/// Cardholder verification methods: the low 6 bits of a CVM code (annex C3).
pub static CVM_METHODS: &[Code] = &[
    c(0x00, "fail"),
    c(0x01, "plaintext_pin_offline"),
    c(0x02, "enciphered_pin_online"),
    c(0x03, "plaintext_pin_offline_and_signature"),
    c(0x04, "enciphered_pin_offline"),
    c(0x05, "enciphered_pin_offline_and_signature"),
    c(0x1E, "signature"),
    c(0x1F, "no_cvm"),
];

/// Bit of a CVM code: go on with the next rule when this one fails.
pub const CVM_NEXT: u8 = 0x40;

/// Cardholder verification conditions (annex C3). 06 to 09 need the application currency 9F42.
pub static CVM_CONDITIONS: &[Code] = &[
    c(0x00, "always"),
    c(0x01, "unattended_cash"),
    c(0x02, "not_unattended_cash_manual_cash_cashback"),
    c(0x03, "supported"),
    c(0x04, "manual_cash"),
    c(0x05, "cashback"),
    c(0x06, "under_x"),
    c(0x07, "over_x"),
    c(0x08, "under_y"),
    c(0x09, "over_y"),
];

/// The name of a code in a table.
pub fn code_name(table: &[Code], code: u8) -> Option<&'static str> {
    table
        .iter()
        .find(|row| row.code == code)
        .map(|row| row.name)
}

/// What the three digits of a service code say (ISO/IEC 7813); none for a digit without meaning.
pub fn service_code_meaning(code: &str) -> Option<[&'static str; 3]> {
    let [first, second, third] = <[u8; 3]>::try_from(code.as_bytes()).ok()?;
    Some([
        match first {
            b'1' => "international interchange",
            b'2' => "international interchange, use the chip where feasible",
            b'5' => "national interchange only",
            b'6' => "national interchange only, use the chip where feasible",
            b'7' => "no interchange except under bilateral agreement",
            b'9' => "test",
            _ => return None,
        },
        match second {
            b'0' => "authorised following normal rules",
            b'2' => "authorised by the issuer, online",
            b'4' => "authorised by the issuer, online, except under bilateral agreement",
            _ => return None,
        },
        match third {
            b'0' => "no restrictions, PIN required",
            b'1' => "no restrictions",
            b'2' => "goods and services only",
            b'3' => "ATM only, PIN required",
            b'4' => "cash only",
            b'5' => "goods and services only, PIN required",
            b'6' => "no restrictions, PIN where feasible",
            b'7' => "goods and services only, PIN where feasible",
            _ => return None,
        },
    ])
}

/// A CVM list, tag 8E (Book 3, 10.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CvmList {
    /// Amount X, in the application currency.
    pub amount_x: u32,
    /// Amount Y.
    pub amount_y: u32,
    /// Code and condition of each rule, in order.
    pub rules: Vec<(u8, u8)>,
}

impl CvmList {
    /// Reads tag 8E; none when it is malformed.
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let (x, rest) = octets.split_first_chunk::<4>()?;
        let (y, rest) = rest.split_first_chunk::<4>()?;
        let (rules, odd) = rest.as_chunks::<2>();
        odd.is_empty().then(|| Self {
            amount_x: u32::from_be_bytes(*x),
            amount_y: u32::from_be_bytes(*y),
            rules: rules
                .iter()
                .map(|[code, condition]| (*code, *condition))
                .collect(),
        })
    }

    /// The octets of tag 8E.
    pub fn to_octets(&self) -> Vec<u8> {
        let amounts = [self.amount_x.to_be_bytes(), self.amount_y.to_be_bytes()].concat();
        let rules = self
            .rules
            .iter()
            .flat_map(|(code, condition)| [*code, *condition]);
        amounts.into_iter().chain(rules).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_agree() {
        assert_eq!(AIP.value(["sda", "dda", "cda"]), Ok(vec![0x61, 0x00]));
        assert_eq!(AIP.value(["dda", "nothing"]), Err("nothing"));
        let names: Vec<_> = TVR
            .set_in(&[0x88, 0, 0x80, 0, 0x08])
            .map(|flag| flag.name)
            .collect();
        assert_eq!(names, ["oda_not_performed", "dda_failed", "cvm_failed"]);
        assert_eq!(
            TVR.unknown_in(&[0x80, 0x04, 0, 0, 0x08]),
            [0, 0x04, 0, 0, 0x08]
        );
        for table in [&AIP, &TVR, &AUC, &CTQ] {
            for flag in table.flags {
                assert_eq!(table.value([flag.name]).unwrap()[flag.octet], flag.mask);
            }
        }
    }

    #[test]
    fn lists_and_service_codes() {
        let octets = crate::hex::decode("000000000000000041031F00").unwrap();
        let list = CvmList::parse(&octets).unwrap();
        assert_eq!(list.rules, [(0x41, 3), (0x1F, 0)]);
        assert_eq!(list.to_octets(), octets);
        assert_eq!(CvmList::parse(&octets[..11]), None);
        assert!(service_code_meaning("201").is_some() && service_code_meaning("2O1").is_none());
    }
}
