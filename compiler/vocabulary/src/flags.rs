//! Named bits of the standards' bit fields.
//!
//! Octets count from 1 and masks stand as the standards print them: bit 8 is 0x80.

/// One named bit.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Name.
    pub word: &'static str,
    /// Octet, from 1.
    pub octet: u8,
    /// Mask in it.
    pub mask: u8,
    /// Meaning.
    pub doc: &'static str,
}

/// A field of named bits.
#[derive(Clone, Copy, Debug)]
pub struct FlagSet {
    /// Name.
    pub name: &'static str,
    /// Tag whose bits these are.
    pub tag: &'static str,
    /// Name in the standard.
    pub title: &'static str,
    /// Octets.
    pub octets: usize,
    /// Standard and clause.
    pub reference: &'static str,
    /// Bits in the standard's order.
    pub flags: &'static [Flag],
}

impl FlagSet {
    /// A flag by its word.
    #[must_use]
    pub fn flag(&self, word: &str) -> Option<&'static Flag> {
        self.flags.iter().find(|f| f.word == word)
    }

    /// The octets with these flags set; the first word that is no flag of the set is the error.
    ///
    /// # Errors
    /// An unknown word.
    pub fn octets_of<'w>(&self, words: &[&'w str]) -> Result<Vec<u8>, &'w str> {
        let mut octets = vec![0_u8; self.octets];
        for word in words {
            let flag = self.flag(word).ok_or(*word)?;
            if let Some(octet) = octets.get_mut(usize::from(flag.octet).saturating_sub(1)) {
                *octet |= flag.mask;
            }
        }
        Ok(octets)
    }
}

/// A set by its name.
#[must_use]
pub fn flag_set(name: &str) -> Option<&'static FlagSet> {
    FLAG_SETS.iter().find(|set| set.name == name)
}

const fn bit(word: &'static str, octet: u8, mask: u8, doc: &'static str) -> Flag {
    Flag {
        word,
        octet,
        mask,
        doc,
    }
}

/// All sets.
pub static FLAG_SETS: &[FlagSet] = &[
    FlagSet {
        name: "aip",
        tag: "82",
        title: "Application interchange profile",
        octets: 2,
        reference: "EMV Book 3, Annex C1",
        flags: AIP,
    },
    FlagSet {
        name: "tvr",
        tag: "95",
        title: "Terminal verification results and issuer action codes",
        octets: 5,
        reference: "EMV Book 3, Annex C5",
        flags: TVR,
    },
    FlagSet {
        name: "auc",
        tag: "9F07",
        title: "Application usage control",
        octets: 2,
        reference: "EMV Book 3, Annex C2",
        flags: AUC,
    },
    FlagSet {
        name: "ctq",
        tag: "9F6C",
        title: "Card transaction qualifiers",
        octets: 2,
        reference: "public tag lists (EMV contactless kernel 3)",
        flags: CTQ,
    },
];

static AIP: &[Flag] = &[
    bit("xda", 1, 0x80, "extended data authentication"),
    bit("sda", 1, 0x40, "static data authentication"),
    bit("dda", 1, 0x20, "dynamic data authentication"),
    bit(
        "cardholder_verification",
        1,
        0x10,
        "the chip has a CVM list",
    ),
    bit(
        "terminal_risk_management",
        1,
        0x08,
        "terminal risk management is to be done",
    ),
    bit(
        "issuer_authentication",
        1,
        0x04,
        "issuer authentication by EXTERNAL AUTHENTICATE",
    ),
    bit(
        "on_device_cvm",
        1,
        0x02,
        "verification on the cardholder's device",
    ),
    bit("cda", 1, 0x01, "combined dynamic data authentication"),
    bit(
        "emv_mode",
        2,
        0x80,
        "EMV mode over the contactless interface",
    ),
    bit("mobile", 2, 0x40, "a mobile device"),
    bit("contactless", 2, 0x20, "contactless transaction"),
    bit("relay_resistance", 2, 0x01, "relay resistance protocol"),
];

