//! Page layouts: mailers and carriers, with every mark inside its page and clear of the PIN window.

mod geometry;

use super::{Context, fonts, read};
use crate::diagnostics::Problem;
use crate::elaborate::constants::{length_um, size_mpt};
use crate::elaborate::{Elaborator, Typed};
use crate::model::{Decl, MEntry, MExpr, MKind, Span};
use crate::secrecy::Sink;
use crate::types::{Lengths, Type};
use cardwright_bundle::{Align, FaceSide, Item, ItemKind, Layout, Rect};

/// A4, when a layout names no page.
const A4: (u32, u32) = (210_000, 297_000);
/// Text font when none is named.
const TEXT_FONT: (&str, u32) = ("Noto Sans", 10_000);
/// PIN font when none is named.
const PIN_FONT: (&str, u32) = ("OCR-B", 14_000);

/// Lowers all layouts.
pub(super) fn lower(context: &mut Context<'_>) {
    let model = context.model;
    for decl in model.concrete("layout") {
        let Some((format, record)) = decl.for_record.clone() else {
            continue;
        };
        let purpose = decl.attribute("purpose").and_then(read::word);
        let purpose = purpose.unwrap_or_else(|| "carrier".to_owned());
        let mut elaborator = Elaborator::new(model, &mut context.shared, &format, &record);
        let mut page = Page {
            elaborator: &mut elaborator,
            decl,
            mailer: purpose == "mailer",
            fallback: fallback(decl),
            fonts: Vec::new(),
            items: Vec::new(),
        };
        page.items();
        let (items, used) = (page.items, page.fonts);
        let program = elaborator.finish();
        let program = context.add_program(program);
        for (font, span) in used {
            fonts::add(context, &font, span);
        }
        let layout = assemble(context, decl, purpose, program, items);
        geometry::check(context, decl, &layout);
        context.content.layouts.push(layout);
    }
}

fn assemble(
    context: &mut Context<'_>,
    decl: &Decl,
    purpose: String,
    program: u32,
    items: Vec<Item>,
) -> Layout {
    let size = decl.attribute("page").and_then(|e| {
        let (w, h) = crate::elaborate::constants::point_um(e.single()?)?;
        Some((u32::try_from(w).ok()?, u32::try_from(h).ok()?))
    });
    let (width_um, height_um) = size.unwrap_or(A4);
    let stock = decl.attribute("stock");
    let window = stock
        .and_then(|e| e.inner("window"))
        .and_then(|e| read::rect(e, None, &mut context.shared.findings));
    Layout {
        name: decl.name.clone(),
        purpose,
        program,
        width_um,
        height_um,
        background: background(context, decl),
        window,
        stock: stock
            .and_then(read::word)
            .unwrap_or_else(|| "plain".to_owned()),
        items,
        span: context.shared.spans.id(decl.span),
    }
}

