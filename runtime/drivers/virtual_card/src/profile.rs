//! A complete application: made from its groupings at the last STORE DATA, or refused as a whole.

use crate::Quirks;
use crate::application::{Groupings, Interface, Role};
use crate::crypto::{Family, Secret, check_value, same, secret};
use crate::emv::{Fast, Magstripe};
use crate::groupings::{is_object, is_record, number};
use crate::rsa::PrivateKey;
use crate::tlv::{self, Dol};
use std::collections::BTreeMap;

/// Application interchange profile, octet 1: dynamic data authentication.
pub(crate) const AIP_DDA: u8 = 0x20;
/// Application interchange profile, octet 1: combined data authentication.
pub(crate) const AIP_CDA: u8 = 0x01;
/// Application interchange profile, octet 1: issuer authentication by EXTERNAL AUTHENTICATE.
pub(crate) const AIP_ISSUER_AUTHENTICATION: u8 = 0x04;

/// Terminal transaction qualifiers.
pub(crate) const QUALIFIERS: u32 = 0x9F66;

/// What GET PROCESSING OPTIONS answers on one interface.
pub(crate) struct Options {
    /// The objects as personalized: `82`, `94` and what else the issuer put there.
    pub(crate) objects: Vec<u8>,
    pub(crate) aip: [u8; 2],
    pub(crate) afl: Vec<FileEntry>,
}

/// One entry of an application file locator (EMV Book 3, 10.2).
#[derive(Clone, Copy)]
pub(crate) struct FileEntry {
    pub(crate) sfi: u8,
    pub(crate) first: u8,
    pub(crate) last: u8,
}

/// ICC master keys of one family.
pub(crate) struct MasterKeys {
    pub(crate) family: Family,
    pub(crate) cryptogram: Secret,
    pub(crate) integrity: Secret,
    pub(crate) confidentiality: Secret,
}

/// What only a payment application has.
pub(crate) struct Payment {
    pub(crate) contact: Options,
    pub(crate) contactless: Option<Options>,
    pub(crate) keys: MasterKeys,
    pub(crate) icc_key: Option<PrivateKey>,
    pub(crate) pin_key: Option<PrivateKey>,
    /// PIN try counter at the start, and its limit.
    pub(crate) pin_tries: Option<(u8, u8)>,
    pub(crate) cdol1: Dol,
    pub(crate) cdol2: Dol,
    pub(crate) ddol: Dol,
    /// Whether the card answers a terminal of fast transactions, and how.
    pub(crate) fast: Option<Fast>,
    /// Internal data objects by tag.
    pub(crate) objects: BTreeMap<u32, Vec<u8>>,
    /// Issuer application data, format A, as personalized or by default.
    pub(crate) issuer_data: [u8; 32],
}

/// A complete application.
pub(crate) struct Profile {
    /// FCI proprietary templates.
    pub(crate) contact_fci: Vec<u8>,
    pub(crate) contactless_fci: Option<Vec<u8>>,
    pub(crate) records: BTreeMap<(u8, u8), Vec<u8>>,
    /// Objects beside AIP and AFL over the antenna, with them.
    pub(crate) options: Option<Vec<u8>>,
    /// None for directories.
    pub(crate) payment: Option<Payment>,
    /// Magnetic stripe mode, beside a payment application or in its place.
    pub(crate) magstripe: Option<Magstripe>,
}

/// Why the application is not complete; for people who debug, the chip itself only says `6A86`.
pub(crate) type Reason = String;

