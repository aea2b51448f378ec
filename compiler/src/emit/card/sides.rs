//! A card's faces: in a check they are made by themselves, so that what changes on them leaves chip
//! and stripe as they were, and the other way round.

use super::super::{Context, drawn, fonts};
use super::{Facts, faces};
use crate::elaborate::Elaborator;
use crate::model::{Decl, Span, Spans};
use cardwright_bundle::{Face, Program};
use std::collections::HashMap;

/// What others need to know of a card's faces.
#[derive(Clone, Debug)]
pub(crate) struct Sides {
    /// Qualified name of the card.
    card: String,
    /// What a camera can read.
    pub(super) shown: Vec<String>,
    /// Whether anything is embossed.
    pub(super) embossed: bool,
    /// Whether anything is printed.
    pub(super) printed: bool,
    /// Fields whose pictures they show.
    pub(super) pictures: Vec<String>,
    /// Where the PINs of their program are drawn.
    pub(super) drawn: Vec<drawn::Site>,
}

impl Spans for Sides {
    fn spans(&mut self, visit: &mut dyn FnMut(&mut Span)) {
        self.drawn.iter_mut().flatten().for_each(visit);
    }
}

impl Sides {
    pub(super) fn of(context: &Context<'_>, decl: &Decl, program: u32, faces: &[Face]) -> Self {
        Self {
            card: decl.qualified.clone(),
            shown: faces.iter().flat_map(faces::shown).collect(),
            embossed: faces.iter().any(|f| !f.emboss.is_empty()),
            printed: faces.iter().any(faces::is_printed),
            pictures: faces::pictures(faces),
            drawn: drawn::sites(context, program),
        }
    }
}

/// Makes a card's faces.
pub(super) fn made<'a>(context: &mut Context<'a>, decl: &'a Decl) {
    let Some((format, record)) = &decl.for_record else {
        return;
    };
    let mut elaborator = Elaborator::new(context.model, &mut context.shared, format, record);
    let lowered = faces::lower(&mut elaborator, context.project, decl);
    let program = elaborator.finish();
    check(context, decl, &program, &lowered.faces);
    let program = context.add_program(program);
    let sides = Sides::of(context, decl, program, &lowered.faces);
    context.sides.push(sides);
}

/// Fonts, characters and places of what stands on a card.
pub(super) fn check(context: &mut Context<'_>, decl: &Decl, program: &Program, faces: &[Face]) {
    for face in faces {
        for panel in &face.print {
            fonts::add(context, &panel.font.clone(), decl.span);
            fonts::add(context, faces::FALLBACK_FONT, decl.span);
        }
        if !face.emboss.is_empty() {
            fonts::add(context, faces::EMBOSS_FONT, decl.span);
        }
    }
    faces::check(context, decl, program, faces);
    let has = |name: &str| decl.attribute(name).is_some();
    faces::zones(context, decl, program, faces, (has("chip"), has("stripe")));
}

/// Tells the cards what their faces show.
pub(super) fn put_on(context: &mut Context<'_>) {
    let sides = context.sides.drain(..);
    let mut sides: HashMap<String, Sides> = sides.map(|s| (s.card.clone(), s)).collect();
    for card in &mut context.cards {
        if let Some(sides) = sides.remove(&card.qualified) {
            put(card, sides);
        }
    }
}

fn put(card: &mut Facts, sides: Sides) {
    let drawn = sides.drawn.into_iter();
    let new: Vec<drawn::Site> = drawn.filter(|site| !card.drawn.contains(site)).collect();
    card.drawn.extend(new);
    card.shown = sides.shown;
    card.embossed = sides.embossed;
    card.printed = sides.printed;
    card.pictures = sides.pictures;
}
