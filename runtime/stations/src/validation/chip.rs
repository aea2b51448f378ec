//! A terminal's visit to a chip: select, read, authenticate, verify the PIN, buy something.

use super::{
    Failure, modes,
    objects::{self, flat},
    terminal::{Terminal, command, exchange},
};
use cardwright_bundle::{Application, Card, Check, KeyPublic};
use cardwright_ports::{
    CardChannel, HsmSession,
    hsm::{Draw, SealedPin},
};
use cardwright_runtime::{
    Date, Loaded,
    datagen::{ApplicationData, CardData, DgiValue},
    plan::BoundKeys,
};
use cardwright_standards::emv::{certificates, oda};
use std::collections::BTreeMap;

const PSE: &[u8] = b"1PAY.SYS.DDF01";
const PPSE: &[u8] = b"2PAY.SYS.DDF01";
/// AIP byte 1: SDA supported (EMV Book 3, annex C1).
const AIP_SDA: u8 = 0x40;
/// Terminal transaction qualifiers of a terminal that knows magnetic stripe mode alone, with online PIN
/// and signature.
const MAGSTRIPE_ALONE: [u8; 4] = [0x86, 0x00, 0x00, 0x00];
/// Most records that a terminal reads from one application.
const RECORDS_MAX: usize = 64;

/// One visit.
pub(super) struct Visit<'v> {
    pub(super) loaded: &'v Loaded,
    pub(super) card: &'v Card,
    pub(super) keys: &'v BoundKeys,
    pub(super) today: Date,
    pub(super) data: &'v CardData,
    pub(super) channel: &'v mut dyn CardChannel,
    pub(super) session: &'v mut dyn HsmSession,
    pub(super) draw: &'v Draw<'v>,
}

