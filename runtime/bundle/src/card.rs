//! Cards: chip, stripe and faces, each value a node of the card's program.

use crate::{ContentManagement, Install, KeyId, NodeId, Script};
use serde::{Deserialize, Serialize};

/// What the card needs after its DGI value is deciphered from transport and before it is
/// enciphered for the card (EMV CPS 2.0; practice differs, hence data).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Length is a multiple of the block already.
    None,
    /// `80 00…` always, also when aligned.
    Iso7816Always,
    /// `80 00…` only when not aligned.
    Iso7816IfNeeded,
    /// As many octets as are missing, each with their number; a whole block when aligned (PKCS #7).
    Pkcs7,
    /// Zeros, only when not aligned.
    Zeros,
}

/// One data grouping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dgi {
    /// Data grouping identifier.
    pub number: u16,
    /// Node that gives its value: octets, or sealed octets when `encrypted`.
    pub node: NodeId,
    /// Whether the value travels under the channel's data encryption key.
    pub encrypted: bool,
    /// Padding inside the encryption.
    pub padding: Padding,
    /// Whether it has to travel in the same command as the one before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub joined: bool,
    /// Flag node: sent only when true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<NodeId>,
    /// Clear octets of an enciphered value, where all cards have as many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub octets: Option<u32>,
    /// Whose meaning of tags its data elements have, where it is not the application's. Only for
    /// people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dictionary: String,
    /// Name for people, such as `ICC public key certificate record`.
    pub title: String,
    /// Parts at fixed places, first to last, where the value is made of such. Only for people:
    /// `node` says what is sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<DgiField>,
}

/// A part of a data grouping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DgiField {
    /// Name in the source.
    pub name: String,
    /// Node that gives its octets, or sealed octets.
    pub node: NodeId,
    /// Its octets, where all cards have as many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub octets: Option<u32>,
}

/// A further mode of an application: another answer to GET PROCESSING OPTIONS, for terminals that do
/// not offer the first mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FurtherMode {
    /// `magstripe`: tracks with dynamic codes.
    pub mode: String,
    /// Data grouping with the mode's AIP and AFL.
    pub options: u16,
    /// Derivation of the key of dynamic codes, `a` or `b`.
    pub derivation: String,
}

/// One application on the chip, in the order of personalization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Name in the source; `pse` and `ppse` for directories.
    pub name: String,
    /// AID, hexadecimal.
    pub aid: String,
    /// What kind of application it is: blank for EMV's own and their directories, `plain` for one
    /// that keeps groupings and gives the clear ones back, `ndef` for a Type 4 Tag, `native` for one
    /// whose own script is all that is known of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub applet: String,
    /// Whose meaning of tags its data elements have, such as `visa`; empty for EMV's own. Only for
    /// people: nothing on the card depends on it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dictionary: String,
    /// Flag node: on the card only when true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<NodeId>,
    /// How the instance is made, where the card does not hold it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install: Option<Install>,
    /// Commands that personalize it, in the place of DGIs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<Script>,
    /// DGIs in the order in which they are sent; the last carries the last-block bit.
    pub dgis: Vec<Dgi>,
    /// Whether several DGIs may share a STORE DATA.
    pub pack: bool,
    /// Named scalar nodes that validation and reports use: `pan`, `psn`, `expiry` (YYMMDD digits),
    /// `pin` (type Pin), `aip` and others the scenario names; sorted by name.
    pub facts: Vec<(String, NodeId)>,
    /// Key slots that validation uses: `ac`, `smi`, `smc`, `issuer`; sorted by name. Where orders
    /// choose among keys, the fact `key_ac` (and so on) is the slot's name and these are all.
    pub keys: Vec<(String, KeyId)>,
    /// ICC master key derivation, `a`, `b` or `c`; empty for directories.
    pub derivation: String,
    /// Interfaces: `contact`, `contactless`.
    pub interfaces: Vec<String>,
    /// Modes beside the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<FurtherMode>,
    /// Deviations of the card product as data: (name, reason); names are those of
    /// [`crate::QUIRKS`].
    pub quirks: Vec<(String, String)>,
}

impl Application {
    /// Whose meaning of tags a data grouping's elements have: its own, or the application's.
    #[must_use]
    pub fn dictionary_of(&self, number: u16) -> &str {
        let own = self.dgis.iter().find(|dgi| dgi.number == number);
        let own = own.map(|dgi| dgi.dictionary.as_str());
        own.filter(|own| !own.is_empty())
            .unwrap_or(&self.dictionary)
    }
}

/// How the personalization channel is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// `scp02` or `scp03`.
    pub protocol: String,
    /// Option i: 0x15, 0x55 for SCP02; 0x00, 0x70 for SCP03.
    pub option: u8,
    /// 0x01, 0x03, 0x33 …
    pub security_level: u8,
    /// Master key.
    pub key: KeyId,
    /// `emv`, `visa2`, `visa`, `kdf3`, `none`.
    pub diversification: String,
    /// Key version number for INITIALIZE UPDATE.
    pub key_version: u8,
}

/// The chip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chip {
    /// Channel; none for a card that is personalized by scripts alone.
    pub channel: Option<Channel>,
    /// Applications.
    pub applications: Vec<Application>,
    /// What the issuer domain does before and after.
    #[serde(default, skip_serializing_if = "ContentManagement::is_empty")]
    pub content: ContentManagement,
}

/// The stripe. Values are what stands between the sentinels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stripe {
    /// Track 1, text node.
    pub track1: Option<NodeId>,
    /// Track 2, text node.
    pub track2: Option<NodeId>,
    /// `high` or `low`.
    pub coercivity: String,
}

/// Side of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaceSide {
    /// With the chip.
    Front,
    /// With the stripe.
    Back,
}

/// One embossed line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbossLine {
    /// 1 to 4.
    pub line: u8,
    /// Text node.
    pub node: NodeId,
    /// Word of the dies; the machine's own when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub font: Option<String>,
}

/// One printed panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// Name, such as `cvv2`.
    pub name: String,
    /// Text node.
    pub node: NodeId,
    /// Left edge from the card's left edge, micrometres.
    pub x_um: u32,
    /// Top edge from the card's top edge, micrometres.
    pub y_um: u32,
    /// Asset name of the font.
    pub font: String,
    /// Font size in thousandths of a point.
    pub size_mpt: u32,
    /// Flag node: printed only when true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<NodeId>,
}

/// A picture on a face.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceImage {
    /// Asset name; with `order` what is drawn for an order without a picture, blank for nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub asset: String,
    /// Where, from the card's top left corner.
    pub at: crate::Rect,
    /// The order's own picture in the place of an asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<crate::OrderPicture>,
}

/// One side's artwork and data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Face {
    /// Side.
    pub side: FaceSide,
    /// Embossing.
    pub emboss: Vec<EmbossLine>,
    /// Print.
    pub print: Vec<Panel>,
    /// Colours for the picture in the report: background and ink as `RRGGBB`.
    pub colours: (String, String),
    /// Pictures, under the panels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<FaceImage>,
    /// The signature panel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<crate::Rect>,
}

/// One card product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Name.
    pub name: String,
    /// Index of the program whose nodes all values are.
    pub program: u32,
    /// Text node with the PAN.
    pub pan: NodeId,
    /// Text node with the PAN sequence number, two digits.
    pub psn: NodeId,
    /// Date node with the expiry.
    pub expiry: NodeId,
    /// Chip, if any.
    pub chip: Option<Chip>,
    /// Stripe, if any.
    pub stripe: Option<Stripe>,
    /// Faces.
    pub faces: Vec<Face>,
    /// Where it was declared.
    pub span: u32,
}
