//! PIV applications: containers read back, certificates checked against the issuer's authority, keys
//! that answer a challenge, PIN and management key that are the new ones.

use super::Failure;
use super::chip::Visit;
use super::objects;
use super::terminal::Terminal;
use crate::script::NO_CHECK;
use crate::transport;
use cardwright_bundle::{Script, ScriptCommand, ScriptPart};
use cardwright_ports::hsm::{Draw, Sealed, SealedPin};
use cardwright_runtime::datagen::DgiValue;
use cardwright_standards::piv::{self, Signed};
use cardwright_standards::x509::{Authority, CardPublicKey};
use zeroize::Zeroizing;

/// PUT DATA of a container.
const PUT_DATA: &str = "00DB3FFF";
/// A new management key, as open applets have it.
const SET_MANAGEMENT: &str = "00FFFFFF";
/// Containers of certificates and the slots of their keys (SP 800-73-4 part 1, table 4b).
const CERTIFICATES: [(u8, u8); 4] = [(0x05, 0x9A), (0x0A, 0x9C), (0x0B, 0x9D), (0x01, 0x9E)];
/// Containers that only the PIN opens: fingerprints, face, printed information.
const OF_THE_HOLDER: [u8; 3] = [0x03, 0x08, 0x09];
/// Parts of an answer that are fetched at most.
const PARTS_MAX: usize = 32;

/// A container that the script wrote: the last octet of its tag, and its value where no certificate
/// is in it.
struct Written {
    number: u8,
    value: Option<Vec<u8>>,
    authority: Option<String>,
    /// What of it is signed.
    signed: Option<SignedPart>,
}

/// What of a container is signed.
struct SignedPart {
    what: Signed,
    /// Certificate of the key that signed it.
    certificate: String,
    /// Data groups of a security object with their containers. The mapping is not signed: another one
    /// could lead a group to a container that stays unread.
    mapping: Vec<u8>,
}

/// Containers of data groups by their identifiers (SP 800-73-4 part 1, table 2), with the last octet
/// of their tags.
const CONTAINERS: [(u16, u8); 11] = [
    (0x0100, 0x0A),
    (0x0101, 0x05),
    (0x0102, 0x0B),
    (0x0500, 0x01),
    (0x3000, 0x02),
    (0x3001, 0x09),
    (0x6010, 0x03),
    (0x6030, 0x08),
    (0x6060, 0x0C),
    (0x9000, 0x06),
    (0xDB00, 0x07),
];

/// What the parts of each command of a script hold.
type CommandValues<'d> = Vec<Vec<Option<&'d DgiValue>>>;

