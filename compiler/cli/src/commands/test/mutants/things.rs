//! Mutants of what is not a node: groupings, tracks, panels, items of pages, products, files.

use super::{Mutant, Scope};
use cardwright_bundle::{Card, Content, Format, Item, ItemKind, Job, Layout};
use serde::Serialize;
use serde_json::{Value, to_value};

/// How far a thing is moved, micrometres: three millimetres are seen by anybody.
const MOVED_UM: u32 = 3_000;

/// Mutants of cards, layouts, jobs and formats.
pub(super) fn of(content: &Content) -> Vec<Mutant> {
    let mut all = Collected::default();
    for (at, card) in content.cards.iter().enumerate() {
        all.card(&format!("/cards/{at}"), card);
    }
    for (at, layout) in content.layouts.iter().enumerate() {
        all.layout(&format!("/layouts/{at}"), layout);
    }
    for (at, job) in content.jobs.iter().enumerate() {
        all.job(&format!("/jobs/{at}"), job, content);
    }
    for (at, format) in content.formats.iter().enumerate() {
        all.format(&format!("/formats/{at}"), format, content);
    }
    all.0
}

#[derive(Default)]
struct Collected(Vec<Mutant>);

/// Where a mutant belongs.
struct Place<'p> {
    scope: &'p Scope,
    span: u32,
    family: &'static str,
}

impl Collected {
    fn add(
        &mut self,
        place: &Place<'_>,
        pointer: String,
        old: &impl Serialize,
        new: &impl Serialize,
        what: String,
    ) {
        self.0.push(Mutant {
            pointer,
            old: to_value(old).unwrap_or(Value::Null),
            new: to_value(new).unwrap_or(Value::Null),
            span: place.span,
            family: place.family,
            what,
            scope: place.scope.clone(),
        });
    }

    /// A list without one of its things.
    fn without<T: Serialize + Clone>(
        &mut self,
        place: &Place<'_>,
        pointer: String,
        list: &[T],
        at: usize,
        what: String,
    ) {
        let mut new = list.to_vec();
        if at < new.len() {
            new.remove(at);
            self.add(place, pointer, &list, &new, what);
        }
    }

    fn card(&mut self, pointer: &str, card: &Card) {
        let scope = &Scope::Card(card.name.clone());
        let place = |family| Place {
            scope,
            span: card.span,
            family,
        };
        let chip = card.chip.iter().flat_map(|c| &c.applications).enumerate();
        for (n, application) in chip {
            let name = &application.name;
            let here = format!("{pointer}/chip/applications/{n}");
            if application.when.is_some() {
                let what = format!("`{name}` is there whatever its condition");
                let (pointer, old) = (format!("{here}/when"), &application.when);
                self.add(&place("application"), pointer, old, &None::<u32>, what);
            }
            for (at, dgi) in application.dgis.iter().enumerate() {
                let what = format!("`{name}` loses grouping {:04X}", dgi.number);
                let list = format!("{here}/dgis");
                self.without(&place("grouping"), list, &application.dgis, at, what);
            }
        }
        if let Some(stripe) = &card.stripe {
            for (track, node) in [("track1", stripe.track1), ("track2", stripe.track2)] {
                let what = format!("the stripe loses {track}");
                let here = format!("{pointer}/stripe/{track}");
                self.add(&place("track"), here, &node, &None::<u32>, what);
            }
        }
        for (n, face) in card.faces.iter().enumerate() {
            let here = format!("{pointer}/faces/{n}");
            for (at, panel) in face.print.iter().enumerate() {
                let what = format!("panel `{}` moves by 3 mm", panel.name);
                let (old, new) = (panel.x_um, panel.x_um + MOVED_UM);
                let x = format!("{here}/print/{at}/x_um");
                self.add(&place("face"), x, &old, &new, what);
            }
            for (at, line) in face.emboss.iter().enumerate() {
                let what = format!("line {} is not embossed", line.line);
                let list = format!("{here}/emboss");
                self.without(&place("face"), list, &face.emboss, at, what);
            }
        }
    }

    fn layout(&mut self, pointer: &str, layout: &Layout) {
        let scope = &Scope::Layout(layout.name.clone());
        self.items(scope, pointer, &layout.items);
        for (at, page) in layout.pages.iter().enumerate() {
            self.items(scope, &format!("{pointer}/pages/{at}"), &page.items);
        }
    }

