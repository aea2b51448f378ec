//! The table of compositions: for each intent the ways to carry it out, best first, and what the
//! token, the key and the site must allow.

use cardwright_pkcs11_raw::Mechanism;
use cardwright_pkcs11_raw::ck;

use crate::capability::{Capability, Shown};
use crate::error::{self, Refused};
use crate::objects::{Flags, Kind};
use crate::settings::HostMemory;

/// Intents that are composed in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Intent {
    /// Values under the storage key.
    Sealing,
    /// Labelled draws.
    Draws,
    /// CVV, CVV2, iCVV.
    CardVerification,
    /// PVV, IBM 3624, PIN blocks of formats 0 to 3.
    Pins,
    /// PIN blocks of format 4.
    PinsAes,
    /// Keys of a card by options A and B.
    CardKeysTdes,
    /// Keys of a card by option C.
    CardKeysAes,
    /// Cryptograms, answers and dynamic codes, options A and B.
    CryptogramsTdes,
    /// Cryptograms and answers, option C.
    CryptogramsAes,
    /// Sealed values out under a triple DES transport key.
    ExportTdes,
    /// Sealed values out under an AES transport key.
    ExportAes,
    /// Numbers of a card's RSA key out under a triple DES transport key.
    ExportRsaTdes,
    /// Numbers of a card's RSA key out under an AES transport key.
    ExportRsaAes,
    /// Public data out under a transport key, triple DES.
    TransportTdes,
    /// Public data out under a transport key, AES.
    TransportAes,
    /// Secure channels with triple DES.
    ChannelsTdes,
    /// Secure channels with AES of 128 and 256 bits.
    ChannelsAes,
    /// Secure channels with AES of 192 bits.
    ChannelsAes192,
    /// Keys that were made inside, to a card in a channel with triple DES.
    CardSecretsTdes,
    /// Keys that were made inside, to a card in a channel with AES.
    CardSecretsAes,
    /// Numbers of its RSA key to a card in a channel with triple DES.
    CardRsaNumbersTdes,
    /// Numbers of its RSA key to a card in a channel with AES.
    CardRsaNumbersAes,
    /// A card's new channel keys, triple DES.
    PutKeysTdes,
    /// A card's new channel keys, AES.
    PutKeysAes,
    /// RSA keys of cards, exponent 3.
    CardRsaKeys,
    /// RSA keys of cards, exponent 65537.
    CardRsaKeysF4,
    /// Signatures of issuers and authorities.
    Signatures,
    /// A triple DES key of two keys is made.
    MakeTdes2,
    /// A card verification key is made, whose left half works alone.
    MakeCardVerification,
    /// A triple DES key of three keys is made.
    MakeTdes3,
    /// An AES key is made.
    MakeAes,
    /// An RSA key pair is made, exponent 3.
    MakeRsa,
    /// An RSA key pair is made, exponent 65537.
    MakeRsaF4,
    /// A key pair on P-256 is made.
    MakeP256,
    /// A key that was made in one token comes into the others.
    Copies,
    /// Components of a triple DES key are joined, or such a key is taken apart.
    ComponentsTdes,
    /// The same with AES.
    ComponentsAes,
    /// An exportable key leaves its token for a form that no token makes.
    KeysOut,
    /// A key comes in from a form that no token opens.
    KeysIn,
    /// Key blocks of version B.
    KeyBlocksTdes,
    /// Key blocks of version D.
    KeyBlocksAes,
    /// Key blocks of version E.
    KeyBlocksCounter,
    /// Key blocks of versions A and C.
    KeyBlocksVariant,
    /// Key pairs in key blocks of versions D and E.
    KeyBlocksPairs,
    /// AES key wrap out.
    KeyWrapOut,
    /// AES key wrap in.
    KeyWrapIn,
    /// Key under key in ECB or CBC, out.
    LegacyOut,
    /// Key under key in ECB or CBC, in.
    LegacyIn,
    /// RSA-OAEP with SHA-1, out.
    OaepSha1Out,
    /// RSA-OAEP with SHA-1, in.
    OaepSha1In,
    /// RSA-OAEP with SHA-256, out.
    OaepSha256Out,
    /// RSA-OAEP with SHA-256, in.
    OaepSha256In,
    /// Agreement on P-256, then AES key wrap.
    Agreement,
    /// The same of private keys.
    AgreementPairs,
    /// Messages signed on P-256.
    MessagesP256,
    /// Envelopes for a receiver's RSA key, as TR-34 has them.
    EnvelopesOut,
    /// Envelopes for a key pair of the tokens.
    EnvelopesIn,
}

