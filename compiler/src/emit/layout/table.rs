//! Tables: rows and columns of text, with every cell measured.

use super::super::read;
use super::items::{Page, TEXT_FONT, align, colour, mm};
use super::measure::{self, Room};
use crate::diagnostics::Problem;
use crate::elaborate::Typed;
use crate::elaborate::constants::length_um;
use crate::model::{MEntry, MExpr, MItem, MKind, Span};
use crate::types::Type;
use cardwright_bundle::{Align, Column, ItemKind, Rect, Table, TableRow};

/// Most columns and rows.
const COLUMNS_MAX: usize = 20;
const ROWS_MAX: usize = 100;
/// Between a cell's edge and its text, micrometres.
const PADDING_UM: u32 = 1_000;

/// Size, smallest size, leading in thousandths of a point.
type Sizes = (u32, Option<u32>, u32);

impl<'a> Page<'_, 'a> {
    /// `table { columns = […]; head […]; row […] … }`.
    pub(super) fn table(&mut self, entry: &'a MEntry) -> Option<(Rect, ItemKind)> {
        let at = self.place(entry, None)?;
        let columns = self.columns(entry, &at)?;
        let (font, size_mpt) = self.font(entry, TEXT_FONT);
        let leading_mpt = Self::leading(entry, size_mpt);
        let shrink_mpt = self.shrink(entry, size_mpt);
        let fonts = self.with_fallback(font, entry.span);
        let head_font = entry.inner("head_font").and_then(read::text);
        if let Some(font) = &head_font {
            self.uses(font, entry.span);
        }
        // 1 pt is 127/360 mm.
        let line_um = u64::from(leading_mpt) * 127 / 360;
        let usual = u32::try_from(line_um * 3 / 2).unwrap_or(u32::MAX);
        let mut table = Table {
            columns,
            rows: Vec::new(),
            row_um: Self::length(entry, "row_height").unwrap_or(usual).max(1),
            padding_um: Self::length(entry, "padding").unwrap_or(PADDING_UM),
            fonts,
            head_font,
            size_mpt,
            leading_mpt,
            shrink_mpt,
            wrap: entry.inner("wrap").and_then(read::word).as_deref() == Some("true"),
            rule_um: Self::length(entry, "rule").unwrap_or(0),
            colour: colour(entry),
            right_to_left: entry.inner("direction").and_then(read::word).as_deref()
                == Some("right_to_left"),
        };
        let mut most = 0_usize;
        let rows = entry.entries().iter();
        for row in rows.filter(|e| matches!(e.word(0), Some("head" | "row"))) {
            most = most.saturating_add(self.row(&mut table, row)?);
        }
        let high = u64::from(table.row_um) * most as u64;
        if most > ROWS_MAX || high > u64::from(at.height_um) || table.rows.is_empty() {
            let message = format!(
                "the table may have {most} rows of {} mm, its box is {} mm high",
                mm(u64::from(table.row_um)),
                mm(u64::from(at.height_um))
            );
            self.refuse(entry.head_span(), message);
        }
        Some((at, ItemKind::Table(Box::new(table))))
    }

    fn refuse(&mut self, span: Span, message: String) {
        let help = "columns are widths, `[60 mm, 30 mm end]`; each row has one cell a column, \
                    `row [\"Cash\", order.fee]`; all of them must fit the table's box";
        self.say(Problem::error("E0823", span, message).help(help));
    }

    fn columns(&mut self, entry: &MEntry, at: &Rect) -> Option<Vec<Column>> {
        let given = entry.inner("columns")?;
        let items: &[MItem] = match given.single().map(|e| &e.kind) {
            Some(MKind::List(items)) => items,
            _ => &[],
        };
        let columns: Option<Vec<Column>> = items.iter().map(column).collect();
        let columns = columns.filter(|c| (1..=COLUMNS_MAX).contains(&c.len()));
        let total = columns
            .iter()
            .flatten()
            .map(|c| u64::from(c.width_um))
            .sum::<u64>();
        let Some(columns) = columns else {
            self.refuse(given.span, "the columns are not understood".to_owned());
            return None;
        };
        if total > u64::from(at.width_um) {
            let message = format!(
                "the columns are {} mm wide, the table {} mm",
                mm(total),
                mm(u64::from(at.width_um))
            );
            self.refuse(given.span, message);
        }
        Some(columns)
    }

    /// Lowers a row and gives the most rows that it becomes.
    fn row(&mut self, table: &mut Table, entry: &'a MEntry) -> Option<usize> {
        let items: &'a [MItem] = match entry.head.get(1).map(|e| &e.kind) {
            Some(MKind::List(items)) => items,
            _ => &[],
        };
        if items.len() != table.columns.len() || items.iter().any(|i| i.spread) {
            let message = format!(
                "the row has {} cells, the table {} columns",
                items.len(),
                table.columns.len()
            );
            self.refuse(entry.head_span(), message);
            return None;
        }
        let head = entry.word(0) == Some("head");
        let mut most = 1_usize;
        let mut cells = Vec::new();
        for (item, column) in items.iter().zip(table.columns.clone()) {
            let cell = self.cell(item)?;
            most = most.max(self.measured(table, head, column, &cell, item.phrase.span));
            cells.push(cell.node);
        }
        let when = self.when_of_row(entry);
        table.rows.push(TableRow { cells, when, head });
        Some(most)
    }

    fn when_of_row(&mut self, entry: &'a MEntry) -> Option<u32> {
        // The table's language is the table's own condition, not the row's.
        let language = self.condition.take();
        let when = self.when(entry);
        self.condition = language;
        when
    }

    fn cell(&mut self, item: &'a MItem) -> Option<Typed> {
        let span = item.phrase.span;
        let typed = self.elaborator.phrase(&item.phrase, None)?;
        let listed = matches!(typed.ty, Type::Lines { .. });
        let cell = if listed {
            typed
        } else {
            self.elaborator.coerce(typed, &Type::text(), span)?
        };
        self.sink(&cell, "a cell of the table", span);
        Some(cell)
    }

    fn measured(
        &mut self,
        table: &Table,
        head: bool,
        column: Column,
        cell: &Typed,
        span: Span,
    ) -> usize {
        let mut fonts = table.fonts.clone();
        if let Some(font) = table.head_font.clone().filter(|_| head) {
            fonts.insert(0, font);
        }
        let lines = measure::lines_of(self.elaborator, self.format, &fonts, cell);
        let room = Room {
            width_um: column.width_um.saturating_sub(2 * table.padding_um).max(1),
            height_um: table.row_um,
            wrap: table.wrap,
        };
        let sizes: Sizes = (table.size_mpt, table.shrink_mpt, table.leading_mpt);
        for line in &lines {
            let before = self.elaborator.findings().len();
            self.fits(span, std::slice::from_ref(line), room, sizes);
            if self.elaborator.findings().len() > before {
                break; // once for each cell
            }
        }
        lines.len()
    }
}

fn column(item: &MItem) -> Option<Column> {
    let terms: &[MExpr] = &item.phrase.terms;
    let width = u32::try_from(length_um(terms.first()?)?).ok()?;
    let align = match terms.get(1).map(MExpr::word) {
        None => Align::Start,
        Some(word @ Some("start" | "middle" | "end")) => align(word),
        Some(_) => return None,
    };
    (width > 0 && terms.len() <= 2).then_some(Column {
        width_um: width,
        align,
    })
}