    fn items(&mut self, scope: &Scope, pointer: &str, items: &[Item]) {
        for (at, item) in items.iter().enumerate() {
            let place = &Place {
                scope,
                span: item.span,
                family: "layout item",
            };
            if matches!(item.draw, ItemKind::Face { .. }) {
                continue;
            }
            let here = format!("{pointer}/items/{at}");
            let (old, new) = (item.at.y_um, item.at.y_um + MOVED_UM);
            let what = "the item moves down by 3 mm".to_owned();
            self.add(place, format!("{here}/at/y_um"), &old, &new, what);
            let what = "the item is gone".to_owned();
            self.without(place, format!("{pointer}/items"), items, at, what);
            if item.when.is_some() {
                let what = "the item is drawn whatever its condition".to_owned();
                self.add(
                    place,
                    format!("{here}/when"),
                    &item.when,
                    &None::<u32>,
                    what,
                );
            }
            if let ItemKind::Text { size_mpt, .. } | ItemKind::Pin { size_mpt, .. } = &item.draw {
                let smaller = size_mpt.saturating_mul(3) / 4;
                let what = "the item is printed smaller by a quarter".to_owned();
                let size = format!("{here}/draw/size_mpt");
                self.add(place, size, size_mpt, &smaller, what);
            }
            if let ItemKind::Table(table) = &item.draw {
                for number in 0..table.rows.len() {
                    let what = format!("row {} of the table is gone", number + 1);
                    let rows = format!("{here}/draw/rows");
                    self.without(place, rows, &table.rows, number, what);
                }
            }
        }
    }

    fn job(&mut self, pointer: &str, job: &Job, content: &Content) {
        let scope = &Scope::Job(job.name.clone());
        let place = |family| Place {
            scope,
            span: job.span,
            family,
        };
        for (n, product) in job.products.iter().enumerate() {
            let here = format!("{pointer}/products/{n}");
            if let Some(other) = content.cards.iter().find(|c| c.name != product.card) {
                let what = format!(
                    "product `{}` becomes `{}` in the place of `{}`",
                    product.code, other.name, product.card
                );
                let card = format!("{here}/card");
                self.add(&place("product"), card, &product.card, &other.name, what);
            }
            for (at, used) in product.scenarios.iter().enumerate() {
                let (code, name) = (&product.code, &used.scenario);
                let what = format!("product `{code}` is not validated by `{name}`");
                let list = format!("{here}/scenarios");
                self.without(&place("scenario"), list, &product.scenarios, at, what);
            }
        }
        for (at, output) in job.outputs.iter().enumerate() {
            let what = format!("file `{}` is not written", output.format);
            let list = format!("{pointer}/outputs");
            self.without(&place("file"), list, &job.outputs, at, what);
        }
        for at in 0..job.accept.len() {
            let what = format!("condition {} on orders is gone", at + 1);
            let list = format!("{pointer}/accept");
            self.without(&place("order rule"), list, &job.accept, at, what);
        }
        if job.carrier.is_some() {
            let what = "the job has no carrier".to_owned();
            let here = format!("{pointer}/carrier");
            self.add(&place("page"), here, &job.carrier, &None::<String>, what);
        }
        if job.labels.is_some() {
            let what = "the job has no labels".to_owned();
            let here = format!("{pointer}/labels");
            self.add(&place("page"), here, &job.labels, &None::<String>, what);
        }
        if job.mailer.is_some() {
            let what = "the job has no mailer".to_owned();
            let here = format!("{pointer}/mailer");
            self.add(&place("page"), here, &job.mailer, &None::<u32>, what);
        }
    }

    fn format(&mut self, pointer: &str, format: &Format, content: &Content) {
        let scope = &Scope::Format(format.name.clone());
        let written = content.jobs.iter().flat_map(|j| &j.outputs);
        let is_output = written.into_iter().any(|o| o.format == format.name);
        let is_input = content.jobs.iter().any(|j| j.input == format.name);
        for (n, record) in format.records.iter().enumerate() {
            for (at, field) in record.fields.iter().enumerate() {
                let here = format!("{pointer}/records/{n}/fields/{at}");
                let name = format!("{}.{}", record.name, field.name);
                if is_output && field.value.is_some() {
                    let place = &Place {
                        scope,
                        span: field.span,
                        family: "file",
                    };
                    let what = format!("`{name}` stays blank");
                    self.add(
                        place,
                        format!("{here}/value"),
                        &field.value,
                        &None::<u32>,
                        what,
                    );
                }
                if is_input && field.optional {
                    let place = &Place {
                        scope,
                        span: field.span,
                        family: "optional field",
                    };
                    let what = format!("`{name}` may not be left out");
                    self.add(place, format!("{here}/optional"), &true, &false, what);
                }
            }
        }
        if is_input {
            for at in 0..format.rules.len() {
                let place = &Place {
                    scope,
                    span: format.span,
                    family: "order rule",
                };
                let what = format!("rule {} on orders is gone", at + 1);
                self.without(place, format!("{pointer}/rules"), &format.rules, at, what);
            }
        }
    }
}
