//! Blind forms on paper: straight to a printer's device, or, at TEST sites only, into files that
//! nobody else may read. Never through a spooler, which would keep a copy.

use crate::{arguments::ceremony::Room, failure::Failure, site::Site};
use cardwright_keys::{
    KeysError,
    ceremony::{COMPONENT_FONT, FORM, FormPrinter, TEXT_FONT},
};
use cardwright_paper::PaperDriver;
use cardwright_ports::{
    Paper,
    paper::{PinSource, Sheet, Stationery},
};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The fonts of forms; their licences lie beside them.
const WORDS: &[u8] = include_bytes!("../../../../../layouts/fonts/NotoSans-Regular.ttf");
const DIGITS: &[u8] = include_bytes!("../../../../../layouts/fonts/OCRB.ttf");

/// Where forms go.
pub(super) struct Forms {
    paper: PaperDriver,
    stationery: Stationery,
    to: To,
}

enum To {
    Device(PathBuf),
    Folder(PathBuf),
    Nowhere,
}

impl Forms {
    /// The forms of a site.
    pub(super) fn of(site: &Site, room: &Room, test: bool) -> Result<Self, Failure> {
        let to = match (&room.printer, test) {
            (Some(device), _) => To::Device(device.clone()),
            (None, true) => To::Folder(site.folder.join("forms")),
            (None, false) => To::Nowhere,
        };
        let fonts = [(TEXT_FONT, WORDS), (COMPONENT_FONT, DIGITS)];
        let fonts = fonts.map(|(name, octets)| (name.to_owned(), octets.to_vec()));
        Ok(Self {
            paper: site.paper(),
            stationery: Stationery {
                fonts: fonts.into(),
                ..Stationery::default()
            },
            to,
        })
    }

    /// What people are told about where a form is.
    pub(super) fn place(&self) -> String {
        match &self.to {
            To::Device(device) => format!("printer {}", device.display()),
            To::Folder(folder) => format!("folder {} (TEST)", folder.display()),
            To::Nowhere => "nowhere: name a printer with `--printer`".to_owned(),
        }
    }
}

impl FormPrinter for Forms {
    fn print(
        &mut self,
        name: &str,
        sheet: &Sheet,
        component: &mut dyn PinSource,
    ) -> Result<(), KeysError> {
        // The place is looked at before the component is asked for.
        let mut file = match &self.to {
            To::Device(device) => device_file(device),
            To::Folder(folder) => form_file(folder, name),
            To::Nowhere => return Err(FORM.found("no printer is named")),
        }
        .map_err(|e| FORM.found(format!("form {name}: {}", e.kind())))?;
        let sheets = std::slice::from_ref(sheet);
        let pdf = self
            .paper
            .pdf(&self.stationery, sheets, component)
            .map_err(|e| FORM.found(format!("form {name}: {}", e.what)))?;
        let written = file.write_all(pdf.expose()).and_then(|()| file.flush());
        let synced = match &self.to {
            // A device has nothing to be synchronized.
            To::Folder(_) => written.and_then(|()| file.sync_all()),
            _ => written,
        };
        synced.map_err(|e| FORM.found(format!("form {name}: {}", e.kind())))
    }
}

/// A printer's device; a file would keep what is written to it.
fn device_file(device: &Path) -> std::io::Result<std::fs::File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = std::fs::metadata(device)?.file_type();
        if !kind.is_char_device() {
            return Err(std::io::ErrorKind::InvalidInput.into());
        }
    }
    OpenOptions::new().write(true).open(device)
}

fn form_file(folder: &Path, name: &str) -> std::io::Result<std::fs::File> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("{}.pdf", name.replace('/', "-")));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
