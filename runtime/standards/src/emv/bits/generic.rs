//! Bit fields of EMV itself: Books 1, 3 and 4, the contactless books, and the Common Core
//! Definitions.
//!
//! Compared with the public field definitions of emv-utils; what is not there is marked.

use super::{Bit, BitField, b, c, n};

pub(super) static FIELDS: &[BitField] = &[
    BitField {
        name: "aip",
        tags: &[0x82],
        dictionary: "",
        title: "Application interchange profile",
        octets: 2,
        reference: "EMV Book 3, Annex C1",
        rows: AIP,
    },
    BitField {
        name: "tvr",
        tags: &[0x95, 0x9F0D, 0x9F0E, 0x9F0F],
        dictionary: "",
        title: "Terminal verification results and issuer action codes",
        octets: 5,
        reference: "EMV Book 3, Annex C5",
        rows: TVR,
    },
    BitField {
        name: "auc",
        tags: &[0x9F07],
        dictionary: "",
        title: "Application usage control",
        octets: 2,
        reference: "EMV Book 3, Annex C2",
        rows: AUC,
    },
    BitField {
        name: "ctq",
        tags: &[0x9F6C],
        dictionary: "",
        title: "Card transaction qualifiers",
        octets: 2,
        reference: "EMV contactless Book C-3, Annex A.2",
        rows: CTQ,
    },
    BitField {
        name: "ttq",
        tags: &[0x9F66],
        dictionary: "",
        title: "Terminal transaction qualifiers",
        octets: 4,
        reference: "EMV contactless Book A, 5.7",
        rows: TTQ,
    },
    BitField {
        name: "priority",
        tags: &[0x87],
        dictionary: "",
        title: "Application priority indicator",
        octets: 1,
        reference: "EMV Book 1, 12.2.3",
        rows: PRIORITY,
    },
    BitField {
        name: "tsi",
        tags: &[0x9B],
        dictionary: "",
        title: "Transaction status information",
        octets: 2,
        reference: "EMV Book 3, Annex C6",
        rows: TSI,
    },
    BitField {
        name: "terminal_capabilities",
        tags: &[0x9F33],
        dictionary: "",
        title: "Terminal capabilities",
        octets: 3,
        reference: "EMV Book 4, Annex A2",
        rows: TERMINAL_CAPABILITIES,
    },
    BitField {
        name: "additional_terminal_capabilities",
        tags: &[0x9F40],
        dictionary: "",
        title: "Additional terminal capabilities",
        octets: 5,
        reference: "EMV Book 4, Annex A3",
        rows: ADDITIONAL_TERMINAL_CAPABILITIES,
    },
    BitField {
        name: "cid",
        tags: &[0x9F27],
        dictionary: "",
        title: "Cryptogram information data",
        octets: 1,
        reference: "EMV Book 3, 6.5.5.4",
        rows: CID,
    },
    BitField {
        name: "csu",
        tags: &[],
        dictionary: "",
        title: "Card status update of the Common Core Definitions",
        octets: 4,
        // Octet 1 and the counters' codes are from memory: emv-utils has no table of it.
        reference: "EMV Book 3, Annex C10 (CCD); not verified",
        rows: CSU,
    },
    BitField {
        name: "cvr",
        tags: &[],
        dictionary: "",
        title: "Card verification results of the Common Core Definitions",
        octets: 5,
        reference: "EMV Book 3, Annex C9.3 (CCD)",
        rows: CVR,
    },
];

#[rustfmt::skip]
static AIP: &[Bit] = &[
    b(1, 0x80, "xda", "extended data authentication is supported"),
    b(1, 0x40, "sda", "static data authentication is supported"),
    b(1, 0x20, "dda", "dynamic data authentication is supported"),
    b(1, 0x10, "cardholder_verification", "cardholder verification is supported"),
    b(1, 0x08, "terminal_risk_management", "terminal risk management is to be performed"),
    b(1, 0x04, "issuer_authentication", "issuer authentication by EXTERNAL AUTHENTICATE is supported"),
    b(1, 0x02, "on_device_cvm", "verification on the cardholder's device is supported (contactless)"),
    b(1, 0x01, "cda", "combined DDA and application cryptogram is supported"),
    b(2, 0x80, "emv_mode", "EMV mode is supported (contactless)"),
    b(2, 0x40, "mobile", "the device is a mobile (contactless)"),
    b(2, 0x20, "contactless", "contactless transaction"),
    b(2, 0x01, "relay_resistance", "relay resistance protocol is supported (contactless)"),
];

