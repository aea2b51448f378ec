//! EMV data elements: tag, name, format, length, templates, and what the schemes call their own.
//!
//! Source: names and templates of generic and contactless tags were compared with the public table
//! of emv-utils (`emv_tags.h`); Visa names 9F5x and 9F7x and UnionPay names come from public
//! personalization scripts, Mastercard C3 to C9 from public tag lists, CPA from a public validation
//! list. **Formats and lengths are from memory and not verified.** The same tag may have different
//! owners, so that scheme tags are asked for by scheme.

use crate::tlv::Tag;

/// Data element format of EMV Book 3, 4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Alphabetic.
    A,
    /// Alphanumeric.
    An,
    /// Alphanumeric special.
    Ans,
    /// Binary.
    B,
    /// Compressed numeric.
    Cn,
    /// Numeric.
    N,
    /// Data objects within.
    Template,
    /// The table does not say.
    Unknown,
}

/// A data element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// Tag.
    pub tag: Tag,
    /// Name as the standard prints it.
    pub name: &'static str,
    /// Format.
    pub format: Format,
    /// Fewest octets.
    pub octets_min: u16,
    /// Most octets.
    pub octets_max: u16,
    /// Templates that it may be in.
    pub templates: &'static [u32],
}

/// A data element of one scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemeElement {
    /// Scheme, lower case.
    pub scheme: &'static str,
    /// Tag.
    pub tag: Tag,
    /// Name.
    pub name: &'static str,
}

/// The generic element of a tag.
pub fn element(tag: Tag) -> Option<&'static Element> {
    ELEMENTS.iter().find(|element| element.tag == tag)
}

/// A scheme's own element of a tag.
pub fn scheme_element(scheme: &str, tag: Tag) -> Option<&'static SchemeElement> {
    SCHEME_ELEMENTS
        .iter()
        .find(|element| element.scheme == scheme && element.tag == tag)
}

/// What a tag is called, by EMV or else by the schemes that use it.
pub fn name(tag: Tag) -> Option<&'static str> {
    let generic = element(tag).map(|element| element.name);
    let scheme = || SCHEME_ELEMENTS.iter().find(|element| element.tag == tag);
    generic.or_else(|| scheme().map(|element| element.name))
}

const fn e(
    tag: u32,
    name: &'static str,
    format: Format,
    octets_min: u16,
    octets_max: u16,
    templates: &'static [u32],
) -> Element {
    Element {
        tag: Tag::constant(tag),
        name,
        format,
        octets_min,
        octets_max,
        templates,
    }
}

const fn s(scheme: &'static str, tag: u32, name: &'static str) -> SchemeElement {
    SchemeElement {
        scheme,
        tag: Tag::constant(tag),
        name,
    }
}

use Format::{A, An, Ans, B, Cn, N, Template, Unknown};

