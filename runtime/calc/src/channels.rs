//! GlobalPlatform: session keys, cryptograms, diversification.

use crate::CalcError;
use crate::arguments::{Arguments, fault, missing};
use cardwright_standards::cipher::{AesKey, KeyBytes, TdesKey};
use cardwright_standards::globalplatform::diversify::{Diversification, diversify as derive};
use cardwright_standards::globalplatform::{CardKeys, scp02, scp03};
use cardwright_standards::hex;
use serde_json::{Map, Value, json};

/// `key` for all three, or `enc`, `mac` and `dek`; `sequence`; with both challenges the
/// cryptograms too.
pub(crate) fn scp02_session(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let sequence = arguments.array("sequence")?;
    let session = scp02::SessionKeys::derive(&card_keys(arguments)?, sequence).map_err(fault!())?;
    let mut result = named([
        ("s_enc", &session.enc),
        ("s_mac", &session.mac),
        ("s_rmac", &session.rmac),
        ("s_dek", &session.dek),
    ]);
    if challenges(arguments)? {
        let host = arguments.array("host_challenge")?;
        let card = arguments.array("card_challenge")?;
        let enc = TdesKey::new(session.enc.expose()).map_err(fault!())?;
        let card_value = scp02::card_cryptogram(&enc, host, sequence, card);
        let host_value = scp02::host_cryptogram(&enc, host, sequence, card);
        result.insert("card_cryptogram".into(), hex::encode(&card_value).into());
        result.insert("host_cryptogram".into(), hex::encode(&host_value).into());
    }
    Ok(Value::Object(result))
}

/// `key` for all three, or `enc`, `mac` and `dek`; `host_challenge` and `card_challenge`. The data
/// encryption key of SCP03 is the static one.
pub(crate) fn scp03_session(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let host = arguments.array("host_challenge")?;
    let card = arguments.array("card_challenge")?;
    let keys = card_keys(arguments)?;
    let session = scp03::SessionKeys::derive(&keys, host, card).map_err(fault!())?;
    let mut result = named([
        ("s_enc", &session.enc),
        ("s_mac", &session.mac),
        ("s_rmac", &session.rmac),
        ("s_dek", &keys.dek),
    ]);
    let mac = AesKey::new(session.mac.expose()).map_err(fault!())?;
    let card_value = scp03::card_cryptogram(&mac, host, card).map_err(fault!())?;
    let host_value = scp03::host_cryptogram(&mac, host, card).map_err(fault!())?;
    result.insert("card_cryptogram".into(), hex::encode(&card_value).into());
    result.insert("host_cryptogram".into(), hex::encode(&host_value).into());
    Ok(Value::Object(result))
}

pub(crate) fn diversify(arguments: &Arguments<'_>) -> Result<Value, CalcError> {
    let given = arguments.text("method")?;
    let words = ["emv", "visa2", "visa", "kdf3"].map(|name| {
        (
            name,
            Diversification::from_name(name).unwrap_or(Diversification::None),
        )
    });
    let method = arguments.word("method", &given, &words)?;
    let keys = derive(method, &arguments.octets("key")?, &arguments.array("kdd")?);
    let keys = keys.map_err(fault!())?;
    Ok(json!(named([
        ("enc", &keys.enc),
        ("mac", &keys.mac),
        ("dek", &keys.dek)
    ])))
}

fn card_keys(arguments: &Arguments<'_>) -> Result<CardKeys, CalcError> {
    let whole = arguments.optional_octets("key")?;
    let part = |name| -> Result<KeyBytes, CalcError> {
        let own = arguments.optional_octets(name)?;
        let octets = own
            .as_ref()
            .or(whole.as_ref())
            .ok_or_else(|| missing(name))?;
        KeyBytes::new(octets).map_err(|error| crate::arguments::key_fault(name, error))
    };
    Ok(CardKeys {
        enc: part("enc")?,
        mac: part("mac")?,
        dek: part("dek")?,
    })
}

fn challenges(arguments: &Arguments<'_>) -> Result<bool, CalcError> {
    let host = arguments.optional("host_challenge")?;
    let card = arguments.optional("card_challenge")?;
    Ok(host.is_some() || card.is_some())
}

fn named<const N: usize>(keys: [(&str, &KeyBytes); N]) -> Map<String, Value> {
    let entries = keys.into_iter();
    entries
        .map(|(name, key)| (name.to_owned(), hex::encode(key.expose()).into()))
        .collect()
}