#[rustfmt::skip]
static TVR: &[Bit] = &[
    b(1, 0x80, "oda_not_performed", "offline data authentication was not performed"),
    b(1, 0x40, "sda_failed", "static data authentication failed"),
    b(1, 0x20, "icc_data_missing", "data of the chip is missing"),
    b(1, 0x10, "on_exception_file", "the card is on the exception file"),
    b(1, 0x08, "dda_failed", "dynamic data authentication failed"),
    b(1, 0x04, "cda_failed", "combined data authentication failed"),
    b(1, 0x02, "sda_selected", "static data authentication was selected"),
    b(1, 0x01, "xda_selected", "extended data authentication was selected"),
    b(2, 0x80, "application_versions_differ", "chip and terminal have different versions"),
    b(2, 0x40, "expired_application", "the application has expired"),
    b(2, 0x20, "application_not_yet_effective", "the application is not yet effective"),
    b(2, 0x10, "service_not_allowed", "the service is not allowed for this card"),
    b(2, 0x08, "new_card", "the card is new"),
    b(2, 0x02, "biometric_successful", "biometric verification performed and successful"),
    b(2, 0x01, "biometric_not_supported", "biometric template format not supported"),
    b(3, 0x80, "cvm_failed", "cardholder verification was not successful"),
    b(3, 0x40, "unrecognised_cvm", "the method is not known"),
    b(3, 0x20, "pin_try_limit_exceeded", "no PIN try is left"),
    b(3, 0x10, "pin_entry_required_no_pinpad", "a PIN was asked for, the pad is missing or broken"),
    b(3, 0x08, "pin_entry_required_pin_not_entered", "a PIN was asked for and not entered"),
    b(3, 0x04, "online_cvm_captured", "online verification data was captured"),
    b(3, 0x02, "biometric_required_no_device", "biometric was asked for, the device is missing or broken"),
    b(3, 0x01, "biometric_not_captured", "biometric was asked for and not captured"),
    b(4, 0x80, "exceeds_floor_limit", "the amount exceeds the floor limit"),
    b(4, 0x40, "lower_offline_limit_exceeded", "lower consecutive offline limit exceeded"),
    b(4, 0x20, "upper_offline_limit_exceeded", "upper consecutive offline limit exceeded"),
    b(4, 0x10, "selected_randomly", "selected at random for online processing"),
    b(4, 0x08, "merchant_forced_online", "the merchant forced the transaction online"),
    b(4, 0x04, "biometric_try_limit_exceeded", "no biometric try is left"),
    b(4, 0x02, "biometric_type_not_supported", "the biometric type is not supported"),
    b(4, 0x01, "xda_failed", "extended data authentication failed"),
    b(5, 0x80, "default_tdol_used", "the default TDOL was used"),
    b(5, 0x40, "issuer_authentication_failed", "issuer authentication failed"),
    b(5, 0x20, "script_failed_before_final", "a script failed before the final cryptogram"),
    b(5, 0x10, "script_failed_after_final", "a script failed after the final cryptogram"),
    b(5, 0x04, "ca_ecc_key_missing", "the CA's ECC key is missing"),
    b(5, 0x02, "ecc_recovery_failed", "recovery of an ECC key failed"),
];

#[rustfmt::skip]
static AUC: &[Bit] = &[
    b(1, 0x80, "domestic_cash", "valid for cash at home"),
    b(1, 0x40, "international_cash", "valid for cash abroad"),
    b(1, 0x20, "domestic_goods", "valid for goods at home"),
    b(1, 0x10, "international_goods", "valid for goods abroad"),
    b(1, 0x08, "domestic_services", "valid for services at home"),
    b(1, 0x04, "international_services", "valid for services abroad"),
    b(1, 0x02, "atm", "valid at cash machines"),
    b(1, 0x01, "non_atm", "valid at terminals other than cash machines"),
    b(2, 0x80, "domestic_cashback", "cashback at home allowed"),
    b(2, 0x40, "international_cashback", "cashback abroad allowed"),
];

