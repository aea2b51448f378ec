//! Fast cards: the signature over what the terminal sent with GET PROCESSING OPTIONS, and the
//! cryptogram that came with the answer. What is signed follows public summaries.

use super::{
    Failure,
    chip::{Visit, fact, recovered},
    objects,
    purchase::key_of,
    terminal::Terminal,
};
use cardwright_bundle::Check;
use cardwright_ports::hsm::IccKeyPath;
use cardwright_runtime::plan::derivation;
use cardwright_standards::emv::oda;

/// What the signature is over, beside tag 9F69.
const SIGNED: [&str; 3] = ["9F37", "9F02", "5F2A"];
/// What the cryptogram is over, beside AIP, counter and issuer data (EMV Book 2, 8.1.1).
const CRYPTOGRAM: [&str; 8] = ["9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37"];
/// Cryptogram information data: the card asks for its issuer.
const ARQC: u8 = 0x80;

/// Whether an answer is what was made for the card. Of a record with tag 9F69 the card fills that
/// element, which keeps its version and length, and adds its signature.
pub(super) fn alike(source: &[u8], found: &[u8]) -> bool {
    if source == found {
        return true;
    }
    let (Ok(source), Ok(found)) = (objects::flat(source), objects::flat(found)) else {
        return false;
    };
    let related = |(tag, value): &(String, Vec<u8>)| {
        let version = value.first().copied().unwrap_or_default();
        (tag.clone(), vec![version], value.len())
    };
    let dynamic = |(tag, _): &&(String, Vec<u8>)| tag == "9F69";
    let fixed = |list: &[(String, Vec<u8>)]| -> Vec<(String, Vec<u8>)> {
        let kept = list
            .iter()
            .filter(|(tag, _)| tag != "9F69" && tag != "9F4B");
        kept.cloned().collect()
    };
    let (made, given) = (source.iter().find(dynamic), found.iter().find(dynamic));
    made.is_some() && made.map(related) == given.map(related) && fixed(&source) == fixed(&found)
}

impl Visit<'_> {
    /// Certificate chain, and the signature that came with the options or in a record.
    pub(super) fn authenticate_fast(&mut self, terminal: &mut Terminal) -> Result<(), Failure> {
        let public = self.issuer_public(&terminal.application)?.clone();
        let (modulus, exponent) = self.icc_key(terminal, &public)?;
        terminal.icc_key = Some((modulus.clone(), exponent));
        let related = terminal.objects.need("9F69")?.to_vec();
        let qualifiers = terminal.objects.need("9F6C")?;
        let fits = related.first() == Some(&0x01) && related.get(5..7) == Some(qualifiers);
        if !fits {
            return Err(Failure::new(
                "R1225",
                "tag 9F69 is not version 01 with the card's qualifiers",
            ));
        }
        let data = [sent(terminal, &SIGNED)?, related].concat();
        let signature = terminal.objects.need("9F4B")?;
        let key = recovered(modulus, exponent);
        let number = oda::verify_sdad_dda(&key, signature, &data)
            .map_err(|e| Failure::new("R1225", format!("fast dynamic signature: {e}")))?;
        if number != terminal.objects.need("9F36")? {
            return Err(Failure::new(
                "R1225",
                "the signature is of another transaction",
            ));
        }
        Ok(())
    }

    /// A purchase with a fast card: the terminal begins anew, with the amount.
    pub(super) fn purchase_fast(
        &mut self,
        terminal: &mut Terminal,
        check: &Check,
    ) -> Result<(), Failure> {
        let (declared, _) = self.application(&terminal.application)?;
        let aid =
            hex::decode(&declared.aid).map_err(|_| Failure::new("R1259", "an AID that is none"))?;
        self.select_name(&aid)?;
        let number = self.random("purchase unpredictable number", 4)?;
        let known = self.terminal_data(check, number)?;
        terminal.set_aside();
        terminal.pdol_data = self.answer_dol(&terminal.pdol, &known)?;
        self.processing_options(terminal)?;
        let given = &terminal.objects;
        let information = given.need("9F27")?.first().copied().unwrap_or_default();
        if information & 0xC0 != ARQC {
            return Err(Failure::new("R1227", "the card does not want to go online"));
        }
        let wrong = || Failure::new("R1255", "a counter that has not two octets");
        let counter: [u8; 2] = given.need("9F36")?.try_into().map_err(|_| wrong())?;
        let input = [
            sent(terminal, &CRYPTOGRAM)?.as_slice(),
            &terminal.aip,
            &counter,
            given.need("9F10")?,
        ]
        .concat();
        let (declared, made) = self.application(&terminal.application)?;
        let (pan, psn) = (fact(made, "pan")?.to_owned(), fact(made, "psn")?.to_owned());
        let path = IccKeyPath {
            issuer_master_key: key_of((declared, made), (self.loaded, self.keys), "ac")?,
            derivation: derivation(&declared.derivation)?,
            pan: &pan,
            psn: &psn,
            atc: u16::from_be_bytes(counter),
        };
        if self
            .session
            .verify_cryptogram(&path, &input, given.need("9F26")?)?
        {
            Ok(())
        } else {
            Err(Failure::new(
                "R1228",
                "the cryptogram is not made with the card's key",
            ))
        }
    }
}

/// Values that the terminal sent with GET PROCESSING OPTIONS, in this order.
fn sent(terminal: &Terminal, tags: &[&str]) -> Result<Vec<u8>, Failure> {
    let mut values = Vec::new();
    let mut rest = terminal.pdol_data.as_slice();
    for (tag, length) in objects::data_object_list(&terminal.pdol)? {
        let (value, after) = rest
            .split_at_checked(length)
            .ok_or_else(|| Failure::new("R1256", "PDOL data shorter than the PDOL"))?;
        values.push((tag, value));
        rest = after;
    }
    let mut out = Vec::new();
    for wanted in tags {
        let found = values.iter().find(|(tag, _)| tag == wanted);
        let (_, value) = found
            .ok_or_else(|| Failure::new("R1254", format!("the PDOL does not ask for {wanted}")))?;
        out.extend_from_slice(value);
    }
    Ok(out)
}