impl Intent {
    /// RSA keys of cards by their public exponent.
    pub(crate) fn of_card_rsa_keys(exponent: u32) -> Self {
        match exponent {
            3 => Self::CardRsaKeys,
            _ => Self::CardRsaKeysF4,
        }
    }

    /// Channels with a master key of a kind.
    pub(crate) fn of_channels(kind: Kind) -> Self {
        match kind {
            Kind::Aes(24) => Self::ChannelsAes192,
            Kind::Aes(_) => Self::ChannelsAes,
            _ => Self::ChannelsTdes,
        }
    }
}

/// How an intent is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// All of it inside the token.
    Inside,
    /// A derived key is in host memory for the moment of its use.
    HostMemory,
    /// Sealing and draws with AES, block by block: what many cards need goes into one call.
    Blocks,
    /// The same, where keys leave their token by AES-CBC.
    CbcOut,
    /// Sealing with AES-GCM.
    Gcm,
    /// Sealing with AES-CBC and a MAC.
    CbcAndMac,
    /// Draws by HMAC.
    Hmac,
    /// Draws by CMAC.
    Cmac,
}

/// A way to carry out an intent.
#[derive(Debug)]
pub struct Composition {
    /// Of which intent.
    pub intent: Intent,
    /// For people.
    pub name: &'static str,
    /// What the token must do.
    pub needs: &'static [Capability],
    /// What the key must allow.
    pub key: Flags,
    /// Whether a working key is in host memory.
    pub host_memory: bool,
    /// Which code carries it out.
    pub way: Way,
}

use Capability as C;

pub(crate) const fn row(
    intent: Intent,
    way: Way,
    needs: &'static [Capability],
    key: Flags,
    name: &'static str,
) -> Composition {
    Composition {
        intent,
        name,
        needs,
        key,
        host_memory: matches!(way, Way::HostMemory | Way::CbcOut),
        way,
    }
}

/// SCP03 asks for blocks under the key from which it derives.
const DERIVE_AND_ENCRYPT: Flags = Flags::DERIVE.and(Flags::ENCRYPT);

