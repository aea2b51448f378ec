//! Both sides of the card: embossing and print (ISO/IEC 7811-1, ISO/IEC 7810).

use super::super::Context;
use super::super::layout::{measure, pictures};
use super::super::read;
use crate::diagnostics::{Change, Problem};
use crate::elaborate::Elaborator;
use crate::elaborate::constants::{point_um, size_mpt};
use crate::model::{Decl, MEntry, MExpr};
use crate::project::Project;
use crate::secrecy::Sink;
use crate::types::Type;
use cardwright_bundle::{
    Constant, EmbossLine, Face, FaceImage, FaceSide, FieldType, NodeId, Op, Panel, Program, Rect,
    Secrecy,
};
use cardwright_standards::emboss;
use cardwright_standards::face::{self, Area, HEIGHT_UM, WIDTH_UM};
use std::collections::BTreeMap;

/// Characters of the number line and of the name and address lines.
const LINE_1_MOST: u32 = 19;
const LINE_MOST: u32 = 27;
/// Characters of the embosser's drum beside letters and digits.
const DRUM: &str = " -./'&,";
/// Font for letters that a panel's own lacks.
pub(super) const FALLBACK_FONT: &str = "Noto Sans";
/// Height of a panel's line from its place down, in millionths of its font's size: capitals with
/// their marks, and descenders.
const PANEL_LINE: u64 = 1_200_000;
/// Font of printed panels when none is named.
const PANEL_FONT: (&str, u32) = ("OCR-B", 9_000);
/// Font that pictures of embossed lines are drawn with.
pub(super) const EMBOSS_FONT: &str = "Cardwright Emboss";

/// What lowering a card's faces gives: the faces, and the files of their pictures.
pub(super) struct Lowered {
    pub(super) faces: Vec<Face>,
    pub(super) assets: BTreeMap<String, (String, Vec<u8>)>,
}

/// Lowers `face front` and `face back`.
pub(super) fn lower<'a>(
    elaborator: &mut Elaborator<'a>,
    project: &Project<'_>,
    decl: &'a Decl,
) -> Lowered {
    let entries = decl.entries.iter().filter(|e| e.word(0) == Some("face"));
    let mut lowered = Lowered {
        faces: Vec::new(),
        assets: BTreeMap::new(),
    };
    for entry in entries {
        let side = match entry.word(1) {
            Some("front") => FaceSide::Front,
            _ => FaceSide::Back,
        };
        let colour = |name: &str, default: &str| {
            let found = entry.inner(name).and_then(read::text);
            found.unwrap_or_else(|| default.to_owned())
        };
        let signature = entry.inner("signature");
        let signature = signature.and_then(|e| read::rect(e, None, elaborator.findings()));
        lowered.faces.push(Face {
            side,
            emboss: emboss(elaborator, entry),
            print: print(elaborator, decl, entry),
            colours: (colour("background", "E6E9EE"), colour("ink", "1B2430")),
            images: images(elaborator, project, entry, &mut lowered.assets),
            signature,
        });
    }
    lowered
}

fn images(
    elaborator: &mut Elaborator<'_>,
    project: &Project<'_>,
    face: &MEntry,
    assets: &mut BTreeMap<String, (String, Vec<u8>)>,
) -> Vec<FaceImage> {
    let mut images = Vec::new();
    for entry in face.entries().iter().filter(|e| e.word(0) == Some("image")) {
        let at = entry.inner("at");
        let at = at.and_then(|e| read::rect(e, None, elaborator.findings()));
        let drawn = at.and_then(|at| pictures::drawn(elaborator, project, entry, &at));
        let (Some(at), Some((asset, file, order))) = (at, drawn) else {
            continue;
        };
        if let Some(file) = file {
            assets.insert(asset.clone(), file);
        }
        images.push(FaceImage { asset, at, order });
    }
    images
}

/// Whether a machine prints on a side: panels, and pictures of orders.
pub(super) fn is_printed(face: &Face) -> bool {
    !face.print.is_empty() || face.images.iter().any(|image| image.order.is_some())
}

/// Fields whose pictures faces show.
pub(super) fn pictures(faces: &[Face]) -> Vec<String> {
    let images = faces.iter().flat_map(|face| &face.images);
    let shown = images.filter_map(|image| Some(image.order.as_ref()?.field.clone()));
    shown.collect()
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
        let font = dies(elaborator, entry, line);
        lines.push(EmbossLine {
            line,
            node: value.node,
            font,
        });
    }
    lines.sort_by_key(|l| l.line);
    lines
}