/// The generic elements, in the order of their tags' source.
#[rustfmt::skip]
pub static ELEMENTS: &[Element] = &[
    e(0x57, "Track 2 Equivalent Data", B, 1, 19, &[0x70, 0x77]),
    e(0x5A, "Application Primary Account Number (PAN)", Cn, 1, 10, &[0x70, 0x77]),
    e(0x5F20, "Cardholder Name", Ans, 2, 26, &[0x70, 0x77]),
    e(0x5F24, "Application Expiration Date", N, 3, 3, &[0x70, 0x77]),
    e(0x5F25, "Application Effective Date", N, 3, 3, &[0x70, 0x77]),
    e(0x5F28, "Issuer Country Code", N, 2, 2, &[0x70, 0x77]),
    e(0x5F2D, "Language Preference", An, 2, 8, &[0xA5]),
    e(0x5F30, "Service Code", N, 2, 2, &[0x70, 0x77]),
    e(0x5F34, "Application PAN Sequence Number", N, 1, 1, &[0x70, 0x77]),
    e(0x5F50, "Issuer URL", Ans, 1, 252, &[0xBF0C, 0x73]),
    e(0x5F53, "International Bank Account Number (IBAN)", B, 0, 34, &[0xBF0C, 0x73]),
    e(0x5F54, "Bank Identifier Code (BIC)", B, 8, 11, &[0xBF0C, 0x73]),
    e(0x5F55, "Issuer Country Code (alpha 2)", A, 2, 2, &[0xBF0C, 0x73]),
    e(0x5F56, "Issuer Country Code (alpha 3)", A, 3, 3, &[0xBF0C, 0x73]),
    e(0x42, "Issuer Identification Number (IIN)", N, 3, 3, &[0xBF0C, 0x73]),
    e(0x4F, "Application Dedicated File (ADF) Name", B, 5, 16, &[0x61]),
    e(0x50, "Application Label", Ans, 1, 16, &[0x61, 0xA5]),
    e(0x56, "Track 1 Data", Ans, 1, 76, &[0x70]),
    e(0x61, "Application Template", Template, 0, 252, &[0x70, 0xBF0C]),
    e(0x82, "Application Interchange Profile", B, 2, 2, &[0x77, 0x80]),
    e(0x84, "Dedicated File (DF) Name", B, 5, 16, &[0x6F]),
    e(0x87, "Application Priority Indicator", B, 1, 1, &[0x61, 0xA5]),
    e(0x88, "Short File Identifier (SFI)", B, 1, 1, &[0xA5]),
    e(0x8C, "Card Risk Management Data Object List 1 (CDOL1)", B, 0, 252, &[0x70, 0x77]),
    e(0x8D, "Card Risk Management Data Object List 2 (CDOL2)", B, 0, 252, &[0x70, 0x77]),
    e(0x8E, "Cardholder Verification Method (CVM) List", B, 10, 252, &[0x70, 0x77]),
    e(0x8F, "Certification Authority Public Key Index", B, 1, 1, &[0x70, 0x77]),
    e(0x90, "Issuer Public Key Certificate", B, 0, 248, &[0x70, 0x77]),
    e(0x92, "Issuer Public Key Remainder", B, 0, 248, &[0x70, 0x77]),
    e(0x93, "Signed Static Application Data", B, 0, 248, &[0x70, 0x77]),
    e(0x94, "Application File Locator (AFL)", Unknown, 4, 252, &[0x77, 0x80]),
    e(0x97, "Transaction Certificate Data Object List (TDOL)", B, 0, 252, &[0x70, 0x77]),
    e(0x9F05, "Application Discretionary Data", B, 1, 32, &[0x70, 0x77]),
    e(0x9F07, "Application Usage Control", B, 2, 2, &[0x70, 0x77]),
    e(0x9F08, "Application Version Number", B, 2, 2, &[0x70, 0x77]),
    e(0x9F0B, "Cardholder Name Extended", Ans, 27, 45, &[0x70, 0x77]),
    e(0x9F0C, "Issuer Identification Number Extended (IINE)", N, 3, 4, &[0xBF0C, 0x73]),
    e(0x9F0D, "Issuer Action Code - Default", B, 5, 5, &[0x70, 0x77]),
    e(0x9F0E, "Issuer Action Code - Denial", B, 5, 5, &[0x70, 0x77]),
    e(0x9F0F, "Issuer Action Code - Online", B, 5, 5, &[0x70, 0x77]),
    e(0x9F10, "Issuer Application Data", B, 0, 32, &[0x77, 0x80]),
    e(0x9F11, "Issuer Code Table Index", N, 1, 1, &[0xA5]),
    e(0x9F12, "Application Preferred Name", Ans, 1, 16, &[0x61, 0xA5]),
    e(0x9F13, "Last Online Application Transaction Counter (ATC) Register", B, 2, 2, &[]),
    e(0x9F14, "Lower Consecutive Offline Limit", B, 1, 1, &[0x70, 0x77]),
    e(0x9F17, "Personal Identification Number (PIN) Try Counter", B, 1, 1, &[]),
    e(0x9F19, "Token Requestor ID", N, 6, 6, &[0x70, 0x77]),
    e(0x9F1F, "Track 1 Discretionary Data", Ans, 0, 54, &[0x70, 0x77]),
    e(0x9F20, "Track 2 Discretionary Data", Cn, 0, 16, &[0x70, 0x77]),
    e(0x9F23, "Upper Consecutive Offline Limit", B, 1, 1, &[0x70, 0x77]),
    e(0x9F24, "Payment Account Reference", An, 29, 29, &[0x70, 0x77]),
    e(0x9F25, "Last 4 Digits of PAN", N, 2, 2, &[0x70, 0x77]),
    e(0x9F2A, "Kernel Identifier", B, 1, 8, &[0x61]),
    e(0x9F2D, "ICC PIN Encipherment Public Key Certificate", B, 0, 248, &[0x70, 0x77]),
    e(0x9F2E, "ICC PIN Encipherment Public Key Exponent", B, 1, 3, &[0x70, 0x77]),
    e(0x9F2F, "ICC PIN Encipherment Public Key Remainder", B, 0, 248, &[0x70, 0x77]),
    e(0x9F32, "Issuer Public Key Exponent", B, 1, 3, &[0x70, 0x77]),
    e(0x9F36, "Application Transaction Counter (ATC)", B, 2, 2, &[]),
    e(0x9F38, "Processing Options Data Object List (PDOL)", B, 0, 252, &[0xA5]),
    e(0x9F3B, "Application Reference Currency", N, 2, 8, &[0x70, 0x77]),
    e(0x9F42, "Application Currency Code", N, 2, 2, &[0x70, 0x77]),
    e(0x9F43, "Application Reference Currency Exponent", N, 1, 4, &[0x70, 0x77]),
    e(0x9F44, "Application Currency Exponent", N, 1, 1, &[0x70, 0x77]),
    e(0x9F45, "Data Authentication Code", B, 2, 2, &[]),
    e(0x9F46, "ICC Public Key Certificate", B, 0, 248, &[0x70, 0x77]),
    e(0x9F47, "ICC Public Key Exponent", B, 1, 3, &[0x70, 0x77]),
    e(0x9F48, "ICC Public Key Remainder", B, 0, 248, &[0x70, 0x77]),
    e(0x9F49, "Dynamic Data Authentication Data Object List (DDOL)", B, 0, 252, &[0x70, 0x77]),
    e(0x9F4A, "Static Data Authentication Tag List", B, 0, 1, &[0x70, 0x77]),
    e(0x9F4B, "Signed Dynamic Application Data", B, 0, 248, &[0x77, 0x80]),
    e(0x9F4C, "ICC Dynamic Number", B, 2, 8, &[]),
    e(0x9F4D, "Log Entry", B, 2, 2, &[0xBF0C, 0x73]),
    e(0x9F4F, "Log Format", B, 0, 252, &[]),
    e(0xA5, "File Control Information (FCI) Proprietary Template", Template, 0, 252, &[0x6F]),
    e(0xBF0C, "FCI Issuer Discretionary Data", Template, 0, 222, &[0xA5]),
    e(0x70, "READ RECORD Response Message Template", Template, 0, 252, &[]),
    // Of the terminal, the transaction and the answers (Book 3, annex A; names and formats from
    // memory).
    e(0x6F, "File Control Information (FCI) Template", Template, 0, 252, &[]),
    e(0x71, "Issuer Script Template 1", B, 0, 255, &[]),
    e(0x72, "Issuer Script Template 2", B, 0, 255, &[]),
    e(0x73, "Directory Discretionary Template", Template, 0, 252, &[0x61]),
    e(0x77, "Response Message Template Format 2", Template, 0, 253, &[]),
    e(0x80, "Response Message Template Format 1", B, 0, 253, &[]),
    e(0x81, "Amount, Authorised (Binary)", B, 4, 4, &[]),
    e(0x83, "Command Template", B, 0, 255, &[]),
    e(0x89, "Authorisation Code", An, 6, 6, &[]),
    e(0x8A, "Authorisation Response Code", An, 2, 2, &[]),
    e(0x91, "Issuer Authentication Data", B, 8, 16, &[]),
    e(0x95, "Terminal Verification Results", B, 5, 5, &[]),
    e(0x98, "Transaction Certificate Hash Value", B, 20, 20, &[]),
    e(0x99, "Transaction PIN Data", B, 0, 255, &[]),
    e(0x9A, "Transaction Date", N, 3, 3, &[]),
    e(0x9B, "Transaction Status Information", B, 2, 2, &[]),
    e(0x9C, "Transaction Type", N, 1, 1, &[]),
    e(0x9D, "Directory Definition File Name", B, 5, 16, &[0x61]),
    e(0x5F2A, "Transaction Currency Code", N, 2, 2, &[]),
    e(0x5F36, "Transaction Currency Exponent", N, 1, 1, &[]),
    e(0x5F57, "Account Type", N, 1, 1, &[]),
    e(0x9F01, "Acquirer Identifier", N, 6, 6, &[]),
    e(0x9F02, "Amount, Authorised (Numeric)", N, 6, 6, &[]),
    e(0x9F03, "Amount, Other (Numeric)", N, 6, 6, &[]),
    e(0x9F04, "Amount, Other (Binary)", B, 4, 4, &[]),
    e(0x9F06, "Application Identifier, Terminal", B, 5, 16, &[]),
    e(0x9F09, "Application Version Number, Terminal", B, 2, 2, &[]),
    e(0x9F15, "Merchant Category Code", N, 2, 2, &[]),
    e(0x9F16, "Merchant Identifier", Ans, 15, 15, &[]),
    e(0x9F1A, "Terminal Country Code", N, 2, 2, &[]),
    e(0x9F1B, "Terminal Floor Limit", B, 4, 4, &[]),
    e(0x9F1C, "Terminal Identification", An, 8, 8, &[]),
    e(0x9F1D, "Terminal Risk Management Data", B, 1, 8, &[]),
    e(0x9F1E, "Interface Device Serial Number", An, 8, 8, &[]),
    e(0x9F21, "Transaction Time", N, 3, 3, &[]),
    e(0x9F22, "CA Public Key Index, Terminal", B, 1, 1, &[]),
    e(0x9F26, "Application Cryptogram", B, 8, 8, &[0x77]),
    e(0x9F27, "Cryptogram Information Data", B, 1, 1, &[0x77]),
    e(0x9F33, "Terminal Capabilities", B, 3, 3, &[]),
    e(0x9F34, "Cardholder Verification Method Results", B, 3, 3, &[]),
    e(0x9F35, "Terminal Type", N, 1, 1, &[]),
    e(0x9F37, "Unpredictable Number", B, 4, 4, &[]),
    e(0x9F39, "Point-of-Service Entry Mode", N, 1, 1, &[]),
    e(0x9F3A, "Amount, Reference Currency", B, 4, 4, &[]),
    e(0x9F3C, "Transaction Reference Currency Code", N, 2, 2, &[]),
    e(0x9F3D, "Transaction Reference Currency Exponent", N, 1, 1, &[]),
    e(0x9F40, "Additional Terminal Capabilities", B, 5, 5, &[]),
    e(0x9F41, "Transaction Sequence Counter", N, 2, 4, &[]),
    e(0x9F4E, "Merchant Name and Location", Ans, 0, 255, &[]),
];

