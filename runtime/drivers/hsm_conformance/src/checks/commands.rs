//! What travels in a channel: commands, answers, sensitive data, new card keys.

use cardwright_ports::hsm::{DekPadding, Derivation, Diversification, NewCardKeys};
use cardwright_standards::cipher::{AesKey, TdesKey, cbc_encrypt, ecb_decrypt, pad_80};
use cardwright_standards::globalplatform::diversify::{self, diversify};
use cardwright_standards::globalplatform::{Channel, scp03};
use cardwright_standards::mac::Cmac;

use super::channels::{
    KEY_DATA, Kind, Opened, SCP02_ENC, SCP02_MAC, SCP03_ALL, SCP03_OF_CARD, card_challenge, opened,
};
use super::sealed::reference_block;
use super::{PAN, PSN, checks};
use crate::bench::{Bench, Checked, Stop, ask, equal, holds, reference, refuse};

checks! {
    "wrap.scp02" "wrap" "commands of SCP02 with MAC, and enciphered" REFERENCE wrap_scp02;
    "wrap.scp03" "wrap" "commands of SCP03 with MAC, and enciphered" REFERENCE wrap_scp03;
    "wrap.too_long" "wrap" "a command that leaves no room for the MAC is refused" PORT wrap_too_long;
    "unwrap.scp03" "unwrap" "an answer with MAC and encipherment" REFERENCE unwrap_scp03;
    "unwrap.tampered" "unwrap" "a changed or cut answer is refused" PORT unwrap_tampered;
    "unwrap.plain" "unwrap" "an answer without MAC comes through" REFERENCE unwrap_plain;
    "recode.scp02" "recode" "a PIN block under the session DEK, each padding" REFERENCE recode_scp02;
    "recode.scp03" "recode" "a PIN block under the static DEK" REFERENCE recode_scp03;
    "recode.bad" "recode" "changed octets, half a block without padding: refused" PORT recode_bad;
    "recode.many" "recode_all" "many values at once are those of one at a time; a changed one refuses all" PORT recode_many;
    "recode.keys" "recode" "three master keys of a card under the static DEK of a diversified card" PYEMV recode_keys;
    "wrap_sealed.enciphers" "wrap_sealed" "a command whose data are sealed" REFERENCE wrap_sealed;
    "wrap_sealed.clear_channel" "wrap_sealed" "sealed data do not go into a channel that enciphers nothing" PORT wrap_sealed_clear;
    "put_keys.emv" "put_card_keys" "new keys of a card, diversified by EMV CPS, with check values" GP put_keys_emv;
    "put_keys.kdf3" "put_card_keys" "new AES keys of a card by KDF, with check values" GP put_keys_kdf3;
    "put_keys.kdf3_again" "put_card_keys" "the same to a card whose keys were diversified before" GP put_keys_again;
    "put_keys.bad" "put_card_keys" "a key of another use or algorithm is refused" PORT put_keys_bad;
}

const STORE_DATA: [u8; 10] = [0x80, 0xE2, 0x80, 0x00, 0x05, 0x90, 0x10, 0x02, 0x03, 0x03];

fn wrapped(b: &mut Bench<'_>, kinds: &[Kind]) -> Checked {
    for kind in kinds {
        let mut open = opened(b, *kind)?;
        // Three in a row: each MAC chains the one before.
        let commands = [&STORE_DATA[..], &[0x80, 0xF2, 0x20, 0x00], &STORE_DATA[..]];
        for command in commands {
            let expected = open.host.wrap(command).map_err(reference)?;
            let found = ask!(b.wrap(open.channel, command));
            equal("secured command", &found, &expected)?;
        }
        b.session.close_channel(open.channel);
    }
    Ok(())
}

fn wrap_scp02(b: &mut Bench<'_>) -> Checked {
    let plain_vector = Kind {
        option: 0x05,
        ..SCP02_MAC
    };
    wrapped(b, &[SCP02_MAC, SCP02_ENC, plain_vector])
}

fn wrap_scp03(b: &mut Bench<'_>) -> Checked {
    let mac_only = Kind {
        level: 0x01,
        ..SCP03_ALL
    };
    wrapped(b, &[mac_only, SCP03_ALL])
}