fn background(context: &mut Context<'_>, decl: &Decl) -> Option<String> {
    let entry = decl.attribute("background")?;
    let path = read::file(entry)?;
    let reason = match context.project.asset(&path) {
        Ok(bytes) if bytes.starts_with(b"%PDF-") => {
            let asset = ("application/pdf".to_owned(), bytes);
            context.assets.insert(path.clone(), asset);
            return Some(path);
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

struct Page<'e, 'a> {
    elaborator: &'e mut Elaborator<'a>,
    decl: &'a Decl,
    mailer: bool,
    fallback: Vec<String>,
    fonts: Vec<(String, Span)>,
    items: Vec<Item>,
}

impl<'a> Page<'_, 'a> {
    fn items(&mut self) {
        for entry in &self.decl.entries {
            if entry.block.is_none() {
                continue;
            }
            let item = match entry.word(0) {
                Some("text") => self.text(entry),
                Some("pin") => self.pin(entry),
                Some("barcode") => self.barcode(entry),
                Some("bar") => self.bar(entry),
                Some("face") => self.face(entry),
                _ => continue,
            };
            let Some((at, draw)) = item else {
                continue;
            };
            let when = self.when(entry);
            let span = self.elaborator.span_id(entry.span);
            self.items.push(Item {
                at,
                draw,
                when,
                span,
            });
        }
    }

    fn when(&mut self, entry: &'a MEntry) -> Option<u32> {
        let term = entry.clause("when")?.single()?;
        let flag = self.elaborator.expr(term, Some(&Type::Flag))?;
        self.elaborator
            .sink(&flag, Sink::Condition, "what is drawn", entry.span);
        Some(flag.node)
    }

    fn place(&mut self, entry: &MEntry, size: Option<&str>) -> Option<Rect> {
        let Some(at) = entry.inner("at") else {
            let message = "this item has no place on the page";
            let problem = Problem::error("E0812", entry.span, message);
            let help = "write `at = (25 mm, 50 mm, 85 mm, 30 mm)`";
            self.elaborator.findings().push(problem.help(help));
            return None;
        };
        let size = size.and_then(|s| entry.inner(s));
        read::rect(at, size, self.elaborator.findings())
    }

    fn font(&mut self, entry: &MEntry, default: (&str, u32)) -> (String, u32) {
        let font = entry.inner("font").and_then(read::font);
        let font = font.unwrap_or((default.0.to_owned(), default.1));
        self.fonts.push((font.0.clone(), entry.span));
        font
    }

    fn sink(&mut self, value: &Typed, what: &str, span: Span) {
        let sink = if self.mailer {
            Sink::MailerText
        } else {
            Sink::CarrierText
        };
        self.elaborator.sink(value, sink, what, span);
    }

    fn text(&mut self, entry: &'a MEntry) -> Option<(Rect, ItemKind)> {
        let at = self.place(entry, None)?;
        let lines = entry.inner("lines")?;
        let want = Type::Lines {
            count: 99,
            each: Lengths::up_to(200),
        };
        let value = self.elaborator.phrase(lines.value.as_ref()?, Some(&want))?;
        self.sink(&value, "a text of the page", lines.span);
        let (font, size) = self.font(entry, TEXT_FONT);
        let leading = entry.inner("leading").and_then(|e| {
            let term = e.single()?;
            size_mpt(term).or_else(|| {
                // Other units: 1 pt is 127/360 mm.
                u32::try_from(length_um(term)? * 360 / 127).ok()
            })
        });
        let leading_mpt = leading.unwrap_or(size / 5 * 6);
        self.fits(entry, &value, &at, leading_mpt);
        let mut fonts = vec![font];
        for name in self.fallback.clone() {
            if !fonts.contains(&name) {
                self.fonts.push((name.clone(), entry.span));
                fonts.push(name);
            }
        }
        let align = match entry.inner("align").and_then(read::word).as_deref() {
            Some("middle") => Align::Middle,
            Some("end") => Align::End,
            _ => Align::Start,
        };
        let text = ItemKind::Text {
            node: value.node,
            fonts,
            size_mpt: size,
            leading_mpt,
            align,
        };
        Some((at, text))
    }

    /// As many lines as the list may have, one below the other, have room in the box. Whether the
    /// widest line does is measured where it is drawn, with the font's own metrics.
    fn fits(&mut self, entry: &MEntry, value: &Typed, at: &Rect, leading_mpt: u32) {
        let Type::Lines { count, .. } = value.ty else {
            return;
        };
        let needed = u64::from(count) * u64::from(leading_mpt) * 127 / 360;
        if count < 99 && needed > u64::from(at.height_um) {
            let message = format!(
                "{count} lines need {} mm, the box is {} mm high",
                needed.div_ceil(1_000),
                at.height_um / 1_000
            );
            let problem = Problem::error("E0811", entry.span, message);
            let help = "make the box higher, the font smaller, or the lines fewer";
            self.elaborator.findings().push(problem.help(help));
        }
    }

    fn pin(&mut self, entry: &'a MEntry) -> Option<(Rect, ItemKind)> {
        let at = self.place(entry, Some("size"))?;
        let value = entry.inner("value")?;
        let pin = self
            .elaborator
            .phrase(value.value.as_ref()?, Some(&Type::Pin))?;
        if self.mailer {
            self.elaborator
                .sink(&pin, Sink::MailerPin, "the PIN of the mailer", entry.span);
        } else {
            let problem = Problem::error("E0603", entry.span, "only a mailer may show a PIN");
            let help = "a PIN and a card never travel together (ISO 9564-1): take the PIN out";
            self.elaborator.findings().push(problem.help(help));
        }
        let (font, size_mpt) = self.font(entry, PIN_FONT);
        let pin = ItemKind::Pin {
            node: pin.node,
            font,
            size_mpt,
        };
        Some((at, pin))
    }

    fn barcode(&mut self, entry: &'a MEntry) -> Option<(Rect, ItemKind)> {
        let at = self.place(entry, Some("size"))?;
        let value = entry.inner("value")?;
        let text = self
            .elaborator
            .phrase(value.value.as_ref()?, Some(&Type::text()))?;
        // Anybody can read a symbol through a window.
        self.elaborator
            .sink(&text, Sink::Report, "the barcode", value.span);
        self.sink(&text, "the barcode", value.span);
        Some((at, ItemKind::DataMatrix { node: text.node }))
    }

    fn bar(&mut self, entry: &MEntry) -> Option<(Rect, ItemKind)> {
        let colour = entry.inner("colour").and_then(read::text);
        let colour = colour.unwrap_or_else(|| "000000".to_owned());
        Some((self.place(entry, None)?, ItemKind::Rule { colour }))
    }

    fn face(&mut self, entry: &MEntry) -> Option<(Rect, ItemKind)> {
        let side = match entry.head.get(1).and_then(MExpr::word) {
            Some("back") => FaceSide::Back,
            _ => FaceSide::Front,
        };
        Some((self.place(entry, None)?, ItemKind::Face { side }))
    }
}
