//! Scripts: a card is personalized command by command, as its maker's manual says.
//!
//! The loader has bounded everything; here the card is the stranger. What it answers is taken only
//! in the lengths that the script declares, and never shown.

use crate::{
    StationError,
    perso::{PersoCount, dek_padding, send},
};
use cardwright_bundle::{Otherwise, Script, ScriptCommand, ScriptPart, Split};
use cardwright_ports::{
    CardChannel, HsmSession,
    hsm::{BlobPart, ChannelId, Sealed},
};
use cardwright_runtime::{
    Loaded,
    datagen::{CertificateData, DgiValue, ScriptData},
    plan::BoundKeys,
};
use cardwright_standards::piv::{self, Signed};
use cardwright_standards::{tlv, x509};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// The error detection code of PIV containers, which is empty.
pub(crate) const NO_CHECK: [u8; 2] = [0xFE, 0x00];

/// Numbers of data groups, from 1, with the identifiers of their containers (SP 800-73-4 part 1, 3.1.7).
pub(crate) fn mapping(containers: impl Iterator<Item = u16>) -> Vec<u8> {
    let numbered = (1u8..).zip(containers);
    numbered
        .flat_map(|(number, container)| {
            let [high, low] = container.to_be_bytes();
            [number, high, low]
        })
        .collect()
}

/// A card under a script.
pub(crate) struct Stage<'s> {
    pub(crate) loaded: &'s Loaded,
    pub(crate) keys: &'s BoundKeys,
    pub(crate) session: &'s mut dyn HsmSession,
    pub(crate) card: &'s mut dyn CardChannel,
    /// Open channel, for a secured script.
    pub(crate) channel: Option<ChannelId>,
    pub(crate) count: &'s mut PersoCount,
    /// Signatures that were made for this card, by key and what is signed: what stands in two places
    /// is signed once.
    pub(crate) signatures: BTreeMap<(u32, Vec<u8>), Vec<u8>>,
}

/// A command's data: octets, or what the HSM alone knows.
enum Data {
    Clear(Zeroizing<Vec<u8>>),
    Sealed(Sealed),
}

type Variables = BTreeMap<String, Zeroizing<Vec<u8>>>;