/// The compositions of production; of one intent the best first.
pub static COMPOSITIONS: &[Composition] = &[
    row(
        Intent::Sealing,
        Way::Blocks,
        &[C::AesEcbMany],
        Flags::NONE,
        "AES-256 blocks inside, in counter mode, vector and tag by draws over content and ciphertext; joined",
    ),
    row(
        Intent::Sealing,
        Way::Gcm,
        &[C::AesGcm],
        Flags::NONE,
        "AES-256-GCM inside, nonce by a draw over the content",
    ),
    row(
        Intent::Sealing,
        Way::CbcAndMac,
        &[C::AesCbc],
        Flags::NONE,
        "AES-256-CBC inside, vector and tag by draws over content and ciphertext",
    ),
    row(
        Intent::Draws,
        Way::Blocks,
        &[C::AesEcbMany],
        Flags::ENCRYPT,
        "AES-256 inside over the label's SHA-256; joined",
    ),
    row(
        Intent::Draws,
        Way::Hmac,
        &[C::Hmac],
        Flags::SIGN,
        "HMAC-SHA-256 of the label inside",
    ),
    row(
        Intent::Draws,
        Way::Cmac,
        &[C::AesCmac],
        Flags::SIGN,
        "CMAC of the label inside, twice",
    ),
    row(
        Intent::CardVerification,
        Way::Inside,
        &[C::TdesEcb, C::SingleDes],
        Flags::ENCRYPT,
        "single DES with the object of the left half, triple DES with the whole key, inside",
    ),
    row(
        Intent::Pins,
        Way::Inside,
        &[C::TdesEcb],
        Flags::ENCRYPT,
        "one block inside; the PIN passes through wiped host memory",
    ),
    row(
        Intent::PinsAes,
        Way::Inside,
        &[C::AesEcb],
        Flags::ENCRYPT,
        "two blocks inside; the PIN passes through wiped host memory",
    ),
    row(
        Intent::CardKeysTdes,
        Way::Inside,
        &[C::TdesDerive, C::TdesEcb, C::KeyWrap],
        Flags::DERIVE,
        "derived inside, stored by its recipe, derived again for the machine",
    ),
    row(
        Intent::CardKeysTdes,
        Way::HostMemory,
        &[C::TdesEcb],
        Flags::ENCRYPT,
        "computed by encryption, sealed from host memory",
    ),
    row(
        Intent::CardKeysAes,
        Way::Inside,
        &[C::AesDerive, C::AesEcb, C::KeyWrap],
        Flags::DERIVE,
        "derived inside, stored by its recipe, derived again for the machine",
    ),
    row(
        Intent::CardKeysAes,
        Way::HostMemory,
        &[C::AesEcb],
        Flags::ENCRYPT,
        "computed by encryption, sealed from host memory",
    ),
    row(
        Intent::CryptogramsTdes,
        Way::Inside,
        &[C::TdesDerive, C::TdesEcb, C::SingleDes],
        Flags::DERIVE,
        "keys derived inside; the retail MAC is composed of single and triple DES inside",
    ),
    row(
        Intent::CryptogramsTdes,
        Way::HostMemory,
        &[C::TdesEcb],
        Flags::ENCRYPT,
        "card key computed by encryption, used in host memory",
    ),
    row(
        Intent::CryptogramsAes,
        Way::Inside,
        &[C::AesDerive, C::AesCmac],
        Flags::DERIVE,
        "keys derived inside, CMAC inside",
    ),
    row(
        Intent::CryptogramsAes,
        Way::HostMemory,
        &[C::AesEcb],
        Flags::ENCRYPT,
        "card key computed by encryption, used in host memory",
    ),
    row(
        Intent::ExportTdes,
        Way::Inside,
        &[C::KeyWrap, C::TdesEcbWrap, C::TdesEcb],
        Flags::WRAP,
        "keys derived again inside and wrapped under the transport key",
    ),
    row(
        Intent::ExportTdes,
        Way::HostMemory,
        &[C::TdesEcb],
        Flags::ENCRYPT,
        "keys opened into host memory, enciphered inside",
    ),
    row(
        Intent::ExportAes,
        Way::Inside,
        &[C::KeyWrap, C::AesCbcWrap, C::AesCbc],
        Flags::WRAP,
        "keys derived again inside and wrapped under the transport key",
    ),
    row(
        Intent::ExportAes,
        Way::HostMemory,
        &[C::AesCbc],
        Flags::ENCRYPT,
        "keys opened into host memory, enciphered inside",
    ),
    row(
        Intent::ExportRsaTdes,
        Way::Inside,
        &[C::RsaSplit, C::TdesEcbWrap, C::TdesEcb],
        Flags::WRAP,
        "numbers cut out inside and wrapped under the transport key",
    ),
    row(
        Intent::ExportRsaTdes,
        Way::HostMemory,
        &[C::TdesEcb],
        Flags::ENCRYPT,
        "numbers opened into host memory, enciphered inside",
    ),
    row(
        Intent::ExportRsaAes,
        Way::Inside,
        &[C::RsaSplit, C::AesCbcWrap, C::AesCbc],
        Flags::WRAP,
        "numbers cut out inside and wrapped under the transport key",
    ),
    row(
        Intent::ExportRsaAes,
        Way::HostMemory,
        &[C::AesCbc],
        Flags::ENCRYPT,
        "numbers opened into host memory, enciphered inside",
    ),
    row(
        Intent::TransportTdes,
        Way::Inside,
        &[C::TdesEcb],
        Flags::ENCRYPT,
        "enciphered inside",
    ),
    row(
        Intent::TransportAes,
        Way::Inside,
        &[C::AesCbc],
        Flags::ENCRYPT,
        "enciphered inside",
    ),
    row(
        Intent::ChannelsTdes,
        Way::Inside,
        &[C::TdesDerive, C::TdesCbcDerive, C::TdesEcb, C::ChannelTdes],
        Flags::DERIVE,
        "card and session keys derived inside, in a session that the lane keeps",
    ),
    row(
        Intent::ChannelsTdes,
        Way::HostMemory,
        &[C::TdesEcb],
        Flags::ENCRYPT,
        "card keys computed by encryption; the channel's keys are in host memory",
    ),
    row(
        Intent::ChannelsAes,
        Way::Inside,
        &[
            C::AesDerive,
            C::AesEcb,
            C::AesCbc,
            C::AesCmac,
            C::ChannelAes,
        ],
        DERIVE_AND_ENCRYPT,
        "card and session keys derived inside, in a session that the lane keeps",
    ),
    row(
        Intent::ChannelsAes,
        Way::HostMemory,
        &[C::AesEcb],
        Flags::ENCRYPT,
        "card keys computed by encryption; the channel's keys are in host memory",
    ),
    row(
        Intent::ChannelsAes192,
        Way::Inside,
        &[
            C::AesDerive,
            C::AesEcb,
            C::AesCbc,
            C::AesCmac,
            C::ChannelAes192,
        ],
        DERIVE_AND_ENCRYPT,
        "card and session keys derived inside, in a session that the lane keeps",
    ),
    row(
        Intent::ChannelsAes192,
        Way::HostMemory,
        &[C::AesEcb],
        Flags::ENCRYPT,
        "card keys computed by encryption; the channel's keys are in host memory",
    ),
    row(
        Intent::CardSecretsTdes,
        Way::Inside,
        &[C::ChannelTdes, C::KeyWrap, C::TdesEcbWrap],
        Flags::NONE,
        "keys derived again inside and wrapped under the channel's key for sensitive data",
    ),
    row(
        Intent::CardSecretsTdes,
        Way::HostMemory,
        &[C::TdesEcb],
        Flags::NONE,
        "keys opened into host memory",
    ),
    row(
        Intent::CardSecretsAes,
        Way::Inside,
        &[C::ChannelAes, C::KeyWrap, C::AesCbcWrap, C::AesCbc],
        Flags::NONE,
        "keys derived again inside and wrapped under the channel's key for sensitive data",
    ),
    row(
        Intent::CardSecretsAes,
        Way::HostMemory,
        &[C::AesCbc],
        Flags::NONE,
        "keys opened into host memory",
    ),
    row(
        Intent::CardRsaNumbersTdes,
        Way::Inside,
        &[C::RsaSplit, C::ChannelTdes, C::TdesEcbWrap],
        Flags::NONE,
        "numbers cut out inside and wrapped under the channel's key for sensitive data",
    ),
    row(
        Intent::CardRsaNumbersTdes,
        Way::HostMemory,
        &[C::TdesEcb],
        Flags::NONE,
        "numbers opened into host memory, enciphered inside",
    ),
    row(
        Intent::CardRsaNumbersAes,
        Way::Inside,
        &[C::RsaSplit, C::ChannelAes, C::AesCbcWrap],
        Flags::NONE,
        "numbers cut out inside and wrapped under the channel's key for sensitive data",
    ),
    row(
        Intent::CardRsaNumbersAes,
        Way::HostMemory,
        &[C::AesCbc],
        Flags::NONE,
        "numbers opened into host memory, enciphered inside",
    ),
    row(
        Intent::PutKeysTdes,
        Way::Inside,
        &[C::ChannelTdes, C::TdesEcbWrap],
        Flags::DERIVE,
        "derived inside and wrapped under the channel's key for sensitive data",
    ),
    row(
        Intent::PutKeysTdes,
        Way::HostMemory,
        &[C::TdesEcb],
        Flags::ENCRYPT,
        "computed by encryption in host memory",
    ),
    row(
        Intent::PutKeysAes,
        Way::Inside,
        &[C::ChannelAes, C::AesCbcWrap],
        DERIVE_AND_ENCRYPT,
        "derived inside and wrapped under the channel's key for sensitive data",
    ),
    row(
        Intent::PutKeysAes,
        Way::HostMemory,
        &[C::AesEcb],
        Flags::ENCRYPT,
        "computed by encryption in host memory",
    ),
    row(
        Intent::CardRsaKeys,
        Way::Inside,
        &[C::RsaGenerate, C::KeyWrapPad],
        Flags::NONE,
        "made inside, wrapped under the storage key",
    ),
    row(
        Intent::CardRsaKeys,
        Way::HostMemory,
        &[],
        Flags::NONE,
        "made in host memory from a labelled draw, sealed",
    ),
    row(
        Intent::CardRsaKeysF4,
        Way::Inside,
        &[C::RsaGenerateF4, C::KeyWrapPad],
        Flags::NONE,
        "made inside, wrapped under the storage key",
    ),
    row(
        Intent::CardRsaKeysF4,
        Way::HostMemory,
        &[],
        Flags::NONE,
        "made in host memory from a labelled draw, sealed",
    ),
    row(
        Intent::Signatures,
        Way::Inside,
        &[C::RsaSign],
        Flags::SIGN,
        "raw RSA inside, opened with the public key before it leaves",
    ),
];

