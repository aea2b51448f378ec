//! What a job has in hand: a session, the driver's own keys, and the small steps that intents are
//! composed of.

use std::sync::{Arc, PoisonError};

use cardwright_pkcs11_raw::ck::{self, CK_ULONG};
use cardwright_pkcs11_raw::{Attribute, Mechanism, Object, Outcome, Session};
use cardwright_ports::hsm::{Draw, KeyRequest};
use cardwright_standards::mac::cmac_subkeys;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::capability::Capability;
use crate::composition::{Intent, Plan, Way};
use crate::draw::{self, SEED_OCTETS, Stream};
use crate::error::{self, Refused, Trouble};
use crate::genuine::Print;
use crate::objects::{self, DRAW_LABEL, Flags, Kind, Protection, SEAL_LABEL, WRAP_LABEL};
use crate::ring::{Key, Objects, check_login};
use crate::together::{Cipher, Made, Turn};
use crate::token::Token;
use crate::waiting::{CardObjects, OwnSession, Waiting};

/// The driver's own keys in one token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Storage {
    pub(crate) seal: Object,
    pub(crate) wrap: Option<Object>,
    pub(crate) draw: Object,
    /// What the drawing key may do: it says by which mechanism it draws.
    draw_flags: Flags,
}

/// Most blocks of a chain that is asked for block by block.
const CHAIN_BLOCKS_MAX: usize = 16;
/// What tells the second half of a mark from the first.
const OTHER_HALF: u128 = 1;

/// A session for the time of one job.
pub(crate) struct Tool<'s> {
    session: &'s Session,
    pub(crate) plan: &'s Plan,
    pub(crate) storage: Storage,
    at: (usize, u64),
    token: &'s Token,
    /// Where the job is one of many.
    turn: Option<&'s Turn<'s>>,
}

impl<'s> Tool<'s> {
    /// Ready for work in a token; finds the driver's own keys the first time.
    pub(crate) fn new(
        session: &'s Session,
        plan: &'s Plan,
        token: &'s Arc<Token>,
    ) -> Result<Self, Trouble> {
        let generation = token.generation();
        let storage = match token.storage() {
            Some(storage) => storage,
            None => {
                let storage = Storage::find(session)?;
                token.keep_storage(generation, storage);
                storage
            }
        };
        Ok(Self {
            session,
            plan,
            storage,
            at: (token.index, generation),
            token,
            turn: None,
        })
    }

