//! Signed data of offline data authentication: SSAD (tag 93), SDAD (tag 9F4B, DDA and CDA), and the
//! enciphered PIN block of VERIFY. EMV Book 2, 5.4, 6.5, 6.6, 7.2.

use super::certificates::{
    CertificateError, FILL, HEADER, RecoveredKey, SHA_1, TRAILER, check_hash, hash_of, open, take,
};
use super::rsa::{self, MODULUS_OCTETS_MAX, RsaError};
use crate::pin::Pin;
use crate::pin::block::encode_2;
use zeroize::Zeroizing;

/// What the dynamic signature of CDA says (Book 2, table 19).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CombinedData {
    /// ICC dynamic number, 2 to 8 octets.
    pub dynamic_number: Vec<u8>,
    /// Cryptogram information data.
    pub cryptogram_information: u8,
    /// Application cryptogram.
    pub cryptogram: [u8; 8],
    /// Transaction data hash code.
    pub transaction_data_hash: [u8; 20],
}

/// Block of signed static application data, tag 93 (Book 2, table 3).
pub fn static_data_block(
    data_authentication_code: [u8; 2],
    static_data: &[u8],
    issuer_octets: usize,
) -> Result<Vec<u8>, CertificateError> {
    let [high, low] = data_authentication_code;
    block(0x03, &[high, low], false, static_data, issuer_octets)
}

/// The data authentication code of tag 93, when the signature holds (Book 2, 5.4).
pub fn verify_ssad(
    issuer: &RecoveredKey,
    ssad: &[u8],
    static_data: &[u8],
) -> Result<[u8; 2], CertificateError> {
    let block = rsa::public_operation(&issuer.modulus, issuer.exponent, ssad)?;
    let signed = open(&block, 0x03)?;
    check_hash(&block, &[signed, static_data])?;
    match signed {
        [_, SHA_1, high, low, ..] => Ok([*high, *low]),
        _ => Err(CertificateError::Recovered("hash algorithm")),
    }
}

/// Block of a dynamic signature for INTERNAL AUTHENTICATE (Book 2, table 15): over the ICC dynamic
/// number and the data of the DDOL.
pub fn dda_block(
    dynamic_number: &[u8],
    ddol_data: &[u8],
    icc_octets: usize,
) -> Result<Vec<u8>, CertificateError> {
    let dynamic = dynamic_data(dynamic_number, &[])?;
    block(0x05, &dynamic, true, ddol_data, icc_octets)
}

/// Block of a dynamic signature for GENERATE AC (Book 2, table 18).
pub fn cda_block(
    data: &CombinedData,
    unpredictable_number: [u8; 4],
    icc_octets: usize,
) -> Result<Vec<u8>, CertificateError> {
    let mut tail = Vec::with_capacity(29);
    tail.push(data.cryptogram_information);
    tail.extend_from_slice(&data.cryptogram);
    tail.extend_from_slice(&data.transaction_data_hash);
    let dynamic = dynamic_data(&data.dynamic_number, &tail)?;
    block(0x05, &dynamic, true, &unpredictable_number, icc_octets)
}

/// The ICC dynamic number of a DDA signature, when it holds (Book 2, 6.5.2).
pub fn verify_sdad_dda(
    icc: &RecoveredKey,
    sdad: &[u8],
    ddol_data: &[u8],
) -> Result<Vec<u8>, CertificateError> {
    let block = rsa::public_operation(&icc.modulus, icc.exponent, sdad)?;
    let dynamic = open_dynamic(&block, ddol_data)?;
    let (number, _) = split_dynamic_number(dynamic)?;
    Ok(number.to_vec())
}

/// What a CDA signature says, when it holds (Book 2, 6.6.2). The caller compares the cryptogram
/// information with what the card answered, and the transaction data hash with
/// [`transaction_data_hash`] over what it sent and received.
pub fn verify_sdad_cda(
    icc: &RecoveredKey,
    sdad: &[u8],
    unpredictable_number: [u8; 4],
) -> Result<CombinedData, CertificateError> {
    let block = rsa::public_operation(&icc.modulus, icc.exponent, sdad)?;
    let dynamic = open_dynamic(&block, &unpredictable_number)?;
    let (number, mut tail) = split_dynamic_number(dynamic)?;
    let wrong = CertificateError::Recovered("ICC dynamic data length");
    let information = take(&mut tail, 1).ok_or(wrong)?;
    let cryptogram = take(&mut tail, 8).ok_or(wrong)?;
    let hash = take(&mut tail, 20).ok_or(wrong)?;
    Ok(CombinedData {
        dynamic_number: number.to_vec(),
        cryptogram_information: information.first().copied().unwrap_or_default(),
        cryptogram: cryptogram.try_into().map_err(|_| wrong)?,
        transaction_data_hash: hash.try_into().map_err(|_| wrong)?,
    })
}