/// The schemes' own elements.
#[rustfmt::skip]
pub static SCHEME_ELEMENTS: &[SchemeElement] = &[
    s("visa", 0x9F5D, "Available Offline Spending Amount"),
    s("visa", 0x9F63, "Offline Counter Initial Value"),
    s("visa", 0x9F69, "Card Authentication Related Data"),
    s("visa", 0x9F6B, "Card CVM Limit"),
    s("visa", 0x9F6C, "Card Transaction Qualifiers"),
    s("visa", 0x9F6E, "Form Factor Indicator"),
    s("visa", 0x9F68, "Card Additional Processes"),
    s("visa", 0x9F51, "Application Currency Code"),
    s("visa", 0x9F52, "Application Default Action"),
    s("visa", 0x9F53, "Consecutive Transaction Counter International Limit"),
    s("visa", 0x9F54, "Cumulative Total Transaction Amount Limit"),
    s("visa", 0x9F56, "Issuer Authentication Indicator"),
    s("visa", 0x9F57, "Issuer Country Code"),
    s("visa", 0x9F58, "Consecutive Transaction Counter Limit"),
    s("visa", 0x9F59, "Consecutive Transaction Counter Upper Limit"),
    s("visa", 0x9F5C, "Cumulative Total Transaction Amount Upper Limit"),
    s("visa", 0x9F72, "Consecutive Transaction Counter International Country Limit"),
    s("visa", 0x9F73, "Currency Conversion Parameters"),
    s("visa", 0x9F75, "CTTA Limit Dual Currency"),
    s("visa", 0x9F7C, "Customer Exclusive Data"),
    s("mastercard", 0x9F5D, "Application Capabilities Information"),
    s("mastercard", 0x9F62, "PCVC3 Track1"),
    s("mastercard", 0x9F63, "PUNATC Track1"),
    s("mastercard", 0x9F64, "NATC Track1"),
    s("mastercard", 0x9F65, "PCVC3 Track2"),
    s("mastercard", 0x9F66, "PUNATC Track2"),
    s("mastercard", 0x9F67, "NATC Track2"),
    s("mastercard", 0x9F69, "UDOL"),
    s("mastercard", 0x9F6B, "Track 2 Data"),
    s("mastercard", 0x9F6A, "Unpredictable Number Numeric"),
    s("mastercard", 0xC3, "CIAC Decline"),
    s("mastercard", 0xC4, "CIAC Default"),
    s("mastercard", 0xC5, "CIAC Online"),
    s("mastercard", 0xC6, "PIN Try Limit"),
    s("mastercard", 0xC7, "CDOL1 Related Data Length"),
    s("mastercard", 0xC8, "CRM Country Code"),
    s("mastercard", 0xC9, "CRM Currency Code"),
    s("amex", 0x9F67, "Form Factor"),
    s("unionpay", 0x9F63, "Product Identification Information"),
    s("unionpay", 0x9F74, "EC Issuer Authorization Code"),
    s("unionpay", 0x9F77, "EC Balance Limit"),
    s("unionpay", 0x9F78, "EC Single Transaction Limit"),
    s("unionpay", 0x9F79, "EC Balance"),
    s("unionpay", 0x9F6D, "EC Reset Threshold"),
    s("cpa", 0xC1, "Application Control"),
    s("cpa", 0xC2, "Profile Selection File Entry"),
    s("cpa", 0xC3, "Number of Days Offline Limit"),
    s("cpa", 0xC4, "Security Limits Status"),
    s("cpa", 0xC9, "Offline Balance Currency Code"),
    s("cpa", 0xBF30, "Accumulators"),
    s("cpa", 0xBF31, "Accumulator Profile Controls"),
    s("cpa", 0xBF32, "Accumulator Controls"),
    s("cpa", 0xBF34, "CIAC Entries"),
    s("cpa", 0xBF35, "Counters"),
    s("cpa", 0xBF36, "Counter Profile Controls"),
    s("cpa", 0xBF37, "Counter Controls"),
    s("cpa", 0xBF39, "Cyclic Accumulator Profile Controls"),
    s("cpa", 0xBF3A, "Cyclic Accumulator Controls"),
    s("cpa", 0xBF3E, "GPO Parameters"),
    s("cpa", 0xBF3F, "Profile Controls"),
    s("cpa", 0xBF40, "GEN AC Log Data"),
    s("cpa", 0xBF41, "AIP AFL Entries"),
    s("cpa", 0xBF42, "Cyclic Accumulators"),
];
