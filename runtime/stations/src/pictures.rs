//! Pictures of orders: read from the folder of their delivery, sealed, and found again for a card.

use crate::StationError;
use cardwright_bundle::{Card, Fit, OrderPicture, PictureRules};
use cardwright_pictures::{Refusal, clean};
use cardwright_ports::{
    machine::{PrintedPicture, Side},
    paper::{self, Area, PictureData},
    store::{OrderKey, SealContext, SealedPicture, Sealer},
};
use cardwright_runtime::{
    Loaded,
    intake::{Fetched, Intake, KeptPicture, NotTaken, Pictures, Record},
    plan::Fields,
};
use sha2::{Digest, Sha256};
use std::{
    fs::{File, Metadata},
    io::Read,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// What a sealed picture is called; its digest binds it to its record.
const PURPOSE: &str = "picture";

/// The folder in which an order file came, with the folders of pictures beside it.
pub struct Delivery {
    folder: PathBuf,
}

impl Delivery {
    /// The delivery that an order file is part of; the folders that the job's fields name must be
    /// there, and be folders.
    ///
    /// # Errors
    /// R1539 where a folder is missing or a link.
    pub fn of(file: &Path, intake: &Intake<'_>) -> Result<Self, StationError> {
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        for (_, rules) in intake.picture_fields() {
            let found = std::fs::symlink_metadata(folder.join(&rules.folder));
            if !found.is_ok_and(|found| found.is_dir()) {
                let name = &rules.folder;
                return Err(StationError::new(
                    "R1539",
                    format!("the delivery has no folder `{name}` beside its order file"),
                    "put the folder with the orders' pictures beside the order file, not a link",
                ));
            }
        }
        Ok(Self { folder })
    }
}

impl Delivery {
    /// A delivery in a folder; files are missing where a folder of pictures is.
    pub fn below(folder: PathBuf) -> Self {
        Self { folder }
    }
}

impl Pictures for Delivery {
    fn fetch(&self, rules: &PictureRules, name: &str) -> Result<Fetched, NotTaken> {
        let path = self.folder.join(&rules.folder).join(name);
        read_clean(&plain_file(&path, rules.octets)?, rules)
    }
}

/// The octets of a plain file, and at most one more than are taken.
fn plain_file(path: &Path, most: u32) -> Result<Zeroizing<Vec<u8>>, NotTaken> {
    let missing = |_| not_taken("R1536", "the delivery has no such file");
    let before = std::fs::symlink_metadata(path).map_err(missing)?;
    let no_file = || not_taken("R1536", "what stands in its place is no plain file");
    if !before.is_file() {
        return Err(no_file());
    }
    let file = File::open(path).map_err(missing)?;
    let opened = file.metadata().map_err(missing)?;
    if !opened.is_file() || !is_same(&before, &opened) {
        return Err(no_file());
    }
    let mut octets = Zeroizing::new(Vec::new());
    let mut bounded = file.take(u64::from(most) + 1);
    let read = bounded.read_to_end(&mut octets);
    read.map_err(|_| not_taken("R1536", "its file can't be read"))?;
    Ok(octets)
}

/// Whether what was opened is what was looked at, and no link that was put there in between.
#[cfg(unix)]
fn is_same(before: &Metadata, opened: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (before.dev(), before.ino()) == (opened.dev(), opened.ino())
}

#[cfg(not(unix))]
fn is_same(before: &Metadata, opened: &Metadata) -> bool {
    before.len() == opened.len() && before.file_type() == opened.file_type()
}

/// A picture by its field's rules, as intake takes it.
///
/// # Errors
/// R1537 for what can't be read, R1538 for what the rules do not take.
pub fn read_clean(octets: &[u8], rules: &PictureRules) -> Result<Fetched, NotTaken> {
    match clean(octets, rules) {
        Ok(clean) => Ok(Fetched {
            octets: clean.octets,
            format: clean.format,
            width: clean.width,
            height: clean.height,
        }),
        Err(Refusal::Unreadable(reason)) => Err(not_taken("R1537", &reason)),
        Err(Refusal::Unfit(reason)) => Err(not_taken("R1538", &reason)),
    }
}

fn not_taken(code: &'static str, reason: &str) -> NotTaken {
    NotTaken {
        code,
        reason: reason.to_owned(),
    }
}

/// Seals an order's pictures for the store.
pub(crate) fn seal(
    order: u64,
    pictures: &[KeptPicture],
    sealer: &dyn Sealer,
) -> Result<Vec<SealedPicture>, StationError> {
    let mut sealed: Vec<SealedPicture> = Vec::new();
    for picture in pictures {
        // Two fields may show the same picture.
        if sealed.iter().any(|s| s.digest == picture.digest) {
            continue;
        }
        let context = SealContext {
            order,
            purpose: PURPOSE,
        };
        sealed.push(SealedPicture {
            digest: picture.digest,
            sealed: sealer.seal(&context, &picture.octets)?,
        });
    }
    Ok(sealed)
}

impl crate::line::Line<'_> {
    /// An order's record, with its pictures only where they are shown.
    pub(crate) fn record_for(&self, shown: bool, key: OrderKey) -> Result<Record, StationError> {
        match shown {
            true => self.whole_record(key),
            false => self.record(key),
        }
    }

    /// An order's record with its pictures, opened; they must be those that it names.
    pub(crate) fn whole_record(&self, key: OrderKey) -> Result<Record, StationError> {
        let mut record = self.record(key)?;
        for (field, digest) in self.intake.pictures_of(&record)? {
            let sealed = self.parts.store.sealed_picture(key, &digest)?;
            let context = SealContext {
                order: key.order,
                purpose: PURPOSE,
            };
            let clear = self.parts.sealer.open(&context, &sealed)?;
            let found: [u8; 32] = Sha256::digest(clear.expose()).into();
            if found != digest {
                return Err(lost());
            }
            record.hang(field, PictureData::new(clear.expose().to_vec()));
        }
        Ok(record)
    }
}

