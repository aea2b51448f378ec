//! The `.cwb` file.
//!
//! ```text
//! "CWB1" | content length (4, big endian) | content (canonical JSON) | assets, one after another
//!        | number of signatures (2) | (signer 32 | signature 64)*
//! ```
//! The digest is the SHA-256 of everything before the number of signatures. The content names each
//! asset with length and hash, so nothing in the file is outside the digest or a signature.

use crate::{BundleError, Content, Limits, Signature, SigningKey, Trust, signing::PublicKey};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const MAGIC: &[u8; 4] = b"CWB1";
const SCHEMA: u32 = 1;

/// A bundle: content, assets, signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    content: Content,
    assets: BTreeMap<String, Vec<u8>>,
    signatures: Vec<Signature>,
    digest: [u8; 32],
}

impl Bundle {
    /// Joins content and assets; fills in the content's asset table.
    pub fn seal(
        mut content: Content,
        assets: BTreeMap<String, (String, Vec<u8>)>,
    ) -> Result<Self, BundleError> {
        content.schema = SCHEMA;
        content.assets = assets
            .iter()
            .map(|(name, (media_type, bytes))| crate::Asset {
                name: name.clone(),
                media_type: media_type.clone(),
                length: bytes.len() as u64,
                sha256: hex::encode_upper(Sha256::digest(bytes)),
            })
            .collect();
        let assets = assets
            .into_iter()
            .map(|(name, (_, bytes))| (name, bytes))
            .collect();
        let mut bundle = Self {
            content,
            assets,
            signatures: Vec::new(),
            digest: [0; 32],
        };
        bundle.digest = Sha256::digest(bundle.signed_bytes()?).into();
        Ok(bundle)
    }

    /// What the bundle says.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// An asset by name.
    pub fn asset(&self, name: &str) -> Option<&[u8]> {
        self.assets.get(name).map(Vec::as_slice)
    }

    /// All assets, by name.
    pub fn assets(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.assets
    }

    /// SHA-256 of the signed content, the same at every site.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Signatures, in order of the signers' keys.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds one signature; a signer's second one replaces the first.
    pub fn sign(&mut self, key: &SigningKey) {
        let signature = key.sign(&self.digest);
        self.signatures.retain(|s| s.signer != signature.signer);
        self.signatures.push(signature);
        self.signatures.sort_by_key(|s| s.signer);
    }

    fn signed_bytes(&self) -> Result<Vec<u8>, BundleError> {
        let content = serde_json::to_vec(&self.content).map_err(|_| {
            BundleError::new(
                "R1004",
                "the content has no canonical form",
                "report this as a bug",
            )
        })?;
        let length = u32::try_from(content.len()).map_err(|_| too_large("content"))?;
        let mut bytes = Vec::with_capacity(content.len() + 64);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&content);
        for data in self.assets.values() {
            bytes.extend_from_slice(data);
        }
        Ok(bytes)
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BundleError> {
        let mut bytes = self.signed_bytes()?;
        let count = u16::try_from(self.signatures.len()).map_err(|_| too_large("signatures"))?;
        bytes.extend_from_slice(&count.to_be_bytes());
        for signature in &self.signatures {
            bytes.extend_from_slice(&signature.signer.0);
            bytes.extend_from_slice(&signature.bytes);
        }
        Ok(bytes)
    }

