//! Items of a layout become neutral marks: values put in, tables laid out.

use crate::{StationError, faces, pictures};
use cardwright_bundle::{
    Align, FontUse, Item, ItemKind, OrderPicture, Rect, Symbology, Table, TableRow,
};
use cardwright_ports::{
    hsm::SealedPin,
    paper::{self, Alignment, Area, Colour, Mark, Placed},
};
use cardwright_runtime::{
    RuntimeError,
    plan::{Fields, Values},
};
use cardwright_standards::symbol;

/// Ink of text that names none.
const INK: Colour = Colour(0x16, 0x1C, 0x24);
/// Height of a caption in parts of its size, as the compiler reckoned it.
const CAPTION: (u32, u32) = (13, 10);

/// What an item draws, and the sealed PIN that goes there.
#[derive(Default)]
pub(super) struct Drawn {
    /// Marks.
    pub(super) marks: Vec<Placed>,
    /// PIN.
    pub(super) pin: Option<SealedPin>,
}

impl From<Vec<Placed>> for Drawn {
    fn from(marks: Vec<Placed>) -> Self {
        Self { marks, pin: None }
    }
}

/// The order's record and its name.
type Own<'o> = (&'o dyn Fields, &'o str);

/// Draws one item; `own` is the order's record with its name, for its pictures.
pub(super) fn draw(item: &Item, values: &Values, own: Own<'_>) -> Result<Drawn, StationError> {
    let at = area(&item.at);
    let mut drawn = Drawn::default();
    let mark = match &item.draw {
        ItemKind::Text {
            node,
            fonts,
            size_mpt,
            leading_mpt,
            align,
            wrap,
            shrink_mpt,
            colour,
        } => Mark::Text {
            lines: values.get(*node)?.lines().ok_or_else(broken)?,
            fonts: fonts.clone(),
            size_mpt: *size_mpt,
            smallest_mpt: shrink_mpt.unwrap_or(*size_mpt),
            wrap: *wrap,
            leading_mpt: *leading_mpt,
            alignment: alignment(*align),
            colour: colour.as_deref().map_or(INK, faces::colour),
            spacing_mpt: 0,
        },
        ItemKind::Pin {
            node,
            font,
            size_mpt,
        } => {
            drawn.pin = Some(values.get(*node)?.pin().ok_or_else(broken)?.clone());
            Mark::Pin {
                font: font.clone(),
                size_mpt: *size_mpt,
            }
        }
        ItemKind::DataMatrix { node } => Mark::DataMatrix {
            content: values.text(*node)?.to_owned(),
        },
        ItemKind::Symbol {
            node,
            symbology,
            level,
            check_digit,
            caption,
        } => {
            let content = content(values.text(*node)?, *check_digit)?;
            drawn.marks = symbol_marks(at, (*symbology, *level), content, caption.as_ref());
            return Ok(drawn);
        }
        ItemKind::Image { asset, order } => match picture(asset, order.as_ref(), own)? {
            Some(mark) => mark,
            None => return Ok(drawn),
        },
        ItemKind::Line { colour, dash_um } => Mark::Line {
            colour: faces::colour(colour),
            dash_um: *dash_um,
        },
        ItemKind::Rule { colour } => Mark::Fill {
            colour: faces::colour(colour),
            radius_um: 0,
        },
        ItemKind::Table(table) => return Ok(table_marks(at, table, values)?.into()),
        // The card itself lies here; the carrier shows its place, not a picture with a PAN.
        ItemKind::Face { .. } => return Ok(drawn),
    };
    drawn.marks.push(Placed { area: at, mark });
    Ok(drawn)
}

/// A picture of the bundle, or of the order: its own, else the placeholder, else nothing.
pub(crate) fn picture(
    asset: &str,
    order: Option<&OrderPicture>,
    (fields, record): (&dyn Fields, &str),
) -> Result<Option<Mark>, StationError> {
    if let Some(order) = order
        && let Some(picture) = pictures::of_order(fields, record, order)?
    {
        let fit = pictures::fit(order.fit);
        return Ok(Some(Mark::Picture { picture, fit }));
    }
    let name = asset.to_owned();
    Ok((!asset.is_empty()).then_some(Mark::Image { name }))
}

fn broken() -> RuntimeError {
    RuntimeError::new("R1101", "a page value of another type", "build it again")
}

fn area(at: &Rect) -> Area {
    Area {
        x_um: at.x_um,
        y_um: at.y_um,
        width_um: at.width_um,
        height_um: at.height_um,
    }
}

fn alignment(align: Align) -> Alignment {
    match align {
        Align::Start => Alignment::Start,
        Align::Middle => Alignment::Middle,
        Align::End => Alignment::End,
        Align::Justify => Alignment::Justify,
    }
}

fn content(text: &str, check_digit: bool) -> Result<String, StationError> {
    if !check_digit {
        return Ok(text.to_owned());
    }
    let digit = symbol::check_digit(text).ok_or_else(broken)?;
    Ok(format!("{text}{digit}"))
}

