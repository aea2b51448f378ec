//! Keys of cards, and the issuer's side of a transaction.

use cardwright_ports::hsm::{Derivation, IccKeyPath, KeyHandle, Sealed};

use super::{LONG_PAN, OTHER_PAN, PAN, PSN, checks};
use crate::bench::{Bench, Checked, Stop, ask, equal, holds, refuse};

checks! {
    "icc_keys.option_a" "icc_master_keys" "three card keys by option A, with check values" PYEMV option_a;
    "icc_keys.option_b" "icc_master_keys" "three card keys by option B, PAN of 19 digits" PYEMV option_b;
    "icc_keys.option_c" "icc_master_keys" "three card keys by option C" OPENSSL option_c;
    "icc_keys.bad" "icc_master_keys" "swapped uses, wrong option, malformed number: refused" PORT keys_bad;
    "card_key.option_a" "card_key" "one key of a card by option A" PYEMV card_key_a;
    "card_key.option_c" "card_key" "one key of a card by option C" OPENSSL card_key_c;
    "card_key.bad" "card_key" "a key that has no children on cards is refused" PORT card_key_bad;
    "cryptogram.des" "verify_cryptogram" "an ARQC is the card's, options A and B" PYEMV cryptogram;
    "cryptogram.aes" "verify_cryptogram" "an ARQC is the card's, option C" OPENSSL cryptogram_aes;
    "cryptogram.wrong" "verify_cryptogram" "another cryptogram, PAN, counter or datum is not" PORT cryptogram_wrong;
    "cryptogram.bad" "verify_cryptogram" "a key of another use is refused" PORT cryptogram_bad;
    "cryptogram.forgotten" "forget_card" "a card that has left, the next one, the first one again" PYEMV forgotten;
    "arpc.des" "arpc" "the issuer's answer by method 2, options A and B" PYEMV arpc;
    "arpc.aes" "arpc" "the issuer's answer by method 2, option C" OPENSSL arpc_aes;
    "arpc.bad" "arpc" "a short ARQC and a key of another use are refused" PORT arpc_bad;
    "dynamic_code.vector" "dynamic_code_vector" "the vector of a track" PSEC code_vector;
    "dynamic_code.code" "verify_dynamic_code" "a dynamic code is the card's; another is not" PYEMV code;
    "dynamic_code.bad" "dynamic_code_vector" "a key of another use is refused" PORT code_bad;
    "challenge.both_ways" "cipher_challenge" "one block under a card's own key, both ways" OPENSSL challenge;
    "challenge.bad" "cipher_challenge" "no card key, half a block, changed key: refused" PORT challenge_bad;
}

fn three(b: &mut Bench<'_>, names: [&str; 3]) -> Result<[KeyHandle; 3], Stop> {
    let [first, second, third] = names;
    Ok([b.key(first)?, b.key(second)?, b.key(third)?])
}

const DES: [&str; 3] = ["imk_ac", "imk_smi", "imk_smc"];
const AES: [&str; 3] = ["imk_ac_aes", "imk_smi_aes", "imk_smc_aes"];

fn derived(
    b: &mut Bench<'_>,
    (option, names, pan): (Derivation, [&str; 3], &str),
    (checks, exports): (&str, &[(&str, &str)]),
) -> Checked {
    let keys = three(b, names)?;
    let sealed = ask!(b.icc_master_keys(option, keys, pan, PSN));
    holds(sealed.clear_length == 48, "three card keys have 48 octets")?;
    b.same(&sealed.check_values, checks)?;
    for (transport, expected) in exports {
        let key = b.key(transport)?;
        let found = ask!(b.export_sealed(&sealed, key));
        b.same(&found, expected)?;
    }
    Ok(())
}

fn option_a(b: &mut Bench<'_>) -> Checked {
    let exports = [("tk", "keys.a"), ("tk_aes", "keys.a.aes")];
    derived(b, (Derivation::A, DES, PAN), ("keys.a.checks", &exports))
}

fn option_b(b: &mut Bench<'_>) -> Checked {
    let exports = [("tk", "keys.b"), ("tk_aes", "keys.b.aes")];
    derived(
        b,
        (Derivation::B, DES, LONG_PAN),
        ("keys.b.checks", &exports),
    )?;
    // For a PAN of 16 digits option B is option A.
    derived(
        b,
        (Derivation::B, DES, PAN),
        ("keys.a.checks", &[("tk", "keys.a")]),
    )
}

fn option_c(b: &mut Bench<'_>) -> Checked {
    derived(
        b,
        (Derivation::C, AES, PAN),
        ("keys.c.checks", &[("tk_aes", "keys.c")]),
    )
}