impl Visit<'_> {
    /// Every container holds what was written; certificates are the issuer's.
    pub(super) fn objects_match_source(&mut self, terminal: &Terminal) -> Result<(), Failure> {
        for written in self.written(terminal)? {
            let title = format!("container 5FC1{:02X}", written.number);
            let found = match self.container(written.number) {
                // It is the holder's: that nobody else gets it is as it should be.
                Err(failure) if OF_THE_HOLDER.contains(&written.number) => {
                    if failure.what.ends_with("6982") {
                        continue;
                    }
                    return Err(failure);
                }
                found => found?,
            };
            if let Some(signed) = &written.signed {
                let head = written.value.as_deref().unwrap_or_default();
                self.signature_holds(signed, &found, head)
                    .map_err(|what| Failure::new("R1230", format!("{title}: {what}")))?;
                continue;
            }
            match (&written.value, &written.authority) {
                (Some(value), _) if *value != found => {
                    return Err(Failure::new(
                        "R1258",
                        format!("{title} is not what was made"),
                    ));
                }
                (None, Some(asset)) => {
                    self.certified(&found, asset)
                        .map_err(|what| Failure::new("R1230", format!("{title}: {what}")))?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The keys behind the certificates answer a challenge: over the air that of card
    /// authentication alone, through the contacts all of them.
    pub(super) fn authenticate_card(&mut self, terminal: &Terminal) -> Result<(), Failure> {
        let mut answered = 0;
        for written in self.written(terminal)? {
            let slot = CERTIFICATES
                .iter()
                .find(|(number, _)| *number == written.number);
            let (Some((number, slot)), Some(asset)) = (slot, &written.authority) else {
                continue;
            };
            if terminal.interface == "contactless" && *slot != 0x9E {
                continue;
            }
            let container = self.container(*number)?;
            let key = self
                .certified(&container, asset)
                .map_err(|what| Failure::new("R1230", what))?;
            self.challenge(*slot, &key)?;
            answered += 1;
        }
        match answered {
            0 => Err(Failure::new("R1230", "no certificate names a key to ask")),
            _ => Ok(()),
        }
    }

    fn challenge(&mut self, slot: u8, key: &CardPublicKey) -> Result<(), Failure> {
        let draw = Draw {
            purpose: "card authentication challenge",
            ..*self.draw
        };
        let hash = self.session.random(&draw, 32)?;
        let hash = <[u8; 32]>::try_from(hash);
        let hash = hash.map_err(|_| Failure::new("R1259", "a challenge of another length"))?;
        // EMSA-PKCS1-v1_5 is the host's for RSA; a curve signs the hash (SP 800-73-4, A.4).
        let (algorithm, text) = match key {
            CardPublicKey::P256(_) => (0x11, hash.to_vec()),
            CardPublicKey::Rsa { modulus, .. } => {
                let block = cardwright_standards::x509::signature_block(&hash, modulus.len());
                (0x07, block)
            }
        };
        let asked = [objects::object("82", &[])?, objects::object("81", &text)?].concat();
        let data = objects::object("7C", &asked)?;
        let what = format!("GENERAL AUTHENTICATE of key {slot:02X}");
        let answer = self.ask([0x00, 0x87, algorithm, slot], &data, &what)?;
        let answer = objects::top(&objects::top(&answer, "7C")?, "82")?;
        match key.answered(&hash, &answer) {
            true => Ok(()),
            false => Err(Failure::new(
                "R1230",
                format!("key {slot:02X} is not the one of its certificate"),
            )),
        }
    }

    /// Mutual authentication under the card's own management key (part 2, appendix A.1).
    pub(super) fn authenticate_management(&mut self, terminal: &Terminal) -> Result<(), Failure> {
        let (algorithm, key) = self.management(terminal)?;
        let header = [0x00, 0x87, algorithm, 0x9B];
        let what = "GENERAL AUTHENTICATE of the management key";
        let ask = objects::object("7C", &objects::object("80", &[])?)?;
        let answer = self.ask(header, &ask, what)?;
        let witness = objects::top(&objects::top(&answer, "7C")?, "80")?;
        let witness = self.session.cipher_challenge(&key, &witness, true)?;
        let draw = Draw {
            purpose: "management challenge",
            ..*self.draw
        };
        let challenge = self.session.random(&draw, witness.len())?;
        let expected = self.session.cipher_challenge(&key, &challenge, false)?;
        let both = [
            objects::object("80", &witness)?,
            objects::object("81", &challenge)?,
        ];
        let answer = self.ask(header, &objects::object("7C", &both.concat())?, what)?;
        let response = objects::top(&objects::top(&answer, "7C")?, "82")?;
        match response == expected {
            true => Ok(()),
            false => Err(Failure::new("R1230", "the card has another management key")),
        }
    }

    /// VERIFY with the PIN in ASCII, FF behind it.
    pub(super) fn verify_piv_pin(&mut self, pin: &SealedPin) -> Result<(), Failure> {
        let block = self.session.plain_offline_pin(pin)?;
        let nibbles = block.expose().iter().flat_map(|o| [o >> 4, o & 0x0F]);
        // Format 2: 2, length, digits, F.
        let digits = nibbles.skip(2).take_while(|n| *n < 10).map(|n| n + b'0');
        let text: Zeroizing<Vec<u8>> =
            Zeroizing::new(digits.chain(std::iter::repeat(0xFF)).take(8).collect());
        self.ask([0x00, 0x20, 0x00, 0x80], &text, "VERIFY")
            .map(drop)
    }

    fn container(&mut self, number: u8) -> Result<Vec<u8>, Failure> {
        let data = [0x5C, 0x03, 0x5F, 0xC1, number];
        let what = format!("GET DATA of 5FC1{number:02X}");
        let answer = self.ask([0x00, 0xCB, 0x3F, 0xFF], &data, &what)?;
        objects::top(&answer, "53")
    }

    /// A command whose answer may be longer than one: the rest waits for GET RESPONSE; data longer
    /// than one are chained.
    fn ask(&mut self, header: [u8; 4], data: &[u8], what: &str) -> Result<Vec<u8>, Failure> {
        let [cla, ins, p1, p2] = header;
        let pieces: Vec<&[u8]> = data.chunks(255).collect();
        let mut answer = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            let last = at + 1 == pieces.len();
            let cla = if last { cla } else { cla | 0x10 };
            let mut command = vec![cla, ins, p1, p2, u8::try_from(piece.len()).unwrap_or(255)];
            command.extend_from_slice(piece);
            if last {
                command.push(0x00);
            }
            (answer, _) = transport::exchange(self.channel, &command)?;
            if !last && answer != [0x90, 0x00] {
                break;
            }
        }
        let mut whole = Vec::new();
        for _ in 0..PARTS_MAX {
            match answer.split_last_chunk::<2>() {
                Some((part, [0x61, more])) => {
                    whole.extend_from_slice(part);
                    answer = self.channel.transmit(&[0x00, 0xC0, 0x00, 0x00, *more])?;
                }
                Some((part, [0x90, 0x00])) => {
                    whole.extend_from_slice(part);
                    return Ok(whole);
                }
                Some((_, [a, b])) => {
                    let what = format!("{what}: the card answers {a:02X}{b:02X}");
                    return Err(Failure::new("R1210", what));
                }
                None => break,
            }
        }
        Err(Failure::new(
            "R1211",
            format!("{what}: an answer without an end"),
        ))
    }

    /// Whether an identifier or a security object is what was made, under its signer's signature.
    fn signature_holds(
        &mut self,
        signed: &SignedPart,
        found: &[u8],
        head: &[u8],
    ) -> Result<(), String> {
        let what = signed.what;
        let file = self.loaded.bundle().asset(&signed.certificate);
        let file = file.unwrap_or_default();
        let signer = piv::Signer::read(file).map_err(|e| e.to_string())?;
        let not_made = || "it is not what was made".to_owned();
        let part = |tag: &str| objects::top(found, tag).map_err(|_| not_made());
        if what == Signed::Identifier {
            let message = part("3E")?;
            let content = [head, &NO_CHECK].concat();
            let whole = objects::object("3E", &message).map_err(|_| not_made())?;
            if [head, &whole, &NO_CHECK].concat() != found {
                return Err(not_made());
            }
            let held = piv::check(what, &message, &content, &signer);
            return held.map_err(|e| e.to_string());
        }
        let (mapping, message) = (&signed.mapping, part("BB")?);
        let object = |tag, value| objects::object(tag, value).map_err(|_| not_made());
        let whole = [object("BA", mapping)?, object("BB", &message)?].concat();
        if [&whole, NO_CHECK.as_slice()].concat() != found {
            return Err(not_made());
        }
        let table = piv::held(&message).map_err(|e| e.to_string())?;
        let held = piv::check(what, &message, &table, &signer);
        held.map_err(|e| e.to_string())?;
        let hashes = piv::listed(&table).map_err(|e| e.to_string())?;
        if mapping.len() != 3 * hashes.len() {
            return Err("its mapping is not that of its table".to_owned());
        }
        for (group, (number, hash)) in mapping.chunks(3).zip(hashes) {
            let known = |id: u16| CONTAINERS.iter().find(|(known, _)| *known == id);
            let container = match group {
                [own, a, b] if *own == number => known(u16::from_be_bytes([*a, *b])),
                _ => None,
            };
            let Some((_, container)) = container else {
                return Err("its mapping names no container".to_owned());
            };
            match self.container(*container) {
                Ok(octets) if piv::hash(&octets) == hash => {}
                // What is the holder's stays unread where nobody has said the PIN.
                Err(failure) if failure.what.ends_with("6982") => {}
                Ok(_) => return Err(format!("data group {number} has another hash")),
                Err(failure) => return Err(failure.what),
            }
        }
        Ok(())
    }

    /// The certificate in a container, when the authority signed it; else why not.
    fn certified(&self, container: &[u8], asset: &str) -> Result<CardPublicKey, String> {
        let certificate = objects::top(container, "70").map_err(|_| "it holds no certificate")?;
        let authority = self.loaded.bundle().asset(asset).unwrap_or_default();
        let authority = Authority::read(authority).map_err(|e| e.to_string())?;
        authority.check(&certificate).map_err(|e| e.to_string())
    }

    fn script(&self, terminal: &Terminal) -> Result<(Script, CommandValues<'_>), Failure> {
        let (declared, made) = self.application(&terminal.application)?;
        let both = declared.script.as_ref().zip(made.script.as_ref());
        let none = || Failure::new("R1259", "the application has no script");
        let (script, data) = both.ok_or_else(none)?;
        let values = data.commands.iter();
        let values = values.map(|c| c.iter().map(Option::as_ref).collect());
        Ok((script.clone(), values.collect()))
    }

    /// Containers that the application's script writes.
    fn written(&self, terminal: &Terminal) -> Result<Vec<Written>, Failure> {
        let (script, values) = self.script(terminal)?;
        let mut all = Vec::new();
        let puts = script.commands.iter().zip(&values);
        for (command, values) in puts.filter(|(c, _)| c.header == PUT_DATA) {
            let authority = ScriptPart::leaves(&command.parts)
                .into_iter()
                .find_map(|part| match part {
                    ScriptPart::Certificate { authority, .. } => Some(authority.clone()),
                    _ => None,
                });
            let signed = signed_part(&command.parts);
            let is_table = |part: &SignedPart| part.what == Signed::SecurityObject;
            let table = signed.as_ref().is_some_and(is_table);
            let octets = match authority.is_some() || table {
                true => first_octets(command, values),
                false => crate::script::assembled(&command.parts, values),
            };
            let octets = octets.ok_or_else(|| Failure::new("R1259", "a container of no octets"))?;
            let number = match octets.as_slice() {
                [0x5C, 0x03, 0x5F, 0xC1, number, ..] => *number,
                _ => continue,
            };
            let value = match authority.is_some() || table {
                true => None,
                false => Some(objects::top(octets.get(5..).unwrap_or_default(), "53")?),
            };
            all.push(Written {
                number,
                value,
                authority,
                signed,
            });
        }
        Ok(all)
    }

    /// Algorithm and sealed octets of the management key that the script has set.
    fn management(&self, terminal: &Terminal) -> Result<(u8, Sealed), Failure> {
        let (script, values) = self.script(terminal)?;
        let mut commands = script.commands.iter().zip(&values);
        let found = commands.find_map(|(command, values)| {
            if command.header != SET_MANAGEMENT {
                return None;
            }
            let algorithm = *first_octets(command, values)?.first()?;
            let key = values.iter().flatten().find_map(|value| value.sealed())?;
            Some((algorithm, key))
        });
        found.ok_or_else(|| Failure::new("R1259", "the script sets no management key"))
    }
}

/// What of a command's data is signed, and the certificate of the key that signs it.
fn signed_part(parts: &[ScriptPart]) -> Option<SignedPart> {
    parts.iter().find_map(|part| match part {
        ScriptPart::Object { parts, .. } => signed_part(parts),
        ScriptPart::SignedIdentifier { certificate, .. } => Some(SignedPart {
            what: Signed::Identifier,
            certificate: certificate.clone(),
            mapping: Vec::new(),
        }),
        ScriptPart::SecurityObject {
            certificate,
            groups,
            ..
        } => Some(SignedPart {
            what: Signed::SecurityObject,
            certificate: certificate.clone(),
            mapping: crate::script::mapping(groups.iter().map(|group| group.container)),
        }),
        _ => None,
    })
}

/// The octets of a command's first part.
fn first_octets(command: &ScriptCommand, values: &[Option<&DgiValue>]) -> Option<Vec<u8>> {
    let first = ScriptPart::leaves(&command.parts)
        .into_iter()
        .zip(values)
        .next()?;
    match first {
        (ScriptPart::Value { .. }, Some(DgiValue::Clear(octets))) => Some(octets.clone()),
        _ => None,
    }
}
