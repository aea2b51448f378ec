//! What a blank card is: platform, keys, serial number and the applets that its maker installed.

use crate::crypto::{Family, secret, sha1};
use crate::entropy::Entropy;
use crate::keys::CardKeys;
use crate::{CardFault, ComponentPadding, DapSpec, PackageSpec, PlainApplet, Quirks};
use cardwright_ports::SecretBytes;
use cardwright_ports::hsm::Diversification;
use std::collections::BTreeMap;

/// AID of the issuer security domain.
pub const ISSUER_DOMAIN_AID: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];
/// AID of the payment system environment on the contact interface.
pub const PSE_AID: [u8; 14] = *b"1PAY.SYS.DDF01";
/// AID of the proximity payment system environment.
pub const PPSE_AID: [u8; 14] = *b"2PAY.SYS.DDF01";

/// Most applet instances on one card.
pub(crate) const INSTANCES_MAX: usize = 16;

/// Secure channel protocol with its option i.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Triple DES; option 0x05, 0x15, 0x45 or 0x55.
    Scp02 {
        /// Option i: bit 5 enciphers the chaining value, bit 7 makes the challenge pseudo-random.
        option: u8,
    },
    /// AES; option 0x00, 0x10, 0x20, 0x30, 0x60 or 0x70.
    Scp03 {
        /// Option i: bit 5 pseudo-random challenge, bit 6 R-MAC, bit 7 R-MAC and R-ENCRYPTION.
        option: u8,
    },
}

impl Protocol {
    pub(crate) fn family(self) -> Family {
        match self {
            Self::Scp02 { .. } => Family::Tdes,
            Self::Scp03 { .. } => Family::Aes,
        }
    }

    pub(crate) fn supported(self) -> bool {
        match self {
            Self::Scp02 { option } => matches!(option, 0x05 | 0x15 | 0x45 | 0x55),
            Self::Scp03 { option } => matches!(option, 0x00 | 0x10 | 0x20 | 0x30 | 0x60 | 0x70),
        }
    }

    /// Whether EXTERNAL AUTHENTICATE may ask for a security level.
    pub(crate) fn allows(self, level: u8) -> bool {
        match (self, level) {
            (_, 0x00 | 0x01 | 0x03) => true,
            (Self::Scp03 { option }, 0x11 | 0x13) => option & 0x20 != 0,
            (Self::Scp03 { option }, 0x33) => option & 0x60 == 0x60,
            _ => false,
        }
    }
}

/// Where a blank's channel keys come from.
pub enum BlankKeys {
    /// Keys of this very card.
    Card {
        /// Encryption and authentication.
        enc: SecretBytes,
        /// Integrity.
        mac: SecretBytes,
        /// Sensitive data.
        dek: SecretBytes,
    },
    /// A master key, diversified with the card's key data.
    Master {
        /// The issuer's master key, TEST only.
        key: SecretBytes,
        /// Method; triple DES methods go with SCP02, KDF3 with SCP03.
        method: Diversification,
    },
}

/// A blank card.
pub struct BlankSpec {
    /// Secure channel.
    pub protocol: Protocol,
    /// Static keys.
    pub keys: BlankKeys,
    /// Key version number, 0x01 to 0x7F, or 0xFF for a maker's initial set.
    pub key_version: u8,
    /// Key diversification data, returned by INITIALIZE UPDATE.
    pub key_data: [u8; 10],
    /// Card production life cycle data (GET DATA 9F7F), without tag and length.
    pub cplc: [u8; 42],
    /// AIDs of the installed applets, in registry order, 5 to 16 octets each.
    pub instances: Vec<Vec<u8>>,
    /// Applets that keep whatever groupings their maker gave them.
    pub plain: Vec<PlainApplet>,
    /// Load files that its maker left on the card.
    pub packages: Vec<PackageSpec>,
    /// Applets that may be loaded: what their instances will keep, by AID.
    pub loadable: Vec<PlainApplet>,
    /// A domain that verifies what is loaded.
    pub dap: Option<DapSpec>,
    /// Whether the card is native: no GlobalPlatform commands, its applications are written by
    /// their own.
    pub native: bool,
    /// Deviations of this card product.
    pub quirks: Quirks,
}

