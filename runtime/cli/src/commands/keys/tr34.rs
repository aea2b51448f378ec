//! `keys tr34`: a key to a device by TR-34, or from a host to this site as the device. The tokens around
//! key tokens are in `tr34_binding`.

use super::desk::{open_desk, write_new};
use super::exchange::{new_entry, tell_taken, today};
use super::{present, tr34_binding};
use crate::{
    arguments::tr34::{Tr34Receive, Tr34Send, Tr34Sides, Tr34Trust, Tr34Verb},
    failure::{Failure, exit},
    site::{Site, read_file},
    terminal,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use cardwright_exchange::{
    Certificate, ExchangeError, OaepHash, RevocationList, Trust,
    tr34::{ContentCipher, open_random_token, random_token},
};
use cardwright_keys::exchange::{NOT_ALLOWED, tr34};
use std::path::{Path, PathBuf};

const FILE_MAX: u64 = 256 << 10;
/// Octets of a nonce, the most that the form has.
const NONCE_OCTETS: usize = 16;

/// Carries a verb out.
pub(super) fn run(site: &Site, verb: &Tr34Verb) -> Result<u8, Failure> {
    match verb {
        Tr34Verb::Request {
            key,
            subject,
            out,
            who,
        } => tr34_binding::request(site, (key, subject), out, who),
        Tr34Verb::Credential {
            key,
            certificate,
            revocations,
            out,
            who,
        } => tr34_binding::credential(site, key, (certificate, revocations), out, who),
        Tr34Verb::Bind { file, own } => tr34_binding::bind(site, file, own),
        Tr34Verb::Bindings { format } => tr34_binding::list(site, *format),
        Tr34Verb::Unbind(wanted) => tr34_binding::let_go(site, wanted, None),
        Tr34Verb::Rebind { wanted, new_host } => tr34_binding::let_go(site, wanted, Some(new_host)),
        Tr34Verb::Unbound(wanted) => tr34_binding::released(site, wanted, false),
        Tr34Verb::Rebound(wanted) => tr34_binding::released(site, wanted, true),
        Tr34Verb::Nonce { out, keep } => nonce(out, keep),
        Tr34Verb::Send(wanted) => send(site, wanted),
        Tr34Verb::Receive(wanted) => receive(site, wanted),
    }
}

pub(super) fn usage(what: String, mend: &str) -> Failure {
    Failure::new(exit::USAGE, NOT_ALLOWED.code, what, mend)
}

pub(super) fn malformed(path: &Path, error: &ExchangeError) -> Failure {
    let what = format!("{}: {error}", path.display());
    usage(what, "ask for the file again")
}

/// A file in DER, or in PEM with any label.
fn der(path: &Path) -> Result<Vec<u8>, Failure> {
    let octets = read_file(path, FILE_MAX)?;
    let Some(text) = std::str::from_utf8(&octets).ok() else {
        return Ok(octets);
    };
    if !text.contains("-----BEGIN ") {
        return Ok(octets);
    }
    let body: String = text
        .lines()
        .skip_while(|line| !line.starts_with("-----BEGIN "))
        .skip(1)
        .take_while(|line| !line.starts_with("-----END "))
        .map(str::trim)
        .collect();
    let wrong = || {
        usage(
            format!("{} is no PEM", path.display()),
            "ask for the file again",
        )
    };
    BASE64_STANDARD.decode(body).map_err(|_| wrong())
}

pub(super) fn certificate(path: &Path) -> Result<Certificate, Failure> {
    Certificate::from_der(&der(path)?).map_err(|e| malformed(path, &e))
}

/// Revocation lists of files.
pub(super) fn lists(paths: &[PathBuf]) -> Result<Vec<RevocationList>, Failure> {
    let list =
        |path: &PathBuf| RevocationList::from_der(&der(path)?).map_err(|e| malformed(path, &e));
    paths.iter().map(list).collect()
}

/// Whom one side trusts, as read.
pub(super) struct Trusted {
    anchors: Vec<Certificate>,
    revocations: Vec<RevocationList>,
}

impl Trusted {
    pub(super) fn read(wanted: &Tr34Trust) -> Result<Self, Failure> {
        let anchors = wanted.authorities.iter();
        Ok(Self {
            anchors: anchors
                .map(|path| certificate(path))
                .collect::<Result<_, _>>()?,
            revocations: lists(&wanted.revocations)?,
        })
    }

    pub(super) fn at(&self, at: i64) -> Trust<'_> {
        Trust {
            anchors: &self.anchors,
            intermediates: &[],
            revocations: &self.revocations,
            now: at.unsigned_abs(),
        }
    }
}

/// What both sides' certificates are read to.
pub(super) struct Sides {
    pub(super) host: Certificate,
    pub(super) device: Certificate,
    pub(super) trusted: Trusted,
}

impl Sides {
    pub(super) fn read(wanted: &Tr34Sides) -> Result<Self, Failure> {
        Ok(Self {
            host: certificate(&wanted.host)?,
            device: certificate(&wanted.device)?,
            trusted: Trusted::read(&wanted.trust)?,
        })
    }
}

