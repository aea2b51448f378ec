//! Keys of a card: derived master keys and its RSA key, and blobs that are put together of them.

use std::sync::Arc;

use cardwright_pkcs11_raw::ck;
use cardwright_pkcs11_raw::{Mechanism, Object};
use cardwright_ports::hsm::{BlobPart, Derivation, Draw, IccKey, KeyHandle, KeyUse, Sealed};
use cardwright_rsa::RsaKey;
use cardwright_standards::cipher::{AesKey, KeyBytes, TdesKey};
use cardwright_standards::emv::keys::{self, KeyError};
use cardwright_standards::kcv;
use zeroize::Zeroizing;

use super::{Label, Session, kind_of};
use crate::capability::generate_rsa;
use crate::composition::{Intent, Way};
use crate::draw::{SEED_OCTETS, Stream, context};
use crate::error::{self, Refused, Trouble};
use crate::known::raise;
use crate::objects::{Flags, Kind, Place, Protection};
use crate::ring::Key;
use crate::seal::{CLEAR_OCTETS_MAX, Parcel};
use crate::together::{Job, job};
use crate::tool::{Tool, wrong};

/// Largest ICC modulus (EMV Book 2, B2.1).
const ICC_BITS_MAX: u32 = 1_984;
/// The uses of the three issuer keys behind DGI 8000, in its order.
pub(super) const CARD_KEY_USES: [KeyUse; 3] = [
    KeyUse::EmvApplicationCryptogram,
    KeyUse::EmvSecureMessagingIntegrity,
    KeyUse::EmvSecureMessagingConfidentiality,
];
/// Three AES-256 keys.
const CARD_KEYS_OCTETS_MAX: usize = 96;

/// What is enciphered to make a card's key.
#[derive(Clone, Copy)]
pub(super) enum Blocks {
    Tdes([[u8; 8]; 2]),
    Aes([[u8; 16]; 2], Kind),
}

impl Blocks {
    pub(super) fn of(
        derivation: Derivation,
        pan: &str,
        psn: &str,
        kind: Kind,
    ) -> Result<Self, Refused> {
        let refused = |e: KeyError| error::ARGUMENT.found(e.to_string());
        Ok(match derivation {
            Derivation::A => Self::Tdes(keys::option_a_blocks(pan, psn).map_err(refused)?),
            Derivation::B => Self::Tdes(keys::option_b_blocks(pan, psn).map_err(refused)?),
            Derivation::C => Self::Aes(keys::option_c_blocks(pan, psn).map_err(refused)?, kind),
        })
    }

    /// The derived key's kind.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Tdes(_) => Kind::Des2,
            Self::Aes(_, kind) => *kind,
        }
    }

    /// As one text; a key of one block needs the first only.
    pub(super) fn data(&self) -> Vec<u8> {
        match self {
            Self::Tdes(blocks) => blocks.as_flattened().to_vec(),
            Self::Aes([first, _], Kind::Aes(16)) => first.to_vec(),
            Self::Aes(blocks, _) => blocks.as_flattened().to_vec(),
        }
    }

    /// The key in host memory.
    pub(super) fn in_host_memory(
        &self,
        tool: &Tool<'_>,
        issuer: (Kind, Object),
    ) -> Result<KeyBytes, Trouble> {
        let found = tool.ecb(issuer.0, issuer.1, &self.data())?;
        key_of(self, &found)
    }
}

/// The key that ciphertexts are.
pub(super) fn key_of(blocks: &Blocks, found: &[u8]) -> Result<KeyBytes, Trouble> {
    let short = || wrong("too few octets of a derived key");
    match blocks {
        Blocks::Tdes(_) => {
            let (halves, _) = found.as_chunks::<8>();
            match halves {
                [left, right] => Ok(keys::from_ciphertexts([*left, *right])),
                _ => Err(short().into()),
            }
        }
        Blocks::Aes(_, kind) => {
            let octets = found.get(..kind.octets()).ok_or_else(short)?;
            Ok(KeyBytes::new(octets).map_err(|_| short())?)
        }
    }
}

/// Three octets of a key in host memory.
fn check_value_of(kind: Kind, key: &[u8]) -> Result<[u8; 3], Trouble> {
    let short = || wrong("a derived key of a wrong length");
    Ok(match kind.block() {
        8 => kcv::tdes(&TdesKey::new_double(key).map_err(|_| short())?),
        _ => kcv::aes(&AesKey::new(key).map_err(|_| short())?),
    })
}