impl Profile {
    /// Makes the application or says what is missing or contradicts itself.
    pub(crate) fn build(groups: &Groupings, role: Role, quirks: &Quirks) -> Result<Self, Reason> {
        let fci = |grouping| groups.get(&grouping).map(|v| v.to_vec());
        let contactless_fci = fci(number::FCI_CONTACTLESS);
        let contact_fci = fci(number::FCI)
            .or_else(|| contactless_fci.clone())
            .ok_or("DGI 9102 is missing")?;
        let records: BTreeMap<(u8, u8), Vec<u8>> = groups
            .iter()
            .filter(|(grouping, _)| is_record(**grouping))
            .map(|(grouping, value)| {
                let [sfi, record] = grouping.to_be_bytes();
                ((sfi, record), value.to_vec())
            })
            .collect();
        let mut profile = Self {
            contact_fci,
            contactless_fci,
            records,
            options: groups
                .get(&number::OPTIONS_CONTACTLESS)
                .or_else(|| groups.get(&number::OPTIONS))
                .map(|v| v.to_vec()),
            payment: None,
            magstripe: None,
        };
        match role {
            Role::Payment if groups.contains_key(&number::OPTIONS_MAGSTRIPE) => {
                profile.both(groups, quirks)?;
            }
            Role::Payment if groups.contains_key(&number::CODE_KEY) => {
                profile.magstripe = Some(Magstripe::build(groups, &profile)?);
            }
            Role::Payment => profile.payment = Some(Payment::build(groups, &profile, quirks)?),
            Role::ContactDirectory => profile.check_directory()?,
            Role::Plain | Role::Tag | Role::Piv => {}
            Role::ContactlessDirectory => {
                profile
                    .fci_object(Interface::Contactless, 0xBF0C)
                    .map(drop)
                    .ok_or("the proximity directory's FCI has no BF0C template with entries")?;
            }
        }
        Ok(profile)
    }

    /// An application of two modes: each made of the records that its own AFL names, since the same
    /// tag may mean one thing in one mode and another in the other.
    fn both(&mut self, groups: &Groupings, quirks: &Quirks) -> Result<(), Reason> {
        let list = self.pdol(Interface::Contactless);
        if !list.is_some_and(|list| list.asks(QUALIFIERS)) {
            return Err("two modes, and the PDOL does not ask for 9F66".into());
        }
        let payment = [number::OPTIONS, number::OPTIONS_CONTACTLESS];
        self.payment = Some(Payment::build(
            groups,
            &self.reading(groups, &payment),
            quirks,
        )?);
        let tracks = self.reading(groups, &[number::OPTIONS_MAGSTRIPE]);
        self.magstripe = Some(Magstripe::build(groups, &tracks)?);
        Ok(())
    }

    /// The application with nothing but the records that some AFLs name.
    fn reading(&self, groups: &Groupings, options: &[u16]) -> Self {
        let all = options.iter().filter_map(|n| Options::read(groups, *n));
        let entries: Vec<FileEntry> = all.flat_map(|o| o.afl).collect();
        let named = |sfi: u8, record: u8| {
            let mut entries = entries.iter();
            entries.any(|e| e.sfi == sfi && (e.first..=e.last).contains(&record))
        };
        let records = self.records.iter();
        let records = records.filter(|((sfi, record), _)| named(*sfi, *record));
        Self {
            contact_fci: self.contact_fci.clone(),
            contactless_fci: self.contactless_fci.clone(),
            records: records
                .map(|(place, octets)| (*place, octets.clone()))
                .collect(),
            options: self.options.clone(),
            payment: None,
            magstripe: None,
        }
    }

    /// FCI proprietary template on an interface; the other's where one is missing.
    pub(crate) fn fci(&self, interface: Interface) -> &[u8] {
        match (interface, &self.contactless_fci) {
            (Interface::Contactless, Some(fci)) => fci,
            _ => &self.contact_fci,
        }
    }

    /// An object directly inside the FCI proprietary template.
    pub(crate) fn fci_object(&self, interface: Interface, tag: u32) -> Option<&[u8]> {
        tlv::find(tlv::only(self.fci(interface), 0xA5)?, tag)
    }

    /// The answer to GET PROCESSING OPTIONS over the antenna, as personalized.
    pub(crate) fn contactless_options(&self) -> Option<&[u8]> {
        self.options.as_deref()
    }

    /// PDOL on an interface; empty when there is none.
    pub(crate) fn pdol(&self, interface: Interface) -> Option<Dol> {
        match self.fci_object(interface, 0x9F38) {
            Some(list) => Dol::parse(list),
            None => Some(Dol::default()),
        }
    }