#[rustfmt::skip]
static CTQ: &[Bit] = &[
    b(1, 0x80, "online_pin", "online PIN is asked for"),
    b(1, 0x40, "signature", "signature is asked for"),
    b(1, 0x20, "online_if_oda_fails", "go online when offline data authentication fails"),
    b(1, 0x10, "switch_interface_if_oda_fails", "use the other interface when offline data authentication fails"),
    b(1, 0x08, "online_if_expired", "go online when the application has expired"),
    b(1, 0x04, "switch_interface_for_cash", "use the other interface for cash"),
    b(1, 0x02, "switch_interface_for_cashback", "use the other interface for cashback"),
    b(1, 0x01, "not_valid_for_contactless_atm", "not valid at contactless cash machines"),
    b(2, 0x80, "consumer_device_cvm_performed", "the consumer's device has verified its holder"),
    b(2, 0x40, "issuer_update_at_pos", "issuer updates at the point of sale are supported"),
];

#[rustfmt::skip]
static TTQ: &[Bit] = &[
    b(1, 0x80, "magstripe_mode_supported", "magstripe mode is supported"),
    b(1, 0x20, "emv_mode_supported", "EMV mode is supported"),
    b(1, 0x10, "contact_supported", "EMV over contacts is supported"),
    b(1, 0x08, "offline_only_reader", "the reader is offline only"),
    b(1, 0x04, "online_pin_supported", "online PIN is supported"),
    b(1, 0x02, "signature_supported", "signature is supported"),
    b(1, 0x01, "oda_for_online_supported", "offline data authentication for online authorizations is supported"),
    b(2, 0x80, "online_cryptogram_required", "an online cryptogram is required"),
    b(2, 0x40, "cvm_required", "cardholder verification is required"),
    b(2, 0x20, "offline_pin_supported", "offline PIN over contacts is supported"),
    b(3, 0x80, "issuer_update_supported", "issuer update processing is supported"),
    b(3, 0x40, "consumer_device_cvm_supported", "verification on the consumer's device is supported"),
    b(3, 0x08, "consumer_device_cvm_required", "verification on the consumer's device is required"),
    b(4, 0x80, "fdda_v1_supported", "fast DDA version 1.0 is supported"),
];

#[rustfmt::skip]
static PRIORITY: &[Bit] = &[
    b(1, 0x80, "confirmation_required", "not to be selected without the cardholder's confirmation"),
    n(1, 0x0F, "priority", "place in the order of applications, 1 is the highest"),
];

#[rustfmt::skip]
static TSI: &[Bit] = &[
    b(1, 0x80, "oda_performed", "offline data authentication was performed"),
    b(1, 0x40, "cardholder_verification_performed", "cardholder verification was performed"),
    b(1, 0x20, "card_risk_management_performed", "card risk management was performed"),
    b(1, 0x10, "issuer_authentication_performed", "issuer authentication was performed"),
    b(1, 0x08, "terminal_risk_management_performed", "terminal risk management was performed"),
    b(1, 0x04, "script_processing_performed", "script processing was performed"),
];

#[rustfmt::skip]
static TERMINAL_CAPABILITIES: &[Bit] = &[
    b(1, 0x80, "manual_entry", "manual key entry"),
    b(1, 0x40, "magnetic_stripe", "magnetic stripe"),
    b(1, 0x20, "chip_with_contacts", "chip with contacts"),
    b(2, 0x80, "plain_pin_offline", "plain PIN verified by the chip"),
    b(2, 0x40, "enciphered_pin_online", "enciphered PIN verified online"),
    b(2, 0x20, "signature", "signature on paper"),
    b(2, 0x10, "enciphered_pin_offline", "enciphered PIN verified by the chip"),
    b(2, 0x08, "no_cvm", "no cardholder verification"),
    b(3, 0x80, "sda", "static data authentication"),
    b(3, 0x40, "dda", "dynamic data authentication"),
    b(3, 0x20, "card_capture", "card capture"),
    b(3, 0x08, "cda", "combined data authentication"),
];

