//! What a file looks like as a whole: kind of records, framing, characters, line ends.

use super::super::{Context, read};
use crate::diagnostics::Problem;
use crate::model::Decl;
use cardwright_bundle::{Encoding, FileKind, Framing, Line, Prefix, Tagging};

/// Kind, framing, characters and line end of a format.
pub(super) struct Layout {
    pub(super) kind: FileKind,
    pub(super) framing: Framing,
    pub(super) encoding: Encoding,
    pub(super) line: Line,
}

pub(super) fn layout(context: &mut Context<'_>, decl: &Decl) -> Layout {
    let layout = Layout {
        kind: kind(context, decl),
        framing: framing(context, decl),
        encoding: encoding(decl),
        line: match word(decl, "line").as_deref() {
            Some("crlf") => Line::Crlf,
            Some("nel") => Line::Nel,
            _ => Line::Lf,
        },
    };
    check(context, decl, &layout);
    layout
}

fn word(decl: &Decl, name: &str) -> Option<String> {
    decl.attribute(name).and_then(read::word)
}

fn number(decl: &Decl, name: &str) -> Option<u32> {
    let number = decl.attribute(name)?.single()?.integer()?;
    u32::try_from(number).ok()
}

fn encoding(decl: &Decl) -> Encoding {
    match word(decl, "encoding").as_deref() {
        Some("ascii") => Encoding::Ascii,
        Some("ebcdic037") => Encoding::Ebcdic037,
        Some("ebcdic500") => Encoding::Ebcdic500,
        Some("ebcdic1047") => Encoding::Ebcdic1047,
        Some("ebcdic1140") => Encoding::Ebcdic1140,
        Some("latin1") => Encoding::Latin1,
        Some("latin2") => Encoding::Latin2,
        Some("latin3") => Encoding::Latin3,
        Some("latin4") => Encoding::Latin4,
        Some("latin5") => Encoding::Latin5,
        Some("latin6") => Encoding::Latin6,
        Some("latin7") => Encoding::Latin7,
        Some("latin8") => Encoding::Latin8,
        Some("latin9") => Encoding::Latin9,
        Some("latin10") => Encoding::Latin10,
        Some("utf16") => Encoding::Utf16,
        Some("utf16be") => Encoding::Utf16be,
        Some("utf16le") => Encoding::Utf16le,
        _ => Encoding::Utf8,
    }
}

fn kind(context: &mut Context<'_>, decl: &Decl) -> FileKind {
    let character = |name: &str| {
        let text = decl.attribute(name).and_then(read::text);
        text.and_then(|t| t.chars().next())
    };
    let heading = word(decl, "heading").as_deref() == Some("true");
    match decl.base.as_ref().and_then(|b| b.single()?.word()) {
        Some("fixed_width") => FileKind::FixedWidth,
        Some("delimited") => FileKind::Delimited {
            delimiter: character("delimiter").unwrap_or(';'),
            quote: character("quote").unwrap_or('"'),
            heading,
        },
        Some("tagged") => FileKind::Tagged(match character("assign") {
            Some(assign) => Tagging::Separated {
                assign,
                separator: character("separator").unwrap_or(';'),
            },
            None => Tagging::Length {
                tag: small(number(decl, "tag_width"), 2),
                length: small(number(decl, "length_width"), 3),
            },
        }),
        Some("tlv") => FileKind::Tlv,
        Some("xml") => FileKind::Xml,
        Some("json") => FileKind::Json,
        Some("spreadsheet") => FileKind::Spreadsheet {
            sheet: decl.attribute("sheet").and_then(read::text),
            heading,
        },
        Some("cps") => FileKind::Cps,
        Some("machine") => FileKind::Machine,
        _ => {
            context.shared.findings.push(
                Problem::error(
                    "E0914",
                    decl.span,
                    "a format needs a known layout of records",
                )
                .help(
                    "write `: fixed_width`, `: delimited`, `: tagged`, `: tlv`, `: xml`, \
                     `: json`, `: spreadsheet`, `: cps` or `: machine`",
                ),
            );
            FileKind::FixedWidth
        }
    }
}

fn small(number: Option<u32>, default: u8) -> u8 {
    number.and_then(|n| u8::try_from(n).ok()).unwrap_or(default)
}

fn framing(context: &mut Context<'_>, decl: &Decl) -> Framing {
    match word(decl, "framing").as_deref() {
        Some("blocks") => match number(decl, "block") {
            Some(octets) => Framing::Blocks { octets },
            None => {
                let help = "write `block = 200`, the octets of each record";
                lacks(context, decl, "blocks have a length", help)
            }
        },
        Some("prefixed") => match prefix(decl) {
            Some(prefix) => Framing::Prefixed {
                prefix,
                counts_itself: word(decl, "prefix_counts").as_deref() == Some("all"),
            },
            None => {
                let help = "write `prefix = binary_2`, or `rdw` for a z/OS data set";
                lacks(context, decl, "the length before a record has a form", help)
            }
        },
        _ => Framing::Lines,
    }
}

fn lacks(context: &mut Context<'_>, decl: &Decl, message: &str, help: &str) -> Framing {
    let span = decl.attribute("framing").map_or(decl.span, |e| e.span);
    let problem = Problem::error("E0950", span, message).help(help);
    context.shared.findings.push(problem);
    Framing::Lines
}

fn prefix(decl: &Decl) -> Option<Prefix> {
    Some(match word(decl, "prefix")?.as_str() {
        "binary_2" => Prefix::Big(2),
        "binary_4" => Prefix::Big(4),
        "little_2" => Prefix::Little(2),
        "little_4" => Prefix::Little(4),
        "decimal_4" => Prefix::Decimal(4),
        "decimal_5" => Prefix::Decimal(5),
        "decimal_6" => Prefix::Decimal(6),
        "rdw" => Prefix::Rdw,
        _ => return None,
    })
}

/// Framings, encodings and kinds that do not go together.
fn check(context: &mut Context<'_>, decl: &Decl, layout: &Layout) {
    let wide = matches!(
        layout.encoding,
        Encoding::Utf16 | Encoding::Utf16be | Encoding::Utf16le
    );
    let framed = layout.framing != Framing::Lines;
    let whole = layout.kind.is_tree() || matches!(layout.kind, FileKind::Spreadsheet { .. });
    let said = |name: &str| decl.attribute(name).map_or(decl.span, |e| e.span);
    let found = if framed && whole {
        Some((
            said("framing"),
            "this kind of file tells its records apart by itself",
            "leave `framing` out",
        ))
    } else if framed && wide {
        Some((
            said("framing"),
            "blocks and lengths count octets, UTF-16 has two for a character",
            "take an encoding with one octet for a character, or lines",
        ))
    } else if wide && matches!(layout.kind, FileKind::Tagged(_)) {
        Some((
            said("encoding"),
            "lengths of tagged fields count octets, UTF-16 has two for a character",
            "take another encoding",
        ))
    } else if matches!(layout.line, Line::Nel) && layout.encoding == Encoding::Ascii {
        Some((
            said("line"),
            "ASCII has no NEL",
            "write `line = lf`, or an encoding that has it",
        ))
    } else if matches!(layout.kind, FileKind::Spreadsheet { .. }) && decl.for_record.is_some() {
        Some((
            decl.span,
            "spreadsheets are only read",
            "write `: delimited`, which every spreadsheet program opens",
        ))
    } else {
        None
    };
    if let Some((span, message, help)) = found {
        let problem = Problem::error("E0950", span, message).help(help);
        context.shared.findings.push(problem);
    }
}
