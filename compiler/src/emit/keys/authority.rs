//! Keys of X.509 authorities and of those who sign what cards hold: their certificate, which the
//! bundle carries.

use super::super::{Context, read};
use crate::diagnostics::Problem;
use crate::model::{Decl, Span};
use cardwright_standards::{piv::Signer, x509::Authority};

/// Modulus of the certificate, hexadecimal, when it goes with the declaration; the file becomes a
/// part of the bundle.
pub(super) fn read(
    context: &mut Context<'_>,
    decl: &Decl,
    bits: u32,
    exponent: u32,
) -> Option<String> {
    let Some(entry) = decl.attribute("certificate") else {
        let message = format!("the authority `{}` has no certificate", decl.name);
        refuse(context, decl.span, message);
        return None;
    };
    let name = read::file(entry)?;
    let file = context.project.asset(&name).ok()?;
    let content = decl.attribute("use").and_then(read::word);
    let owner = match content.as_deref() {
        Some("content_signing") => Signer::read(&file).map(|s| (s.exponent(), s.modulus)),
        _ => Authority::read(&file).map(|a| (a.exponent, a.modulus)),
    };
    let (of_file, modulus) = match owner {
        Ok(owner) => owner,
        Err(error) => {
            refuse(
                context,
                entry.span,
                format!("`{name}` can't be used: {error}"),
            );
            return None;
        }
    };
    let found = (modulus.len() * 8, of_file);
    if found != (bits as usize, exponent) || bits != 2048 {
        let message = format!(
            "the key is declared with {bits} bits and exponent {exponent}, its certificate has {} \
             and {}; a key that signs has 2048 bits",
            found.0, found.1
        );
        refuse(context, entry.span, message);
        return None;
    }
    let media = "application/pkix-cert".to_owned();
    context.assets.insert(name, (media, file));
    Some(hex::encode_upper(modulus))
}

fn refuse(context: &mut Context<'_>, span: Span, message: String) {
    context.push(Problem::error("E0517", span, message).help(
        "write `rsa(2048, 65537)` and `certificate = file(\"ca.cer\")`, DER of an authority",
    ));
}
