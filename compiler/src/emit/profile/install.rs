//! `install { … }` of a profile or an application: how the card makes its instance.

use crate::diagnostics::Problem;
use crate::elaborate::Elaborator;
use crate::elaborate::constants::words;
use crate::model::{Decl, MEntry};
use cardwright_bundle::Install;
use cardwright_standards::globalplatform::load_file::PRIVILEGES;

/// The instance that a declaration asks for; its package may be blank until the card's load files
/// are known.
pub(super) fn lower<'a>(elaborator: &mut Elaborator<'a>, decl: &'a Decl) -> Option<Install> {
    let block = decl.attribute("install")?;
    let mut octets = |name: &str| -> Option<String> {
        let term = block.inner(name)?.single()?;
        elaborator.const_bytes(term).map(hex::encode_upper)
    };
    let (package, module) = (octets("package"), octets("module")?);
    let parameters = octets("parameters").unwrap_or_default();
    Some(Install {
        package: package.unwrap_or_default(),
        module,
        privileges: privileges(elaborator, block),
        parameters,
        span: elaborator.span_id(block.span),
    })
}

/// One octet where the first is all, else three.
fn privileges(elaborator: &mut Elaborator<'_>, block: &MEntry) -> String {
    let entry = block.inner("privileges");
    let names = entry.and_then(|e| words(e.single()?)).unwrap_or_default();
    let mut all = [0u8; 3];
    let known = |name: &String| PRIVILEGES.iter().find(|(known, _)| known == name);
    for (_, octets) in names.iter().filter_map(known) {
        for (place, octet) in all.iter_mut().zip(octets) {
            *place |= octet;
        }
    }
    let [first, second, third] = all;
    // Those of a security domain need one (11.1.2, tables 11-7 to 11-9).
    let of_a_domain = first & 0x61 != 0 || second & 0xE0 != 0 || third & 0xC0 != 0;
    let is_a_domain = names.iter().any(|name| name == "security_domain");
    if let Some(entry) = entry.filter(|_| of_a_domain && !is_a_domain) {
        let message = "these privileges are of a security domain, and the applet is none";
        elaborator.findings().push(
            Problem::error("E0462", entry.span, message)
                .help("add `security_domain`, or take the others out"),
        );
    }
    match (second, third) {
        (0, 0) => hex::encode_upper([first]),
        _ => hex::encode_upper(all),
    }
}
