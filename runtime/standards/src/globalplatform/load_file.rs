//! Load files: the components of a Java Card package (Java Card Virtual Machine Specification,
//! chapter 6), put one after another as the LOAD command takes them (GlobalPlatform 2.3.1, 11.6).

use sha2::Digest;

/// First octets of a header component's content.
const MAGIC: [u8; 4] = [0xDE, 0xCA, 0xFF, 0xED];
/// Component tags in the order of loading.
const ORDER: [u8; 10] = [1, 2, 4, 3, 6, 7, 8, 10, 5, 9];
/// Header, directory, import, class, method, static fields, constant pool, reference locations.
const MANDATORY: [u8; 8] = [1, 2, 4, 6, 7, 8, 5, 9];
/// Most octets of components: 256 LOAD commands in a channel with encryption, less a data
/// authentication pattern.
pub const LOAD_FILE_OCTETS_MAX: usize = 60_000;
/// Most applets of a package.
const APPLETS_MAX: usize = 64;

/// Names of the files that a `.cap` archive keeps components in, with their tags.
pub const COMPONENT_FILES: [(&str, u8); 12] = [
    ("Header.cap", 1),
    ("Directory.cap", 2),
    ("Applet.cap", 3),
    ("Import.cap", 4),
    ("ConstantPool.cap", 5),
    ("Class.cap", 6),
    ("Method.cap", 7),
    ("StaticField.cap", 8),
    ("RefLocation.cap", 9),
    ("Export.cap", 10),
    ("Descriptor.cap", 11),
    ("Debug.cap", 12),
];

/// Why octets are no load file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadFileError {
    /// Longer than the limit.
    #[error("it has more than {LOAD_FILE_OCTETS_MAX} octets of components")]
    TooLong,
    /// A component is cut, or its tag is none that is loaded.
    #[error("its octets are not the components of a Java Card package")]
    Structure,
    /// A component stands twice.
    #[error("component {0} stands in it twice")]
    Twice(u8),
    /// A mandatory component is missing.
    #[error("component {0} is missing")]
    Missing(u8),
    /// The header has no magic number, or no package AID.
    #[error("its header component is none of a Java Card package")]
    Header,
    /// The applet component does not add up.
    #[error("its applet component lists no applets")]
    Applets,
}

/// A load file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadFile {
    /// AID of the package.
    pub package: Vec<u8>,
    /// AIDs of its applets; a library has none.
    pub applets: Vec<Vec<u8>>,
    /// Components in the order of loading, without Descriptor and Debug.
    pub components: Vec<u8>,
}

/// Reads components that stand one after another, in any order, and puts them into that of loading.
pub fn arrange(octets: &[u8]) -> Result<LoadFile, LoadFileError> {
    let mut rest = octets;
    let mut found: [Option<&[u8]>; ORDER.len()] = [None; ORDER.len()];
    while !rest.is_empty() {
        let &[tag, high, low, ref body @ ..] = rest else {
            return Err(LoadFileError::Structure);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let whole = rest.get(..3 + length).ok_or(LoadFileError::Structure)?;
        rest = body.get(length..).unwrap_or_default();
        if matches!(tag, 11 | 12) {
            continue;
        }
        let place = ORDER.iter().position(|known| *known == tag);
        let place = place.and_then(|at| found.get_mut(at));
        let place = place.ok_or(LoadFileError::Structure)?;
        if place.replace(whole).is_some() {
            return Err(LoadFileError::Twice(tag));
        }
    }
    let content = |tag: u8| {
        let at = ORDER.iter().position(|known| *known == tag)?;
        found.get(at).copied().flatten()?.get(3..)
    };
    let missing = MANDATORY.iter().find(|tag| content(**tag).is_none());
    if let Some(missing) = missing {
        return Err(LoadFileError::Missing(*missing));
    }
    let components = found.iter().flatten().copied().collect::<Vec<_>>().concat();
    if components.len() > LOAD_FILE_OCTETS_MAX {
        return Err(LoadFileError::TooLong);
    }
    Ok(LoadFile {
        package: header(content(1).unwrap_or_default())?,
        applets: content(3).map(applets).transpose()?.unwrap_or_default(),
        components,
    })
}

/// The components of a load file, each with its name and with its tag and length; what is none
/// comes last, as `rest`.
#[must_use]
pub fn components(octets: &[u8]) -> Vec<(&'static str, &[u8])> {
    let mut found = Vec::new();
    let mut rest = octets;
    while let &[tag, high, low, ref body @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let name = COMPONENT_FILES.iter().find(|(_, known)| *known == tag);
        let (Some((name, _)), Some(whole)) = (name, rest.get(..3 + length)) else {
            break;
        };
        found.push((name.trim_end_matches(".cap"), whole));
        rest = body.get(length..).unwrap_or_default();
    }
    if !rest.is_empty() {
        found.push(("rest", rest));
    }
    found
}

/// The names of privileges, one octet or three; those that stand for others only once.
#[must_use]
pub fn privilege_names(octets: &[u8]) -> Vec<&'static str> {
    let mut all = [0; 3];
    for (place, octet) in all.iter_mut().zip(octets) {
        *place = *octet;
    }
    let within = |inner: &[u8; 3], outer: &[u8; 3]| {
        inner
            .iter()
            .zip(outer)
            .all(|(inner, outer)| inner & outer == *inner)
    };
    let set = PRIVILEGES.iter().filter(|(_, mask)| within(mask, &all));
    let said = |name: &str, mask: &[u8; 3]| {
        // DAP verification that is mandated is DAP verification (table 11-7).
        let more = |(_, other): &&(&str, [u8; 3])| within(other, &all) && other != mask;
        let mut wider = PRIVILEGES.iter().filter(more);
        name == "security_domain" || !wider.any(|(_, other)| within(mask, other))
    };
    let kept = set.filter(|(name, mask)| said(name, mask));
    kept.map(|(name, _)| *name).collect()
}