#[rustfmt::skip]
static ADDITIONAL_TERMINAL_CAPABILITIES: &[Bit] = &[
    b(1, 0x80, "cash", "cash"),
    b(1, 0x40, "goods", "goods"),
    b(1, 0x20, "services", "services"),
    b(1, 0x10, "cashback", "cashback"),
    b(1, 0x08, "inquiry", "inquiry"),
    b(1, 0x04, "transfer", "transfer"),
    b(1, 0x02, "payment", "payment"),
    b(1, 0x01, "administrative", "administrative"),
    b(2, 0x80, "cash_deposit", "cash deposit"),
    b(3, 0x80, "numeric_keys", "numeric keys"),
    b(3, 0x40, "alphabetic_keys", "alphabetic and special character keys"),
    b(3, 0x20, "command_keys", "command keys"),
    b(3, 0x10, "function_keys", "function keys"),
    b(4, 0x80, "print_attendant", "prints for the attendant"),
    b(4, 0x40, "print_cardholder", "prints for the cardholder"),
    b(4, 0x20, "display_attendant", "display for the attendant"),
    b(4, 0x10, "display_cardholder", "display for the cardholder"),
    b(4, 0x02, "code_table_10", "ISO/IEC 8859-10"),
    b(4, 0x01, "code_table_9", "ISO/IEC 8859-9"),
    b(5, 0x80, "code_table_8", "ISO/IEC 8859-8"),
    b(5, 0x40, "code_table_7", "ISO/IEC 8859-7"),
    b(5, 0x20, "code_table_6", "ISO/IEC 8859-6"),
    b(5, 0x10, "code_table_5", "ISO/IEC 8859-5"),
    b(5, 0x08, "code_table_4", "ISO/IEC 8859-4"),
    b(5, 0x04, "code_table_3", "ISO/IEC 8859-3"),
    b(5, 0x02, "code_table_2", "ISO/IEC 8859-2"),
    b(5, 0x01, "code_table_1", "ISO/IEC 8859-1"),
];

#[rustfmt::skip]
static CID: &[Bit] = &[
    c(1, 0xC0, 0x00, "aac", "the transaction is declined (AAC)"),
    c(1, 0xC0, 0x40, "tc", "the transaction is approved (TC)"),
    c(1, 0xC0, 0x80, "arqc", "online authorization is asked for (ARQC)"),
    b(1, 0x08, "advice_required", "an advice is required"),
    c(1, 0x07, 0x01, "service_not_allowed", "reason: service not allowed"),
    c(1, 0x07, 0x02, "pin_try_limit_exceeded", "reason: no PIN try is left"),
    c(1, 0x07, 0x03, "issuer_authentication_failed", "reason: issuer authentication failed"),
];

#[rustfmt::skip]
static CSU: &[Bit] = &[
    b(1, 0x80, "proprietary_data_included", "proprietary authentication data is included"),
    n(1, 0x0F, "pin_tries", "PIN tries that the card is to have"),
    b(2, 0x80, "issuer_approves", "the issuer approves the transaction"),
    b(2, 0x40, "card_block", "block the card"),
    b(2, 0x20, "application_block", "block the application"),
    b(2, 0x10, "update_pin_tries", "update the PIN try counter"),
    b(2, 0x08, "go_online_next", "go online with the next transaction"),
    b(2, 0x04, "created_by_proxy", "a proxy for the issuer made this"),
    c(2, 0x03, 0x00, "keep_counters", "do not update the offline counters"),
    c(2, 0x03, 0x01, "counters_to_upper_limits", "set the offline counters to their upper limits"),
    c(2, 0x03, 0x02, "reset_counters", "reset the offline counters to zero"),
    c(2, 0x03, 0x03, "add_to_counters", "add the transaction to the offline counters"),
    n(4, 0xFF, "issuer_discretionary", "issuer discretionary"),
];