    /// Reads bytes that are taken to be hostile: limits, exact lengths, hashes, canonical form and
    /// every signature are checked. Trust is the caller's next question: [`Bundle::trusted_by`].
    pub fn open(bytes: &[u8], limits: &Limits) -> Result<Self, BundleError> {
        if bytes.len() > limits.bundle_bytes {
            return Err(too_large("bundle"));
        }
        let mut rest = bytes;
        if take(&mut rest, 4)? != MAGIC {
            return Err(BundleError::new(
                "R1001",
                "this is not a Cardwright bundle, or one of another version",
                "pass the `.cwb` file that `cardwright build` wrote",
            ));
        }
        let length = u32::from_be_bytes(array(take(&mut rest, 4)?)?) as usize;
        if length > limits.content_bytes {
            return Err(too_large("content"));
        }
        let json = take(&mut rest, length)?;
        let content: Content = serde_json::from_slice(json).map_err(|error| {
            BundleError::new(
                "R1004",
                format!("the content can't be read at column {}", error.column()),
                "fetch the bundle again, or use a cardstation of the same version",
            )
        })?;
        check_content(&content, json, limits)?;
        let mut assets = BTreeMap::new();
        for asset in &content.assets {
            let length = usize::try_from(asset.length).map_err(|_| too_large("asset"))?;
            let data = take(&mut rest, length)?;
            if hex::encode_upper(Sha256::digest(data)) != asset.sha256 {
                return Err(BundleError::new(
                    "R1006",
                    format!("asset `{}` is not the one that was built", asset.name),
                    "fetch the bundle again",
                ));
            }
            assets.insert(asset.name.clone(), data.to_vec());
        }
        let signed = bytes.len() - rest.len();
        let digest: [u8; 32] = Sha256::digest(bytes.get(..signed).ok_or_else(truncated)?).into();
        let signatures = read_signatures(&mut rest, &digest, limits)?;
        if !rest.is_empty() {
            return Err(BundleError::new(
                "R1003",
                format!("{} octets follow the end", rest.len()),
                "fetch the bundle again",
            ));
        }
        Ok(Self {
            content,
            assets,
            signatures,
            digest,
        })
    }

    /// Checks that enough signers whom the site trusts have signed.
    pub fn trusted_by(&self, trust: &Trust) -> Result<(), BundleError> {
        trust.check(self.content.environment, &self.signatures)
    }
}

fn check_content(content: &Content, json: &[u8], limits: &Limits) -> Result<(), BundleError> {
    if content.schema != SCHEMA {
        return Err(BundleError::new(
            "R1002",
            format!("content schema {} found, {SCHEMA} expected", content.schema),
            "use a cardstation of the bundle's version",
        ));
    }
    if serde_json::to_vec(content).ok().as_deref() != Some(json) {
        return Err(BundleError::new(
            "R1005",
            "the content is not in canonical form",
            "build the bundle again with `cardwright build`",
        ));
    }
    if content.assets.len() > limits.assets {
        return Err(too_large("asset table"));
    }
    if content
        .assets
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.name >= b.name))
    {
        return Err(BundleError::new(
            "R1005",
            "assets are not in order",
            "build it again",
        ));
    }
    let lists = [
        content.keys.len(),
        content.formats.len(),
        content.programs.len(),
        content.cards.len(),
        content.layouts.len(),
        content.flows.len(),
        content.scenarios.len(),
        content.jobs.len(),
        content.sources.len(),
    ];
    if lists.iter().any(|&n| n > limits.entries)
        || content
            .programs
            .iter()
            .any(|p| p.nodes.len() > limits.nodes)
    {
        return Err(too_large("list"));
    }
    Ok(())
}

fn read_signatures(
    rest: &mut &[u8],
    digest: &[u8; 32],
    limits: &Limits,
) -> Result<Vec<Signature>, BundleError> {
    let count = u16::from_be_bytes(array(take(rest, 2)?)?) as usize;
    if count > limits.signatures {
        return Err(too_large("signature list"));
    }
    let mut signatures: Vec<Signature> = Vec::with_capacity(count);
    for _ in 0..count {
        let signer = PublicKey(array(take(rest, 32)?)?);
        let signature = Signature {
            signer,
            bytes: array(take(rest, 64)?)?,
        };
        if signatures.last().is_some_and(|last| last.signer >= signer) {
            return Err(BundleError::new(
                "R1008",
                "signers are not in order",
                "sign it again",
            ));
        }
        // An invalid signature is never skipped: it is a sign of tampering, not of absence.
        signature.verify(digest)?;
        signatures.push(signature);
    }
    Ok(signatures)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], BundleError> {
    let (head, tail) = rest.split_at_checked(length).ok_or_else(truncated)?;
    *rest = tail;
    Ok(head)
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], BundleError> {
    bytes.try_into().map_err(|_| truncated())
}

fn truncated() -> BundleError {
    BundleError::new(
        "R1003",
        "the bundle ends too early",
        "fetch the bundle again",
    )
}

fn too_large(what: &str) -> BundleError {
    BundleError::new(
        "R1007",
        format!("the {what} is larger than this site takes"),
        "split the project, or raise the site's limits",
    )
}
