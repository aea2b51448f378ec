//! Both sides of the card: embossing and print (ISO/IEC 7811-1, ISO/IEC 7810).

use super::super::Context;
use super::super::read;
use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, constants::point_um};
use crate::model::{Decl, MEntry, MExpr};
use crate::secrecy::Sink;
use crate::types::Type;
use cardwright_bundle::{
    Constant, EmbossLine, Face, FaceSide, FieldType, NodeId, Op, Panel, Program, Secrecy,
};

/// ID-1, ISO/IEC 7810, 5.1: 85.60 mm by 53.98 mm.
const WIDTH_UM: u32 = 85_600;
const HEIGHT_UM: u32 = 53_980;
/// Characters of the number line and of the name and address lines.
const LINE_1_MOST: u32 = 19;
const LINE_MOST: u32 = 27;
/// Characters of the embosser's drum beside letters and digits.
const DRUM: &str = " -./'&,";
/// Font of printed panels when none is named.
const PANEL_FONT: (&str, u32) = ("OCR-B", 9_000);
/// Font that pictures of embossed lines are drawn with.
pub(super) const EMBOSS_FONT: &str = "Cardwright Emboss";

/// Lowers `face front` and `face back`.
pub(super) fn lower<'a>(elaborator: &mut Elaborator<'a>, decl: &'a Decl) -> Vec<Face> {
    let entries = decl.entries.iter().filter(|e| e.word(0) == Some("face"));
    let mut faces = Vec::new();
    for entry in entries {
        let side = match entry.word(1) {
            Some("front") => FaceSide::Front,
            _ => FaceSide::Back,
        };
        let colour = |name: &str, default: &str| {
            let found = entry.inner(name).and_then(read::text);
            found.unwrap_or_else(|| default.to_owned())
        };
        faces.push(Face {
            side,
            emboss: emboss(elaborator, entry),
            print: print(elaborator, entry),
            colours: (colour("background", "E6E9EE"), colour("ink", "1B2430")),
        });
    }
    faces
}

/// Lines and panels of a side, in the words of a flow's `read`.
pub(super) fn shown(face: &Face) -> Vec<String> {
    let side = match face.side {
        FaceSide::Front => "front",
        FaceSide::Back => "back",
    };
    let lines = face
        .emboss
        .iter()
        .map(|l| format!("{side}.line {}", l.line));
    let panels = face
        .print
        .iter()
        .map(|p| format!("{side}.panel {}", p.name));
    lines.chain(panels).collect()
}

fn emboss<'a>(elaborator: &mut Elaborator<'a>, face: &'a MEntry) -> Vec<EmbossLine> {
    let entries = face.inner("emboss").map_or(&[][..], MEntry::entries);
    let mut lines: Vec<EmbossLine> = Vec::new();
    for entry in entries {
        let number = entry.head.get(1).and_then(MExpr::integer);
        let Some(line) = number
            .and_then(|n| u8::try_from(n).ok())
            .filter(|n| (1..=4).contains(n))
        else {
            elaborator.findings().push(
                Problem::error(
                    "E0803",
                    entry.span,
                    "an embossed line is one of line 1 to line 4",
                )
                .help("write `line 1 = …` for the number line"),
            );
            continue;
        };
        let want = Type::text();
        let Some(value) = entry
            .value
            .as_ref()
            .and_then(|v| elaborator.phrase(v, Some(&want)))
        else {
            continue;
        };
        let what = format!("line {line} of the embossing");
        elaborator.sink(&value, Sink::Embossing, &what, entry.span);
        let most = if line == 1 { LINE_1_MOST } else { LINE_MOST };
        let longest = value.ty.lengths().map_or(most, |l| l.max);
        // More than any line holds has been reported by the check.
        if longest > most && longest <= LINE_MOST {
            let message = format!("{what} may have up to {longest} characters, {most} fit");
            elaborator
                .findings()
                .push(Problem::error("E0801", entry.span, message).help(
                    "shorten it by `embossing_name(26)` or `slice(1, 27)`; a PAN of more than 16 \
                     digits stands on line 1 without spaces",
                ));
        }
        lines.push(EmbossLine {
            line,
            node: value.node,
        });
    }
    lines.sort_by_key(|l| l.line);
    lines
}

fn print<'a>(elaborator: &mut Elaborator<'a>, face: &'a MEntry) -> Vec<Panel> {
    let entries = face.inner("print").map_or(&[][..], MEntry::entries);
    entries
        .iter()
        .filter_map(|e| panel(elaborator, e))
        .collect()
}

