//! Keys: bind, check values, public keys; job keys and random octets.

use cardwright_ports::hsm::{CheckMethod, KeyHandle, KeyUse};

use super::{checks, draw};
use crate::bench::{Bench, Checked, ask, equal, holds, refuse, same_octets};

checks! {
    "bind.same_handle" "bind" "a key has one handle, in every session" PORT same_handle;
    "bind.wrong_use" "bind" "a key is not bound for another use" PORT wrong_use;
    "bind.wrong_algorithm" "bind" "a key is not bound as another algorithm or size" PORT wrong_algorithm;
    "info.name" "info" "the HSM has a name" PORT info;
    "check_value.tdes2" "check_value" "check value of a double-length key" PYEMV check_tdes2;
    "check_value.tdes3" "check_value" "check value of a triple-length key" OPENSSL check_tdes3;
    "check_value.aes_gp" "check_value" "check value of an AES key as GlobalPlatform makes it" GP check_aes_gp;
    "check_value.aes_ecb" "check_value" "check value of an AES key over zeros" OPENSSL check_aes_ecb;
    "check_value.aes_cmac" "check_value" "check value of an AES key by CMAC" OPENSSL check_aes_cmac;
    "check_value.rsa" "check_value" "check value of an RSA key by SHA-256" CHAIN check_rsa;
    "check_value.wrong_method" "check_value" "a method that does not suit the key is refused" PORT check_wrong_method;
    "check_value.wrong_handle" "check_value" "an unknown handle is refused" PORT check_wrong_handle;
    "public_key.issuer" "public_key" "modulus and exponent of the issuer's key" CHAIN public_key;
    "public_key.symmetric" "public_key" "a symmetric key has no public half" PORT public_key_of_symmetric;
    "random.lengths" "random" "draws are as long as was asked" PORT random_lengths;
    "job_key.opens" "new_job_key" "a job key opens, has 32 octets, is never made twice" PORT job_key;
    "job_key.other_job" "open_job_key" "a job key opens for its own job only" PORT job_key_of_another;
    "job_key.tampered" "open_job_key" "a wrapped job key with any octet changed is refused" PORT job_key_tampered;
}

fn same_handle(b: &mut Bench<'_>) -> Checked {
    let first = b.key("cvk")?;
    let request = b.request("cvk")?;
    holds(ask!(b.bind(&request)) == first, "two handles of one key")?;
    b.another_session()?;
    holds(
        ask!(b.bind(&request)) == first,
        "another handle in another session",
    )?;
    let other = b.key("pvk")?;
    holds(other != first, "one handle for two keys")
}

fn wrong_use(b: &mut Bench<'_>) -> Checked {
    b.key("cvk")?;
    let mut request = b.request("cvk")?;
    for usage in [
        KeyUse::PinEncryption,
        KeyUse::Transport,
        KeyUse::CardIssuance,
    ] {
        request.usage = usage;
        refuse!(b.bind(&request), "a key for another use");
    }
    Ok(())
}

fn wrong_algorithm(b: &mut Bench<'_>) -> Checked {
    b.key("cvk")?;
    let mut request = b.request("cvk")?;
    for algorithm in ["tdes3", "aes128", "nonsense"] {
        request.algorithm = algorithm.to_owned();
        refuse!(b.bind(&request), "a key as another algorithm");
    }
    b.key("issuer")?;
    let mut request = b.request("issuer")?;
    request.bits += 8;
    refuse!(b.bind(&request), "an RSA key of another size");
    request.bits -= 8;
    request.exponent = 65_537;
    refuse!(b.bind(&request), "an RSA key of another exponent");
    Ok(())
}

fn info(b: &mut Bench<'_>) -> Checked {
    holds(!b.hsm.info().name.is_empty(), "an HSM without a name")
}

fn check(b: &mut Bench<'_>, key: &str, method: CheckMethod, expected: &str) -> Checked {
    let key = b.key(key)?;
    let found = ask!(b.check_value(key, method));
    b.same(&found, expected)
}

fn check_tdes2(b: &mut Bench<'_>) -> Checked {
    check(b, "imk_ac", CheckMethod::Ecb, "check.tdes2")
}