    /// The same for one job among many.
    pub(crate) fn among<'t>(&'t self, turn: &'t Turn<'t>) -> Tool<'t> {
        Tool {
            session: self.session,
            plan: self.plan,
            storage: self.storage,
            at: self.at,
            token: self.token,
            turn: Some(turn),
        }
    }

    /// The session, for what one job does by itself.
    ///
    /// # Errors
    /// [`Trouble::Alone`] for a job among many.
    pub(crate) fn session(&self) -> Result<&'s Session, Trouble> {
        match self.turn {
            None => Ok(self.session),
            Some(_) => Err(Trouble::Alone),
        }
    }

    /// Blocks under a key, now.
    pub(crate) fn carry_out(
        &self,
        cipher: Cipher,
        octets: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        cipher.carry_out(self.session, octets)
    }

    /// Whether a sealed value is known to be whole; a job among many decides it once, however often it runs.
    pub(crate) fn knows(&self, print: &Print) -> bool {
        let known = || self.token.genuine().knows(self.at.1, print);
        self.turn.map_or_else(known, |turn| turn.decided(known))
    }

    /// Remembers a sealed value whose tag is right.
    pub(crate) fn keep_known(&self, print: Print) {
        self.token.genuine().keep(self.at.1, print);
    }

    /// Token and generation that handles are of.
    pub(crate) fn at(&self) -> (usize, u64) {
        self.at
    }

    /// A key that is bound already.
    pub(crate) fn bound_key(&self, request: &KeyRequest) -> Result<Arc<Key>, Refused> {
        let ring = self.token.ring().read();
        let ring = ring.unwrap_or_else(PoisonError::into_inner);
        let missing = || error::KEY_MISSING.found(format!("key {}", request.name));
        let handle = ring.find(request)?.ok_or_else(missing)?;
        ring.get(handle).map(Arc::clone)
    }

    /// What waits in the token for cards.
    pub(crate) fn waiting(&self) -> &Waiting {
        self.token.waiting()
    }

    /// Keys that wait, for one use; a job among many takes them once, however often it runs.
    pub(crate) fn waited_for(&self, print: &Print) -> Option<Arc<CardObjects>> {
        let take = || self.waiting().take(print);
        let found = match self.turn {
            None => take(),
            Some(turn) => turn.waited_for(take),
        };
        found.filter(|objects| objects.at == self.at)
    }

    /// The session of its own that a job's objects were made in, and where.
    pub(crate) fn own_session(&self) -> Option<(Arc<OwnSession>, (usize, u64))> {
        self.turn?.own_session()
    }

    /// A job in a room that has made its objects goes on with all the others.
    pub(crate) fn out_of_the_room(&self) -> Result<(), Trouble> {
        self.turn.map_or(Ok(()), |turn| turn.leave(self.at))
    }

    /// Sends a job that is to seal what it makes by itself at once, where seals are not joined.
    pub(crate) fn seals_with_others(&self) -> Result<(), Trouble> {
        let seals = self.plan.way(Intent::Sealing, Flags::NONE)?;
        let draws = self.plan.way(Intent::Draws, self.storage.draw_flags)?;
        match self.turn.is_some() && (seals, draws) != (Way::Blocks, Way::Blocks) {
            true => Err(Trouble::Alone),
            false => Ok(()),
        }
    }

    fn blocks(&self, cipher: Cipher, octets: &[u8]) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        match self.turn {
            None => self.carry_out(cipher, octets),
            Some(turn) => turn.ask(cipher, octets),
        }
    }

    /// A key's handles in this token.
    pub(crate) fn objects(&self, key: &Key) -> Result<Objects, Trouble> {
        key.objects(self.session, self.at)
    }

    /// Whole blocks under a key, each for itself.
    pub(crate) fn ecb(
        &self,
        kind: Kind,
        key: Object,
        blocks: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        self.blocks(ecb(kind, key, false), blocks)
    }

    /// One block of eight octets under a triple DES key.
    pub(crate) fn block8(&self, key: Object, block: [u8; 8]) -> Result<[u8; 8], Trouble> {
        let found = self.ecb(Kind::Des2, key, &block)?;
        Ok(found.first_chunk().copied().unwrap_or_default())
    }

    /// One block under an AES key.
    pub(crate) fn block16(&self, key: Object, block: [u8; 16]) -> Result<[u8; 16], Trouble> {
        let found = self.ecb(Kind::Aes(16), key, &block)?;
        Ok(found.first_chunk().copied().unwrap_or_default())
    }

    /// Deciphers whole blocks, each for itself.
    pub(crate) fn ecb_back(
        &self,
        kind: Kind,
        key: Object,
        blocks: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        self.blocks(ecb(kind, key, true), blocks)
    }

    /// Whole blocks in CBC mode.
    pub(crate) fn cbc(
        &self,
        kind: Kind,
        key: Object,
        (initial, blocks): (&[u8], &[u8]),
    ) -> Result<Vec<u8>, Trouble> {
        let count = blocks.len() / kind.block();
        let joins = |turn: &&Turn<'_>| count <= CHAIN_BLOCKS_MAX && turn.is_worth(count);
        if self.turn.as_ref().is_some_and(joins) {
            return self.chained(kind, key, (initial, blocks));
        }
        let mut first = [0; 16];
        for (slot, octet) in first.iter_mut().zip(initial) {
            *slot = *octet;
        }
        let cipher = Cipher {
            mechanism: cbc(kind),
            key,
            back: false,
            initial: Some((first, kind.block())),
        };
        let mut found = self.blocks(cipher, blocks)?;
        Ok(std::mem::take(&mut *found))
    }

    /// CBC block by block: each question is joined with those of other jobs.
    fn chained(
        &self,
        kind: Kind,
        key: Object,
        (initial, blocks): (&[u8], &[u8]),
    ) -> Result<Vec<u8>, Trouble> {
        let mut chain = Zeroizing::new(initial.to_vec());
        let mut out = Vec::with_capacity(blocks.len());
        for block in blocks.chunks(kind.block()) {
            for (octet, own) in chain.iter_mut().zip(block) {
                *octet ^= own;
            }
            chain = self.ecb(kind, key, &chain)?;
            out.extend_from_slice(&chain);
        }
        Ok(out)
    }

    /// A retail MAC over padded data: single DES through all blocks but the last, which the whole
    /// key finishes (ISO/IEC 9797-1 algorithm 3).
    pub(crate) fn retail(
        &self,
        left: Object,
        whole: Object,
        padded: &[u8],
    ) -> Result<[u8; 8], Trouble> {
        let (blocks, _) = padded.as_chunks::<8>();
        let Some((last, before)) = blocks.split_last() else {
            return Err(error::ARGUMENT.found("a MAC over nothing").into());
        };
        let mut chain = [0; 8];
        if !before.is_empty() {
            let found = self.cbc(Kind::Des2, left, (&[0; 8], before.as_flattened()))?;
            chain = found.last_chunk().copied().unwrap_or_default();
        }
        for (octet, chained) in chain.iter_mut().zip(last) {
            *octet ^= chained;
        }
        self.block8(whole, chain)
    }

    /// A pseudo-random value of 32 octets of a text, made with the driver's own key.
    pub(crate) fn mark(&self, text: &[u8]) -> Result<Zeroizing<[u8; SEED_OCTETS]>, Trouble> {
        let mut marks = self.marks(&[text])?;
        marks.pop().ok_or_else(|| wrong("no mark").into())
    }

    /// The same of many texts.
    pub(crate) fn marks(
        &self,
        texts: &[&[u8]],
    ) -> Result<Vec<Zeroizing<[u8; SEED_OCTETS]>>, Trouble> {
        match self.plan.way(Intent::Draws, self.storage.draw_flags)? {
            Way::Blocks => self.hashed_blocks(self.storage.draw, texts),
            way => texts.iter().map(|text| self.mac(way, text)).collect(),
        }
    }

    /// CBC-MAC by AES over the two blocks of each text's SHA-256, and once more with the last block
    /// told apart: 32 octets by two questions for all texts. CBC-MAC over messages of one length is
    /// a pseudo-random function (ISO/IEC 9797-1 algorithm 1, without its lengths' trouble), and two
    /// texts are one message only when they have one hash.
    fn hashed_blocks(
        &self,
        key: Object,
        texts: &[&[u8]],
    ) -> Result<Vec<Zeroizing<[u8; SEED_OCTETS]>>, Trouble> {
        let digests: Vec<Zeroizing<[u8; 32]>> = texts
            .iter()
            .map(|text| Zeroizing::new(Sha256::digest(text).into()))
            .collect();
        let halves = || digests.iter().map(|digest| halves(digest));
        let first: Zeroizing<Vec<u8>> = Zeroizing::new(halves().flat_map(|(one, _)| one).collect());
        let chained = self.ecb(Kind::Aes(SEED_OCTETS), key, &first)?;
        let (chained, _) = chained.as_chunks::<16>();
        // Room for all at once: growing would leave copies behind.
        let mut last = Zeroizing::new(Vec::with_capacity(SEED_OCTETS * texts.len()));
        for (chain, (_, two)) in chained.iter().zip(halves()) {
            for number in [0, OTHER_HALF] {
                let mut block = u128::from_be_bytes(*chain) ^ u128::from_be_bytes(two) ^ number;
                last.extend_from_slice(&block.to_be_bytes());
                block.zeroize();
            }
        }
        let found = self.ecb(Kind::Aes(SEED_OCTETS), key, &last)?;
        let (marks, _) = found.as_chunks::<SEED_OCTETS>();
        Ok(marks.iter().map(|mark| Zeroizing::new(*mark)).collect())
    }

    fn mac(&self, way: Way, text: &[u8]) -> Result<Zeroizing<[u8; SEED_OCTETS]>, Trouble> {
        let (session, key) = (self.session()?, self.storage.draw);
        let mut mark = Zeroizing::new([0; SEED_OCTETS]);
        if way == Way::Cmac {
            let mechanism = Mechanism::Plain(ck::CKM_AES_CMAC);
            for (half, number) in mark.chunks_mut(16).zip(1u8..) {
                let mut numbered = Zeroizing::new(Vec::with_capacity(text.len() + 1));
                numbered.push(number);
                numbered.extend_from_slice(text);
                let found = session.sign(&mechanism, key, &numbered)?;
                half.copy_from_slice(&as_long(found, 16)?);
            }
            return Ok(mark);
        }
        let mechanism = Mechanism::Plain(ck::CKM_SHA256_HMAC);
        let found = session.sign(&mechanism, key, text)?;
        mark.copy_from_slice(&as_long(found, SEED_OCTETS)?);
        Ok(mark)
    }

    /// The stream of a draw.
    pub(crate) fn stream(&self, draw: &Draw<'_>, kind: &str) -> Result<Stream, Trouble> {
        let seed = self.mark(&draw::label(draw, kind))?;
        Ok(Stream::new(&seed))
    }

    /// Derives a key from data enciphered under a base key, for the life of the session.
    pub(crate) fn derive(
        &self,
        base: (Kind, Object),
        (kind, flags, protection): (Kind, Flags, Protection),
        data: &[u8],
    ) -> Result<Object, Trouble> {
        let mechanism = match base.0.block() {
            16 => ck::CKM_AES_ECB_ENCRYPT_DATA,
            _ => ck::CKM_DES3_ECB_ENCRYPT_DATA,
        };
        let rows = objects::made(kind, flags, protection, true);
        let mechanism = Mechanism::Data(mechanism, data.to_vec());
        self.object(|session| session.derive(&mechanism, base.1, &rows))
    }

    /// An object that a step makes, for the life of its session.
    pub(crate) fn object(
        &self,
        step: impl FnOnce(&Session) -> Outcome<Object>,
    ) -> Result<Object, Trouble> {
        let Some(turn) = self.turn else {
            return Ok(step(self.session)?);
        };
        match turn.once(|session| step(session).map(Made::Object))? {
            Made::Object(object) => Ok(object),
            Made::Octets(_) => Err(Trouble::Alone),
        }
    }

    /// A key wrapped under another.
    pub(crate) fn wrapped(
        &self,
        mechanism: &Mechanism,
        wrapping: Object,
        key: Object,
    ) -> Result<Vec<u8>, Trouble> {
        let Some(turn) = self.turn else {
            return Ok(self.session.wrap(mechanism, wrapping, key)?);
        };
        let step = |session: &Session| session.wrap(mechanism, wrapping, key).map(Made::Octets);
        // What is wrapped needs no session of its own where sessions see each other's objects.
        let made = match self.plan.can(Capability::SharedObjects) {
            true => turn.once_in(self.session, step)?,
            false => turn.once(step)?,
        };
        match made {
            Made::Octets(wrapped) => Ok(wrapped),
            Made::Object(_) => Err(Trouble::Alone),
        }
    }

    /// Destroys objects that live with the session; in a room they go with it.
    pub(crate) fn destroy(&self, keys: &[(Kind, Object)]) -> Result<(), Trouble> {
        if self.turn.is_some_and(Turn::tidies) {
            return Ok(());
        }
        for (_, key) in keys {
            self.session()?.destroy(*key)?;
        }
        Ok(())
    }

    /// One block under any secret key, also one that derives only: what a check value is made of.
    /// `None` where the token has no way to tell it.
    pub(crate) fn shown_block(
        &self,
        (kind, flags): (Kind, Flags),
        key: Object,
        block: &[u8],
    ) -> Result<Option<Vec<u8>>, Trouble> {
        if flags.has(Flags::ENCRYPT) {
            return Ok(Some(self.ecb(kind, key, block)?.to_vec()));
        }
        if !flags.has(Flags::DERIVE) {
            return Ok(None);
        }
        // As octets of no cipher: a triple DES key would get odd parity. Twice, where one block is less
        // than a key may have.
        let data = block.repeat(16 / block.len().clamp(1, 16));
        let made = (Kind::Generic(16), Flags::NONE, Protection::Readable);
        let derived = self.derive((kind, key), made, &data)?;
        let value = objects::value(self.session()?, derived, 16)?;
        self.session()?.destroy(derived)?;
        Ok(Some(value.iter().take(block.len()).copied().collect()))
    }

    /// CMAC over a block of zeros, out of two blocks.
    pub(crate) fn cmac_of_zeros<const N: usize>(
        &self,
        kind: (Kind, Flags),
        key: Object,
    ) -> Result<Option<[u8; N]>, Trouble> {
        let Some(zeros) = self.shown_block(kind, key, &[0; N])? else {
            return Ok(None);
        };
        let Some(zeros) = zeros.first_chunk::<N>() else {
            return Ok(None);
        };
        let [whole, _] = cmac_subkeys(*zeros);
        let mac = self.shown_block(kind, key, &whole)?;
        Ok(mac.and_then(|mac| mac.first_chunk::<N>().copied()))
    }
}