/// What a plan looks up.
fn table() -> impl Iterator<Item = &'static Composition> {
    COMPOSITIONS.iter().chain(crate::custody::COMPOSITIONS)
}

/// What the tokens do, and which compositions follow from it.
pub(crate) struct Plan {
    shown: Vec<(Capability, Shown)>,
    host_memory: HostMemory,
}

impl Plan {
    /// Out of what all tokens showed.
    pub(crate) fn new(
        shown: Vec<(Capability, Shown)>,
        avoid: &[Capability],
        host_memory: HostMemory,
    ) -> Self {
        let avoided = |(capability, shown): (Capability, Shown)| {
            if avoid.contains(&capability) {
                let what = "hsm.avoid in site.toml names it".to_owned();
                return (capability, Shown::Refused(what));
            }
            (capability, shown)
        };
        Self {
            shown: shown.into_iter().map(avoided).collect(),
            host_memory,
        }
    }

    /// Every capability with what was shown.
    pub(crate) fn shown(&self) -> &[(Capability, Shown)] {
        &self.shown
    }

    /// Whether the tokens can do something.
    pub(crate) fn can(&self, capability: Capability) -> bool {
        let works = |(c, shown): &(Capability, Shown)| *c == capability && *shown == Shown::Works;
        self.shown.iter().any(works)
    }