impl Stage<'_> {
    /// Runs a script to its end or to the first command that fails.
    pub(crate) fn run(&mut self, script: &Script, data: &ScriptData) -> Result<(), StationError> {
        let mut variables = Variables::new();
        for (at, command) in script.commands.iter().enumerate() {
            let values = data.commands.get(at).map_or(&[][..], Vec::as_slice);
            self.command(script, command, values, &mut variables)?;
        }
        Ok(())
    }

    fn command(
        &mut self,
        script: &Script,
        command: &ScriptCommand,
        values: &[Option<DgiValue>],
        variables: &mut Variables,
    ) -> Result<(), StationError> {
        let data = self.data(command, values, variables)?;
        if let Data::Sealed(sealed) = &data {
            let (_, status) = self.send_sealed(command, sealed)?;
            return match command.expect.iter().any(|words| words.has(status)) {
                true => Ok(()),
                false => Err(unexpected(script, command, status)),
            };
        }
        let Data::Clear(data) = data else {
            return Err(no_value(command));
        };
        let mut tries = match command.otherwise {
            Otherwise::Retry { times } => times,
            _ => 0,
        };
        loop {
            let (answer, status) = self.exchange(command, &data)?;
            if command.expect.iter().any(|words| words.has(status)) {
                return capture(script, command, &answer, variables);
            }
            match command.otherwise {
                Otherwise::Next => return Ok(()),
                Otherwise::Retry { .. } if tries > 0 => tries -= 1,
                _ => return Err(unexpected(script, command, status)),
            }
        }
    }

    /// The command's data: what the order, the card and the HSM give, one after another.
    fn data(
        &mut self,
        command: &ScriptCommand,
        values: &[Option<DgiValue>],
        variables: &Variables,
    ) -> Result<Data, StationError> {
        let inside = |p: &ScriptPart| matches!(p, ScriptPart::Secret { inside: true, .. });
        let mut values = values.iter();
        if command.parts.iter().any(inside) {
            return self.sealed(command, values);
        }
        let mut data = Zeroizing::new(Vec::new());
        for part in &command.parts {
            let octets = self.part(command, part, &mut values, variables)?;
            data.extend_from_slice(&octets);
        }
        Ok(Data::Clear(data))
    }

    /// Octets and secrets side by side, joined inside the HSM.
    fn sealed(
        &mut self,
        command: &ScriptCommand,
        values: std::slice::Iter<'_, Option<DgiValue>>,
    ) -> Result<Data, StationError> {
        let mut opened = Vec::new();
        for value in values {
            opened.push(match value {
                Some(DgiValue::Clear(octets)) => Ok(octets),
                Some(value) => Err(value.sealed().ok_or_else(|| no_value(command))?),
                None => return Err(no_value(command)),
            });
        }
        let parts: Vec<BlobPart<'_>> = opened
            .iter()
            .map(|part| match part {
                Ok(octets) => BlobPart::Clear(octets),
                Err(sealed) => BlobPart::Sealed(sealed),
            })
            .collect();
        match opened.as_slice() {
            [Err(sealed)] => Ok(Data::Sealed(sealed.clone())),
            _ => Ok(Data::Sealed(self.session.join_sealed(&parts)?)),
        }
    }

    fn part(
        &mut self,
        command: &ScriptCommand,
        part: &ScriptPart,
        values: &mut std::slice::Iter<'_, Option<DgiValue>>,
        variables: &Variables,
    ) -> Result<Zeroizing<Vec<u8>>, StationError> {
        if let ScriptPart::Object { tag, parts } = part {
            let inside = self.pieces(command, parts, values, variables)?;
            let tag = tlv::Tag::from_hex(tag).ok_or_else(|| no_value(command))?;
            let object = tlv::build(tag, &inside).map_err(|_| no_value(command))?;
            return Ok(Zeroizing::new(object));
        }
        if let ScriptPart::SignedIdentifier {
            signer,
            certificate,
            parts,
        } = part
        {
            let head = self.pieces(command, parts, values, variables)?;
            return self.identifier((*signer, certificate), &head);
        }
        if let ScriptPart::SecurityObject {
            signer,
            certificate,
            groups,
        } = part
        {
            let mut held = Vec::new();
            for group in groups {
                let octets = self.pieces(command, &group.parts, values, variables)?;
                held.push((group.container, octets));
            }
            return self.security_object((*signer, certificate), &held);
        }
        let value = values.next().ok_or_else(|| no_value(command))?;
        let octets = match (part, value) {
            (ScriptPart::Value { .. }, Some(DgiValue::Clear(octets))) => octets.clone(),
            (ScriptPart::Variable { name }, _) => variable(command, variables, name)?.to_vec(),
            (ScriptPart::Secret { under, padding, .. }, Some(value)) => {
                let sealed = value.sealed().ok_or_else(|| no_value(command))?;
                let padding = dek_padding(*padding);
                match (under, self.channel) {
                    (Some(key), _) => {
                        let key = self.keys.get(*key)?;
                        self.session.encipher_for_card(&sealed, key, padding)?
                    }
                    (None, Some(channel)) => self.session.recode(channel, &sealed, padding)?,
                    (None, None) => return Err(no_value(command)),
                }
            }
            (ScriptPart::Certificate { key, .. }, Some(DgiValue::Clear(data))) => {
                let key = variable(command, variables, key)?;
                self.certificate(part, data, key)?
            }
            _ => return Err(no_value(command)),
        };
        Ok(Zeroizing::new(octets))
    }

    fn pieces(
        &mut self,
        command: &ScriptCommand,
        parts: &[ScriptPart],
        values: &mut std::slice::Iter<'_, Option<DgiValue>>,
        variables: &Variables,
    ) -> Result<Zeroizing<Vec<u8>>, StationError> {
        let mut inside = Zeroizing::new(Vec::new());
        for part in parts {
            inside.extend_from_slice(&self.part(command, part, values, variables)?);
        }
        Ok(inside)
    }

    /// An identifier with its issuer's signature: all but the signature is signed, the error detection
    /// code too (FIPS 201-2, 4.2.1).
    fn identifier(
        &mut self,
        signer: (u32, &str),
        head: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StationError> {
        let content = [head, &NO_CHECK].concat();
        let message = self.signed(Signed::Identifier, &content, signer)?;
        let signature = object(0x3E, &message)?;
        Ok(Zeroizing::new([head, &signature, &NO_CHECK].concat()))
    }

    /// A security object: mapping, signed table of hashes, error detection code (SP 800-73-4 part 1,
    /// 3.1.7).
    fn security_object(
        &mut self,
        signer: (u32, &str),
        held: &[(u16, Zeroizing<Vec<u8>>)],
    ) -> Result<Zeroizing<Vec<u8>>, StationError> {
        let mapping = mapping(held.iter().map(|(container, _)| *container));
        let numbered = (1u8..).zip(held);
        let groups: Vec<(u8, &[u8])> = numbered.map(|(n, (_, o))| (n, o.as_slice())).collect();
        let table = piv::hashes(&groups).map_err(|e| unsigned(&e))?;
        let message = self.signed(Signed::SecurityObject, &table, signer)?;
        let parts = [
            object(0xBA, &mapping)?,
            object(0xBB, &message)?,
            NO_CHECK.to_vec(),
        ];
        Ok(Zeroizing::new(parts.concat()))
    }

    fn signed(
        &mut self,
        what: Signed,
        content: &[u8],
        (key, certificate): (u32, &str),
    ) -> Result<Vec<u8>, StationError> {
        let file = self.loaded.bundle().asset(certificate).unwrap_or_default();
        let signer = piv::Signer::read(file).map_err(|e| unsigned(&e))?;
        let attributes = piv::attributes(what, content, &signer).map_err(|e| unsigned(&e))?;
        let place = (key, attributes);
        if !self.signatures.contains_key(&place) {
            let made = self
                .session
                .sign_certificate(self.keys.get(key)?, &place.1)?;
            self.signatures.insert(place.clone(), made);
        }
        let signature = self.signatures.get(&place).map_or(&[][..], Vec::as_slice);
        let message = piv::message(what, content, &signer, signature).map_err(|e| unsigned(&e))?;
        // A key that is not the certificate's would make objects that nobody takes.
        piv::check(what, &message, content, &signer).map_err(|e| unsigned(&e))?;
        Ok(message)
    }

    /// The certificate of a key that the card has just made.
    fn certificate(
        &mut self,
        part: &ScriptPart,
        data: &[u8],
        key: &[u8],
    ) -> Result<Vec<u8>, StationError> {
        let ScriptPart::Certificate {
            issuer,
            authority,
            usage,
            extended,
            ..
        } = part
        else {
            return Err(certificate_error("no certificate"));
        };
        let refused = |e: x509::X509Error| certificate_error(&e.to_string());
        let data = CertificateData::from_bytes(data)?;
        let name = data
            .name
            .iter()
            .map(|(part, text)| (part.as_str(), text.as_str()));
        let holder = x509::Holder {
            serial: &data.serial,
            name: name.collect(),
            not_before: data.not_before,
            not_after: data.not_after,
            usage: usage.iter().map(String::as_str).collect(),
            extended: extended.iter().map(String::as_str).collect(),
        };
        let file = self.loaded.bundle().asset(authority).unwrap_or_default();
        let authority = x509::Authority::read(file).map_err(refused)?;
        let key = x509::card_public_key(key).map_err(refused)?;
        let to_be_signed = x509::to_be_signed(&holder, &authority, &key).map_err(refused)?;
        let issuer = self.keys.get(*issuer)?;
        let signature = self.session.sign_certificate(issuer, &to_be_signed)?;
        let certificate = x509::assemble(&to_be_signed, &signature).map_err(refused)?;
        // A key that is not the authority's would make certificates that nobody takes.
        authority.check(&certificate).map_err(refused)?;
        Ok(certificate)
    }

    /// A command whose data the HSM alone knows.
    fn send_sealed(
        &mut self,
        command: &ScriptCommand,
        data: &Sealed,
    ) -> Result<(Vec<u8>, u16), StationError> {
        let header = hex::decode(&command.header).unwrap_or_default();
        let header = <[u8; 4]>::try_from(header).map_err(|_| no_value(command))?;
        let channel = self.channel.ok_or_else(|| no_value(command))?;
        let wrapped = self.session.wrap_sealed(channel, header, data)?;
        let answer = send(self.card, &wrapped, self.count)?;
        let answer = self.session.unwrap(channel, &answer)?;
        match answer.split_last_chunk::<2>() {
            Some((data, status)) => Ok((data.to_vec(), u16::from_be_bytes(*status))),
            None => Err(endless()),
        }
    }

    /// Sends a command, in pieces where it is split; the last piece's answer counts.
    fn exchange(
        &mut self,
        command: &ScriptCommand,
        data: &[u8],
    ) -> Result<(Vec<u8>, u16), StationError> {
        let header = hex::decode(&command.header).unwrap_or_default();
        let &[cla, ins, p1, p2] = header.as_slice() else {
            return Err(no_value(command));
        };
        let most = match command.split {
            Some(Split::Offset { octets } | Split::Chain { octets }) => usize::from(octets),
            None => 255,
        };
        if data.len() > most && command.split.is_none() {
            return Err(StationError::new(
                "R1213",
                format!("`{}` has more than 255 octets of data", command.title),
                "split it: `split = offset(200)` or `split = chain(255)`",
            ));
        }
        let pieces: Vec<&[u8]> = match data {
            [] => vec![&[][..]],
            data => data.chunks(most).collect(),
        };
        let mut sent = 0usize;
        let count = pieces.len();
        for (at, piece) in pieces.into_iter().enumerate() {
            let last = at + 1 == count;
            let mut header = [cla, ins, p1, p2];
            match command.split {
                Some(Split::Offset { .. }) => {
                    let place = usize::from(u16::from_be_bytes([p1, p2])) + sent;
                    let place = u16::try_from(place).map_err(|_| no_value(command))?;
                    let [high, low] = place.to_be_bytes();
                    header = [cla, ins, high, low];
                }
                Some(Split::Chain { .. }) if !last => header = [cla | 0x10, ins, p1, p2],
                _ => {}
            }
            sent += piece.len();
            let le = command.le.filter(|_| last);
            let (answer, status) = self.send(header, piece, le)?;
            if last || !command.expect.iter().any(|words| words.has(status)) {
                return Ok((answer, status));
            }
        }
        Err(no_value(command))
    }

    fn send(
        &mut self,
        header: [u8; 4],
        data: &[u8],
        le: Option<u16>,
    ) -> Result<(Vec<u8>, u16), StationError> {
        let mut octets = Zeroizing::new(header.to_vec());
        if let Ok(length @ 1..) = u8::try_from(data.len()) {
            octets.push(length);
            octets.extend_from_slice(data);
        }
        if let Some(le) = le {
            // 256 is coded as 00.
            octets.push(u8::try_from(le).unwrap_or(0));
        }
        if let Some(channel) = self.channel {
            octets = Zeroizing::new(self.session.wrap(channel, &octets)?);
        }
        let mut answer = send(self.card, &octets, self.count)?;
        let mut whole = Vec::new();
        // ISO/IEC 7816-4, 5.6: the rest waits for GET RESPONSE, below the secure channel; a card
        // that never ends is cut off.
        for _ in 0..16 {
            let Some((part, &[sw1, sw2])) = answer.split_last_chunk::<2>() else {
                break;
            };
            whole.extend_from_slice(part);
            if sw1 == 0x61 {
                answer = send(self.card, &[0x00, 0xC0, 0x00, 0x00, sw2], self.count)?;
                continue;
            }
            let Some(channel) = self.channel else {
                return Ok((whole, u16::from_be_bytes([sw1, sw2])));
            };
            whole.extend_from_slice(&[sw1, sw2]);
            let opened = self.session.unwrap(channel, &whole)?;
            let (data, status) = opened.split_last_chunk::<2>().ok_or_else(endless)?;
            return Ok((data.to_vec(), u16::from_be_bytes(*status)));
        }
        Err(endless())
    }
}