/// The package AID of a header component: magic, version of the format, flags, version of the
/// package, AID.
fn header(content: &[u8]) -> Result<Vec<u8>, LoadFileError> {
    let (magic, rest) = content
        .split_first_chunk::<4>()
        .ok_or(LoadFileError::Header)?;
    let [_, _, _, _, _, length, aid @ ..] = rest else {
        return Err(LoadFileError::Header);
    };
    match aid.get(..usize::from(*length)) {
        Some(aid) if *magic == MAGIC && (5..=16).contains(&aid.len()) => Ok(aid.to_vec()),
        _ => Err(LoadFileError::Header),
    }
}

/// AIDs of an applet component: count, then AID and offset of each applet's install method.
fn applets(content: &[u8]) -> Result<Vec<Vec<u8>>, LoadFileError> {
    let (count, mut rest) = content.split_first().ok_or(LoadFileError::Applets)?;
    if usize::from(*count) > APPLETS_MAX {
        return Err(LoadFileError::Applets);
    }
    let mut found = Vec::new();
    for _ in 0..*count {
        let (length, after) = rest.split_first().ok_or(LoadFileError::Applets)?;
        let aid = after.get(..usize::from(*length));
        let aid = aid.filter(|aid| (5..=16).contains(&aid.len()));
        found.push(aid.ok_or(LoadFileError::Applets)?.to_vec());
        // Two octets say where the install method begins.
        let behind = after.get(usize::from(*length) + 2..);
        rest = behind.ok_or(LoadFileError::Applets)?;
    }
    match rest {
        [] => Ok(found),
        _ => Err(LoadFileError::Applets),
    }
}

/// `C4`, BER length, components: the load file data block.
pub fn data_block(components: &[u8]) -> Vec<u8> {
    let [.., a, b, c] = (components.len() as u64).to_be_bytes();
    let mut block = vec![0xC4];
    match components.len() {
        0..=0x7F => block.push(c),
        0x80..=0xFF => block.extend_from_slice(&[0x81, c]),
        0x100..=0xFFFF => block.extend_from_slice(&[0x82, b, c]),
        _ => block.extend_from_slice(&[0x83, a, b, c]),
    }
    block.extend_from_slice(components);
    block
}

/// The load file data block hash by its name, over what `C4` holds (GlobalPlatform 2.3.1, C.2).
pub fn hash(method: &str, components: &[u8]) -> Option<Vec<u8>> {
    match method {
        "sha1" => Some(sha1::Sha1::digest(components).to_vec()),
        "sha256" => Some(sha2::Sha256::digest(components).to_vec()),
        _ => None,
    }
}