impl BlankSpec {
    /// A blank with a serial number: key data are `key_group` (EMV CPS: KMC identifier, such as
    /// the issuer's IIN) and the serial number, which stands in the CPLC as well.
    pub fn new(
        protocol: Protocol,
        keys: BlankKeys,
        key_group: [u8; 6],
        serial: [u8; 4],
        instances: Vec<Vec<u8>>,
    ) -> Self {
        let mut key_data = [0; 10];
        let mut cplc = [0; 42];
        for (place, octet) in key_data.iter_mut().zip(key_group.iter().chain(&serial)) {
            *place = *octet;
        }
        // CPLC: twelve octets of fabrication data stand before the serial number.
        for (place, octet) in cplc.iter_mut().skip(12).zip(serial) {
            *place = octet;
        }
        Self {
            protocol,
            keys,
            key_version: 1,
            key_data,
            cplc,
            instances,
            plain: Vec::new(),
            packages: Vec::new(),
            loadable: Vec::new(),
            dap: None,
            native: false,
            quirks: Quirks::default(),
        }
    }
}

/// The part of the chip's persistent state that belongs to the card, not to an application.
pub(crate) struct Platform {
    pub(crate) protocol: Protocol,
    pub(crate) keys: CardKeys,
    pub(crate) key_version: u8,
    pub(crate) key_data: [u8; 10],
    pub(crate) cplc: [u8; 42],
    /// Sequence counter of the key set: two octets for SCP02, three for SCP03.
    pub(crate) sequence: u32,
    /// Failed authentications since the last good one.
    pub(crate) failures: u8,
    /// CARD BLOCK has been obeyed.
    pub(crate) blocked: bool,
    /// No GlobalPlatform commands.
    pub(crate) native: bool,
    /// 01 ready, 07 initialized, 0F secured.
    pub(crate) life_cycle: u8,
    /// Objects of the issuer domain, by tag.
    pub(crate) domain_data: BTreeMap<u32, Vec<u8>>,
    pub(crate) entropy: Entropy,
    pub(crate) quirks: Quirks,
}

impl Platform {
    pub(crate) fn new(spec: &BlankSpec) -> Result<Self, CardFault> {
        let family = spec.protocol.family();
        let keys = match &spec.keys {
            BlankKeys::Card { enc, mac, dek } => {
                CardKeys::new(enc.expose(), mac.expose(), dek.expose())
            }
            BlankKeys::Master { key, method } => {
                CardKeys::diversify(*method, family, key.expose(), &spec.key_data).ok_or_else(
                    || CardFault::blank("the diversification does not go with the protocol's keys"),
                )?
            }
        };
        let seed = sha1(&[b"virtual card", &spec.key_data, &spec.cplc]);
        let platform = Self {
            protocol: spec.protocol,
            keys,
            key_version: spec.key_version,
            key_data: spec.key_data,
            cplc: spec.cplc,
            sequence: 0,
            failures: 0,
            blocked: false,
            native: spec.native,
            life_cycle: 0x01,
            domain_data: BTreeMap::new(),
            entropy: Entropy::new(secret(seed.get(..16).unwrap_or_default()), 0),
            quirks: Quirks {
                component_padding: match (spec.quirks.component_padding, spec.protocol) {
                    (ComponentPadding::Never, Protocol::Scp03 { .. }) => ComponentPadding::NeverAes,
                    (padding, _) => padding,
                },
                ..spec.quirks.clone()
            },
        };
        platform.check()?;
        Ok(platform)
    }

    /// What has to hold for a blank and for a restored card alike.
    pub(crate) fn check(&self) -> Result<(), CardFault> {
        let family = self.protocol.family();
        let keys = [&self.keys.enc, &self.keys.mac, &self.keys.dek];
        let lengths_agree = keys.iter().all(|k| k.len() == self.keys.enc.len());
        let ciphers = keys.map(|k| crate::crypto::Cipher::new(family, k).is_some());
        if !self.protocol.supported() {
            return Err(CardFault::blank("the protocol has no such option i"));
        }
        if !lengths_agree || ciphers.contains(&false) {
            return Err(CardFault::blank(
                "channel keys must be 16 octets (SCP02) or 16, 24 or 32 octets (SCP03)",
            ));
        }
        if !matches!(self.key_version, 0x01..=0x7F | 0xFF) {
            return Err(CardFault::blank("a key version is 01 to 7F, or FF"));
        }
        Ok(())
    }
}