/// `with farrington_7b`: the number line has dies of its own, E0830.
fn dies(elaborator: &mut Elaborator<'_>, entry: &MEntry, line: u8) -> Option<String> {
    let clause = entry.clause("with")?;
    let term = clause.single()?;
    let font = emboss::font(term.word()?)?;
    if font.numbers != (line == 1) {
        let place = if line == 1 {
            "the number line"
        } else {
            "a line of the name and address area"
        };
        let message = format!("{place} is not embossed with {}", font.name);
        let help = "line 1 takes `farrington_7b` or `ocr_b`, lines 2 to 4 take `standard`";
        let mut problem = Problem::error("E0830", clause.span, message).help(help);
        // The number line has two to choose from.
        if line != 1 {
            problem = problem.fix(Change::Instead(term.span, "standard".to_owned()));
        }
        elaborator.findings().push(problem);
    }
    Some(font.word.to_owned())
}

fn print<'a>(elaborator: &mut Elaborator<'a>, decl: &'a Decl, face: &'a MEntry) -> Vec<Panel> {
    let entries = face.inner("print").map_or(&[][..], MEntry::entries);
    entries
        .iter()
        .filter_map(|e| panel(elaborator, decl, e))
        .collect()
}

fn panel<'a>(elaborator: &mut Elaborator<'a>, decl: &'a Decl, entry: &'a MEntry) -> Option<Panel> {
    let name = entry.head.get(1)?.literal_text()?;
    let value = elaborator.phrase(entry.value.as_ref()?, Some(&Type::text()))?;
    let sink = if name == "cvv2" {
        Sink::Cvv2Panel
    } else {
        Sink::PrintPanel
    };
    elaborator.sink(&value, sink, &format!("panel \"{name}\""), entry.span);
    let when = entry.clause("when").and_then(|clause| {
        let flag = elaborator.expr(clause.single()?, Some(&Type::Flag))?;
        elaborator.sink(&flag, Sink::Condition, "what is printed", entry.span);
        Some(flag.node)
    });
    let (font, size_mpt) = panel_font(elaborator, entry);
    let at = entry.clause("at").and_then(|c| point_um(c.single()?));
    let place = at.and_then(|(x, y)| Some((u32::try_from(x).ok()?, u32::try_from(y).ok()?)));
    let format = decl.for_record.as_ref();
    let format = format.and_then(|(format, _)| elaborator.model().get(format));
    let line = measure::line_of(elaborator, format, &with_fallback(&font), &value);
    let wide = measure::in_um(line.sum, size_mpt);
    let high = measure::in_um(PANEL_LINE, size_mpt);
    let (width, height) = (u64::from(WIDTH_UM), u64::from(HEIGHT_UM));
    let inside = |x: u32, y: u32| u64::from(x) < width && u64::from(y) + high <= height;
    let Some((x_um, y_um)) = place.filter(|(x, y)| inside(*x, *y)) else {
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
    if u64::from(x_um) + wide > width {
        let message = format!(
            "panel \"{name}\" may be {}.{} mm wide, from its place to the card's edge are {}.{}",
            wide.div_ceil(100) / 10,
            wide.div_ceil(100) % 10,
            (width - u64::from(x_um)) / 1_000,
            (width - u64::from(x_um)) / 100 % 10
        );
        elaborator
            .findings()
            .push(Problem::error("E0816", entry.span, message).help(
                "move it to the left, set it smaller (`with \"OCR-B\" 7 pt`), or shorten it by \
                 `slice`",
            ));
    }
    Some(Panel {
        name,
        node: value.node,
        x_um,
        y_um,
        font,
        size_mpt,
        when,
    })
}

/// `with "OCR-B" 9 pt`.
fn panel_font(elaborator: &mut Elaborator<'_>, entry: &MEntry) -> (String, u32) {
    let usual = (PANEL_FONT.0.to_owned(), PANEL_FONT.1);
    let Some(clause) = entry.clause("with") else {
        return usual;
    };
    let found = match clause.terms.as_slice() {
        [name, size] => name.literal_text().zip(size_mpt(size)),
        _ => None,
    };
    if found.is_none() {
        let message = "a font and its size are expected";
        elaborator.findings().push(
            Problem::error("E0203", clause.span, message).help("write `with \"OCR-B\" 9 pt`"),
        );
    }
    found.unwrap_or(usual)
}

/// Panels fall back on the house's font for letters that theirs lacks, as pictures do.
fn with_fallback(font: &str) -> Vec<String> {
    vec![font.to_owned(), FALLBACK_FONT.to_owned()]
}

/// What lies on a face keeps clear of chip, stripe, embossing and signature: E0829.
pub(super) fn zones(
    context: &mut Context<'_>,
    decl: &Decl,
    program: &Program,
    faces: &[Face],
    (chip, stripe): (bool, bool),
) {
    let lines: Vec<u8> = faces
        .iter()
        .flat_map(|f| &f.emboss)
        .map(|l| l.line)
        .collect();
    for side in faces {
        let mut kept: Vec<(String, Area)> = Vec::new();
        let front = side.side == FaceSide::Front;
        if chip && front {
            kept.push((face::CONTACTS.name.to_owned(), face::CONTACTS.area));
        }
        if stripe && !front {
            kept.push((face::STRIPE.name.to_owned(), face::STRIPE.area));
        }
        for line in &lines {
            let area = face::embossed(*line);
            let area = if front { area } else { face::mirrored(area) };
            kept.push((format!("embossed line {line}"), area));
        }
        let entry = side_entry(decl, front);
        if let Some(at) = &side.signature {
            clear(context, entry, decl, "the signature panel", area(at), &kept);
            kept.push(("the signature panel".to_owned(), area(at)));
        }
        for image in &side.images {
            clear(context, entry, decl, "a picture", area(&image.at), &kept);
        }
        // Text over artwork may be meant; over a holder's face it is not.
        let own = side
            .images
            .iter()
            .filter_map(|i| Some((i.order.as_ref()?, i.at)));
        kept.extend(own.map(|(order, at)| (format!("the picture `{}`", order.field), area(&at))));
        for panel in &side.print {
            let what = format!("panel \"{}\"", panel.name);
            let shown = panel_area(context, decl, program, panel);
            clear(context, entry, decl, &what, shown, &kept);
        }
    }
}

fn side_entry(decl: &Decl, front: bool) -> Option<&MEntry> {
    let word = if front { "front" } else { "back" };
    let mut entries = decl.entries.iter();
    entries.find(|e| e.word(0) == Some("face") && e.word(1) == Some(word))
}

fn area(at: &Rect) -> Area {
    Area {
        left_um: at.x_um,
        top_um: at.y_um,
        width_um: at.width_um,
        height_um: at.height_um,
    }
}

/// Where a panel can ink: its longest value at its place.
fn panel_area(context: &Context<'_>, decl: &Decl, program: &Program, panel: &Panel) -> Area {
    let format = decl.for_record.as_ref();
    let format = format.and_then(|(format, _)| context.model.get(format));
    let fonts = with_fallback(&panel.font);
    let line = measure::line_in(program, context.model, format, &fonts, panel.node);
    let um = |size: u64| u32::try_from(measure::in_um(size, panel.size_mpt)).unwrap_or(u32::MAX);
    Area {
        left_um: panel.x_um,
        top_um: panel.y_um,
        width_um: um(line.sum),
        height_um: um(PANEL_LINE),
    }
}

fn clear(
    context: &mut Context<'_>,
    entry: Option<&MEntry>,
    decl: &Decl,
    what: &str,
    at: Area,
    kept: &[(String, Area)],
) {
    let span = entry.map_or(decl.span, |e| e.span);
    // A panel that is too wide has said so.
    if !what.starts_with("panel") && !at.on_card() {
        let message = format!("{what} reaches over the card's edge");
        context.push(
            Problem::error("E0804", span, message)
                .help("a card has 85.60 mm by 53.98 mm, counted from its top left corner"),
        );
    }
    for (name, zone) in kept.iter().filter(|(_, zone)| zone.overlaps(&at)) {
        let mm = |um: u32| format!("{}.{}", um / 1_000, um / 100 % 10);
        let message = format!("{what} reaches into {name}");
        let help = format!(
            "that lies at ({} mm, {} mm) and is {} by {} mm: move {what} away",
            mm(zone.left_um),
            mm(zone.top_um),
            mm(zone.width_um),
            mm(zone.height_um)
        );
        context.push(Problem::error("E0829", span, message).help(help));
    }
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
        Some(Op::Lookup {
            table,
            column,
            otherwise,
            ..
        }) => {
            let name = context.shared.tables.get(*table as usize);
            let table = name.and_then(|n| context.model.table(n));
            let cells = table.map(|t| t.table.rows.iter().map(|r| r.cells.get(*column as usize)));
            let fits = |cell: Option<&String>| {
                cell.is_some_and(|cell| cell.chars().all(|c| on_drum(c, numeric)))
            };
            cells.is_some_and(|mut cells| cells.all(fits)) && otherwise.is_none_or(|id| all(&[id]))
        }
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
    let mut formats = context.frame.formats.iter();
    let format = formats.find(|f| f.name == program.format);
    let found = format
        .and_then(|f| f.records.iter().find(|r| r.name == record))
        .and_then(|r| r.fields.iter().find(|f| f.name == field));
    found.is_some_and(|f| match f.field_type {
        FieldType::Pan | FieldType::Digits { .. } => f.secrecy <= Secrecy::Cardholder,
        FieldType::Alphanumeric { .. } => !numeric,
        _ => false,
    })
}
