//! Pictures of orders: a field names a file of the delivery, and what is kept names the picture.

use super::{Intake, Record, record};
use crate::{RuntimeError, plan::Fields};
use cardwright_bundle::{FieldType, Format, PictureFormat, PictureRules};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Most characters of a picture's file name.
const NAME_MAX: usize = 100;

/// A picture that was fetched, clean: its pixels and nothing else.
pub struct Fetched {
    /// PNG or JPEG.
    pub octets: Zeroizing<Vec<u8>>,
    /// Which of the two.
    pub format: PictureFormat,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// Why an order is rejected for its picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTaken {
    /// R1535 to R1538.
    pub code: &'static str,
    /// Why; never the file's name.
    pub reason: String,
}

/// Where the pictures of a delivery come from. A name that is asked for is plain: no part of it
/// leads to another folder.
pub trait Pictures: Sync {
    /// Reads a picture by its field's rules.
    ///
    /// # Errors
    /// It is missing, no plain file, no readable picture, or not such as the rules ask for.
    fn fetch(&self, rules: &PictureRules, name: &str) -> Result<Fetched, NotTaken>;
}

/// A picture as it is kept with its order.
#[derive(Clone)]
pub struct KeptPicture {
    /// Field that named its file.
    pub field: String,
    /// SHA-256 of the octets.
    pub digest: [u8; 32],
    /// PNG or JPEG, clean.
    pub octets: Zeroizing<Vec<u8>>,
}

/// Place, name and rules of a record's picture fields.
pub(super) fn fields<'f>(
    format: &'f Format,
    record: &str,
) -> impl Iterator<Item = (usize, &'f str, &'f PictureRules)> + use<'f> {
    let declared = format.records.iter().find(|r| r.name == record);
    let fields = declared
        .into_iter()
        .flat_map(|r| r.fields.iter().enumerate());
    fields.filter_map(|(place, field)| match &field.field_type {
        FieldType::Picture(rules) => Some((place, field.name.as_str(), rules)),
        _ => None,
    })
}

/// Fetches an order's pictures, and lets its kept record name them by what they are. A blank field
/// has none.
pub(super) fn fetch(
    intake: &Intake<'_>,
    order: &Record,
    kept: &mut [String],
) -> Result<Vec<KeptPicture>, (String, NotTaken)> {
    let Some(source) = intake.pictures else {
        return Ok(Vec::new());
    };
    let name = &intake.job.record;
    let declared = intake.format.records.iter().find(|r| r.name == *name);
    let mut fetched = Vec::new();
    for (place, field, rules) in fields(intake.format, name) {
        let file = order.field(name, field).and_then(|v| v.text());
        let file = file.unwrap_or_default();
        if file.is_empty() {
            continue;
        }
        let refused = |error: NotTaken| (field.to_owned(), error);
        if !is_plain(file) {
            let reason = "expected the plain name of a file: letters, digits, `.`, `-`, `_`";
            return Err(refused(NotTaken {
                code: "R1535",
                reason: reason.to_owned(),
            }));
        }
        let picture = source.fetch(rules, file).map_err(refused)?;
        let digest: [u8; 32] = Sha256::digest(picture.octets.as_slice()).into();
        if let (Some(declared), Some(own)) = (declared, kept.first_mut()) {
            *own = record::with_text(own, declared, place, &reference(&digest, &picture));
        }
        fetched.push(KeptPicture {
            field: field.to_owned(),
            digest,
            octets: picture.octets,
        });
    }
    Ok(fetched)
}

/// Whether a name can only be that of a file in its folder, on every system: no way, no hidden
/// file, no device.
fn is_plain(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let stem = name.split('.').next().unwrap_or_default();
    let first = name.bytes().next();
    name.len() <= NAME_MAX
        && name.bytes().all(allowed)
        && first.is_some_and(|b| b.is_ascii_alphanumeric())
        && !name.ends_with('.')
        && !is_device(stem)
}

/// Names that Windows takes for devices, in any folder and with any ending.
fn is_device(stem: &str) -> bool {
    let stem = stem.to_ascii_lowercase();
    let numbered = |port: &str| {
        let number = stem.strip_prefix(port).map(str::as_bytes);
        matches!(number, Some([b'0'..=b'9']))
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

/// What stands in a kept record for a picture: digest, size, format.
fn reference(digest: &[u8; 32], picture: &Fetched) -> String {
    let format = match picture.format {
        PictureFormat::Jpeg => "JPEG",
        PictureFormat::Png => "PNG",
    };
    let (width, height) = (picture.width, picture.height);
    format!("{} {width}x{height} {format}", hex::encode_upper(digest))
}

/// Field and digest of an order's pictures.
pub(super) fn named(
    format: &Format,
    name: &str,
    order: &Record,
) -> Result<Vec<(String, [u8; 32])>, RuntimeError> {
    let mut found = Vec::new();
    for (_, field, _) in fields(format, name) {
        let text = order.field(name, field).and_then(|v| v.text());
        let digest = match text.unwrap_or_default().split(' ').next() {
            None | Some("") => continue,
            Some(digest) => hex::decode(digest).ok().and_then(|d| d.try_into().ok()),
        };
        let digest = digest.ok_or_else(|| {
            RuntimeError::new(
                "R1107",
                "a kept order that does not name its picture",
                "restore the job's data",
            )
        })?;
        found.push((field.to_owned(), digest));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn only_plain_names_are_files_of_a_delivery() {
        for name in ["0001.jpg", "Ada_L-2.jpeg", "x", "com.jpg", "console.png"] {
            assert!(is_plain(name), "{name}");
        }
        let long = "a".repeat(101);
        let bad = [
            "",
            ".",
            "..",
            "../x.jpg",
            "a/b.jpg",
            "a\\b.jpg",
            "/etc/passwd",
            "C:x.jpg",
            ".hidden",
            "-rf",
            "a b.jpg",
            "a\u{0}.jpg",
            "\u{e5}sa.jpg",
            "x.jpg.",
            "NUL",
            "con.jpg",
            "COM1.png",
            "lpt9",
            "a:b",
            "~",
            "x%2f",
            &long,
        ];
        for name in bad {
            assert!(!is_plain(name), "{name:?}");
        }
    }
}
