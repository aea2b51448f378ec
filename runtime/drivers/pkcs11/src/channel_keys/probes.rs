//! Probes of channels inside: whole channels with the keys, challenges and commands of pySim's tests of a
//! card, from INITIALIZE UPDATE's answer on.

use cardwright_pkcs11_raw::{Failure, Object, Outcome, Session, Value};
use cardwright_standards::globalplatform::initialize::{Answer, Protocol};
use cardwright_standards::globalplatform::{scp02, scp03};

use super::inside::{Inside, Step};
use super::{AesKeys, TdesKeys};
use crate::known::unhex;
use crate::objects::{self, Flags, Kind, Place, Protection};

fn import(session: &Session, kind: Kind, flags: Flags, value: &str) -> Outcome<Object> {
    let place = (Place::Session, Protection::Inside);
    objects::import(session, kind, flags, place, &unhex(value))
}

/// Whether a step gave what it must; a failure of the token is one.
fn shown(result: Result<bool, Step>) -> Outcome<bool> {
    match result {
        Ok(same) => Ok(same),
        // A wrong cryptogram, or none: the token computes something else.
        Err(Step::Channel(_)) => Ok(false),
        Err(Step::Token(failure)) => Err(failure),
        Err(Step::Hsm(_)) => Err(Failure {
            function: "C_Encrypt",
            value: Value::Nonsense("a step outside of its session"),
        }),
    }
}

/// SCP02 at level 01 with option 15: `SCP02_Auth_Test` and `SCP02_Test`.
pub(crate) fn channel_tdes(session: &Session) -> Outcome<bool> {
    let derives = |value| import(session, Kind::Des2, Flags::DERIVE, value);
    let card = [
        derives("100102030405060708090A0B0C0D0E0F")?,
        derives("101102030405060708090A0B0C0D0E0F")?,
    ];
    let answer = "00000000000000000000700200016B4524ABEE7CF32EA3838BC148F3";
    let Ok(answer) = Answer::parse_data(&unhex(answer)) else {
        return Ok(false);
    };
    let Protocol::Scp02(answer) = answer.protocol else {
        return Ok(false);
    };
    let keys = TdesKeys::derive(session, card, answer.sequence, true, &mut Vec::new())?;
    let host = challenge("40A62C37FA6304F8");
    shown((|| {
        let asks = session;
        let opened = scp02::Channel::open_with(Inside { asks, keys }, 0x15, 1, host, &answer);
        let (mut channel, external) = opened?;
        let first = channel.wrap(&unhex("80F22002"))?;
        let second = channel.wrap(&unhex("80F220020A4F0212345C054F9F70C5"))?;
        Ok(
            external == unhex("8482010010BA6961667737C5BCEBECE14C7D6A4376")
                && first == unhex("84F220020814DB34FA4341DCA8")
                && second.starts_with(&unhex("84F22002124F0212345C054F9F70C5")),
        )
    })())
}

fn challenge(text: &str) -> [u8; 8] {
    unhex(text).try_into().unwrap_or_default()
}

/// What pySim's tests say of a card at level 33, i=70.
struct Card {
    kind: Kind,
    enc: &'static str,
    mac: &'static str,
    challenge: &'static str,
    answer: &'static str,
    external: &'static str,
    command: &'static str,
    response: &'static str,
}

const CARD_128: Card = Card {
    kind: Kind::Aes(16),
    enc: "000102030405060708090A0B0C0D0E0F",
    mac: "101112131415161718191A1B1C1D1E1F",
    challenge: "FDF38259A1E0DE44",
    answer: "000000000000000000003003703B1ACA81E821F219081CDC01C26B372D000003",
    external: "84823300108C36F96BCC00724A4E13AD591D7DA3F0",
    command: "84E2910018267A85DFE4A98FCA6FB0527E0DFECCE4914E40401433C87F",
    response: "F3BA2B1013AA6224F5E1C138D71805C569E5439B47576260B75FC021B25097CB2E68F8A0144975B9",
};

const CARD_192: Card = Card {
    kind: Kind::Aes(24),
    enc: "000102030405060708090A0B0C0D0E0F0001020304050607",
    mac: "101112131415161718191A1B1C1D1E1F1011121314151617",
    challenge: "9B3F2EEF0E8C9374",
    answer: "00000000000000000000310370F6BB305A15BAE1A68F79FB08212FBED7000002",
    external: "84823300109100BC22D58B45B86A26365CE39FF3CF",
    command: "84E29100188F7F946C84F70D17994BC6E8791251BB1BB1BF02CF8DE589",
    response: "C05176C1B6F72AAE50C32CBEE63B0E95998928FD4DFB2BE9F27FFDE8C8476F5909B4805CC4039599",
};

const CARD_256: Card = Card {
    kind: Kind::Aes(32),
    enc: "000102030405060708090A0B0C0D0E0F000102030405060708090A0B0C0D0E0F",
    mac: "101112131415161718191A1B1C1D1E1F101112131415161718191A1B1C1D1E1F",
    challenge: "97B2055FE58599FD",
    answer: "00000000000000000000320370A8439A22CEDF045FA9F1903B2834F26E000002",
    external: "8482330010508A0FD959D2E547C6B33154A6BE2057",
    command: "84E29100187A5EF717EAF1E135AE92FE54429D0E465DECDA65F5FE5AEA",
    response: "EA90DBFA648A67C5EB6ABC57F8530B97D0CD5647C5E8732016B55203B078DD2ACE7F8BC5D1C1CD99",
};

impl Card {
    fn holds(&self, session: &Session) -> Outcome<bool> {
        let flags = Flags::DERIVE.and(Flags::ENCRYPT);
        let enc = import(session, self.kind, flags, self.enc)?;
        let mac = import(session, self.kind, flags, self.mac)?;
        let Ok(answer) = Answer::parse_data(&unhex(self.answer)) else {
            return Ok(false);
        };
        let Protocol::Scp03(answer) = answer.protocol else {
            return Ok(false);
        };
        let host = challenge(self.challenge);
        let context = scp03::context(host, answer.challenge);
        let from = (self.kind, [enc, mac]);
        let keys = AesKeys::derive(session, from, context, (true, true), &mut Vec::new())?;
        shown((|| {
            let asks = session;
            let opened = scp03::Channel::open_with(Inside { asks, keys }, 0x33, host, &answer);
            let (mut channel, external) = opened?;
            let command = channel.wrap(&unhex("80E2910006BF3E035C015A"))?;
            let secured = [unhex(self.response), vec![0x90, 0x00]].concat();
            let clear = channel.unwrap(&secured)?;
            Ok(external == unhex(self.external)
                && command == unhex(self.command)
                && clear == unhex("BF3E125A10898821199000000000000000000000059000"))
        })())
    }
}

/// SCP03 at level 33 with keys of 128 and of 256 bits: `SCP03_Test_AES128_33` and `SCP03_Test_AES256_33`.
pub(crate) fn channel_aes(session: &Session) -> Outcome<bool> {
    Ok(CARD_128.holds(session)? && CARD_256.holds(session)?)
}

/// The same with keys of 192 bits, which are cut from two blocks: `SCP03_Test_AES192_33`. A token that
/// cuts elsewhere than the standard can't do it; nothing is wrong with it.
pub(crate) fn channel_aes192(session: &Session) -> Outcome<bool> {
    match CARD_192.holds(session)? {
        true => Ok(true),
        false => Err(Failure {
            function: "C_DeriveKey",
            value: Value::Returned(cardwright_pkcs11_raw::ck::CKR_MECHANISM_INVALID),
        }),
    }
}
