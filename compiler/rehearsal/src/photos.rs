//! Pictures of rehearsed orders: files of the project as a delivery has them, or the specimen.

use cardwright_bundle::PictureRules;
use cardwright_pictures::specimen;
use cardwright_runtime::intake::{Fetched, NotTaken, Pictures};
use cardwright_stations::Delivery;
use std::path::PathBuf;

/// The file's name in an order that names no picture of its own: a drawing of nobody.
pub(crate) const SPECIMEN_PICTURE: &str = "specimen.png";

/// The project's own folders of pictures, where it has any.
#[derive(Default)]
pub(crate) struct Photos(Option<Delivery>);

impl Photos {
    /// Those below a folder.
    pub(crate) fn below(folder: PathBuf) -> Self {
        Self(Some(Delivery::below(folder)))
    }
}

impl Pictures for Photos {
    fn fetch(&self, rules: &PictureRules, name: &str) -> Result<Fetched, NotTaken> {
        let lacking = || NotTaken {
            code: "R1536",
            reason: "the project has no such file".to_owned(),
        };
        let found = match &self.0 {
            Some(delivery) => delivery.fetch(rules, name),
            None => Err(lacking()),
        };
        match found {
            // A file of that name is the project's own idea of a specimen.
            Err(error) if error.code == "R1536" && name == SPECIMEN_PICTURE => {
                let drawn = specimen(rules).ok_or_else(lacking)?;
                Ok(Fetched {
                    octets: drawn.octets,
                    format: drawn.format,
                    width: drawn.width,
                    height: drawn.height,
                })
            }
            found => found,
        }
    }
}