fn panel<'a>(elaborator: &mut Elaborator<'a>, entry: &'a MEntry) -> Option<Panel> {
    let name = entry.head.get(1)?.literal_text()?;
    let value = elaborator.phrase(entry.value.as_ref()?, Some(&Type::text()))?;
    let sink = if name == "cvv2" {
        Sink::Cvv2Panel
    } else {
        Sink::PrintPanel
    };
    elaborator.sink(&value, sink, &format!("panel \"{name}\""), entry.span);
    let font = entry.inner("font").and_then(read::font);
    let (font, size_mpt) = font.unwrap_or((PANEL_FONT.0.to_owned(), PANEL_FONT.1));
    let at = entry.clause("at").and_then(|c| point_um(c.single()?));
    let place = at.and_then(|(x, y)| Some((u32::try_from(x).ok()?, u32::try_from(y).ok()?)));
    // OCR-B has one width, 0.6 of its size; 1 pt is 127/360 mm.
    let characters = value.ty.lengths().map_or(0, |l| l.max.min(40));
    let width_um = characters.saturating_mul(size_mpt / 1_000 * 212);
    let fits = |x: u32, y: u32| x.saturating_add(width_um) <= WIDTH_UM && y <= HEIGHT_UM;
    let Some((x_um, y_um)) = place.filter(|(x, y)| fits(*x, *y)) else {
        elaborator.findings().push(
            Problem::error(
                "E0804",
                entry.span,
                format!("panel \"{name}\" lies outside the card"),
            )
            .help("a card has 85.60 mm by 53.98 mm: write `at (62 mm, 18 mm)`"),
        );
        return None;
    };
    Some(Panel {
        name,
        node: value.node,
        x_um,
        y_um,
        font,
        size_mpt,
    })
}

/// Embossed lines hold only characters of the drum.
pub(super) fn check(context: &mut Context<'_>, decl: &Decl, program: &Program, faces: &[Face]) {
    for line in faces.iter().flat_map(|f| &f.emboss) {
        let numeric = line.line == 1;
        if embossable(context, program, line.node, numeric) {
            continue;
        }
        let span = line_span(decl, line.line);
        let message = if numeric {
            "line 1 is the number line: it may hold characters other than digits and spaces"
        } else {
            "this line may hold characters that the embosser does not have"
        };
        context.push(
            Problem::error("E0802", span, message).help(
                "bring a name through `embossing_name(26)`, text through `latin` and `upper`",
            ),
        );
    }
}

fn line_span(decl: &Decl, line: u8) -> crate::model::Span {
    let faces = decl.entries.iter().filter(|e| e.word(0) == Some("face"));
    let lines = faces
        .filter_map(|f| f.inner("emboss"))
        .flat_map(MEntry::entries);
    let mut found =
        lines.filter(|e| e.head.get(1).and_then(MExpr::integer) == Some(i64::from(line)));
    found.next().map_or(decl.span, |e| e.span)
}

/// Whether all that a node can give is on the drum: by its last operation, or by its operands.
fn embossable(context: &Context<'_>, program: &Program, id: NodeId, numeric: bool) -> bool {
    let all = |ids: &[NodeId]| {
        ids.iter().all(|arg| {
            let text = program.nodes.get(*arg as usize);
            let is_text = text.is_some_and(|n| n.gives == cardwright_bundle::ValueType::Text);
            !is_text || embossable(context, program, *arg, numeric)
        })
    };
    match program.nodes.get(id as usize).map(|n| &n.op) {
        Some(Op::Constant {
            value: Constant::Text(text),
        }) => text.chars().all(|c| on_drum(c, numeric)),
        Some(Op::Field { record, field }) => {
            field_is_embossable(context, program, record, field, numeric)
        }
        Some(Op::Apply { function, args }) => match function.as_str() {
            "embossing_name" => !numeric,
            // Digits, with the pattern's own characters between them.
            "format_date" => !numeric,
            "number_text" | "last_digits" => true,
            "upper" => !numeric && all(args),
            "groups" | "slice" | "concat_text" | "pad_left" | "pad_right" => all(args),
            _ => false,
        },
        Some(Op::Choose {
            then, otherwise, ..
        }) => all(&[*then, *otherwise]),
        Some(Op::Intent { intent, .. }) => matches!(intent.as_str(), "cvv" | "pvv"),
        _ => false,
    }
}

fn on_drum(c: char, numeric: bool) -> bool {
    c.is_ascii_digit() || c == ' ' || (!numeric && (c.is_ascii_uppercase() || DRUM.contains(c)))
}

fn field_is_embossable(
    context: &Context<'_>,
    program: &Program,
    record: &str,
    field: &str,
    numeric: bool,
) -> bool {
    let format = context
        .content
        .formats
        .iter()
        .find(|f| f.name == program.format);
    let found = format
        .and_then(|f| f.records.iter().find(|r| r.name == record))
        .and_then(|r| r.fields.iter().find(|f| f.name == field));
    found.is_some_and(|f| match f.field_type {
        FieldType::Pan | FieldType::Digits { .. } => f.secrecy <= Secrecy::Cardholder,
        FieldType::Alphanumeric { .. } => !numeric,
        _ => false,
    })
}
