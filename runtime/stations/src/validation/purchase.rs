//! A purchase that goes online: two cryptograms, the issuer's answer, combined data authentication.

use super::{
    Failure,
    chip::{Visit, fact, recovered},
    number,
    objects::{self, flat},
    terminal::{Terminal, command, exchange},
};
use cardwright_bundle::{Application, Check};
use cardwright_ports::hsm::IccKeyPath;
use cardwright_runtime::{
    Loaded,
    datagen::ApplicationData,
    plan::{BoundKeys, derivation},
};
use cardwright_standards::emv::oda;

/// ARQC (EMV Book 3, table 12), without and with a request for CDA.
const ARQC: u8 = 0x80;
const TC: u8 = 0x40;
const CDA_REQUESTED: u8 = 0x10;
/// AIP byte 1: CDA supported.
const AIP_CDA: u8 = 0x01;
/// Card status update of the CCD that approves: issuer approves online (byte 2, bit 8).
const APPROVE: [u8; 4] = [0x00, 0x80, 0x00, 0x00];

impl Visit<'_> {
    /// A purchase that goes online: the first cryptogram is checked with the issuer's key, the
    /// issuer answers, the card gives a certificate of the transaction.
    pub(super) fn purchase(
        &mut self,
        terminal: &mut Terminal,
        check: &Check,
    ) -> Result<(), Failure> {
        let unpredictable = self.random("purchase unpredictable number", 4)?;
        let terminal_data = self.terminal_data(check, unpredictable.clone())?;
        let cdol1 = terminal.objects.need("8C")?.to_vec();
        let cdol1_data = self.answer_dol(&cdol1, &terminal_data)?;
        let cda = terminal.aip.first().is_some_and(|b| b & AIP_CDA != 0);
        let p1 = ARQC | if cda { CDA_REQUESTED } else { 0 };
        let generate = command([0x80, 0xAE, p1, 0x00], &cdol1_data)?;
        let answer = exchange(self.channel, &generate, "first GENERATE AC")?;
        let first = Cryptogram::read(&answer)?;
        if first.information & 0xC0 != ARQC {
            return Err(Failure::new("R1227", "the card does not want to go online"));
        }
        let parts: [&[u8]; 2] = [&terminal.pdol_data, &cdol1_data];
        let cryptogram = self.cryptogram(terminal, &first, cda, &parts, &unpredictable)?;
        let (declared, made) = self.application(&terminal.application)?;
        let (option, ac) = (
            derivation(&declared.derivation)?,
            key_of((declared, made), (self.loaded, self.keys), "ac")?,
        );
        let (pan, psn) = (fact(made, "pan")?.to_owned(), fact(made, "psn")?.to_owned());
        let path = IccKeyPath {
            issuer_master_key: ac,
            derivation: option,
            pan: &pan,
            psn: &psn,
            atc: first.counter,
        };
        // Input of a CCD cryptogram: the CDOL1 data, AIP, ATC, issuer application data.
        let input = [
            cdol1_data.as_slice(),
            &terminal.aip,
            &first.counter.to_be_bytes(),
            &first.issuer_data,
        ]
        .concat();
        if !self.session.verify_cryptogram(&path, &input, &cryptogram)? {
            return Err(Failure::new(
                "R1228",
                "the cryptogram is not made with the card's key",
            ));
        }
        let proof = self.session.arpc(&path, &cryptogram, APPROVE)?;
        self.second_generate(terminal, &terminal_data, proof, cda)
    }

    /// The cryptogram of an answer; with CDA it is what the signature holds (EMV Book 2, 6.6).
    fn cryptogram(
        &self,
        terminal: &Terminal,
        answer: &Cryptogram,
        cda: bool,
        sent: &[&[u8]],
        unpredictable: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let Some(signature) = &answer.signature else {
            return if cda {
                Err(Failure::new(
                    "R1225",
                    "the card answers a request for CDA without signature",
                ))
            } else {
                answer
                    .cryptogram
                    .clone()
                    .ok_or_else(|| Failure::new("R1254", "no tag 9F26"))
            };
        };
        let (modulus, exponent) = terminal
            .icc_key
            .clone()
            .ok_or_else(|| Failure::new("R1251", "authenticate the card before the purchase"))?;
        let number = unpredictable
            .try_into()
            .map_err(|_| Failure::new("R1256", "an unpredictable number of another length"))?;
        let combined = oda::verify_sdad_cda(&recovered(modulus, exponent), signature, number)
            .map_err(|e| Failure::new("R1225", format!("combined signature: {e}")))?;
        let mut parts = sent.to_vec();
        parts.push(&answer.hashed);
        let fits = combined.cryptogram_information == answer.information
            && combined.transaction_data_hash == oda::transaction_data_hash(&parts);
        if fits {
            Ok(combined.cryptogram.to_vec())
        } else {
            Err(Failure::new(
                "R1225",
                "the combined signature is over other data",
            ))
        }
    }

    fn second_generate(
        &mut self,
        terminal: &Terminal,
        terminal_data: &[(&'static str, Vec<u8>)],
        proof: Vec<u8>,
        cda: bool,
    ) -> Result<(), Failure> {
        let cdol2 = terminal.objects.need("8D")?.to_vec();
        let mut data = terminal_data.to_vec();
        data.push(("91", [proof.as_slice(), &APPROVE].concat()));
        data.push(("8A", b"00".to_vec()));
        let cdol2_data = self.answer_dol(&cdol2, &data)?;
        let p1 = TC | if cda { CDA_REQUESTED } else { 0 };
        let generate = command([0x80, 0xAE, p1, 0x00], &cdol2_data)?;
        let answer = exchange(self.channel, &generate, "second GENERATE AC")?;
        let second = Cryptogram::read(&answer)?;
        if second.information & 0xC0 == TC {
            Ok(())
        } else {
            Err(Failure::new(
                "R1227",
                "the card declines what its issuer has approved",
            ))
        }
    }

    pub(super) fn terminal_data(
        &self,
        check: &Check,
        unpredictable: Vec<u8>,
    ) -> Result<Vec<(&'static str, Vec<u8>)>, Failure> {
        let issuer = &self.loaded.content().issuer;
        let amount = number(check, "amount_minor").unwrap_or(1_000);
        let currency = number(check, "currency").unwrap_or(i64::from(issuer.currency));
        let digits = |value: i64, octets: usize| {
            hex::decode(format!("{value:0width$}", width = octets * 2))
                .map_err(|_| Failure::new("R1256", "an amount that is none"))
        };
        let date = self.today.format("YYMMDD");
        Ok(vec![
            ("9F02", digits(amount, 6)?),
            ("9F03", digits(0, 6)?),
            ("9F1A", digits(i64::from(issuer.country), 2)?),
            ("5F2A", digits(currency, 2)?),
            (
                "9A",
                hex::decode(date).map_err(|_| Failure::new("R1256", "no date"))?,
            ),
            ("9C", vec![0x00]),
            ("95", vec![0; 5]),
            ("9F37", unpredictable),
            ("9F35", vec![0x22]),
            ("9F33", vec![0xE0, 0xF8, 0xC8]),
            // TTQ: EMV mode, contact chip, online PIN, signature, signatures for online
            // transactions; an online cryptogram is wanted; fast DDA version 01.
            ("9F66", vec![0x37, 0x80, 0x00, 0x80]),
        ])
    }
}

/// What GENERATE AC answers.
struct Cryptogram {
    information: u8,
    counter: u16,
    cryptogram: Option<Vec<u8>>,
    issuer_data: Vec<u8>,
    signature: Option<Vec<u8>>,
    /// The answer's objects without the signature, as they came.
    hashed: Vec<u8>,
}

impl Cryptogram {
    fn read(answer: &[u8]) -> Result<Self, Failure> {
        let wrong = || Failure::new("R1255", "a GENERATE AC answer that can't be read");
        // Format 1: CID, ATC, cryptogram, issuer application data (EMV Book 3, 6.5.5.4).
        if let Ok(value) = objects::top(answer, "80") {
            let (head, issuer_data) = value.split_at_checked(11).ok_or_else(wrong)?;
            let [information, a, b, cryptogram @ ..] = head else {
                return Err(wrong());
            };
            return Ok(Self {
                information: *information,
                counter: u16::from_be_bytes([*a, *b]),
                cryptogram: Some(cryptogram.to_vec()),
                issuer_data: issuer_data.to_vec(),
                signature: None,
                hashed: Vec::new(),
            });
        }
        let value = objects::top(answer, "77")?;
        let counter: [u8; 2] = objects::top(&value, "9F36")?
            .try_into()
            .map_err(|_| wrong())?;
        let mut hashed = Vec::new();
        for (tag, object) in flat(&value)? {
            if tag != "9F4B" {
                hashed.extend_from_slice(&objects::object(&tag, &object)?);
            }
        }
        Ok(Self {
            information: objects::top(&value, "9F27")?
                .first()
                .copied()
                .ok_or_else(wrong)?,
            counter: u16::from_be_bytes(counter),
            cryptogram: objects::top(&value, "9F26").ok(),
            issuer_data: objects::top(&value, "9F10").unwrap_or_default(),
            signature: objects::top(&value, "9F4B").ok(),
            hashed,
        })
    }
}

/// The key of a role: `ac`, `cvc3`. Where orders choose it, the order's own.
pub(super) fn key_of(
    (application, made): (&Application, &ApplicationData),
    (loaded, keys): (&Loaded, &BoundKeys),
    role: &str,
) -> Result<cardwright_ports::hsm::KeyHandle, Failure> {
    let slot = match made.facts.get(&format!("key_{role}")) {
        Some(chosen) => {
            let slots = (0..).zip(&loaded.content().keys);
            let mut chosen = slots.filter(|(_, slot)| slot.name == *chosen);
            chosen.next().map(|(number, _)| number)
        }
        None => {
            let mut roles = application.keys.iter();
            roles.find(|(name, _)| name == role).map(|(_, slot)| *slot)
        }
    };
    let slot =
        slot.ok_or_else(|| Failure::new("R1259", format!("the application has no key `{role}`")))?;
    Ok(keys.get(slot)?)
}