impl Tool<'_> {
    /// A card's key, derived inside, and its check value; it may be wrapped for the card's machine.
    fn derived_inside(
        &self,
        issuer: (Kind, Object),
        blocks: &Blocks,
    ) -> Result<(Object, [u8; 3]), Trouble> {
        let kind = blocks.kind();
        let made = (kind, Flags::ENCRYPT, Protection::Wrappable);
        let key = self.derive(issuer, made, &blocks.data())?;
        let octet = u8::from(kind.block() == 16);
        let shown = self.ecb(kind, key, &vec![octet; kind.block()])?;
        Ok((key, shown.first_chunk().copied().unwrap_or_default()))
    }

    /// Keys of a card, sealed as one value, by the best way that all issuer keys allow.
    fn card_keys(
        &self,
        issuers: &[Arc<Key>],
        blocks: &Blocks,
        context: &[u8],
    ) -> Result<Sealed, Trouble> {
        let intent = match blocks {
            Blocks::Tdes(_) => Intent::CardKeysTdes,
            Blocks::Aes(..) => Intent::CardKeysAes,
        };
        let flags = issuers.iter().map(|k| k.flags);
        let common = flags.reduce(Flags::both).unwrap_or(Flags::NONE);
        let way = self.plan.way(intent, common)?;
        let mut check_values = Vec::with_capacity(3 * issuers.len());
        if way == Way::Inside {
            self.seals_with_others()?;
            let mut keys = Vec::with_capacity(issuers.len());
            for issuer in issuers {
                let from = (issuer.kind()?, self.objects(issuer)?.main);
                let (key, value) = self.derived_inside(from, blocks)?;
                check_values.extend_from_slice(&value);
                keys.push((blocks.kind(), key));
            }
            self.destroy(&keys)?;
            self.out_of_the_room()?;
            let of = (blocks.kind(), blocks.data());
            let recipe = (of.0, of.1.as_slice(), context);
            let sealed = self.seal_recipe(issuers, recipe, check_values)?;
            self.leave_waiting(&sealed, keys);
            return Ok(sealed);
        }
        let mut clear = Zeroizing::new(Vec::with_capacity(CARD_KEYS_OCTETS_MAX));
        for issuer in issuers {
            let from = (issuer.kind()?, self.objects(issuer)?.main);
            let key = blocks.in_host_memory(self, from)?;
            check_values.extend(check_value_of(blocks.kind(), key.expose())?);
            clear.extend_from_slice(key.expose());
        }
        self.seal_octets(&clear, check_values, context)
    }
}

impl Session {
    pub(super) fn card_keys(
        &self,
        derivation: Derivation,
        handles: [KeyHandle; 3],
        pan: &str,
        psn: &str,
    ) -> Result<Job<Sealed>, Refused> {
        let mut issuers = Vec::with_capacity(3);
        for (handle, usage) in handles.into_iter().zip(CARD_KEY_USES) {
            issuers.push(self.key_for(handle, usage)?);
        }
        self.derived(derivation, issuers, pan, psn)
    }

    /// One key of a card, of any issuer master key whose children live on cards.
    pub(super) fn one_card_key(
        &self,
        derivation: Derivation,
        handle: KeyHandle,
        account: &str,
        sequence: &str,
    ) -> Result<Job<Sealed>, Refused> {
        let issuer = self.key(handle)?;
        let fits = |usage: &KeyUse| issuer.check_use(*usage).is_ok();
        let of_cards = CARD_KEY_USES.iter().chain([&KeyUse::EmvDynamicNumbers]);
        if !of_cards.into_iter().any(fits) {
            issuer.check_use(KeyUse::CardKey)?;
        }
        self.derived(derivation, vec![issuer], account, sequence)
    }

    fn derived(
        &self,
        derivation: Derivation,
        issuers: Vec<Arc<Key>>,
        pan: &str,
        psn: &str,
    ) -> Result<Job<Sealed>, Refused> {
        let mut kind = Kind::Des2;
        for issuer in &issuers {
            kind = kind_of(derivation, issuer)?;
        }
        if issuers.iter().any(|issuer| issuer.kind() != Ok(kind)) {
            return Err(error::UNSUITABLE.found("issuer keys of different lengths"));
        }
        let blocks = Blocks::of(derivation, pan, psn, kind)?;
        let context = [pan.as_bytes(), b"/", psn.as_bytes()].concat();
        Ok(job(move |tool| tool.card_keys(&issuers, &blocks, &context)))
    }