/// Hash over PDOL values, CDOL1 values, CDOL2 values at the second GENERATE AC, and the answer's
/// data objects without tag 9F4B, in this order (Book 2, 6.6.1).
pub fn transaction_data_hash(parts: &[&[u8]]) -> [u8; 20] {
    hash_of(parts)
}

/// Block of the enciphered PIN of VERIFY (Book 2, 7.2): `7F`, format 2 PIN block, the card's
/// challenge, random octets. `random` must hold at least `modulus octets - 17` octets.
pub fn pin_encipherment_block(
    pin: &Pin,
    challenge: [u8; 8],
    random: &[u8],
    octets: usize,
) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    let fill = octets
        .checked_sub(17)
        .filter(|_| octets <= MODULUS_OCTETS_MAX)
        .ok_or(RsaError::Modulus(octets))?;
    let random = random.get(..fill).ok_or(CertificateError::Length {
        field: "random fill",
        found: random.len(),
        expected: "modulus octets less 17",
    })?;
    let mut block = Zeroizing::new(Vec::with_capacity(octets));
    block.push(0x7F);
    block.extend_from_slice(&*encode_2(pin));
    block.extend_from_slice(&challenge);
    block.extend_from_slice(random);
    Ok(block)
}

/// The format 2 PIN block and the challenge in a deciphered block: the card's side of
/// [`pin_encipherment_block`].
pub fn open_pin_encipherment_block(
    block: &[u8],
) -> Result<(Zeroizing<[u8; 8]>, [u8; 8]), CertificateError> {
    let wrong = CertificateError::Recovered("header");
    let rest = block.strip_prefix(&[0x7F]).ok_or(wrong)?;
    let (pin, rest) = rest.split_first_chunk::<8>().ok_or(wrong)?;
    let (challenge, _) = rest.split_first_chunk::<8>().ok_or(wrong)?;
    Ok((Zeroizing::new(*pin), *challenge))
}

/// `6A, format, 01, [length], data, BB…, hash, BC`; the hash also covers `appended`.
fn block(
    format: u8,
    data: &[u8],
    with_length: bool,
    appended: &[u8],
    octets: usize,
) -> Result<Vec<u8>, CertificateError> {
    let needed = 24 + usize::from(with_length) + data.len();
    if !(needed..=MODULUS_OCTETS_MAX).contains(&octets) {
        return Err(RsaError::Modulus(octets).into());
    }
    let mut block = Vec::with_capacity(octets);
    block.extend_from_slice(&[HEADER, format, SHA_1]);
    if with_length {
        block.push(data.len() as u8);
    }
    block.extend_from_slice(data);
    block.resize(octets - 21, FILL);
    let hash = hash_of(&[block.get(1..).unwrap_or_default(), appended]);
    block.extend_from_slice(&hash);
    block.push(TRAILER);
    Ok(block)
}

fn dynamic_data(number: &[u8], tail: &[u8]) -> Result<Vec<u8>, CertificateError> {
    if !(2..=8).contains(&number.len()) {
        return Err(CertificateError::Length {
            field: "ICC dynamic number",
            found: number.len(),
            expected: "2 to 8 octets",
        });
    }
    let mut data = vec![number.len() as u8];
    data.extend_from_slice(number);
    data.extend_from_slice(tail);
    Ok(data)
}

fn open_dynamic<'a>(block: &'a [u8], appended: &[u8]) -> Result<&'a [u8], CertificateError> {
    let signed = open(block, 0x05)?;
    check_hash(block, &[signed, appended])?;
    let wrong = CertificateError::Recovered;
    match signed {
        [_, SHA_1, length, rest @ ..] => rest
            .get(..usize::from(*length))
            .ok_or(wrong("ICC dynamic data length")),
        _ => Err(wrong("hash algorithm")),
    }
}

fn split_dynamic_number(dynamic: &[u8]) -> Result<(&[u8], &[u8]), CertificateError> {
    dynamic
        .split_first()
        .filter(|(length, _)| (2..=8).contains(*length))
        .and_then(|(length, rest)| rest.split_at_checked(usize::from(*length)))
        .ok_or(CertificateError::Recovered("ICC dynamic number length"))
}