/// A field's picture; none for an order without one.
///
/// # Errors
/// R1107 where the order names one that was not fetched: nothing is printed without it.
pub(crate) fn of_order(
    fields: &dyn Fields,
    record: &str,
    order: &OrderPicture,
) -> Result<Option<PictureData>, StationError> {
    let named = fields.field(record, &order.field);
    let named = named.and_then(|v| v.text()).is_some_and(|t| !t.is_empty());
    match (fields.picture(&order.field), named) {
        (Some(picture), _) => Ok(Some(picture)),
        (None, false) => Ok(None),
        (None, true) => Err(lost()),
    }
}

fn lost() -> StationError {
    StationError::new(
        "R1107",
        "an order's picture is not the one that came with it",
        "restore the job's data",
    )
}

/// Whether any side of a card shows a picture of its order.
pub(crate) fn on_card(card: &Card) -> bool {
    let mut images = card.faces.iter().flat_map(|face| &face.images);
    images.any(|image| image.order.is_some())
}

/// What the machine prints on one card beside its panels.
pub(crate) fn printed(
    loaded: &Loaded,
    card: &Card,
    record: &str,
    fields: &dyn Fields,
) -> Result<Vec<PrintedPicture>, StationError> {
    let mut printed = Vec::new();
    for face in &card.faces {
        let side = match face.side {
            cardwright_bundle::FaceSide::Front => Side::Front,
            cardwright_bundle::FaceSide::Back => Side::Back,
        };
        for image in &face.images {
            let Some(order) = &image.order else {
                continue; // artwork: the same on all cards
            };
            let own = of_order(fields, record, order)?;
            let placeholder = || loaded.bundle().asset(&image.asset);
            let picture = own.or_else(|| Some(PictureData::new(placeholder()?.to_vec())));
            printed.extend(picture.map(|picture| PrintedPicture {
                side,
                area: area(&image.at),
                fit: fit(order.fit),
                picture,
            }));
        }
    }
    Ok(printed)
}

/// A bundle's rectangle on paper.
pub(crate) fn area(at: &cardwright_bundle::Rect) -> Area {
    Area {
        x_um: at.x_um,
        y_um: at.y_um,
        width_um: at.width_um,
        height_um: at.height_um,
    }
}

/// How a picture fills its box.
pub(crate) fn fit(fit: Fit) -> paper::Fit {
    match fit {
        Fit::Contain => paper::Fit::Contain,
        Fit::Cover => paper::Fit::Cover,
    }
}