    /// Puts a blob together. Nothing that was sealed is seen outside.
    pub(super) fn joined(&self, parts: &[BlobPart<'_>]) -> Result<Job<Sealed>, Refused> {
        let length = |part: &BlobPart<'_>| match part {
            BlobPart::Clear(octets) => octets.len(),
            BlobPart::Sealed(sealed) => sealed.clear_length as usize,
        };
        let total: usize = parts.iter().map(length).sum();
        if total > CLEAR_OCTETS_MAX {
            return Err(error::ARGUMENT.found(format!("a blob of {total} octets")));
        }
        enum Part {
            Clear(Vec<u8>),
            Sealed(Sealed),
        }
        let own = |part: &BlobPart<'_>| match part {
            BlobPart::Clear(octets) => Part::Clear(octets.to_vec()),
            BlobPart::Sealed(sealed) => Part::Sealed((*sealed).clone()),
        };
        let parts: Vec<Part> = parts.iter().map(own).collect();
        self.shared
            .bind_issuers(parts.iter().filter_map(|part| match part {
                Part::Clear(_) => None,
                Part::Sealed(sealed) => Some(sealed),
            }))?;
        Ok(job(move |tool| {
            // Room for all at once: growing would leave copies behind.
            let mut clear = Zeroizing::new(Vec::with_capacity(total));
            let (mut check_values, mut context) = (Vec::new(), Vec::new());
            let sealed = parts.iter().filter_map(|part| match part {
                Part::Clear(_) => None,
                Part::Sealed(sealed) => Some(sealed.clone()),
            });
            let mut opened = tool
                .open_all_sealed(&sealed.collect::<Vec<_>>())?
                .into_iter();
            for part in &parts {
                match part {
                    Part::Clear(octets) => clear.extend_from_slice(octets),
                    Part::Sealed(sealed) => {
                        clear.extend_from_slice(&opened.next().unwrap_or_default());
                        check_values.extend_from_slice(&sealed.check_values);
                        context.extend_from_slice(&sealed.blob);
                    }
                }
            }
            tool.seal_octets(&clear, check_values, &context)
        }))
    }

    pub(super) fn card_rsa_key(
        &self,
        bits: u32,
        exponent: u32,
        draw: &Draw<'_>,
    ) -> Result<IccKey, Refused> {
        let (bits, exponent, label) = wanted(bits, exponent, draw)?;
        let intent = Intent::of_card_rsa_keys(exponent);
        match self.shared.plan.way(intent, Flags::NONE)? {
            Way::Inside => self.work(move |tool| rsa_inside(tool, bits, exponent)),
            _ => {
                let mut made = self.host_rsa_keys(vec![(bits, exponent, label)]);
                let lacking = || wrong("no RSA key");
                made.pop().unwrap_or_else(|| Err(lacking()))
            }
        }
    }

    /// Cards' RSA keys, made here from labelled draws, their numbers sealed. The token draws for all,
    /// and seals for all; in between, nobody waits for it.
    pub(super) fn host_rsa_keys(&self, wanted: Vec<RsaWanted>) -> Vec<Result<IccKey, Refused>> {
        let labels: Vec<Label> = wanted.iter().map(|(.., label)| label.clone()).collect();
        let same_for_all = |refused: Refused| wanted.iter().map(|_| Err(refused.clone())).collect();
        let seeds = self.work(move |tool| {
            let texts: Vec<_> = labels.iter().map(|l| rsa_label(&l.draw())).collect();
            let texts: Vec<&[u8]> = texts.iter().map(|text| text.as_slice()).collect();
            tool.marks(&texts)
        });
        let seeds = match seeds {
            Ok(seeds) => seeds,
            Err(refused) => return same_for_all(refused),
        };
        let made = generated(&wanted, &seeds);
        let mut parcels = Vec::with_capacity(5 * made.len());
        for (key, (.., label)) in made.iter().zip(&wanted) {
            let context = context(&label.draw());
            for component in key.iter().flat_map(|key| key.components()) {
                parcels.push(Parcel {
                    clear: Zeroizing::new(component.to_vec()),
                    check_values: Vec::new(),
                    context: context.clone(),
                });
            }
        }
        let sealed = match self.work(move |tool| tool.seal_parcels(&parcels)) {
            Ok(sealed) => sealed,
            Err(refused) => return same_for_all(refused),
        };
        let mut sealed = sealed.into_iter();
        let keys = made
            .into_iter()
            .zip(&wanted)
            .map(|(key, (_, exponent, _))| {
                let key = key?;
                let components: Vec<Sealed> = sealed.by_ref().take(5).collect();
                Ok(IccKey {
                    modulus: key.modulus().to_vec(),
                    exponent: *exponent,
                    components: components
                        .try_into()
                        .map_err(|_| wrong("too few numbers"))?,
                })
            });
        keys.collect()
    }
}