fn keys_bad(b: &mut Bench<'_>) -> Checked {
    let [ac, smi, smc] = three(b, DES)?;
    refuse!(
        b.icc_master_keys(Derivation::A, [smi, ac, smc], PAN, PSN),
        "swapped uses"
    );
    refuse!(
        b.icc_master_keys(Derivation::A, [ac, smi, smi], PAN, PSN),
        "one key for two uses"
    );
    refuse!(
        b.icc_master_keys(Derivation::C, [ac, smi, smc], PAN, PSN),
        "triple DES by option C"
    );
    for (pan, psn) in [
        (PAN, "1"),
        (PAN, "0A"),
        ("47617x9001010119", PSN),
        ("", PSN),
    ] {
        refuse!(
            b.icc_master_keys(Derivation::A, [ac, smi, smc], pan, psn),
            "malformed numbers"
        );
    }
    Ok(())
}

fn card_key_a(b: &mut Bench<'_>) -> Checked {
    let (issuer, transport) = (b.key("imk_card")?, b.key("tk")?);
    let sealed = ask!(b.card_key(Derivation::A, issuer, PAN, PSN));
    b.same(&sealed.check_values, "card_key.a.check")?;
    let found = ask!(b.export_sealed(&sealed, transport));
    b.same(&found, "card_key.a")
}

/// A card's own AES key.
fn own_key(b: &mut Bench<'_>) -> Result<Sealed, Stop> {
    let issuer = b.key("imk_card_aes")?;
    Ok(ask!(b.card_key(Derivation::C, issuer, PAN, PSN)))
}

fn card_key_c(b: &mut Bench<'_>) -> Checked {
    let sealed = own_key(b)?;
    b.same(&sealed.check_values, "card_key.c.check")?;
    let transport = b.key("tk_aes")?;
    let found = ask!(b.export_sealed(&sealed, transport));
    b.same(&found, "card_key.c")
}

fn card_key_bad(b: &mut Bench<'_>) -> Checked {
    for name in ["zpk", "tk", "cvk", "kmc"] {
        let key = b.key(name)?;
        refuse!(
            b.card_key(Derivation::A, key, PAN, PSN),
            "a key without children on cards"
        );
    }
    let key = b.key("imk_card")?;
    refuse!(
        b.card_key(Derivation::A, key, PAN, "001"),
        "a sequence number of three digits"
    );
    Ok(())
}

fn path<'p>(key: KeyHandle, derivation: Derivation, pan: &'p str) -> IccKeyPath<'p> {
    IccKeyPath {
        issuer_master_key: key,
        derivation,
        pan,
        psn: PSN,
        atc: 1,
    }
}

fn is_cards(b: &mut Bench<'_>, path: &IccKeyPath<'_>, expected: &str) -> Checked {
    let (data, found) = (b.values.octets("ac.data"), b.values.octets(expected));
    let verdict = ask!(b.verify_cryptogram(path, &data, &found));
    holds(verdict, "the card's own cryptogram is not taken")
}

fn cryptogram(b: &mut Bench<'_>) -> Checked {
    let key = b.key("imk_ac")?;
    is_cards(b, &path(key, Derivation::A, PAN), "ac.a")?;
    is_cards(b, &path(key, Derivation::B, LONG_PAN), "ac.b")
}

fn cryptogram_aes(b: &mut Bench<'_>) -> Checked {
    let key = b.key("imk_ac_aes")?;
    is_cards(b, &path(key, Derivation::C, PAN), "ac.c")
}

fn cryptogram_wrong(b: &mut Bench<'_>) -> Checked {
    let key = b.key("imk_ac")?;
    let right = path(key, Derivation::A, PAN);
    let (data, found) = (b.values.octets("ac.data"), b.values.octets("ac.a"));
    let mut changed = found.clone();
    if let Some(octet) = changed.last_mut() {
        *octet ^= 1;
    }
    let tail = data.get(1..).unwrap_or_default();
    let (other, later) = (
        path(key, Derivation::A, OTHER_PAN),
        IccKeyPath { atc: 2, ..right },
    );
    for (path, data, cryptogram) in [
        (&right, data.as_slice(), &changed),
        (&right, tail, &found),
        (&other, &data, &found),
        (&later, &data, &found),
    ] {
        let verdict = ask!(b.verify_cryptogram(path, data, cryptogram));
        holds(!verdict, "another cryptogram is taken")?;
    }
    // One octet short: refused or not the card's, but never taken.
    let short = found.get(..7).unwrap_or_default();
    let taken = b.session.verify_cryptogram(&right, &data, short);
    holds(!matches!(taken, Ok(true)), "a cut cryptogram is taken")
}

/// A driver may keep a card's keys while it is there: never for another card, nor against a wrong one.
fn forgotten(b: &mut Bench<'_>) -> Checked {
    let key = b.key("imk_ac")?;
    let (first, next) = (
        path(key, Derivation::A, PAN),
        path(key, Derivation::B, LONG_PAN),
    );
    for _ in 0..2 {
        is_cards(b, &first, "ac.a")?;
        b.session.forget_card();
        is_cards(b, &next, "ac.b")?;
        is_cards(b, &first, "ac.a")?;
    }
    cryptogram_wrong(b)?;
    b.session.forget_card();
    cryptogram_wrong(b)
}