fn check_tdes3(b: &mut Bench<'_>) -> Checked {
    check(b, "zpk3", CheckMethod::Ecb, "check.tdes3")
}

fn check_aes_gp(b: &mut Bench<'_>) -> Checked {
    check(b, "kmc_aes", CheckMethod::Gp, "check.aes_gp")
}

fn check_aes_ecb(b: &mut Bench<'_>) -> Checked {
    check(b, "kmc_aes", CheckMethod::Ecb, "check.aes_ecb")
}

fn check_aes_cmac(b: &mut Bench<'_>) -> Checked {
    check(b, "kmc_aes", CheckMethod::Cmac, "check.aes_cmac")
}

fn check_rsa(b: &mut Bench<'_>) -> Checked {
    check(b, "issuer", CheckMethod::Sha256, "rsa.sha256")
}

fn check_wrong_method(b: &mut Bench<'_>) -> Checked {
    let key = b.key("cvk")?;
    refuse!(
        b.check_value(key, CheckMethod::Sha256),
        "a triple DES key and SHA-256"
    );
    let key = b.key("issuer")?;
    refuse!(
        b.check_value(key, CheckMethod::Ecb),
        "an RSA key and a symmetric method"
    );
    Ok(())
}

fn check_wrong_handle(b: &mut Bench<'_>) -> Checked {
    let nowhere = KeyHandle(u32::MAX - 7);
    refuse!(
        b.check_value(nowhere, CheckMethod::Ecb),
        "an unknown handle"
    );
    refuse!(b.public_key(nowhere), "an unknown handle");
    Ok(())
}

fn public_key(b: &mut Bench<'_>) -> Checked {
    for name in ["issuer", "ca"] {
        let key = b.key(name)?;
        let (modulus, exponent) = ask!(b.public_key(key));
        let expected = b.rsa(name)?;
        equal("modulus", &modulus, &expected.n)?;
        holds(exponent == expected.e, "another exponent")?;
    }
    Ok(())
}

fn public_key_of_symmetric(b: &mut Bench<'_>) -> Checked {
    let key = b.key("cvk")?;
    refuse!(b.public_key(key), "a symmetric key");
    Ok(())
}

fn random_lengths(b: &mut Bench<'_>) -> Checked {
    for length in [1, 4, 8, 16, 17, 200] {
        let found = ask!(b.random(&draw(1, "lengths"), length));
        holds(found.len() == length, "a draw of another length")?;
    }
    let long = ask!(b.random(&draw(2, "lengths"), 64));
    holds(
        long.iter().any(|o| Some(o) != long.first()),
        "a draw of one octet repeated",
    )
}

fn job_key(b: &mut Bench<'_>) -> Checked {
    let wrapped = ask!(b.new_job_key("kit job"));
    let key = ask!(b.open_job_key("kit job", &wrapped));
    holds(key.expose().len() == 32, "a job key that has not 32 octets")?;
    let inside = wrapped
        .windows(8)
        .any(|w| key.expose().windows(8).any(|k| k == w));
    holds(!inside, "a job key that is not wrapped")?;
    b.another_session()?;
    let again = ask!(b.open_job_key("kit job", &wrapped));
    holds(same_octets(&key, &again), "one wrapped key, two keys")?;
    let second = ask!(b.new_job_key("kit job"));
    let second = ask!(b.open_job_key("kit job", &second));
    holds(!same_octets(&key, &second), "the same job key twice")
}

fn job_key_of_another(b: &mut Bench<'_>) -> Checked {
    let wrapped = ask!(b.new_job_key("kit job"));
    refuse!(b.open_job_key("other job", &wrapped), "another job's key");
    Ok(())
}

fn job_key_tampered(b: &mut Bench<'_>) -> Checked {
    let wrapped = ask!(b.new_job_key("kit job"));
    for place in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        if let Some(octet) = changed.get_mut(place) {
            *octet ^= 1;
        }
        refuse!(b.open_job_key("kit job", &changed), "a changed wrapped key");
    }
    for cut in [0, 1, wrapped.len() / 2, wrapped.len().saturating_sub(1)] {
        let part = wrapped.get(..cut).unwrap_or_default();
        refuse!(b.open_job_key("kit job", part), "a cut wrapped key");
    }
    Ok(())
}