impl Visit<'_> {
    pub(super) fn application(
        &self,
        name: &str,
    ) -> Result<(&Application, &ApplicationData), Failure> {
        let chip = self.card.chip.as_ref();
        let declared = chip.and_then(|c| c.applications.iter().find(|a| a.name == name));
        let made = self.data.applications.iter().find(|a| a.name == name);
        declared
            .zip(made)
            .ok_or_else(|| Failure::new("R1259", format!("no application `{name}`")))
    }

    /// Whether the order's card has an application of this identifier.
    fn has_application(&self, aid: &[u8]) -> bool {
        let wanted = hex::encode_upper(aid);
        let applications = self.card.chip.iter().flat_map(|chip| &chip.applications);
        let mut found = applications.filter(|a| a.aid == wanted);
        found.any(|a| self.data.of(a).is_ok_and(|data| data.is_some()))
    }

    /// Makes sure of an application that this order's card does not have: no directory lists it,
    /// and where it would have been installed first, it can't be selected.
    pub(super) fn expect_absent(&mut self, check: &Check) -> Result<(), Failure> {
        let name = super::setting(check, "application").unwrap_or_default();
        let chip = self.card.chip.as_ref();
        let declared = chip.and_then(|c| c.applications.iter().find(|a| a.name == name));
        let declared =
            declared.ok_or_else(|| Failure::new("R1259", format!("no application `{name}`")))?;
        let aid =
            hex::decode(&declared.aid).map_err(|_| Failure::new("R1259", "an AID that is none"))?;
        // Another application of this card may have its identifier: one of two, by the order.
        let applications = self.card.chip.iter().flat_map(|chip| &chip.applications);
        for other in applications.filter(|a| a.name != name && a.aid == declared.aid) {
            if self.data.of(other)?.is_some() {
                return Ok(());
            }
        }
        let (emv, installed) = (declared.applet.is_empty(), declared.install.is_some());
        self.channel.reset()?;
        let contactless = check.on == "contactless";
        if contactless {
            self.channel.enter_field()?;
        }
        // A card without any application of the interface has no directory of it either.
        let directory = if contactless { "ppse" } else { "pse" };
        let there = self.data.applications.iter().any(|a| a.name == directory);
        if emv && there {
            let listed = match contactless {
                true => self.read_ppse()?,
                false => self.read_pse()?,
            };
            if listed.contains(&aid) {
                let what = "the directory lists an application that this order has not";
                return Err(Failure::new("R1223", what));
            }
        }
        match installed && self.select_name(&aid).is_ok() {
            true => Err(Failure::new(
                "R1223",
                "the card has an application that this order has not",
            )),
            false => Ok(()),
        }
    }

    /// Finds the application through the directory, as a terminal does, and selects it.
    pub(super) fn select(&mut self, check: &Check) -> Result<Terminal, Failure> {
        let name = super::setting(check, "application")
            .unwrap_or_default()
            .to_owned();
        let aid = hex::decode(&self.application(&name)?.0.aid)
            .map_err(|_| Failure::new("R1259", "an AID that is none"))?;
        let contactless = check.on == "contactless";
        let mode = super::setting(check, "mode");
        self.channel.reset()?;
        if contactless {
            self.channel.enter_field()?;
        }
        if !self.application(&name)?.0.applet.is_empty() {
            return self.select_directly(check, name, &aid);
        }
        let listed = if contactless {
            Some(self.read_ppse()?)
        } else if self.has_application(PSE) {
            Some(self.read_pse()?)
        } else {
            None
        };
        // Without a directory a terminal goes by its own list (EMV Book 1, 12.3.3); over the antenna
        // there is no other way.
        if listed.is_some_and(|listed| !listed.contains(&aid)) {
            return Err(Failure::new(
                "R1223",
                "the directory does not list the application",
            ));
        }
        let answer = self.select_name(&aid)?;
        let template = objects::top(&answer, "6F")?;
        if objects::top(&template, "84")? != aid {
            return Err(Failure::new("R1258", "tag 84 is not the application's AID"));
        }
        let fci = objects::top(&template, "A5")?;
        let mut terminal = Terminal {
            interface: check.on.clone(),
            application: name,
            mode: mode.map(str::to_owned),
            fci: fci.clone(),
            pdol: Vec::new(),
            options: Vec::new(),
            pdol_data: Vec::new(),
            aip: Vec::new(),
            afl: Vec::new(),
            records: Vec::new(),
            signed: Vec::new(),
            objects: objects::Objects::default(),
            earlier: Vec::new(),
            icc_key: None,
        };
        let pdol = flat(&fci)?
            .into_iter()
            .find(|(tag, _)| tag == "9F38")
            .map(|(_, dol)| dol);
        terminal.pdol = pdol.unwrap_or_default();
        let known = self.offered(check, &terminal.pdol)?;
        terminal.pdol_data = self.answer_dol(&terminal.pdol, &known)?;
        self.processing_options(&mut terminal)?;
        Ok(terminal)
    }

    /// What answers the list of GET PROCESSING OPTIONS. A terminal of magnetic stripe mode alone says so
    /// in its qualifiers.
    fn offered(
        &mut self,
        check: &Check,
        pdol: &[u8],
    ) -> Result<Vec<(&'static str, Vec<u8>)>, Failure> {
        if pdol.is_empty() {
            return Ok(Vec::new());
        }
        let number = self.random("select unpredictable number", 4)?;
        let mut known = self.terminal_data(check, number)?;
        if super::setting(check, "mode") == Some("magstripe") {
            known.retain(|(tag, _)| *tag != "9F66");
            known.push(("9F66", MAGSTRIPE_ALONE.to_vec()));
        }
        Ok(known)
    }

    /// Selects an application that is in no directory.
    fn select_directly(
        &mut self,
        check: &Check,
        name: String,
        aid: &[u8],
    ) -> Result<Terminal, Failure> {
        let answer = self.select_name(aid)?;
        let fci = match objects::top(&answer, "6F") {
            Ok(template) => objects::top(&template, "A5").unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        Ok(Terminal {
            interface: check.on.clone(),
            application: name,
            mode: None,
            fci,
            pdol: Vec::new(),
            options: Vec::new(),
            pdol_data: Vec::new(),
            aip: Vec::new(),
            afl: Vec::new(),
            records: Vec::new(),
            signed: Vec::new(),
            objects: objects::Objects::default(),
            earlier: Vec::new(),
            icc_key: None,
        })
    }

    pub(super) fn select_name(&mut self, name: &[u8]) -> Result<Vec<u8>, Failure> {
        let what = format!("SELECT {}", hex::encode_upper(name));
        exchange(
            self.channel,
            &command([0x00, 0xA4, 0x04, 0x00], name)?,
            &what,
        )
    }

    fn read_pse(&mut self) -> Result<Vec<Vec<u8>>, Failure> {
        let fci = self.select_name(PSE)?;
        let sfi = flat(&fci)?
            .into_iter()
            .find(|(tag, _)| tag == "88")
            .and_then(|(_, value)| value.first().copied())
            .ok_or_else(|| Failure::new("R1254", "tag 88 is not in the PSE's FCI"))?;
        let mut listed = Vec::new();
        for record in 1..=16u8 {
            let read = [0x00, 0xB2, record, sfi << 3 | 0x04, 0x00];
            let Ok(octets) = exchange(self.channel, &read, "READ RECORD of the PSE") else {
                break;
            };
            listed.extend(
                flat(&octets)?
                    .into_iter()
                    .filter(|(t, _)| t == "4F")
                    .map(|(_, v)| v),
            );
        }
        Ok(listed)
    }

    fn read_ppse(&mut self) -> Result<Vec<Vec<u8>>, Failure> {
        let fci = self.select_name(PPSE)?;
        Ok(flat(&fci)?
            .into_iter()
            .filter(|(tag, _)| tag == "4F")
            .map(|(_, v)| v)
            .collect())
    }

    pub(super) fn processing_options(&mut self, terminal: &mut Terminal) -> Result<(), Failure> {
        let length = u8::try_from(terminal.pdol_data.len())
            .map_err(|_| Failure::new("R1256", "PDOL data longer than a short APDU"))?;
        let mut data = vec![0x83];
        if length >= 0x80 {
            data.push(0x81);
        }
        data.push(length);
        data.extend_from_slice(&terminal.pdol_data);
        let gpo = command([0x80, 0xA8, 0x00, 0x00], &data)?;
        let answer = exchange(self.channel, &gpo, "GET PROCESSING OPTIONS")?;
        // Format 1 is tag 80 with AIP and AFL one after the other (EMV Book 3, 6.5.8.4).
        if let Ok(value) = objects::top(&answer, "80") {
            let (aip, afl) = value
                .split_at_checked(2)
                .ok_or_else(|| Failure::new("R1255", "GPO answer without an AIP"))?;
            (terminal.aip, terminal.afl) = (aip.to_vec(), afl.to_vec());
        } else {
            let value = objects::top(&answer, "77")?;
            terminal.aip = objects::top(&value, "82")?;
            terminal.afl = objects::top(&value, "94")?;
            // A fast card gives more than AIP and AFL.
            for (tag, object) in flat(&value)? {
                if tag != "82" && tag != "94" {
                    terminal.objects.add(&objects::object(&tag, &object)?)?;
                }
            }
            terminal.options = value;
        }
        Ok(())
    }

    /// Reads every record of the AFL and collects what is signed.
    pub(super) fn read_records(&mut self, terminal: &mut Terminal) -> Result<(), Failure> {
        let (entries, rest) = terminal.afl.as_chunks::<4>();
        if !rest.is_empty() || entries.is_empty() {
            return Err(Failure::new(
                "R1224",
                "the AFL is not entries of four octets",
            ));
        }
        for [sfi, first, last, signed] in entries.iter().copied() {
            let sfi = sfi >> 3;
            if !(1..=30).contains(&sfi) || first == 0 || last < first {
                return Err(Failure::new("R1224", "an AFL entry that can't be"));
            }
            for (at, record) in (first..=last).enumerate() {
                if terminal.records.len() >= RECORDS_MAX {
                    return Err(Failure::new("R1224", "more records than a terminal reads"));
                }
                let read = [0x00, 0xB2, record, sfi << 3 | 0x04, 0x00];
                let what = format!("READ RECORD {record} of SFI {sfi}");
                let octets = exchange(self.channel, &read, &what)?;
                if sfi <= 10 {
                    let value = objects::top(&octets, "70")?;
                    terminal.objects.add(&value)?;
                    if at < usize::from(signed) {
                        // SFI 1 to 10: without tag 70 and its length (EMV Book 3, 10.3).
                        terminal.signed.extend_from_slice(&value);
                    }
                } else if at < usize::from(signed) {
                    terminal.signed.extend_from_slice(&octets);
                }
                terminal.records.push((sfi, record, octets));
            }
        }
        Ok(())
    }

    /// Compares what the card gave with what was made for it, octet by octet.
    pub(super) fn data_matches_source(&mut self, terminal: &Terminal) -> Result<(), Failure> {
        let (declared, made) = self.application(&terminal.application)?;
        let answers = modes::Answers::of(declared, made, terminal.mode.as_deref())?;
        let contactless = terminal.interface == "contactless";
        let has_contactless_fci = made.dgis.iter().any(|dgi| dgi.number == 0x9103);
        for dgi in &made.dgis {
            let DgiValue::Clear(source) = &dgi.value else {
                continue;
            };
            let title = format!("DGI {:04X}", dgi.number);
            let [high, low] = dgi.number.to_be_bytes();
            let found = match dgi.number {
                number if answers.are_of_another(number) => continue,
                number if number == answers.own => Some(processing_data(terminal, source)?),
                0x0101..=0x1EFF => terminal
                    .records
                    .iter()
                    .find(|(sfi, record, _)| (*sfi, *record) == (high, low))
                    .map(|(_, _, octets)| octets.clone()),
                0x9102 if !(contactless && has_contactless_fci) => {
                    Some(objects::object("A5", &terminal.fci)?)
                }
                0x9103 if contactless => Some(objects::object("A5", &terminal.fci)?),
                _ => continue,
            };
            match found {
                Some(found) if super::fast::alike(source, &found) => {}
                Some(_) => {
                    return Err(Failure::new(
                        "R1258",
                        format!("{title} is not what was made"),
                    ));
                }
                None => return Err(Failure::new("R1254", format!("{title} can't be read"))),
            }
        }
        let listed = made
            .dgis
            .iter()
            .filter(|d| (0x0101..=0x1EFF).contains(&d.number))
            .filter(|d| !answers.are_of_another(d.number))
            .count();
        if listed != terminal.records.len() {
            return Err(Failure::new(
                "R1258",
                "the AFL and the records do not agree",
            ));
        }
        Ok(())
    }

    /// Certificate chain and dynamic signature (EMV Book 2, 5 and 6.5).
    pub(super) fn authenticate_dda(&mut self, terminal: &mut Terminal) -> Result<(), Failure> {
        let public = self.issuer_public(&terminal.application)?.clone();
        let (modulus, exponent) = self.icc_key(terminal, &public)?;
        terminal.icc_key = Some((modulus.clone(), exponent));
        let unpredictable = self.random("dda unpredictable number", 4)?;
        let ddol = terminal
            .objects
            .get("9F49")
            .unwrap_or(&[0x9F, 0x37, 0x04])
            .to_vec();
        let ddol_data = self.answer_dol(&ddol, &[("9F37", unpredictable)])?;
        let internal = command([0x00, 0x88, 0x00, 0x00], &ddol_data)?;
        let answer = exchange(self.channel, &internal, "INTERNAL AUTHENTICATE")?;
        let signature = match objects::top(&answer, "80") {
            Ok(signature) => signature,
            Err(_) => objects::top(&objects::top(&answer, "77")?, "9F4B")?,
        };
        let key = recovered(modulus, exponent);
        oda::verify_sdad_dda(&key, &signature, &ddol_data)
            .map_err(|e| Failure::new("R1225", format!("dynamic signature: {e}")))?;
        Ok(())
    }

    /// Issuer certificate and signed static application data (EMV Book 2, 5.3 and 5.4).
    pub(super) fn authenticate_sda(&mut self, terminal: &Terminal) -> Result<(), Failure> {
        let public = self.issuer_public(&terminal.application)?.clone();
        if terminal.aip.first().is_none_or(|b| b & AIP_SDA == 0) {
            return Err(Failure::new("R1226", "the AIP does not promise SDA"));
        }
        let (issuer, _) = self.issuer_key(terminal, &public)?;
        let signed = signed_data(terminal)?;
        let signature = terminal.objects.need("93")?;
        oda::verify_ssad(&issuer, signature, &signed).map_err(|e| wrong("static signature", e))?;
        Ok(())
    }

    /// The issuer's public key out of its certificate, and the PAN that it was found to be for.
    fn issuer_key(
        &self,
        terminal: &Terminal,
        public: &KeyPublic,
    ) -> Result<(certificates::RecoveredKey, String), Failure> {
        let objects = &terminal.objects;
        let index = objects.need("8F")?;
        if index != [public.ca_index] {
            return Err(Failure::new("R1258", "tag 8F names another CA key"));
        }
        let ca = hex::decode(&public.ca_modulus)
            .map_err(|_| Failure::new("R1101", "the CA modulus is not hexadecimal"))?;
        let remainder = objects.get("92").unwrap_or_default();
        let issuer = certificates::recover_issuer_certificate(
            &ca,
            public.ca_exponent,
            objects.need("90")?,
            remainder,
            objects.need("9F32")?,
        )
        .map_err(|e| wrong("issuer certificate", e))?;
        let pan = hex::encode(objects.need("5A")?)
            .trim_end_matches('f')
            .to_owned();
        if !issuer.is_for(&pan) {
            return Err(Failure::new(
                "R1226",
                "the issuer certificate is for other PANs",
            ));
        }
        self.not_expired(issuer.expiry_mmyy)?;
        Ok((issuer, pan))
    }

    pub(super) fn icc_key(
        &self,
        terminal: &Terminal,
        public: &KeyPublic,
    ) -> Result<(Vec<u8>, u32), Failure> {
        let (issuer, pan) = self.issuer_key(terminal, public)?;
        let objects = &terminal.objects;
        let signed = signed_data(terminal)?;
        let exponent = objects.need("9F47")?;
        let icc = certificates::recover_icc_certificate(
            &issuer,
            objects.need("9F46")?,
            objects.get("9F48").unwrap_or_default(),
            exponent,
            &signed,
        )
        .map_err(|e| wrong("ICC certificate", e))?;
        if icc.identifier != pan {
            return Err(Failure::new(
                "R1226",
                "the ICC certificate is for another PAN",
            ));
        }
        self.not_expired(icc.expiry_mmyy)?;
        Ok((icc.modulus, icc.exponent))
    }

    fn not_expired(&self, [month, year]: [u8; 2]) -> Result<(), Failure> {
        let text = format!("{month:02X}{year:02X}");
        match Date::parse(&text, "MMYY") {
            Some(expiry) if expiry >= self.today => Ok(()),
            _ => Err(Failure::new("R1226", "a certificate has expired")),
        }
    }

    pub(super) fn issuer_public(&self, application: &str) -> Result<&KeyPublic, Failure> {
        let (declared, _) = self.application(application)?;
        declared
            .keys
            .iter()
            .find(|(role, _)| role == "issuer")
            .and_then(|(_, slot)| self.loaded.content().keys.get(*slot as usize))
            .and_then(|slot| slot.public.as_ref())
            .ok_or_else(|| Failure::new("R1259", "the application has no issuer key"))
    }

    /// The cardholder's PIN, as a terminal would send it.
    pub(super) fn verify_pin(
        &mut self,
        terminal: &mut Terminal,
        method: Option<&str>,
    ) -> Result<(), Failure> {
        let (_, made) = self.application(&terminal.application)?;
        let pin = made.pin.clone().map(SealedPin);
        let pin = pin.ok_or_else(|| Failure::new("R1259", "the application has no PIN"))?;
        if method == Some("piv") {
            return self.verify_piv_pin(&pin);
        }
        if method == Some("plain") {
            let block = self.session.plain_offline_pin(&pin)?;
            let verify = verify_command(0x80, block.expose())?;
            exchange(self.channel, &verify, "VERIFY")?;
            return Ok(());
        }
        let (modulus, exponent) = match terminal.icc_key.clone() {
            Some(key) => key,
            None => {
                let public = self.issuer_public(&terminal.application)?.clone();
                self.icc_key(terminal, &public)?
            }
        };
        let challenge = [0x00, 0x84, 0x00, 0x00, 0x00];
        let challenge = exchange(self.channel, &challenge, "GET CHALLENGE")?;
        if challenge.len() != 8 {
            return Err(Failure::new(
                "R1255",
                "a challenge that is not eight octets",
            ));
        }
        let draw = Draw {
            purpose: "verify pin fill",
            ..*self.draw
        };
        let block = self
            .session
            .encipher_offline_pin(&pin, &modulus, exponent, &challenge, &draw)?;
        exchange(self.channel, &verify_command(0x88, &block)?, "VERIFY")?;
        Ok(())
    }

    /// Values for a DOL; what the terminal does not know is zeros (EMV Book 3, 5.4).
    pub(super) fn answer_dol(
        &self,
        dol: &[u8],
        known: &[(&'static str, Vec<u8>)],
    ) -> Result<Vec<u8>, Failure> {
        let values: BTreeMap<&str, &[u8]> = known
            .iter()
            .map(|(tag, value)| (*tag, value.as_slice()))
            .collect();
        let mut out = Vec::new();
        for (tag, length) in objects::data_object_list(dol)? {
            let value = values.get(tag.as_str()).copied().unwrap_or_default();
            // Numeric objects are cut and filled on the left; only those are in our list.
            let fill = length.saturating_sub(value.len());
            out.extend(std::iter::repeat_n(0u8, fill));
            let from = value.len().saturating_sub(length);
            out.extend_from_slice(value.get(from..).unwrap_or_default());
        }
        Ok(out)
    }

    pub(super) fn random(&mut self, purpose: &str, length: usize) -> Result<Vec<u8>, Failure> {
        Ok(self.session.random(
            &Draw {
                purpose,
                ..*self.draw
            },
            length,
        )?)
    }
}

pub(super) fn recovered(modulus: Vec<u8>, exponent: u32) -> certificates::RecoveredKey {
    certificates::RecoveredKey {
        modulus,
        exponent,
        identifier: String::new(),
        expiry_mmyy: [0; 2],
        serial: [0; 3],
    }
}

/// Static data to be authenticated: the signed records, then the AIP when tag 9F4A asks for it
/// (EMV Book 3, 10.3).
fn signed_data(terminal: &Terminal) -> Result<Vec<u8>, Failure> {
    let mut signed = terminal.signed.clone();
    match terminal.objects.get("9F4A") {
        None => {}
        Some([0x82]) => signed.extend_from_slice(&terminal.aip),
        Some(_) => return Err(Failure::new("R1226", "tag 9F4A may hold tag 82 only")),
    }
    Ok(signed)
}

fn wrong(what: &str, e: certificates::CertificateError) -> Failure {
    Failure::new("R1226", format!("{what}: {e}"))
}

fn verify_command(qualifier: u8, block: &[u8]) -> Result<Vec<u8>, Failure> {
    let length = u8::try_from(block.len())
        .map_err(|_| Failure::new("R1256", "an enciphered PIN longer than a short APDU"))?;
    Ok([&[0x00, 0x20, 0x00, qualifier, length], block].concat())
}

/// The objects of the answer to GET PROCESSING OPTIONS that were made for the card, in their order.
fn processing_data(terminal: &Terminal, source: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut given = Vec::new();
    for (tag, _) in flat(source)? {
        let value = match tag.as_str() {
            "82" => terminal.aip.clone(),
            "94" => terminal.afl.clone(),
            _ => objects::top(&terminal.options, &tag)?,
        };
        given.extend(objects::object(&tag, &value)?);
    }
    Ok(given)
}

pub(super) fn fact<'f>(data: &'f ApplicationData, name: &str) -> Result<&'f str, Failure> {
    data.facts
        .get(name)
        .map(String::as_str)
        .ok_or_else(|| Failure::new("R1259", format!("the application has no fact `{name}`")))
}
