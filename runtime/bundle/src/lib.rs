//! The compiled job bundle: the one thing that author's side and operator's side share by meaning.
//!
//! A bundle is a value: [`Content`] (what to do), assets (fonts, backgrounds, certificates) and
//! signatures. [`Bundle::seal`] makes canonical bytes of it, [`Bundle::open`] reads bytes that it
//! takes to be hostile. No standard's knowledge lives here: functions and intents are names that
//! the runtime binds and checks at load.

mod card;
mod container;
mod content;
mod content_management;
mod error;
mod flow;
mod format;
mod instructions;
mod job;
mod layout;
mod limits;
mod picture;
mod program;
mod quirks;
mod scenario;
mod script;
mod signing;
mod table;

pub use card::{
    Application, Card, Channel, Chip, Dgi, DgiField, EmbossLine, Face, FaceImage, FaceSide,
    FurtherMode, Padding, Panel, Stripe,
};
pub use container::Bundle;
pub use content::{Asset, Content, Environment, Issuer, KeyPublic, KeySlot, Source, Span};
pub use content_management::{ContentManagement, Dap, Deletion, Install, LoadFile, NewKeys};
pub use error::BundleError;
pub use flow::{Flow, Step};
pub use format::{
    Arrangement, Coding, Encoding, Field, FieldType, FileKind, Format, FormatRule, Framing, Join,
    Line, PartOf, Prefix, Record, RecordTest, Role, Sequence, Severity, Tagging,
};
pub use instructions::{
    Effect, Instruction, Operand, function, functions, intent, intents, keeps_whole,
};
pub use job::{Job, MailerUse, Output, Product, ScenarioUse};
pub use layout::{
    Align, Column, FontUse, FurtherPage, Item, ItemKind, Labels, Layout, Rect, Symbology, Table,
    TableRow, Zone,
};
pub use limits::Limits;
pub use picture::{Fit, OrderPicture, PictureFormat, PictureRules};
pub use program::{Constant, KeyId, Node, NodeId, Op, Program, Secrecy, SpanId, ValueType};
pub use quirks::{QUIRKS, is_quirk};
pub use scenario::{Check, Scenario};
pub use script::{
    Capture, DATA_GROUPS_MAX, DataGroup, OBJECT_DEPTH_MAX, Otherwise, SCRIPT_COMMANDS_MAX,
    SCRIPT_VARIABLES_MAX, Script, ScriptCommand, ScriptPart, Split, StatusWords,
    VARIABLE_OCTETS_MAX, Variable,
};
pub use signing::{OPEN_TEST_SIGNER_SEED, PublicKey, Signature, SigningKey, Trust};
pub use table::{LONGEST_PREFIX, LookupRow, LookupTable, TableColumn, TableKey};
