//! `verify`: is this bundle what it says, and have the right people signed it?

use crate::{
    arguments::{Expected, Format, Verify},
    failure::{Failure, exit},
    project::{open_bundle, read_file},
    terminal,
};
use cardwright_bundle::{Bundle, Environment, PublicKey, SigningKey, Trust};
use serde::Deserialize;
use serde_json::json;
use std::path::Path;

/// Largest trust file, octets.
const TRUST_FILE_MAX: u64 = 1 << 20;

/// A trust file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustFile {
    /// How many different signers a bundle needs.
    #[serde(default = "one")]
    threshold: usize,
    /// Public keys, hexadecimal.
    #[serde(default)]
    signers: Vec<String>,
    /// Whether the open test signer suffices for TEST.
    #[serde(default)]
    open_test_signer: bool,
}

fn one() -> usize {
    1
}

/// Carries the verb out.
pub(crate) fn run(arguments: &Verify) -> Result<u8, Failure> {
    let trust = match &arguments.trust {
        Some(path) => read_trust(path)?,
        None => Trust::test_only(),
    };
    let bundle = open_bundle(&arguments.bundle)?;
    let test = bundle.content().environment == Environment::Test;
    match arguments.format {
        Format::Human => human(&bundle, &trust, test),
        Format::Json => json(&bundle, &trust, test),
    }
    if arguments
        .expect
        .is_some_and(|expected| (expected == Expected::Test) != test)
    {
        let what = if test {
            "a TEST bundle, LIVE expected"
        } else {
            "a LIVE bundle, TEST expected"
        };
        return Err(Failure::new(
            exit::TRUST,
            "E0198",
            what,
            "build it for that environment",
        ));
    }
    bundle.trusted_by(&trust)?;
    Ok(0)
}

fn role(trust: &Trust, signer: &PublicKey) -> &'static str {
    if *signer == SigningKey::open_test_signer().public() {
        "open test signer"
    } else if trust.signers.contains(signer) {
        "trusted"
    } else {
        "unknown"
    }
}

fn human(bundle: &Bundle, trust: &Trust, test: bool) {
    let content = bundle.content();
    let environment = if test { "TEST" } else { "LIVE" };
    terminal::print(&format!(
        "{} {} (sequence {}), {environment}\ndigest {}",
        content.name,
        content.version,
        content.sequence,
        hex::encode_upper(bundle.digest())
    ));
    for signature in bundle.signatures() {
        let signer = hex::encode_upper(signature.signer.0);
        terminal::print(&format!(
            "signed {signer}  {}",
            role(trust, &signature.signer)
        ));
    }
    let verdict = if bundle.trusted_by(trust).is_ok() {
        "trusted"
    } else {
        "not trusted"
    };
    terminal::print(verdict);
}

fn json(bundle: &Bundle, trust: &Trust, test: bool) {
    let content = bundle.content();
    let signers = bundle.signatures().iter().map(
        |s| json!({ "signer": hex::encode_upper(s.signer.0), "role": role(trust, &s.signer) }),
    );
    terminal::json(&json!({
        "schema_version": 1,
        "name": content.name,
        "version": content.version,
        "sequence": content.sequence,
        "test": test,
        "digest": hex::encode_upper(bundle.digest()),
        "signatures": signers.collect::<Vec<_>>(),
        "threshold": trust.threshold.max(1),
        "trusted": bundle.trusted_by(trust).is_ok(),
    }));
}

fn read_trust(path: &Path) -> Result<Trust, Failure> {
    let wrong = |why: &str| {
        Failure::new(
            exit::ENVIRONMENT,
            "E0194",
            format!("{}: {why}", path.display()),
            "write `threshold = 2`, `signers = [\"64 hexadecimal digits\", …]`",
        )
    };
    let bytes = read_file(path, TRUST_FILE_MAX)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is not UTF-8"))?;
    let file: TrustFile = toml::from_str(text).map_err(|e| wrong(e.message()))?;
    let signer = |text: &String| {
        let octets = hex::decode(text)
            .ok()
            .and_then(|octets| octets.try_into().ok());
        octets
            .map(PublicKey)
            .ok_or_else(|| wrong("a signer is not 64 hexadecimal digits"))
    };
    let signers = file
        .signers
        .iter()
        .map(signer)
        .collect::<Result<Vec<_>, _>>()?;
    let mut distinct = signers.clone();
    distinct.sort();
    distinct.dedup();
    if file.threshold == 0 || (!signers.is_empty() && file.threshold > distinct.len()) {
        return Err(wrong("`threshold` is 1 to the number of different signers"));
    }
    Ok(Trust {
        signers,
        threshold: file.threshold,
        open_test_signer: file.open_test_signer,
    })
}