fn cryptogram_bad(b: &mut Bench<'_>) -> Checked {
    let (data, found) = (b.values.octets("ac.data"), b.values.octets("ac.a"));
    for name in ["imk_smi", "imk_dn", "cvk"] {
        let key = b.key(name)?;
        let path = path(key, Derivation::A, PAN);
        refuse!(
            b.verify_cryptogram(&path, &data, &found),
            "a key of another use"
        );
    }
    Ok(())
}

const CARD_STATUS_UPDATE: [u8; 4] = [0x00, 0x82, 0x00, 0x00];

fn answered(b: &mut Bench<'_>, path: &IccKeyPath<'_>, arqc: &str, expected: &str) -> Checked {
    let arqc = b.values.octets(arqc);
    let found = ask!(b.arpc(path, &arqc, CARD_STATUS_UPDATE));
    b.same(&found, expected)
}

fn arpc(b: &mut Bench<'_>) -> Checked {
    let key = b.key("imk_ac")?;
    answered(b, &path(key, Derivation::A, PAN), "ac.a", "arpc.a")?;
    answered(b, &path(key, Derivation::B, LONG_PAN), "ac.b", "arpc.b")
}

fn arpc_aes(b: &mut Bench<'_>) -> Checked {
    let key = b.key("imk_ac_aes")?;
    answered(b, &path(key, Derivation::C, PAN), "ac.c", "arpc.c")
}

fn arpc_bad(b: &mut Bench<'_>) -> Checked {
    let (right, wrong) = (b.key("imk_ac")?, b.key("imk_smi")?);
    let arqc = b.values.octets("ac.a");
    let path_right = path(right, Derivation::A, PAN);
    let short = arqc.get(..7).unwrap_or_default();
    refuse!(
        b.arpc(&path_right, short, CARD_STATUS_UPDATE),
        "a short ARQC"
    );
    let path_wrong = path(wrong, Derivation::A, PAN);
    refuse!(
        b.arpc(&path_wrong, &arqc, CARD_STATUS_UPDATE),
        "a key of another use"
    );
    Ok(())
}

fn code_vector(b: &mut Bench<'_>) -> Checked {
    let key = b.key("imk_dn")?;
    let track = b.values.octets("track");
    let found = ask!(b.dynamic_code_vector(&path(key, Derivation::A, PAN), &track));
    b.same(&found, "cvc3.vector")
}

fn code(b: &mut Bench<'_>) -> Checked {
    let key = b.key("imk_dn")?;
    let track = b.values.octets("track");
    let expected: [u8; 2] = b.values.octets("cvc3.code").try_into().unwrap_or_default();
    let number = [0x00, 0x00, 0x08, 0x99];
    let right = path(key, Derivation::A, PAN);
    holds(
        ask!(b.verify_dynamic_code(&right, &track, number, expected)),
        "the card's own code is not taken",
    )?;
    let [high, low] = expected;
    let later = IccKeyPath { atc: 2, ..right };
    for (path, number, code) in [
        (&right, number, [high, low ^ 1]),
        (&right, [0, 0, 8, 0x98], expected),
        (&later, number, expected),
    ] {
        let verdict = ask!(b.verify_dynamic_code(path, &track, number, code));
        holds(!verdict, "another code is taken")?;
    }
    Ok(())
}

fn code_bad(b: &mut Bench<'_>) -> Checked {
    let track = b.values.octets("track");
    for name in ["imk_ac", "cvk"] {
        let key = b.key(name)?;
        let path = path(key, Derivation::A, PAN);
        refuse!(b.dynamic_code_vector(&path, &track), "a key of another use");
        refuse!(
            b.verify_dynamic_code(&path, &track, [0; 4], [0; 2]),
            "a key of another use"
        );
    }
    Ok(())
}

fn challenge(b: &mut Bench<'_>) -> Checked {
    let sealed = own_key(b)?;
    let (block, answer) = (
        b.values.octets("challenge"),
        b.values.octets("challenge.answer"),
    );
    let found = ask!(b.cipher_challenge(&sealed, &block, false));
    equal("enciphered challenge", &found, &answer)?;
    let found = ask!(b.cipher_challenge(&sealed, &answer, true));
    equal("deciphered challenge", &found, &block)
}

fn challenge_bad(b: &mut Bench<'_>) -> Checked {
    let sealed = own_key(b)?;
    refuse!(b.cipher_challenge(&sealed, &[0; 8], false), "half a block");
    refuse!(b.cipher_challenge(&sealed, &[0; 32], false), "two blocks");
    let mut changed = sealed;
    if let Some(octet) = changed.blob.last_mut() {
        *octet ^= 1;
    }
    refuse!(
        b.cipher_challenge(&changed, &[0; 16], false),
        "a changed key"
    );
    let block = super::sealed::reference_block(b)?;
    refuse!(
        b.cipher_challenge(&block, &[0; 16], false),
        "a PIN block as a key"
    );
    Ok(())
}