/// Privileges by name: octet 0 to 2 and bit (GlobalPlatform 2.3.1, 11.1.2).
pub const PRIVILEGES: [(&str, [u8; 3]); 20] = [
    ("security_domain", [0x80, 0x00, 0x00]),
    ("dap_verification", [0xC0, 0x00, 0x00]),
    ("delegated_management", [0xA0, 0x00, 0x00]),
    ("card_lock", [0x10, 0x00, 0x00]),
    ("card_terminate", [0x08, 0x00, 0x00]),
    ("default_selected", [0x04, 0x00, 0x00]),
    ("cvm_management", [0x02, 0x00, 0x00]),
    ("mandated_dap_verification", [0xC1, 0x00, 0x00]),
    ("trusted_path", [0x00, 0x80, 0x00]),
    ("authorized_management", [0x80, 0x40, 0x00]),
    ("token_verification", [0x00, 0x20, 0x00]),
    ("global_delete", [0x00, 0x10, 0x00]),
    ("global_lock", [0x00, 0x08, 0x00]),
    ("global_registry", [0x00, 0x04, 0x00]),
    ("final_application", [0x00, 0x02, 0x00]),
    ("global_service", [0x00, 0x01, 0x00]),
    ("receipt_generation", [0x00, 0x00, 0x80]),
    ("ciphered_load_file", [0x00, 0x00, 0x40]),
    ("contactless_activation", [0x00, 0x00, 0x20]),
    ("contactless_self_activation", [0x00, 0x00, 0x10]),
];

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: [u8; 6] = [0xF0, 0, 0, 0, 0x92, 0x60];
    const MODULE: [u8; 7] = [0xF0, 0, 0, 0, 0x92, 0x60, 1];

    fn component(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, 0, content.len() as u8], content].concat()
    }

    fn parts() -> Vec<Vec<u8>> {
        let header = [&MAGIC[..], &[2, 2, 4, 0, 1, 6], &PACKAGE].concat();
        let applet = [&[1, 7][..], &MODULE, &[0, 8]].concat();
        let mut parts = vec![
            component(1, &header),
            component(2, &[0; 31]),
            component(4, &[0]),
            component(3, &applet),
        ];
        parts.extend([6, 7, 8, 5, 9].map(|tag| component(tag, &[tag; 4])));
        parts
    }

    #[test]
    fn components_come_into_the_order_of_loading() {
        let expected = parts().concat();
        let mut file = parts();
        file.reverse();
        file.push(component(11, &[1, 2, 3]));
        let found = arrange(&file.concat()).unwrap();
        assert_eq!(found.components, expected);
        assert_eq!(found.package, PACKAGE);
        assert_eq!(found.applets, [MODULE.to_vec()]);
        assert_eq!(data_block(&[0; 200])[..3], [0xC4, 0x81, 0xC8]);
        assert_eq!(data_block(&[0; 300])[..4], [0xC4, 0x82, 0x01, 0x2C]);
    }

    #[test]
    fn what_is_no_package_is_refused() {
        let file = parts().concat();
        for length in 0..file.len() {
            assert!(arrange(&file[..length]).is_err(), "{length}");
        }
        assert_eq!(arrange(b"PK\x03\x04rest"), Err(LoadFileError::Structure));
        let mut twice = parts();
        twice.push(component(6, &[]));
        assert_eq!(arrange(&twice.concat()), Err(LoadFileError::Twice(6)));
        let mut short = parts();
        short.remove(1);
        assert_eq!(arrange(&short.concat()), Err(LoadFileError::Missing(2)));
        let mut lying = parts();
        lying[3] = component(3, &[2, 7]);
        assert_eq!(arrange(&lying.concat()), Err(LoadFileError::Applets));
        let mut empty = parts();
        empty[0] = component(1, &[0; 16]);
        assert_eq!(arrange(&empty.concat()), Err(LoadFileError::Header));
    }

    #[test]
    fn hashes_are_those_of_the_published_abc() {
        // FIPS 180-4, "abc".
        let hex = |method| hex::encode(hash(method, b"abc").unwrap());
        assert_eq!(hex("sha1"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert!(hex("sha256").starts_with("ba7816bf8f01cfea414140de5dae2223"));
        assert_eq!(hash("md5", b"abc"), None);
    }
}