fn endless() -> StationError {
    StationError::new(
        "R1211",
        "the card's answer has no status word, or no end",
        "the card is rejected",
    )
}

/// A data object of one octet of tag.
fn object(tag: u32, value: &[u8]) -> Result<Vec<u8>, StationError> {
    let tag = tlv::Tag::new(tag).ok_or_else(endless)?;
    tlv::build(tag, value).map_err(|_| endless())
}

fn unsigned(why: &x509::X509Error) -> StationError {
    StationError::new(
        "R1218",
        format!("an object of the card is not signed: {why}"),
        "the card is rejected; when it happens again, look at the signer's certificate and key",
    )
}

fn certificate_error(what: &str) -> StationError {
    StationError::new(
        "R1218",
        format!("no certificate is made of the card's key: {what}"),
        "the card is rejected; when it happens again, look at the authority's certificate and key",
    )
}

fn variable<'v>(
    command: &ScriptCommand,
    variables: &'v Variables,
    name: &str,
) -> Result<&'v [u8], StationError> {
    variables.get(name).map(|v| v.as_slice()).ok_or_else(|| {
        StationError::new(
            "R1214",
            format!(
                "`{}` needs `{name}`, which the card never gave",
                command.title
            ),
            "the command that captures it was passed over; the card is rejected",
        )
    })
}