    /// AES key wrap with padding as the tokens do it.
    pub(crate) fn key_wrap_pad(&self) -> Mechanism {
        Mechanism::Plain(match self.can(C::KeyWrapKwp) {
            true => ck::CKM_AES_KEY_WRAP_KWP,
            false => ck::CKM_AES_KEY_WRAP_PAD,
        })
    }

    /// Whether keys may be in host memory.
    pub(crate) fn host_memory_allowed(&self) -> bool {
        self.host_memory != HostMemory::Refused
    }

    /// Whether cards' keys go through host memory though the token could do it inside. How keys of the site are
    /// made and exchanged is another matter.
    fn prefers_host_memory(&self, intent: Intent) -> bool {
        let of_production = || COMPOSITIONS.iter().any(|c| c.intent == intent);
        self.host_memory == HostMemory::Preferred && of_production()
    }

    fn possible(&self, intent: Intent) -> impl Iterator<Item = &'static Composition> + '_ {
        let able = |c: &&Composition| c.needs.iter().all(|need| self.can(*need));
        table().filter(move |c| c.intent == intent).filter(able)
    }

    /// The best composition of an intent, whatever the key; for reports.
    pub(crate) fn best(&self, intent: Intent) -> Result<&'static Composition, Refused> {
        self.choose(intent, None)
    }

    /// The best way for a key with these flags.
    ///
    /// # Errors
    /// R1336 when only host memory would do; R1331 when the token or the key can't.
    pub(crate) fn way(&self, intent: Intent, key: Flags) -> Result<Way, Refused> {
        self.choose(intent, Some(key)).map(|c| c.way)
    }

    fn choose(&self, intent: Intent, key: Option<Flags>) -> Result<&'static Composition, Refused> {
        let suits = |c: &&Composition| key.is_none_or(|key| key.has(c.key));
        let allowed = |c: &&Composition| !c.host_memory || self.host_memory_allowed();
        let may = || self.possible(intent).filter(suits).filter(allowed);
        let quick = || may().find(|c| c.host_memory && self.prefers_host_memory(intent));
        if let Some(found) = quick().or_else(|| may().next()) {
            return Ok(found);
        }
        if let Some(refused) = self.possible(intent).find(suits) {
            let mut what = format!("{intent:?}: {}", refused.name);
            // What the key would have to allow for it to stay inside, or what the token would have to do.
            let inside = |c: &&Composition| c.intent == intent && !c.host_memory;
            let lacks = |need: &&Capability| !self.can(**need);
            if let Some(better) = self.possible(intent).find(inside) {
                let mut lacking = better.key.beyond(key.unwrap_or(Flags::NONE));
                let lacking = lacking.next().unwrap_or("a use that it needs");
                what = format!("{what}; inside it needs a key that allows {lacking}");
            } else if let Some(better) = table().find(inside) {
                let lacking = better.needs.iter().filter(lacks).map(|need| need.word());
                let lacking: Vec<&str> = lacking.collect();
                what = format!(
                    "{what}; inside it needs a token that can {}",
                    lacking.join(", ")
                );
            }
            return Err(error::HOST_MEMORY.found(what));
        }
        if let Some(lacking) = self.possible(intent).next() {
            let what = lacking.key.beyond(key.unwrap_or(Flags::NONE)).next();
            let what = what.unwrap_or("a use that it needs");
            return Err(error::REFUSED.found(format!("{intent:?}: the key does not allow {what}")));
        }
        Err(error::REFUSED.found(format!("{intent:?}: the token has no way to do it")))
    }
}