fn symbol_marks(
    at: Area,
    (symbology, level): (Symbology, u8),
    content: String,
    caption: Option<&FontUse>,
) -> Vec<Placed> {
    let symbology = match symbology {
        Symbology::Code128 => paper::Symbology::Code128,
        Symbology::Itf => paper::Symbology::Itf,
        Symbology::Pdf417 => paper::Symbology::Pdf417(level),
        Symbology::Qr => paper::Symbology::Qr(level),
    };
    let mut bars = at;
    let mut marks = Vec::new();
    if let Some(font) = caption {
        // 1 pt is 127/360 mm.
        let size_um = font.size_mpt.saturating_mul(127) / 360;
        let below = size_um.saturating_mul(CAPTION.0) / CAPTION.1;
        bars.height_um = at.height_um.saturating_sub(below);
        let mut area = at;
        area.y_um = at.y_um.saturating_add(bars.height_um);
        area.height_um = below;
        let mark = Mark::Text {
            lines: vec![content.clone()],
            fonts: vec![font.font.clone()],
            size_mpt: font.size_mpt,
            smallest_mpt: font.size_mpt,
            wrap: false,
            leading_mpt: font.size_mpt,
            alignment: Alignment::Middle,
            colour: INK,
            spacing_mpt: 0,
        };
        marks.push(Placed { area, mark });
    }
    let mark = Mark::Symbol { symbology, content };
    marks.insert(0, Placed { area: bars, mark });
    marks
}

/// Rows that are there, from the top; a cell that is a list makes a row of each of its lines.
fn table_marks(at: Area, table: &Table, values: &Values) -> Result<Vec<Placed>, StationError> {
    let mut marks = Vec::new();
    let mut y_um = at.y_um;
    let bottom = at.y_um.saturating_add(at.height_um);
    for row in &table.rows {
        if row.when.map(|id| values.flag(id)).transpose()? == Some(false) {
            continue;
        }
        let cells = row
            .cells
            .iter()
            .map(|id| Ok(values.get(*id)?.lines().ok_or_else(broken)?))
            .collect::<Result<Vec<Vec<String>>, StationError>>()?;
        let count = cells.iter().map(Vec::len).max().unwrap_or(0);
        for number in 0..count {
            if y_um.saturating_add(table.row_um) > bottom {
                let what = "a table has more rows than its box";
                return Err(StationError::new("R1101", what, "build the bundle again"));
            }
            row_marks(&mut marks, (at, y_um), table, row, &cells, number);
            y_um = y_um.saturating_add(table.row_um);
        }
    }
    Ok(marks)
}

fn row_marks(
    marks: &mut Vec<Placed>,
    (at, y_um): (Area, u32),
    table: &Table,
    row: &TableRow,
    cells: &[Vec<String>],
    number: usize,
) {
    let total: u32 = table.columns.iter().map(|c| c.width_um).sum();
    let mut across = 0_u32;
    for (column, cell) in table.columns.iter().zip(cells) {
        let start = if table.right_to_left {
            total.saturating_sub(across).saturating_sub(column.width_um)
        } else {
            across
        };
        across = across.saturating_add(column.width_um);
        // A text that stands beside a list stands in the list's first row.
        let Some(line) = cell.get(number).filter(|line| !line.is_empty()) else {
            continue;
        };
        let mut fonts = table.fonts.clone();
        if let Some(font) = table.head_font.clone().filter(|_| row.head) {
            fonts.insert(0, font);
        }
        let padding = table.padding_um.min(column.width_um / 3);
        marks.push(Placed {
            area: Area {
                x_um: at.x_um.saturating_add(start).saturating_add(padding),
                y_um: y_um.saturating_add(upper(table)),
                width_um: column.width_um.saturating_sub(2 * padding),
                height_um: table.row_um.saturating_sub(upper(table)),
            },
            mark: Mark::Text {
                lines: vec![line.clone()],
                fonts,
                size_mpt: table.size_mpt,
                smallest_mpt: table.shrink_mpt.unwrap_or(table.size_mpt),
                wrap: table.wrap,
                leading_mpt: table.leading_mpt,
                alignment: alignment(column.align),
                colour: INK,
                spacing_mpt: 0,
            },
        });
    }
    if table.rule_um > 0 {
        let below = y_um.saturating_add(table.row_um);
        marks.push(Placed {
            area: Area {
                x_um: at.x_um,
                y_um: below.saturating_sub(table.rule_um),
                width_um: total,
                height_um: table.rule_um,
            },
            mark: Mark::Fill {
                colour: faces::colour(&table.colour),
                radius_um: 0,
            },
        });
    }
}

/// A single line stands in the middle of its row; wrapped cells begin at the top.
fn upper(table: &Table) -> u32 {
    if table.wrap {
        return 0;
    }
    let line_um = table.leading_mpt.saturating_mul(127) / 360;
    table.row_um.saturating_sub(line_um.saturating_add(20)) / 2
}