/// Keys of seeds, on all processors: a lane that makes many cards' data has the others wait.
fn generated(
    wanted: &[RsaWanted],
    seeds: &[Zeroizing<[u8; SEED_OCTETS]>],
) -> Vec<Result<RsaKey, Refused>> {
    type Pair<'p> = (&'p RsaWanted, &'p Zeroizing<[u8; SEED_OCTETS]>);
    let one = |((bits, exponent, _), seed): &Pair<'_>| {
        cardwright_rsa::generate(*bits, *exponent, &mut Stream::new(seed))
            .map_err(|e| error::RSA_SIZE.found(e.to_string()))
    };
    let pairs: Vec<Pair<'_>> = wanted.iter().zip(seeds).collect();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let each = pairs.len().div_ceil(processors).max(1);
    if each >= pairs.len() {
        return pairs.iter().map(one).collect();
    }
    let fell = |part: &[Pair<'_>]| {
        let what = "the thread that made it fell";
        let fallen = part.iter().map(|_| Err(error::TOKEN.found(what)));
        fallen.collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let parts = pairs.chunks(each);
        let work = |part: &'_ [Pair<'_>]| part.iter().map(one).collect::<Vec<_>>();
        let started: Vec<_> = parts
            .map(|part| (part, scope.spawn(move || work(part))))
            .collect();
        let made = started
            .into_iter()
            .map(|(part, thread)| thread.join().unwrap_or_else(|_| fell(part)));
        made.flatten().collect()
    })
}

/// What is asked of a card's RSA key, checked.
pub(super) fn wanted(bits: u32, exponent: u32, draw: &Draw<'_>) -> Result<RsaWanted, Refused> {
    let label = Label::of(draw)?;
    let sized = (512..=ICC_BITS_MAX).contains(&bits) && bits.is_multiple_of(8);
    if !sized || !matches!(exponent, 3 | 65_537) {
        let what = format!("an ICC key of {bits} bits with exponent {exponent}");
        return Err(error::RSA_SIZE.found(what));
    }
    Ok((bits, exponent, label))
}

/// Modulus bits, public exponent, and for what it is drawn.
pub(super) type RsaWanted = (u32, u32, Label);

fn rsa_label(draw: &Draw<'_>) -> Zeroizing<Vec<u8>> {
    crate::draw::label(draw, "ICC RSA key")
}

/// A card's RSA key, made inside and wrapped; signed with and opened before it is given out.
pub(super) fn rsa_inside(tool: &Tool<'_>, bits: u32, exponent: u32) -> Result<IccKey, Trouble> {
    let session = tool.session()?;
    let place = (Place::Session, Protection::Wrappable);
    let (public, private) = generate_rsa(session, (bits, exponent), place)?;
    let found = session.all_attributes(public, &[(ck::CKA_MODULUS, 256)])?;
    let modulus = found.into_iter().next().flatten();
    let lacking = || wrong("an RSA key without its modulus");
    let modulus = modulus.ok_or_else(lacking)?.to_vec();
    let top = modulus.first().is_some_and(|octet| octet & 0x80 != 0);
    if modulus.len() as u32 * 8 != bits || !top {
        return Err(wrong("an RSA key of another size than was asked for").into());
    }
    let text = vec![0x42; modulus.len()];
    let mechanism = Mechanism::Plain(ck::CKM_RSA_X_509);
    let signed = session.sign(&mechanism, private, &text)?;
    if raise(&modulus, exponent, &signed).as_deref() != Some(text.as_slice()) {
        return Err(wrong("a new RSA key whose halves do not belong together").into());
    }
    let components = tool.seal_rsa(private, bits.div_ceil(16))?;
    session.destroy(private)?;
    session.destroy(public)?;
    Ok(IccKey {
        modulus,
        exponent,
        components,
    })
}
