//! A symmetric key under a partner's RSA key with OAEP, without header or signature.
//!
//! Nothing says who sent it or what it is for: the policy lets only sensitive keys (`S`) leave like
//! this, and the receiver compares the check value with the sender.

use crate::rsa::open_oaep;
use crate::{Certificate, ExchangeError, OaepHash, Purpose, Random, RsaPrivate, Trust};
use cardwright_standards::key_policy::{self, Day, Exception, Form, KeyKind};
use cardwright_standards::keyblock::{self, Algorithm};
use zeroize::Zeroizing;

/// Wraps a key to a partner's certificate, which must be trusted.
pub fn wrap(
    recipient: &Certificate,
    trust: &Trust<'_>,
    hash: OaepHash,
    (algorithm, key): (Algorithm, &[u8]),
    (exception, today): (Option<&Exception<'_>>, Day),
    random: &mut dyn Random,
) -> Result<Vec<u8>, ExchangeError> {
    trust.check(recipient, Purpose::ReceiveKeys)?;
    let public = recipient.rsa_key()?;
    let kind = KeyKind::from(keyblock::check_key(algorithm, key)?);
    key_policy::may_wrap(public.kind(), kind, Form::RsaOaep, exception, today)?;
    let mut seed = Zeroizing::new(vec![0; hash.octets()]);
    random.fill(&mut seed)?;
    public.encrypt_oaep(hash, key, &seed)
}

/// Opens a wrapped key; it must be one of the algorithm.
pub fn unwrap(
    private: &dyn RsaPrivate,
    hash: OaepHash,
    algorithm: Algorithm,
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, ExchangeError> {
    let key = open_oaep(private, hash, wrapped)?;
    keyblock::check_key(algorithm, &key)?;
    Ok(key)
}