    fn check_directory(&self) -> Result<(), Reason> {
        let sfi = match self.fci_object(Interface::Contact, 0x88) {
            Some(&[sfi @ 1..=10]) => sfi,
            _ => return Err("the directory's FCI has no SFI 1 to 10 in tag 88".into()),
        };
        if self.records.contains_key(&(sfi, 1)) {
            Ok(())
        } else {
            Err("the directory file has no record 1".into())
        }
    }
}

impl Payment {
    fn build(groups: &Groupings, profile: &Profile, quirks: &Quirks) -> Result<Self, Reason> {
        for interface in [Interface::Contact, Interface::Contactless] {
            profile
                .fci_object(interface, 0x50)
                .ok_or("the FCI has no application label 50")?;
            profile.pdol(interface).ok_or("the PDOL can't be read")?;
        }
        let contactless = Options::read(groups, number::OPTIONS_CONTACTLESS);
        let contact = Options::read(groups, number::OPTIONS)
            .or_else(|| Options::read(groups, number::OPTIONS_CONTACTLESS))
            .ok_or("DGI 9104 is missing")?;
        records_are_there(profile, [Some(&contact), contactless.as_ref()])?;
        let keys = MasterKeys::read(groups)?;
        let objects = internal_objects(groups);
        let issuer_data = issuer_data(&objects, keys.family)?;
        let found = |tag| record_object(profile, tag);
        let list = |tag: u32, name: &str| {
            found(tag)
                .ok_or(format!("no record holds {name}"))
                .and_then(|v| Dol::parse(v).ok_or(format!("{name} can't be read")))
        };
        let fast = Fast::find(profile)?;
        // A fast card has no GENERATE AC, and so no lists for it.
        let managed = |tag: u32, name: &str| match (&fast, found(tag)) {
            (Some(_), None) => Ok(Dol::default()),
            _ => list(tag, name),
        };
        let payment = Self {
            icc_key: private_key(groups, profile, &ICC_KEY, quirks)?,
            pin_key: private_key(groups, profile, &PIN_KEY, quirks)?,
            pin_tries: pin_tries(groups)?,
            cdol1: managed(0x8C, "CDOL1 (8C)")?,
            cdol2: managed(0x8D, "CDOL2 (8D)")?,
            fast,
            ddol: match found(0x9F49) {
                Some(_) => list(0x9F49, "DDOL (9F49)")?,
                None => Dol::parse(&[0x9F, 0x37, 0x04]).unwrap_or_default(),
            },
            contact,
            contactless,
            keys,
            objects,
            issuer_data,
        };
        payment.check_methods(found(0x8E), quirks.foreign_certificates)?;
        Ok(payment)
    }

    /// Whether the AIP of an interface has one of these bits in its first octet.
    fn promises(&self, bits: u8) -> bool {
        [Some(&self.contact), self.contactless.as_ref()]
            .into_iter()
            .flatten()
            .any(|options| options.aip[0] & bits != 0)
    }

    /// What the AIP and the CVM list promise has to be there.
    fn check_methods(&self, cvm_list: Option<&[u8]>, foreign: bool) -> Result<(), Reason> {
        if self.promises(AIP_DDA | AIP_CDA) && self.icc_key.is_none() && !foreign {
            return Err("the AIP promises DDA or CDA, the ICC key is missing".into());
        }
        let rules = cvm_list.and_then(|list| list.get(8..)).unwrap_or_default();
        for rule in rules.chunks_exact(2) {
            let method = rule.first().map_or(0, |code| code & 0x3F);
            let offline = matches!(method, 1 | 3 | 4 | 5);
            if offline && self.pin_tries.is_none() {
                return Err("the CVM list has an offline PIN, DGI 8010 or 9010 is missing".into());
            }
            let enciphered = matches!(method, 4 | 5);
            if enciphered && self.icc_key.is_none() && self.pin_key.is_none() && !foreign {
                return Err("the CVM list has an enciphered PIN, there is no key for it".into());
            }
        }
        Ok(())
    }

