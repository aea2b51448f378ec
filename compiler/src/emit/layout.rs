//! Page layouts: mailers, carriers and labels, with every mark inside its page, every text inside
//! its box, and all of it clear of the PIN window and of what the stock forbids.

mod codes;
mod geometry;
mod items;
mod labels;
mod languages;
pub mod measure;
pub(super) mod pictures;
mod stock;
mod symbols;
mod table;

pub use codes::CODES;

use super::{Context, drawn, fonts, read};
use crate::diagnostics::{Change, Problem};
use crate::elaborate::Elaborator;
use crate::elaborate::constants::point_um;
use crate::model::{Decl, MEntry, MExpr, MKind};
use crate::session::{Keeper, Task};
use cardwright_bundle::{FurtherPage, Item, Layout, Rect};
use items::Page;
use stock::Paper;

/// A4, when neither layout nor stock names a page: what lies on it is still checked.
const A4: (u32, u32) = (210_000, 297_000);
/// Most pages behind the first.
const PAGES_MAX: i64 = 20;

/// Lowers all layouts.
pub(super) fn lower(context: &mut Context<'_>, keeper: Option<&mut Keeper<'_>>) {
    let layouts: Vec<&Decl> = context.model.concrete("layout").collect();
    context.pieces(keeper, Task::Layout, &layouts, layout);
}

fn layout<'a>(context: &mut Context<'a>, decl: &'a Decl) {
    let Some((format, record)) = &decl.for_record else {
        return;
    };
    let (model, project) = (context.model, context.project);
    let purpose = decl.attribute("purpose").and_then(read::word);
    let purpose = purpose.unwrap_or_else(|| "carrier".to_owned());
    let pages = pages_of(context, decl);
    let mut elaborator = Elaborator::new(model, &mut context.shared, format, record);
    let mut page = Page::new(&mut elaborator, project, decl, &purpose);
    page.items(&decl.entries);
    let first = page.take_items();
    let mut further = Vec::new();
    for entry in &pages {
        page.items(entry.entries());
        further.push(page.take_items());
    }
    let (used, assets) = page.finish();
    let program = elaborator.finish();
    let program = context.add_program(program);
    for (font, span) in used {
        fonts::add(context, &font, span);
    }
    context.assets.extend(assets);
    let paper = stock::of(context, decl);
    let mut layout = assemble(context, decl, purpose, &paper, first);
    layout.program = program;
    for (entry, items) in pages.into_iter().zip(further) {
        let background = entry
            .inner("background")
            .and_then(|b| background(context, b));
        layout.pages.push(FurtherPage { background, items });
    }
    layout.labels = labels::of(context, decl, (layout.width_um, layout.height_um));
    geometry::check(context, decl, &layout, &paper);
    context.letters.extend(drawn::letter(context, &layout));
    context.content.layouts.push(layout);
}

/// `page 2 { … }` and those after it, in order.
fn pages_of<'d>(context: &mut Context<'_>, decl: &'d Decl) -> Vec<&'d MEntry> {
    let number = |e: &MEntry| e.head.get(1).and_then(MExpr::integer);
    let mut found: Vec<(i64, &MEntry)> = decl
        .entries
        .iter()
        .filter(|e| e.word(0) == Some("page"))
        .filter_map(|e| Some((number(e)?, e)))
        .collect();
    found.sort_by_key(|(number, _)| *number);
    for ((number, entry), expected) in found.iter().zip(2_i64..) {
        if *number != expected || expected > PAGES_MAX + 1 {
            let message = format!("page {expected} is expected here, this is page {number}");
            let help = "the items of the first page stand in the layout itself; further pages are \
                        numbered from 2 without gaps, up to 21";
            context.push(Problem::error("E0825", entry.head_span(), message).help(help));
            break;
        }
    }
    found.into_iter().map(|(_, entry)| entry).collect()
}

fn assemble(
    context: &mut Context<'_>,
    decl: &Decl,
    purpose: String,
    paper: &Paper,
    items: Vec<Item>,
) -> Layout {
    let own = decl.attribute("page").and_then(|e| {
        let (w, h) = point_um(e.single()?)?;
        Some((u32::try_from(w).ok()?, u32::try_from(h).ok()?))
    });
    if let (Some(own), Some(paper)) = (own, paper.page)
        && own != paper
    {
        let span = read::span_of(decl, "page");
        let message = "the page is not as large as the stock's sheet";
        context.push(
            Problem::error("E0819", span, message)
                .help("leave `page` out: the stock says how large its sheets are")
                .fix(Change::Out(span)),
        );
    }
    let size = own.or(paper.page);
    if size.is_none() {
        let message = format!("layout `{}` has no page size", decl.name);
        context.push(
            Problem::error("E0819", decl.span, message)
                .help("write `page = (210 mm, 297 mm)`, or name a stock that has a size"),
        );
    }
    let (width_um, height_um) = size.unwrap_or(A4);
    let entry = decl.attribute("background");
    Layout {
        name: decl.name.clone(),
        purpose,
        program: 0,
        width_um,
        height_um,
        background: entry.and_then(|entry| background(context, entry)),
        window: paper.window,
        stock: paper.name.clone(),
        items,
        pages: Vec::new(),
        labels: None,
        zones: paper.shown((width_um, height_um)),
        span: context.shared.spans.id(decl.span),
    }
}

fn background(context: &mut Context<'_>, entry: &MEntry) -> Option<String> {
    let path = read::file(entry)?;
    let owner = context.model.sources.package(entry.span);
    let reason = match context.project.asset_of(owner, &path) {
        Ok(bytes) if bytes.starts_with(b"%PDF-") => {
            let asset = ("application/pdf".to_owned(), bytes);
            let name = owner.map_or_else(|| path.clone(), |label| format!("{label}/{path}"));
            context.assets.insert(name.clone(), asset);
            return Some(name);
        }
        Ok(_) => format!("`{path}` is no PDF"),
        Err(error) => error.to_string(),
    };
    context.push(
        Problem::error(
            "E0810",
            entry.span,
            format!("the background can't be used: {reason}"),
        )
        .help("name a one-page PDF of the project: `background = file(\"letter.pdf\")`"),
    );
    None
}

fn fallback(decl: &Decl) -> Vec<String> {
    let list = decl.attribute("fallback").and_then(MEntry::single);
    match list.map(|e| &e.kind) {
        Some(MKind::List(items)) => items
            .iter()
            .filter_map(|i| i.phrase.single()?.literal_text())
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether one rectangle lies in another.
pub(super) fn inside(inner: &Rect, outer: &Rect) -> bool {
    let end = |at: u32, size: u32| u64::from(at) + u64::from(size);
    inner.x_um >= outer.x_um
        && inner.y_um >= outer.y_um
        && end(inner.x_um, inner.width_um) <= end(outer.x_um, outer.width_um)
        && end(inner.y_um, inner.height_um) <= end(outer.y_um, outer.height_um)
}

/// Whether two rectangles share more than an edge.
pub(super) fn overlaps(a: &Rect, b: &Rect) -> bool {
    let end = |at: u32, size: u32| u64::from(at) + u64::from(size);
    u64::from(a.x_um) < end(b.x_um, b.width_um)
        && u64::from(b.x_um) < end(a.x_um, a.width_um)
        && u64::from(a.y_um) < end(b.y_um, b.height_um)
        && u64::from(b.y_um) < end(a.y_um, a.height_um)
}