/// The octets of pieces that the order alone decides; nothing where others are among them.
pub(crate) fn assembled(parts: &[ScriptPart], values: &[Option<&DgiValue>]) -> Option<Vec<u8>> {
    fn one(
        part: &ScriptPart,
        values: &mut std::slice::Iter<'_, Option<&DgiValue>>,
    ) -> Option<Vec<u8>> {
        match part {
            ScriptPart::Object { tag, parts } => {
                let mut inside = Vec::new();
                for part in parts {
                    inside.extend(one(part, values)?);
                }
                tlv::build(tlv::Tag::from_hex(tag)?, &inside).ok()
            }
            // What is signed stands before its signature.
            ScriptPart::SignedIdentifier { parts, .. } => {
                let all = parts.iter().map(|part| one(part, values));
                all.collect::<Option<Vec<_>>>().map(|all| all.concat())
            }
            ScriptPart::Value { .. } => match values.next()? {
                Some(DgiValue::Clear(octets)) => Some(octets.clone()),
                _ => None,
            },
            _ => None,
        }
    }
    let mut values = values.iter();
    let mut all = Vec::new();
    for part in parts {
        all.extend(one(part, &mut values)?);
    }
    Some(all)
}

fn no_value(command: &ScriptCommand) -> StationError {
    StationError::new(
        "R1213",
        format!("`{}` has no value for its data", command.title),
        "make the card's data again",
    )
}

fn unexpected(script: &Script, command: &ScriptCommand, status: u16) -> StationError {
    StationError::new(
        "R1210",
        format!(
            "`{}`: the card answers `{}` with {status:04X}",
            script.name, command.title
        ),
        "see the status word's meaning with `cardwright explain`; the card is rejected",
    )
}

fn capture(
    script: &Script,
    command: &ScriptCommand,
    answer: &[u8],
    variables: &mut Variables,
) -> Result<(), StationError> {
    for capture in &command.captures {
        let declared = script.variables.iter().find(|v| v.name == capture.variable);
        let octets = declared.map_or(0, |v| usize::from(v.octets));
        let from = usize::from(capture.from).saturating_sub(1);
        let Some(found) = answer.get(from..from + octets) else {
            return Err(StationError::new(
                "R1214",
                format!(
                    "`{}`: the answer is too short to hold `{}`",
                    command.title, capture.variable
                ),
                "correct the place in the script, or the card is another one than it is for",
            ));
        };
        variables.insert(capture.variable.clone(), Zeroizing::new(found.to_vec()));
    }
    Ok(())
}