fn wrap_too_long(b: &mut Bench<'_>) -> Checked {
    let open = opened(b, SCP02_MAC)?;
    let mut command = vec![0x80, 0xE2, 0x00, 0x00, 0xFF];
    command.extend_from_slice(&[0x42; 255]);
    refuse!(
        b.wrap(open.channel, &command),
        "a command without room for the MAC"
    );
    refuse!(b.wrap(open.channel, &[0x80, 0xE2]), "half a header");
    b.session.close_channel(open.channel);
    Ok(())
}

/// A card's answer to [`STORE_DATA`], the first command of a channel at level 33.
fn secured_answer(open: &Opened, command: &[u8], data: &[u8]) -> Result<Vec<u8>, Stop> {
    let challenges = (open.challenge, card_challenge());
    let keys = scp03::SessionKeys::derive(&open.card, challenges.0, challenges.1);
    let keys = keys.map_err(reference)?;
    let enc = AesKey::new(keys.enc.expose()).map_err(reference)?;
    let mac = AesKey::new(keys.mac.expose()).map_err(reference)?;
    let rmac = AesKey::new(keys.rmac.expose()).map_err(reference)?;
    // The chain: C-MAC of EXTERNAL AUTHENTICATE, then of the command (6.2.4).
    let first = open.external.get(..13).unwrap_or_default();
    let chain = Cmac::over(&mac, &[&[0; 16], first]);
    let body = command
        .get(..command.len().saturating_sub(8))
        .unwrap_or_default();
    let chain = Cmac::over(&mac, &[&chain, body]);
    let mut counter = [0; 16];
    counter[0] = 0x80;
    counter[15] = 1;
    let mut enciphered = data.to_vec();
    pad_80(&mut enciphered, 16);
    let initial = cardwright_standards::cipher::Block::encrypt(&enc, counter);
    cbc_encrypt(&enc, initial, &mut enciphered).map_err(reference)?;
    let full = Cmac::over(&rmac, &[&chain, &enciphered, &[0x90, 0x00]]);
    let mut answer = enciphered;
    answer.extend_from_slice(full.get(..8).unwrap_or_default());
    answer.extend_from_slice(&[0x90, 0x00]);
    Ok(answer)
}

fn unwrap_scp03(b: &mut Bench<'_>) -> Checked {
    let open = opened(b, SCP03_ALL)?;
    let command = ask!(b.wrap(open.channel, &STORE_DATA));
    let answer = secured_answer(&open, &command, b"a card's answer")?;
    let found = ask!(b.unwrap(open.channel, &answer));
    equal("opened answer", &found, b"a card's answer\x90\x00")?;
    b.session.close_channel(open.channel);
    Ok(())
}

fn unwrap_tampered(b: &mut Bench<'_>) -> Checked {
    let data = b"a card's answer";
    // Ciphertext, MAC, status word; and an answer without its MAC.
    for place in [0, 7, 15, 16, 23, 25] {
        let open = opened(b, SCP03_ALL)?;
        let command = ask!(b.wrap(open.channel, &STORE_DATA));
        let mut answer = secured_answer(&open, &command, data)?;
        if let Some(octet) = answer.get_mut(place) {
            *octet ^= 0x01;
        }
        refuse!(b.unwrap(open.channel, &answer), "a changed answer");
        b.session.close_channel(open.channel);
    }
    let open = opened(b, SCP03_ALL)?;
    ask!(b.wrap(open.channel, &STORE_DATA));
    refuse!(
        b.unwrap(open.channel, &[0x90, 0x00]),
        "an answer without its MAC"
    );
    b.session.close_channel(open.channel);
    Ok(())
}

fn unwrap_plain(b: &mut Bench<'_>) -> Checked {
    let open = opened(b, SCP02_MAC)?;
    ask!(b.wrap(open.channel, &STORE_DATA));
    let found = ask!(b.unwrap(open.channel, &[0x01, 0x02, 0x90, 0x00]));
    equal("plain answer", &found, &[0x01, 0x02, 0x90, 0x00])?;
    refuse!(b.unwrap(open.channel, &[0x90]), "half a status word");
    b.session.close_channel(open.channel);
    Ok(())
}

