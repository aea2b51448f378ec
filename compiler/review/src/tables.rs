//! Which keys of a bundle's content are what: the one place that knows how its JSON is written.
//!
//! The comparison walks the content generically, so that what is added to a bundle is compared
//! without a line here; only numbers that stand for something else need their key in a table.

/// Keys whose numbers are nodes of the program around them.
pub(crate) const NODES: &[&str] = &[
    "cells",
    "condition",
    "expiry",
    "file_name",
    "message",
    "node",
    "not_after",
    "not_before",
    "pan",
    "priority",
    "psn",
    "selector",
    "serial",
    "sort",
    "track1",
    "track2",
    "value",
    "when",
];
/// Keys whose numbers are key slots.
pub(crate) const KEYS: &[&str] = &["issuer", "key", "signer", "transport_key", "under"];
/// Keys whose numbers the standards write in hexadecimal.
pub(crate) const OCTETS: &[&str] = &[
    "ca_index",
    "key_version",
    "option",
    "options",
    "replaces",
    "security_level",
];
/// Lists of pairs whose second part is a node.
pub(crate) const NODE_PAIRS: &[&str] = &["accept", "name", "nodes"];
/// Lists of pairs whose second part is a key slot.
pub(crate) const KEY_PAIRS: &[&str] = &["keys"];
/// What is shown whole, however small the part that differs.
pub(crate) const WHOLE: &[&str] = &["condition", "message", "when"];
/// What says nothing by itself: places, indices, and what repeats other values.
pub(crate) const SKIPPED: &[&str] = &["facts", "program", "schema", "span"];
/// What an operand is called where it says nothing by itself: function or operation, which operand.
pub(crate) const OPERANDS: &[(&str, usize, &str)] = &[
    ("emv.cvc3_vector", 0, "derivation option"),
    ("key.card", 0, "derivation option"),
    ("number_bytes", 1, "octets"),
];
/// What names an entry of a list, best first.
pub(crate) const NAMES: &[&str] = &[
    "name", "code", "side", "line", "scenario", "format", "station", "path", "rid", "from",
    "package", "aid", "mode",
];
/// Containers that a path leaves out: what is inside them is named well enough.
pub(crate) const UNNAMED: &[&str] = &[
    "applications",
    "cards",
    "cells",
    "checks",
    "columns",
    "commands",
    "content",
    "dgis",
    "draw",
    "emboss",
    "faces",
    "field_type",
    "fields",
    "flows",
    "formats",
    "items",
    "jobs",
    "kind",
    "layouts",
    "node",
    "print",
    "records",
    "rows",
    "scenarios",
    "settings",
    "steps",
    "value",
];
/// What kind of change it is, by the innermost container.
pub(crate) const KINDS: &[(&str, &str)] = &[
    ("accept", "job rule"),
    ("applications", "application"),
    ("arrangement", "arrangement of a file"),
    ("assets", "asset"),
    ("channel", "channel"),
    ("checks", "check"),
    ("chip", "chip"),
    ("columns", "column"),
    ("content", "chip"),
    ("commands", "script command"),
    ("delete", "deletion of"),
    ("dgis", "grouping"),
    ("emboss", "embossed line"),
    ("faces", "face"),
    ("fields", "format field"),
    ("flows", "flow"),
    ("formats", "format"),
    ("further", "mode"),
    ("pages", "further page"),
    ("images", "picture"),
    ("install", "installation"),
    ("issuer", "issuer"),
    ("items", "layout item"),
    ("jobs", "job"),
    ("joins", "join"),
    ("keys", "key"),
    ("layouts", "layout"),
    ("load", "load file"),
    ("outputs", "output"),
    ("parts", "part of a script command"),
    ("print", "printed"),
    ("quirks", "quirk"),
    ("records", "format record"),
    ("rows", "row"),
    ("rules", "file rule"),
    ("scenarios", "scenario"),
    ("script", "script"),
    ("sources", "source"),
    ("steps", "station"),
    ("stock", "stock"),
    ("stripe", "stripe"),
    ("tables", "table"),
    ("variables", "script variable"),
    ("zones", "zone"),
];

/// Functions that only code their first operand.
pub(crate) const CODINGS: &[&str] = &[
    "ascii",
    "bcd",
    "cn",
    "compact_cn",
    "date_bcd",
    "hex",
    "latin1",
    "number_bytes",
    "number_text",
    "unhex",
    "utf8",
];

/// Operands that are service codes: function or operation, and which operand.
pub(crate) const SERVICE_CODES: &[(&str, usize)] = &[
    ("cvv", 2),
    ("track1", 3),
    ("track2", 2),
    ("track2_equivalent", 2),
];

/// Whether a path speaks of something that stands on or in a card.
pub(crate) fn on_card(path: &str) -> bool {
    ["chip.", "stripe.", "front.", "back.", "stock", "card"]
        .iter()
        .any(|begin| path.starts_with(begin))
}
