//! Pictures that come with orders: what a field takes, and where one is drawn.

use serde::{Deserialize, Serialize};

/// A format of picture files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureFormat {
    /// JPEG, baseline or progressive (ITU-T T.81).
    Jpeg,
    /// PNG (ISO/IEC 15948).
    Png,
}

/// Which pictures a field takes. The field itself holds the name of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureRules {
    /// Formats.
    pub formats: Vec<PictureFormat>,
    /// The folder of the delivery, beside the order file.
    pub folder: String,
    /// Fewest pixels: across, down.
    pub least: (u32, u32),
    /// Most pixels: across, down.
    pub most: (u32, u32),
    /// Shape, across to down; any when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aspect: Option<(u32, u32)>,
    /// Most octets of the file.
    pub octets: u32,
    /// Whether only grey pictures are taken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub grey: bool,
}

/// How a picture fills its box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// As large as the box allows, whole.
    #[default]
    Contain,
    /// The whole box, what stands over cut off alike on both sides.
    Cover,
}

/// A picture of the order's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderPicture {
    /// Field of the order's record.
    pub field: String,
    /// How it fills its box.
    #[serde(default)]
    pub fit: Fit,
}