    /// Options on an interface.
    pub(crate) fn options(&self, interface: Interface) -> &Options {
        match (interface, &self.contactless) {
            (Interface::Contactless, Some(options)) => options,
            _ => &self.contact,
        }
    }
}

/// What the AFLs name has to be there.
pub(crate) fn records_are_there<'a>(
    profile: &Profile,
    options: impl IntoIterator<Item = Option<&'a Options>>,
) -> Result<(), Reason> {
    let entries = options.into_iter().flatten().flat_map(|o| &o.afl);
    for entry in entries {
        for record in entry.first..=entry.last {
            if !profile.records.contains_key(&(entry.sfi, record)) {
                return Err(format!(
                    "the AFL names SFI {} record {record}, which is missing",
                    entry.sfi
                ));
            }
        }
    }
    Ok(())
}

impl Options {
    pub(crate) fn read(groups: &Groupings, grouping: u16) -> Option<Self> {
        let objects = groups.get(&grouping)?.to_vec();
        let aip = tlv::find(&objects, 0x82)?.try_into().ok()?;
        let afl = read_afl(tlv::find(&objects, 0x94)?)?;
        Some(Self { objects, aip, afl })
    }
}

/// Reads an application file locator; nothing when an entry is not as EMV Book 3, 10.2 wants it.
pub(crate) fn read_afl(octets: &[u8]) -> Option<Vec<FileEntry>> {
    let (entries, rest) = octets.as_chunks::<4>();
    if entries.is_empty() || !rest.is_empty() {
        return None;
    }
    entries
        .iter()
        .map(|&[file, first, last, signed]| {
            let sfi = file >> 3;
            (file & 0x07 == 0
                && (1..=30).contains(&sfi)
                && first >= 1
                && last >= first
                && signed <= last - first + 1)
                .then_some(FileEntry { sfi, first, last })
        })
        .collect()
}

impl MasterKeys {
    fn read(groups: &Groupings) -> Result<Self, Reason> {
        let all = groups.get(&number::KEYS).ok_or("DGI 8000 is missing")?;
        let values = groups
            .get(&number::CHECK_VALUES)
            .ok_or("DGI 9000 is missing")?;
        let keys: Vec<&[u8]> = all.chunks_exact(all.len().div_ceil(3).max(1)).collect();
        let &[cryptogram, integrity, confidentiality] = keys.as_slice() else {
            return Err("DGI 8000 does not hold three keys".into());
        };
        let fits = |family: &Family| {
            keys.iter().zip(values.chunks_exact(3)).all(|(key, value)| {
                check_value(*family, key).is_some_and(|found| same(&found, value))
            })
        };
        let family = [Family::Tdes, Family::Aes]
            .into_iter()
            .find(fits)
            .ok_or("the check values in DGI 9000 are not those of the keys in DGI 8000")?;
        Ok(Self {
            family,
            cryptogram: secret(cryptogram),
            integrity: secret(integrity),
            confidentiality: secret(confidentiality),
        })
    }
}

/// Where a private key and its public half stand.
struct KeyPlace {
    grouping: u16,
    certificate: u32,
    remainder: u32,
    exponent: u32,
    name: &'static str,
}

const ICC_KEY: KeyPlace = KeyPlace {
    grouping: number::ICC_KEY,
    certificate: 0x9F46,
    remainder: 0x9F48,
    exponent: 0x9F47,
    name: "ICC key",
};

const PIN_KEY: KeyPlace = KeyPlace {
    grouping: number::PIN_KEY,
    certificate: 0x9F2D,
    remainder: 0x9F2F,
    exponent: 0x9F2E,
    name: "PIN encipherment key",
};

/// Octets of an ICC certificate that are not modulus (EMV Book 2, 6.1).
const CERTIFICATE_OVERHEAD: usize = 42;