/// The nonce of a device's random number token.
pub(super) fn their_nonce(path: &Path) -> Result<Vec<u8>, Failure> {
    let random = read_file(path, FILE_MAX)?;
    open_random_token(&random).map_err(|e| malformed(path, &e))
}

/// The nonce that this side kept. The attempt uses it up: [`use_up`].
pub(super) fn kept_nonce(path: &Path) -> Result<Vec<u8>, Failure> {
    let kept = read_file(path, FILE_MAX)?;
    hex::decode(kept.trim_ascii()).map_err(|_| {
        let what = format!("{} is no nonce", path.display());
        usage(what, "begin again with `cardstation keys tr34 nonce`")
    })
}

/// Before an attempt: what was cut off has used the nonce up as well.
pub(super) fn use_up(path: Option<&Path>) -> Result<(), Failure> {
    match path {
        Some(path) => std::fs::remove_file(path).map_err(|e| Failure::file(path, &e)),
        None => Ok(()),
    }
}

/// A token of the other side.
pub(super) fn token(path: &Path) -> Result<Vec<u8>, Failure> {
    read_file(path, FILE_MAX)
}

fn nonce(out: &Path, keep: &Path) -> Result<u8, Failure> {
    let mut nonce = [0; NONCE_OCTETS];
    getrandom::fill(&mut nonce).map_err(|e| {
        let what = format!("the system gives no randomness: {e}");
        Failure::new(
            exit::ENVIRONMENT,
            "R1312",
            what,
            "try again on a working system",
        )
    })?;
    let token = random_token(&nonce).map_err(|e| malformed(out, &e))?;
    // First what stays: a host that answers must find its device ready.
    write_new(keep, format!("{}\n", hex::encode_upper(nonce)).as_bytes())?;
    write_new(out, &token)?;
    terminal::note("send the token to the host; its key token is good for this nonce only");
    Ok(0)
}

fn cipher(name: &str) -> Result<ContentCipher, Failure> {
    match name {
        "aes128" => Ok(ContentCipher::Aes128),
        "aes256" => Ok(ContentCipher::Aes256),
        "tdes3" => Ok(ContentCipher::Tdes),
        _ => Err(usage(
            format!("`{name}` is no content cipher"),
            "ciphers are aes128, aes256, tdes3",
        )),
    }
}

fn hash(name: &str) -> Result<OaepHash, Failure> {
    match name {
        "sha256" => Ok(OaepHash::Sha256),
        "sha1" => Ok(OaepHash::Sha1),
        _ => Err(usage(
            format!("`{name}` is no hash of RSA-OAEP"),
            "hashes are sha256, sha1",
        )),
    }
}

/// Makes a key token. Where people are registered, who is named types their secret.
fn send(site: &Site, wanted: &Tr34Send) -> Result<u8, Failure> {
    present::prove(site, &wanted.who)?;
    let people = wanted.who.people();
    let sides = Sides::read(&wanted.sides)?;
    let nonce = wanted.nonce.as_deref().map(their_nonce).transpose()?;
    let sending = tr34::Sending {
        label: &wanted.key,
        host_key: &wanted.host_key,
        host: &sides.host,
        device: &sides.device,
        trust: sides.trusted.at(people.at),
        nonce: nonce.as_deref(),
        cipher: cipher(&wanted.cipher)?,
        hash: hash(&wanted.hash)?,
        mode: wanted.mode,
        to: &wanted.to,
        today: today(people.at)?,
    };
    let token = open_desk(site, &people, |store, custody| {
        tr34::send(store, custody, &sending, &people).map_err(Failure::keys)
    })?;
    write_new(&wanted.out, &token)?;
    Ok(0)
}

/// Takes a key in. The nonce is used up by the attempt.
fn receive(site: &Site, wanted: &Tr34Receive) -> Result<u8, Failure> {
    present::prove(site, &wanted.who)?;
    let people = wanted.who.people();
    let sides = Sides::read(&wanted.sides)?;
    let token = token(&wanted.file)?;
    let nonce = wanted.nonce.as_deref().map(kept_nonce).transpose()?;
    let key = new_entry(&wanted.new, (0, 0))?;
    let receiving = tr34::Receiving {
        token: &token,
        device_key: &wanted.device_key,
        device: &sides.device,
        host: &sides.host,
        trust: sides.trusted.at(people.at),
        fresh: match &nonce {
            Some(nonce) => tr34::Fresh::Nonce(nonce),
            None => tr34::Fresh::Window(wanted.one_pass.unwrap_or_default()),
        },
        key,
        from: &wanted.new.from,
        today: today(people.at)?,
    };
    use_up(wanted.nonce.as_deref())?;
    let taken = open_desk(site, &people, |store, custody| {
        tr34::receive(store, custody, &receiving, &people).map_err(Failure::keys)
    })?;
    tell_taken(&taken);
    Ok(0)
}
