//! Keys under what two sides agree on: ECDH on P-256, the one-step derivation of SP 800-56C with SHA-256, AES
//! key wrap with padding. Inside where the token derives from what was agreed; else in host memory.

use cardwright_ports::custody::{CheckValue, KeyAlgorithm, KeyFacts};
use cardwright_standards::key_wrap;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::find::Found;
use super::make::New;
use super::pairs::agreement_secret;
use super::rules::{MAY_NOT_TRAVEL, WRAPPED};
use super::wrapping::key_wrap_mechanism;
use super::{Custody, inside, reveal};
use crate::composition::{Intent, Way};
use crate::error::{self, Refused};

/// Longest shared information.
const INFO_OCTETS_MAX: usize = 4_096;

/// The label of the own key pair, the peer's point, the shared information.
type Agreement<'a> = (&'a str, &'a [u8], &'a [u8]);

impl Custody<'_> {
    /// A key under what is agreed with a peer.
    pub(super) fn sent_by_agreement(
        &self,
        key: &Found,
        agreement: Agreement<'_>,
    ) -> Result<Vec<u8>, Refused> {
        let own = self.agreeing(agreement)?;
        let (_, peer, info) = agreement;
        if self.agreement_way(&own, key.algorithm)? == Way::Inside {
            let (peer, info) = (peer.to_vec(), info.to_vec());
            return self.with_both(key, &own, move |tool, key, own| {
                inside::in_moment(tool.session()?, |moment| {
                    let under = inside::agreed(moment, own.main, (&peer, &info))?;
                    let mechanism = key_wrap_mechanism(tool.plan, true);
                    Ok(moment.session.wrap(&mechanism, under, key.main)?)
                })
            });
        }
        let under = self.agreed(&own, peer, info)?;
        let clear = self.with_one(key, reveal::octets)?;
        key_wrap::wrap_padded(under.as_slice(), &clear)
            .map_err(|e| MAY_NOT_TRAVEL.found(e.to_string()))
    }

    /// What came under what is agreed with a peer: opened inside and kept, or as octets.
    pub(super) fn taken_by_agreement(
        &self,
        wrapped: &[u8],
        agreement: Agreement<'_>,
        (new, expected): (&New, Option<&CheckValue>),
    ) -> Result<Result<KeyFacts, Zeroizing<Vec<u8>>>, Refused> {
        let own = self.agreeing(agreement)?;
        let (_, peer, info) = agreement;
        if self.agreement_way(&own, new.algorithm)? == Way::Inside {
            let (peer, info, wrapped) = (peer.to_vec(), info.to_vec(), wrapped.to_vec());
            let (of, expected) = (new.clone(), expected.cloned());
            let source = self.with_one(&own, move |tool, own| {
                inside::in_moment(tool.session()?, |moment| {
                    let under = inside::agreed(moment, own.main, (&peer, &info))?;
                    let mechanism = key_wrap_mechanism(tool.plan, true);
                    let came = (&mechanism, under, wrapped.as_slice());
                    inside::taken(tool, moment, came, (&of, expected.as_ref()))
                })
            })?;
            return self.keep(new, source).map(Ok);
        }
        let under = self.agreed(&own, peer, info)?;
        let opened = key_wrap::unwrap_padded(under.as_slice(), wrapped);
        opened.map(Err).map_err(|e| WRAPPED.found(e.to_string()))
    }

    /// A private key that travels is opened in host memory, where its numbers are looked at.
    fn agreement_way(&self, own: &Found, travels: KeyAlgorithm) -> Result<Way, Refused> {
        let intent = match travels.octets() {
            Some(_) => Intent::Agreement,
            None => Intent::AgreementPairs,
        };
        self.shared.plan.way(intent, own.flags)
    }

    /// The own key pair, when everything about the agreement is as it must be.
    fn agreeing(&self, (label, peer, info): Agreement<'_>) -> Result<Found, Refused> {
        let key = self.receiving(label)?;
        if key.algorithm != KeyAlgorithm::P256 {
            return Err(Refused::from(key.unsuitable("P-256")));
        }
        if peer.len() != 65 || info.len() > INFO_OCTETS_MAX {
            return Err(error::ARGUMENT.found("a point has 65 octets, information up to 4096"));
        }
        if p256::PublicKey::from_sec1_bytes(peer).is_err() {
            return Err(error::ARGUMENT.found("a point that is not on P-256"));
        }
        Ok(key)
    }

    /// The 256 bits that both sides derive: one-step KDF with SHA-256 (SP 800-56C, 4.1) over the shared
    /// x-coordinate.
    fn agreed(
        &self,
        own: &Found,
        peer: &[u8],
        info: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, Refused> {
        let peer = peer.to_vec();
        let shared = self.with_one(own, move |tool, own| {
            Ok(agreement_secret(tool.session()?, own.main, &peer)?)
        })?;
        let mut hash = Sha256::new();
        hash.update(1u32.to_be_bytes());
        hash.update(&*shared);
        hash.update(info);
        Ok(Zeroizing::new(hash.finalize().into()))
    }
}