#[rustfmt::skip]
static CVR: &[Bit] = &[
    c(1, 0xC0, 0x00, "second_aac", "second GENERATE AC gave an AAC"),
    c(1, 0xC0, 0x40, "second_tc", "second GENERATE AC gave a TC"),
    c(1, 0xC0, 0x80, "second_not_requested", "second GENERATE AC was not requested"),
    c(1, 0x30, 0x00, "first_aac", "first GENERATE AC gave an AAC"),
    c(1, 0x30, 0x10, "first_tc", "first GENERATE AC gave a TC"),
    c(1, 0x30, 0x20, "first_arqc", "first GENERATE AC gave an ARQC"),
    b(1, 0x08, "cda_performed", "CDA performed"),
    b(1, 0x04, "dda_performed", "offline DDA performed"),
    b(1, 0x02, "issuer_authentication_not_performed", "issuer authentication not performed"),
    b(1, 0x01, "issuer_authentication_failed", "issuer authentication failed"),
    n(2, 0xF0, "pin_tries_left", "PIN tries that are left"),
    b(2, 0x08, "offline_pin_performed", "offline PIN verification performed"),
    b(2, 0x04, "offline_pin_failed", "offline PIN verification performed and not successful"),
    b(2, 0x02, "pin_try_limit_exceeded", "no PIN try is left"),
    b(2, 0x01, "last_online_not_completed", "the last online transaction was not completed"),
    b(3, 0x80, "lower_count_limit_exceeded", "lower offline transaction count limit exceeded"),
    b(3, 0x40, "upper_count_limit_exceeded", "upper offline transaction count limit exceeded"),
    b(3, 0x20, "lower_amount_limit_exceeded", "lower cumulative offline amount limit exceeded"),
    // emv-utils prints 20 for this one too, which can't be: the lower limit has it.
    b(3, 0x10, "upper_amount_limit_exceeded", "upper cumulative offline amount limit exceeded"),
    b(3, 0x08, "issuer_discretionary_1", "issuer discretionary bit 1"),
    b(3, 0x04, "issuer_discretionary_2", "issuer discretionary bit 2"),
    b(3, 0x02, "issuer_discretionary_3", "issuer discretionary bit 3"),
    b(3, 0x01, "issuer_discretionary_4", "issuer discretionary bit 4"),
    n(4, 0xF0, "script_commands", "issuer script commands that were processed"),
    b(4, 0x08, "script_failed", "issuer script processing failed"),
    b(4, 0x04, "oda_failed_before", "offline data authentication failed in the transaction before"),
    b(4, 0x02, "go_online_next", "go online with the next transaction was set"),
    b(4, 0x01, "unable_to_go_online", "unable to go online"),
];

/// A code with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coded {
    /// Word in the language.
    pub word: &'static str,
    /// Octet.
    pub code: u8,
    /// Meaning.
    pub doc: &'static str,
}

const fn k(code: u8, word: &'static str, doc: &'static str) -> Coded {
    Coded { word, code, doc }
}

/// Cardholder verification methods: the low 6 bits of a rule's first octet (EMV Book 3, Annex C3).
#[rustfmt::skip]
pub static CVM_METHODS: &[Coded] = &[
    k(0x00, "fail_cvm", "verification fails"),
    k(0x01, "plain_pin_offline", "the chip verifies the PIN, sent in clear"),
    k(0x02, "enciphered_pin_online", "the issuer verifies the PIN"),
    k(0x03, "plain_pin_offline_and_signature", "PIN in clear, and signature"),
    k(0x04, "enciphered_pin_offline", "the chip verifies the PIN, sent enciphered"),
    k(0x05, "enciphered_pin_offline_and_signature", "enciphered PIN, and signature"),
    k(0x06, "facial_offline", "the chip verifies the face"),
    k(0x07, "facial_online", "the issuer verifies the face"),
    k(0x08, "finger_offline", "the chip verifies a finger"),
    k(0x09, "finger_online", "the issuer verifies a finger"),
    k(0x0A, "palm_offline", "the chip verifies the palm"),
    k(0x0B, "palm_online", "the issuer verifies the palm"),
    k(0x0C, "iris_offline", "the chip verifies the iris"),
    k(0x0D, "iris_online", "the issuer verifies the iris"),
    k(0x0E, "voice_offline", "the chip verifies the voice"),
    k(0x0F, "voice_online", "the issuer verifies the voice"),
    k(0x1E, "signature", "signature on paper"),
    k(0x1F, "no_cvm", "nothing is asked"),
];

/// Conditions of a rule. 06 to 09 need the application currency 9F42 (EMV Book 3, Annex C3).
#[rustfmt::skip]
pub static CVM_CONDITIONS: &[Coded] = &[
    k(0x00, "always", "in every transaction"),
    k(0x01, "unattended_cash", "cash from a machine"),
    k(0x02, "not_cash_or_cashback", "neither unattended nor manual cash nor cashback"),
    k(0x03, "supported", "where the terminal can"),
    k(0x04, "manual_cash", "cash over a counter"),
    k(0x05, "cashback", "purchase with cashback"),
    k(0x06, "under_x", "below amount X, in the application's currency"),
    k(0x07, "over_x", "above amount X, in the application's currency"),
    k(0x08, "under_y", "below amount Y, in the application's currency"),
    k(0x09, "over_y", "above amount Y, in the application's currency"),
];