const REFERENCE_BLOCK: [u8; 8] = [0x24, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

fn recoded(b: &mut Bench<'_>, kind: Kind, rows: &[(DekPadding, &[u8])]) -> Checked {
    let sealed = reference_block(b)?;
    let open = opened(b, kind)?;
    for (padding, fill) in rows {
        let mut expected = [&REFERENCE_BLOCK[..], fill].concat();
        open.host
            .encrypt_sensitive(&mut expected)
            .map_err(reference)?;
        let found = ask!(b.recode(open.channel, &sealed, *padding));
        equal("sensitive data", &found, &expected)?;
    }
    b.session.close_channel(open.channel);
    Ok(())
}

fn recode_scp02(b: &mut Bench<'_>) -> Checked {
    let rows: [(DekPadding, &[u8]); 5] = [
        (DekPadding::None, &[]),
        (DekPadding::Iso7816IfNeeded, &[]),
        (DekPadding::Zeros, &[]),
        (DekPadding::Iso7816Always, &[0x80, 0, 0, 0, 0, 0, 0, 0]),
        (DekPadding::Pkcs7, &[8; 8]),
    ];
    recoded(b, SCP02_MAC, &rows)?;
    // GlobalPlatformPro's session keys under sequence 0003.
    let sealed = reference_block(b)?;
    let open = opened(b, SCP02_MAC)?;
    let found = ask!(b.recode(open.channel, &sealed, DekPadding::None));
    b.session.close_channel(open.channel);
    let expected = [0x7E, 0x62, 0x00, 0x23, 0xB5, 0xD8, 0x57, 0xF2];
    equal("PIN block under the session DEK", &found, &expected)
}

fn recode_scp03(b: &mut Bench<'_>) -> Checked {
    let rows: [(DekPadding, &[u8]); 3] = [
        (DekPadding::Iso7816IfNeeded, &[0x80, 0, 0, 0, 0, 0, 0, 0]),
        (DekPadding::Zeros, &[0; 8]),
        (DekPadding::Pkcs7, &[8; 8]),
    ];
    recoded(b, SCP03_ALL, &rows)
}

fn recode_bad(b: &mut Bench<'_>) -> Checked {
    let sealed = reference_block(b)?;
    let open = opened(b, SCP03_ALL)?;
    refuse!(
        b.recode(open.channel, &sealed, DekPadding::None),
        "half a block without padding"
    );
    let mut changed = sealed;
    if let Some(octet) = changed.blob.last_mut() {
        *octet ^= 1;
    }
    refuse!(
        b.recode(open.channel, &changed, DekPadding::Zeros),
        "changed sealed octets"
    );
    b.session.close_channel(open.channel);
    Ok(())
}

fn recode_many(b: &mut Bench<'_>) -> Checked {
    let sealed = reference_block(b)?;
    let open = opened(b, SCP02_MAC)?;
    let keys = b.key("imk_ac")?;
    let key = ask!(b.card_key(Derivation::A, keys, PAN, PSN));
    let mut values = vec![
        (sealed.clone(), DekPadding::None),
        (key, DekPadding::Iso7816Always),
        (sealed, DekPadding::Pkcs7),
    ];
    let mut alone = Vec::new();
    for (value, padding) in &values {
        alone.push(ask!(b.recode(open.channel, value, *padding)));
    }
    let together = b.session.recode_all(open.channel, &values);
    // What an HSM does not offer for one value it does not offer for many.
    let together = b.kept("recode", together)?;
    holds(together == alone, "other octets than one at a time")?;
    if let Some((changed, _)) = values.last_mut()
        && let Some(octet) = changed.blob.last_mut()
    {
        *octet ^= 1;
    }
    let answer = b.session.recode_all(open.channel, &values).map(drop);
    b.refused("recode", answer, "a changed value among others")?;
    b.session.close_channel(open.channel);
    Ok(())
}

/// Clear keys of pyemv, enciphered by the standards' functions for a card that has keys of its own.
fn recode_keys(b: &mut Bench<'_>) -> Checked {
    let masters = [b.key("imk_ac")?, b.key("imk_smi")?, b.key("imk_smc")?];
    let keys = ask!(b.icc_master_keys(Derivation::A, masters, PAN, PSN));
    let open = opened(b, SCP03_OF_CARD)?;
    let found = ask!(b.recode(open.channel, &keys, DekPadding::Iso7816IfNeeded));
    b.session.close_channel(open.channel);
    let transport = b.values.keys.get("tk").map(|k| k.value.as_slice());
    let transport = TdesKey::new(transport.unwrap_or_default()).map_err(reference)?;
    let mut expected = b.values.octets("keys.a");
    ecb_decrypt(&transport, &mut expected).map_err(reference)?;
    open.host
        .encrypt_sensitive(&mut expected)
        .map_err(reference)?;
    equal("master keys under the static DEK", &found, &expected)
}

fn wrap_sealed(b: &mut Bench<'_>) -> Checked {
    let sealed = reference_block(b)?;
    let header = [0x80, 0x24, 0x00, 0x81];
    for kind in [SCP02_ENC, SCP03_ALL] {
        let mut open = opened(b, kind)?;
        let command = [&header[..], &[8], &REFERENCE_BLOCK].concat();
        let expected = open.host.wrap(&command).map_err(reference)?;
        let found = ask!(b.wrap_sealed(open.channel, header, &sealed));
        equal("secured command", &found, &expected)?;
        b.session.close_channel(open.channel);
    }
    Ok(())
}

fn wrap_sealed_clear(b: &mut Bench<'_>) -> Checked {
    let sealed = reference_block(b)?;
    let open = opened(b, SCP02_MAC)?;
    let header = [0x80, 0x24, 0x00, 0x81];
    refuse!(
        b.wrap_sealed(open.channel, header, &sealed),
        "sealed data in clear"
    );
    b.session.close_channel(open.channel);
    Ok(())
}

/// Data of PUT KEY: each key by its type, enciphered, with its check value.
fn put_data(host: &Channel, keys: [&[u8]; 3], checks: &[u8], head: &[u8]) -> Result<Vec<u8>, Stop> {
    let mut data = vec![0x02];
    for (key, check) in keys.into_iter().zip(checks.chunks(3)) {
        let mut enciphered = key.to_vec();
        host.encrypt_sensitive(&mut enciphered).map_err(reference)?;
        data.extend_from_slice(head);
        data.extend_from_slice(&enciphered);
        data.push(3);
        data.extend_from_slice(check);
    }
    Ok(data)
}

fn put(b: &mut Bench<'_>, kind: Kind, method: Diversification, expected: &str) -> Checked {
    let open = opened(b, kind)?;
    let name = super::channels::master(kind);
    let new = NewCardKeys {
        key: b.key(name)?,
        diversification: method,
        version: 2,
    };
    let (data, answer) = ask!(b.put_card_keys(open.channel, &new));
    b.session.close_channel(open.channel);
    let checks = b.values.octets(expected);
    equal(
        "PUT KEY's answer",
        &answer,
        &[&[0x02], checks.as_slice()].concat(),
    )?;
    let octets = b.values.keys.get(name).map(|k| k.value.as_slice());
    let (method, head) = match kind.protocol {
        2 => (diversify::Diversification::Emv, vec![0x80, 16]),
        _ => (diversify::Diversification::Kdf3, vec![0x88, 17, 16]),
    };
    let keys = diversify(method, octets.unwrap_or_default(), &KEY_DATA).map_err(reference)?;
    let keys = [keys.enc.expose(), keys.mac.expose(), keys.dek.expose()];
    equal(
        "PUT KEY",
        &data,
        &put_data(&open.host, keys, &checks, &head)?,
    )
}

fn put_keys_emv(b: &mut Bench<'_>) -> Checked {
    put(b, SCP02_MAC, Diversification::Emv, "kmc.emv.checks")
}

fn put_keys_kdf3(b: &mut Bench<'_>) -> Checked {
    put(b, SCP03_ALL, Diversification::Kdf3, "kmc.kdf3.checks")
}

fn put_keys_again(b: &mut Bench<'_>) -> Checked {
    put(b, SCP03_OF_CARD, Diversification::Kdf3, "kmc.kdf3.checks")
}

fn put_keys_bad(b: &mut Bench<'_>) -> Checked {
    let open = opened(b, SCP02_MAC)?;
    for name in ["tk", "kmc_aes", "imk_ac"] {
        let new = NewCardKeys {
            key: b.key(name)?,
            diversification: Diversification::Emv,
            version: 2,
        };
        refuse!(b.put_card_keys(open.channel, &new), "such new keys");
    }
    b.session.close_channel(open.channel);
    let new = NewCardKeys {
        key: b.key("kmc")?,
        diversification: Diversification::Emv,
        version: 2,
    };
    refuse!(b.put_card_keys(open.channel, &new), "a closed channel");
    holds(true, "")
}