static TVR: &[Flag] = &[
    bit(
        "oda_not_performed",
        1,
        0x80,
        "offline data authentication was not performed",
    ),
    bit("sda_failed", 1, 0x40, "static data authentication failed"),
    bit("icc_data_missing", 1, 0x20, "data of the chip is missing"),
    bit(
        "on_exception_file",
        1,
        0x10,
        "the card is on the exception file",
    ),
    bit("dda_failed", 1, 0x08, "dynamic data authentication failed"),
    bit("cda_failed", 1, 0x04, "combined data authentication failed"),
    bit(
        "sda_selected",
        1,
        0x02,
        "static data authentication was selected",
    ),
    bit(
        "xda_selected",
        1,
        0x01,
        "extended data authentication was selected",
    ),
    bit(
        "application_versions_differ",
        2,
        0x80,
        "chip and terminal have different versions",
    ),
    bit(
        "expired_application",
        2,
        0x40,
        "the application has expired",
    ),
    bit(
        "application_not_yet_effective",
        2,
        0x20,
        "the application is not yet effective",
    ),
    bit(
        "service_not_allowed",
        2,
        0x10,
        "the service is not allowed for this card",
    ),
    bit("new_card", 2, 0x08, "the card is new"),
    bit(
        "biometric_successful",
        2,
        0x02,
        "biometric verification performed and successful",
    ),
    bit(
        "biometric_not_supported",
        2,
        0x01,
        "biometric template format not supported",
    ),
    bit(
        "cvm_failed",
        3,
        0x80,
        "cardholder verification was not successful",
    ),
    bit("unrecognised_cvm", 3, 0x40, "the method is not known"),
    bit("pin_try_limit_exceeded", 3, 0x20, "no PIN try is left"),
    bit(
        "pin_entry_required_no_pinpad",
        3,
        0x10,
        "a PIN was asked for, the pad is missing or broken",
    ),
    bit(
        "pin_entry_required_pin_not_entered",
        3,
        0x08,
        "a PIN was asked for and not entered",
    ),
    bit(
        "online_cvm_captured",
        3,
        0x04,
        "online verification data was captured",
    ),
    bit(
        "biometric_required_no_device",
        3,
        0x02,
        "biometric was asked for, the device is missing or broken",
    ),
    bit(
        "biometric_not_captured",
        3,
        0x01,
        "biometric was asked for and not captured",
    ),
    bit(
        "exceeds_floor_limit",
        4,
        0x80,
        "the amount exceeds the floor limit",
    ),
    bit(
        "lower_offline_limit_exceeded",
        4,
        0x40,
        "lower consecutive offline limit exceeded",
    ),
    bit(
        "upper_offline_limit_exceeded",
        4,
        0x20,
        "upper consecutive offline limit exceeded",
    ),
    bit(
        "selected_randomly",
        4,
        0x10,
        "selected at random for online processing",
    ),
    bit(
        "merchant_forced_online",
        4,
        0x08,
        "the merchant forced the transaction online",
    ),
    bit(
        "biometric_try_limit_exceeded",
        4,
        0x04,
        "no biometric try is left",
    ),
    bit(
        "biometric_type_not_supported",
        4,
        0x02,
        "the biometric type is not supported",
    ),
    bit("xda_failed", 4, 0x01, "extended data authentication failed"),
    bit("default_tdol_used", 5, 0x80, "the default TDOL was used"),
    bit(
        "issuer_authentication_failed",
        5,
        0x40,
        "issuer authentication failed",
    ),
    bit(
        "script_failed_before_final",
        5,
        0x20,
        "a script failed before the final cryptogram",
    ),
    bit(
        "script_failed_after_final",
        5,
        0x10,
        "a script failed after the final cryptogram",
    ),
    bit("ca_ecc_key_missing", 5, 0x04, "the CA's ECC key is missing"),
    bit(
        "ecc_recovery_failed",
        5,
        0x02,
        "recovery of an ECC key failed",
    ),
];

static AUC: &[Flag] = &[
    bit("domestic_cash", 1, 0x80, "cash at home"),
    bit("international_cash", 1, 0x40, "cash abroad"),
    bit("domestic_goods", 1, 0x20, "goods at home"),
    bit("international_goods", 1, 0x10, "goods abroad"),
    bit("domestic_services", 1, 0x08, "services at home"),
    bit("international_services", 1, 0x04, "services abroad"),
    bit("atm", 1, 0x02, "cash machines"),
    bit("non_atm", 1, 0x01, "terminals other than cash machines"),
    bit("domestic_cashback", 2, 0x80, "cashback at home"),
    bit("international_cashback", 2, 0x40, "cashback abroad"),
];

static CTQ: &[Flag] = &[
    bit("online_pin", 1, 0x80, "online PIN is asked for"),
    bit("signature", 1, 0x40, "signature is asked for"),
    bit(
        "online_if_oda_fails",
        1,
        0x20,
        "go online when offline data authentication fails",
    ),
    bit(
        "switch_interface_if_oda_fails",
        1,
        0x10,
        "use the other interface when offline data authentication fails",
    ),
    bit(
        "online_if_expired",
        1,
        0x08,
        "go online when the application has expired",
    ),
    bit(
        "switch_interface_for_cash",
        1,
        0x04,
        "use the other interface for cash",
    ),
    bit(
        "switch_interface_for_cashback",
        1,
        0x02,
        "use the other interface for cashback",
    ),
    bit(
        "not_valid_for_contactless_atm",
        1,
        0x01,
        "not valid at contactless cash machines",
    ),
    bit(
        "consumer_device_cvm_performed",
        2,
        0x80,
        "the consumer's device has verified its holder",
    ),
    bit(
        "issuer_update_at_pos",
        2,
        0x40,
        "issuer updates at the point of sale are supported",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_octets() {
        // EMV Book 3, Annex C1: 20 DDA, 10 cardholder verification, 08 terminal risk management.
        let aip = flag_set("aip").expect("aip");
        let octets = aip.octets_of(&["dda", "cardholder_verification", "terminal_risk_management"]);
        assert_eq!(octets, Ok(vec![0x38, 0x00]));
        assert_eq!(aip.octets_of(&["colour"]), Err("colour"));
        // Annex C5: octet 5, 40: issuer authentication failed.
        let tvr = flag_set("tvr").expect("tvr");
        assert_eq!(
            tvr.octets_of(&["issuer_authentication_failed"]),
            Ok(vec![0, 0, 0, 0, 0x40])
        );
    }

    #[test]
    fn no_bit_has_two_names() {
        for set in FLAG_SETS {
            for flag in set.flags {
                let same = |f: &&Flag| f.octet == flag.octet && f.mask == flag.mask;
                assert_eq!(set.flags.iter().filter(same).count(), 1, "{}", flag.word);
                assert!(usize::from(flag.octet) <= set.octets);
            }
        }
    }
}
