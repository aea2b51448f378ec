//! Envelopes for one receiver: the inner block of TR-34 among them.

use cardwright_custody_rules::envelope;
use cardwright_ports::custody::{CheckValue, Enveloped, Frame, KeyFacts, NewKey};
use zeroize::Zeroizing;

use super::{Custody, draw, random, rules, wrapping};
use crate::error::Refused;

impl Custody<'_> {
    pub(super) fn enveloped(
        &self,
        label: &str,
        receiver: (&[u8], u32),
        frame: &Frame<'_>,
    ) -> Result<Enveloped, Refused> {
        let key = self.named(label)?;
        super::may_leave(&key)?;
        let clear = wrapping::symmetric_octets(&key)?;
        let (_, block) = envelope::sizes(frame.cipher)?;
        let content_key = draw(frame.cipher)?;
        let mut initial = vec![0; block];
        random(&mut initial)?;
        Ok(Enveloped {
            content: envelope::seal(&clear, frame, (&content_key, &initial))?,
            key: self.sealed_for(receiver, frame.hash, &content_key)?,
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
        self.check_new(key)?;
        envelope::check_frames(frames)?;
        let octets = rules::octets_of(key.algorithm)?;
        let hash = frames.first().map(|frame| frame.hash);
        let hash = hash.unwrap_or(cardwright_ports::custody::OaepHash::Sha256);
        let content_key = self.opened_by(under, hash, &enveloped.key)?;
        let mut clear: Zeroizing<Vec<u8>> =
            envelope::open(enveloped, &content_key, frames, octets)?;
        rules::adjust(key.algorithm, &mut clear);
        self.keep_octets(key, &clear, expected)
    }
}