/// All intents of the table, each once.
pub fn intents() -> Vec<Intent> {
    let mut intents: Vec<Intent> = table().map(|c| c.intent).collect();
    intents.dedup();
    intents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(works: &[Capability], host_memory: HostMemory) -> Plan {
        let shown = works.iter().map(|c| (*c, Shown::Works)).collect();
        Plan::new(shown, &[], host_memory)
    }

    #[test]
    fn the_best_that_works_is_taken() {
        let can = [C::TdesDerive, C::TdesEcb, C::KeyWrap];
        let both = Flags::DERIVE.and(Flags::ENCRYPT);
        let allowed = plan(&can, HostMemory::Allowed);
        let way = |plan: &Plan, key| plan.way(Intent::CardKeysTdes, key);
        assert_eq!(way(&allowed, both), Ok(Way::Inside));
        assert_eq!(way(&allowed, Flags::ENCRYPT), Ok(Way::HostMemory));
        assert_eq!(way(&allowed, Flags::NONE).unwrap_err().code, "R1331");
        let refused = plan(&can, HostMemory::Refused);
        assert_eq!(way(&refused, both), Ok(Way::Inside));
        assert_eq!(way(&refused, Flags::ENCRYPT).unwrap_err().code, "R1336");
        let quick = plan(&can, HostMemory::Preferred);
        assert_eq!(way(&quick, both), Ok(Way::HostMemory));
        assert_eq!(way(&quick, Flags::DERIVE), Ok(Way::Inside));
        let poor = plan(&[], HostMemory::Allowed);
        assert_eq!(way(&poor, both).unwrap_err().code, "R1331");
    }

    #[test]
    fn what_is_avoided_is_not_taken() {
        let shown = vec![(C::AesGcm, Shown::Works), (C::AesCbc, Shown::Works)];
        let plan = Plan::new(shown, &[C::AesGcm], HostMemory::Refused);
        let best = plan.best(Intent::Sealing).unwrap();
        assert_eq!(best.way, Way::CbcAndMac);
    }

    // What is preferred is a matter of cards: keys of the site are made inside as before.
    #[test]
    fn preferred_host_memory_is_for_cards_only() {
        let all: Vec<Capability> = crate::capability::PROBES
            .iter()
            .map(|probe| probe.capability)
            .collect();
        let (allowed, quick) = (
            plan(&all, HostMemory::Allowed),
            plan(&all, HostMemory::Preferred),
        );
        for intent in intents() {
            let of_cards = COMPOSITIONS.iter().any(|c| c.intent == intent);
            let (before, now) = (allowed.best(intent), quick.best(intent));
            match (before, now) {
                (Ok(before), Ok(now)) if !of_cards => assert_eq!(before.name, now.name),
                (Ok(before), Ok(now)) => assert!(now.host_memory || before.name == now.name),
                (before, now) => assert_eq!(before.is_err(), now.is_err(), "{intent:?}"),
            }
        }
        assert_eq!(
            quick.best(Intent::ChannelsAes).unwrap().way,
            Way::HostMemory
        );
        assert_eq!(quick.best(Intent::Sealing).unwrap().way, Way::Blocks);
    }

    #[test]
    fn rows_of_an_intent_stand_together() {
        let mut sorted = intents();
        sorted.sort_unstable();
        let count = sorted.len();
        sorted.dedup();
        assert_eq!(sorted.len(), count);
    }
}