fn private_key(
    groups: &Groupings,
    profile: &Profile,
    place: &KeyPlace,
    quirks: &Quirks,
) -> Result<Option<PrivateKey>, Reason> {
    let name = place.name;
    let numbers = [0, 1, 2, 3, 4].map(|i| place.grouping + i);
    let parts = numbers.map(|n| groups.get(&n));
    let certificate = record_object(profile, place.certificate);
    let [Some(a), Some(b), Some(c), Some(d), Some(e)] = parts else {
        return match (parts.iter().flatten().count(), certificate) {
            (0, None) => Ok(None),
            (0, Some(_)) if quirks.foreign_certificates => Ok(None),
            (0, Some(_)) => Err(format!("there is a certificate, but no {name}")),
            _ => Err(format!("the {name} is not complete")),
        };
    };
    let exponent = match record_object(profile, place.exponent) {
        Some(e) if matches!(e.len(), 1 | 3) => {
            e.iter().fold(0, |n, octet| n << 8 | u32::from(*octet))
        }
        _ => return Err(format!("the {name}'s public exponent is missing")),
    };
    let key = PrivateKey::from_components(&[a, b, c, d, e], exponent, quirks.component_padding)
        .ok_or(format!(
            "the components of the {name} do not belong together"
        ))?;
    let certificate = certificate.ok_or(format!("the {name} has no certificate"))?;
    let room = certificate.len().saturating_sub(CERTIFICATE_OVERHEAD);
    let fits = match record_object(profile, place.remainder) {
        Some(remainder) => key.length == room + remainder.len(),
        None => key.length <= room,
    };
    if !fits {
        return Err(format!("the {name} is not as long as its certificate says"));
    }
    Ok(Some(key))
}

fn pin_tries(groups: &Groupings) -> Result<Option<(u8, u8)>, Reason> {
    let tries = groups.get(&number::PIN_TRIES).map(|v| v.as_slice());
    match (groups.get(&number::PIN), tries) {
        (Some(_), Some(&[left, limit])) => Ok(Some((left, limit))),
        (None, None) => Ok(None),
        _ => Err("DGIs 8010 and 9010 go together".into()),
    }
}

fn internal_objects(groups: &Groupings) -> BTreeMap<u32, Vec<u8>> {
    let mut objects = BTreeMap::new();
    for grouping in [number::INTERNAL, number::INTERNAL_MORE] {
        let value = groups.get(&grouping).map_or(&[][..], |v| v.as_slice());
        for object in tlv::read_all(value).unwrap_or_default() {
            objects.insert(object.tag, object.value.to_vec());
        }
    }
    for (grouping, value) in groups.iter().filter(|(g, _)| is_object(**g)) {
        objects.insert(u32::from(*grouping), value.to_vec());
    }
    objects
}

/// Format A of the common core definitions: length, `A5` or `A6`, key index, CVR, counters,
/// length, issuer's own data.
fn issuer_data(objects: &BTreeMap<u32, Vec<u8>>, family: Family) -> Result<[u8; 32], Reason> {
    let identifier = match family {
        Family::Tdes => 0xA5,
        Family::Aes => 0xA6,
    };
    let Some(given) = objects.get(&0x9F10) else {
        let mut data = [0; 32];
        for (place, octet) in [(0, 0x0F), (1, identifier), (16, 0x0F)] {
            if let Some(slot) = data.get_mut(place) {
                *slot = octet;
            }
        }
        return Ok(data);
    };
    let data: [u8; 32] = given
        .as_slice()
        .try_into()
        .map_err(|_| "9F10 is not format A")?;
    if data[0] == 0x0F && data[1] == identifier && data[16] == 0x0F {
        Ok(data)
    } else {
        Err("9F10 is not format A with the common core identifier of the keys' algorithm".into())
    }
}

/// First object with a tag in a payment record.
pub(crate) fn record_object(profile: &Profile, tag: u32) -> Option<&[u8]> {
    profile
        .records
        .iter()
        .filter(|((sfi, _), _)| *sfi <= 10)
        .find_map(|(_, record)| tlv::find(tlv::only(record, 0x70)?, tag))
}
