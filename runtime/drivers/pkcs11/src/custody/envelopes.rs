//! Envelopes for one receiver: the inner block of TR-34 among them. PKCS#11 has no mechanism that puts
//! a key into a frame: content key and key are in host memory for the moment, where the site allows
//! it; the receiver's private key never is.

use cardwright_custody_rules::{MAY_NOT_TRAVEL, WRAPPED, envelope, oaep};
use cardwright_ports::custody::{CheckValue, Enveloped, Frame, KeyFacts, NewKey, OaepHash};
use zeroize::Zeroizing;

use super::make::system;
use super::{Custody, may_leave, reveal, rules, steps};
use crate::composition::Intent;
use crate::error::Refused;
use crate::objects::Flags;

impl Custody<'_> {
    pub(super) fn enveloped(
        &self,
        label: &str,
        receiver: (&[u8], u32),
        frame: &Frame<'_>,
    ) -> Result<Enveloped, Refused> {
        let key = self.found(label)?;
        may_leave(&key)?;
        if key.algorithm.octets().is_none() {
            return Err(MAY_NOT_TRAVEL.found("a private key in an envelope"));
        }
        self.shared.plan.way(Intent::EnvelopesOut, Flags::NONE)?;
        let (_, block) = envelope::sizes(frame.cipher)?;
        let content_key = rules::components::drawn(frame.cipher, &mut system)?;
        let mut initial = vec![0; block];
        system(&mut initial)?;
        let sealed_key = super::wrapping::sealed_octets(receiver, frame.hash, &content_key)?;
        let clear = self.with_one(&key, reveal::octets)?;
        Ok(Enveloped {
            content: envelope::seal(&clear, frame, (&content_key, &initial))?,
            key: sealed_key,
            initial,
        })
    }

    pub(super) fn opened_envelope(
        &self,
        enveloped: &Enveloped,
        under: &str,
        frames: &[Frame<'_>],
        key: &NewKey<'_>,
        expected: Option<&CheckValue>,
    ) -> Result<KeyFacts, Refused> {
        let new = self.check_new(key)?;
        envelope::check_frames(frames)?;
        let octets = rules::octets_of(key.algorithm)?;
        let hash = frames.first().map_or(OaepHash::Sha256, |frame| frame.hash);
        let pair = self.receiving(under)?;
        self.shared.plan.way(Intent::EnvelopesIn, pair.flags)?;
        // One error for everything: its kind must not tell how far the padding went.
        let refused = || WRAPPED.found("RSA-OAEP that does not open");
        let wrapped = enveloped.key.clone();
        let block = self.with_one(&pair, move |tool, pair| {
            steps::raw_decrypted(tool, pair, &wrapped)
        })?;
        let content_key = oaep::decode(hash, &block).ok_or_else(refused)?;
        let mut clear: Zeroizing<Vec<u8>> =
            envelope::open(enveloped, &content_key, frames, octets)?;
        rules::adjust(key.algorithm, &mut clear);
        self.keep_octets(&new, clear, expected)
    }
}