impl Storage {
    /// Finds the driver's own keys and checks that they are protected.
    pub(crate) fn find(session: &Session) -> Result<Self, Trouble> {
        let seal = own(session, SEAL_LABEL, &[Flags::ENCRYPT.and(Flags::DECRYPT)])?;
        let wrap = own(session, WRAP_LABEL, &[Flags::WRAP.and(Flags::UNWRAP)])?;
        let draw = own(session, DRAW_LABEL, &[Flags::ENCRYPT, Flags::SIGN])?;
        let missing = |label: &str| {
            error::KEY_MISSING.found(format!(
                "{label}: the token was not prepared (cardstation hsm prepare)"
            ))
        };
        let (draw, draw_flags) = draw.ok_or_else(|| missing(DRAW_LABEL))?;
        Ok(Self {
            seal: seal.ok_or_else(|| missing(SEAL_LABEL))?.0,
            wrap: wrap.map(|(key, _)| key),
            draw,
            draw_flags,
        })
    }
}

/// One of the driver's own keys, with what it may do: one of these sets.
fn own(
    session: &Session,
    label: &str,
    allowed: &[Flags],
) -> Result<Option<(Object, Flags)>, Trouble> {
    let template = [
        Attribute::number(ck::CKA_CLASS, ck::CKO_SECRET_KEY),
        Attribute::octets(ck::CKA_LABEL, label.as_bytes()),
    ];
    let object = match session.find(&template, 2)?.as_slice() {
        [] => {
            check_login(session)?;
            return Ok(None);
        }
        [object] => *object,
        _ => return Err(error::KEY_TWICE.found(format!("key {label}")).into()),
    };
    let mut kinds = vec![(ck::CKA_SENSITIVE, 1), (ck::CKA_EXTRACTABLE, 1)];
    kinds.extend(Flags::ALL.map(|(_, attribute, _)| (attribute, 1)));
    let found = session.attributes(object, &kinds)?;
    let same = |flags: &Flags| {
        let mut wanted = vec![1u8, 0];
        wanted.extend(Flags::ALL.map(|(flag, ..)| u8::from(flags.has(flag))));
        let value = |found: &Option<Zeroizing<Vec<u8>>>| match found.as_ref().map(|f| f.as_slice())
        {
            Some([value]) => Some(*value),
            _ => None,
        };
        let pairs = found.iter().zip(wanted);
        pairs.fold(true, |same, (found, wanted)| {
            same && value(found) == Some(wanted)
        })
    };
    let Some(flags) = allowed.iter().find(|flags| same(flags)) else {
        let what = format!("key {label} has other attributes than the driver gave it");
        return Err(error::KEY_OPEN.found(what).into());
    };
    Ok(Some((object, *flags)))
}

fn ecb(kind: Kind, key: Object, back: bool) -> Cipher {
    Cipher {
        mechanism: match kind.block() {
            16 => ck::CKM_AES_ECB,
            _ => ck::CKM_DES3_ECB,
        },
        key,
        back,
        initial: None,
    }
}

fn cbc(kind: Kind) -> CK_ULONG {
    match kind.block() {
        16 => ck::CKM_AES_CBC,
        _ => ck::CKM_DES3_CBC,
    }
}

/// An answer of the length that it must have.
pub(crate) fn as_long(
    answer: Zeroizing<Vec<u8>>,
    octets: usize,
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    if answer.len() == octets {
        return Ok(answer);
    }
    Err(wrong(format!("{} octets where {octets} are due", answer.len())).into())
}

/// A wrong answer: the driver goes into its error state.
pub(crate) fn wrong(what: impl Into<String>) -> Refused {
    error::ANSWER.found(what)
}

/// The two blocks of a hash.
fn halves(digest: &[u8; 32]) -> ([u8; 16], [u8; 16]) {
    let half = |half: Option<&[u8; 16]>| half.copied().unwrap_or_default();
    (half(digest.first_chunk()), half(digest.last_chunk()))
}
