//! All branches of a bundle, each with its place and whether it was reached.

use super::{Coverage, Sides, roots};
use cardwright_bundle::{Content, FormatRule, NodeId, Op};
use std::collections::{BTreeMap, BTreeSet};

/// A branch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Source file; empty for what the compiler made.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// What it is, such as `choice`.
    pub kind: &'static str,
    /// Which side, in words.
    pub what: String,
    /// Whether a test took it.
    pub reached: bool,
}

/// How many branches were reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Reached.
    pub reached: usize,
    /// All.
    pub all: usize,
}

impl Tally {
    /// Of these branches.
    #[must_use]
    pub fn of(points: &[Point]) -> Self {
        Self {
            reached: points.iter().filter(|p| p.reached).count(),
            all: points.len(),
        }
    }

    /// Whole percents, rounded down: 100 means all. Nothing to reach is all reached.
    #[must_use]
    pub fn percent(self) -> usize {
        (self.reached * 100).checked_div(self.all).unwrap_or(100)
    }
}

/// File, line, column, kind, number among those of the same place, side.
type Key = (String, u32, u32, &'static str, usize, String);

impl Coverage {
    /// All branches, by place. The same source line in several cards is one branch: it is reached
    /// when one of them takes it.
    #[must_use]
    pub fn points(&self, content: &Content) -> Vec<Point> {
        let mut list = List {
            content,
            points: BTreeMap::new(),
        };
        self.choices(&mut list);
        self.pages(&mut list);
        self.orders(&mut list);
        let points = list.points.into_iter();
        let mut points: Vec<Point> = points
            .map(|((file, line, column, kind, _, what), reached)| Point {
                file,
                line,
                column,
                kind,
                what,
                reached,
            })
            .collect();
        points.sort();
        points
    }

    fn choices(&self, list: &mut List<'_>) {
        let live = live_nodes(list.content);
        for (index, program) in (0..).zip(&list.content.programs) {
            let mut numbers: BTreeMap<u32, usize> = BTreeMap::new();
            for (id, node) in (0..).zip(&program.nodes) {
                if !matches!(node.op, Op::Choose { .. }) || !live.contains(&(index, id)) {
                    continue;
                }
                let number = numbers.entry(node.span).or_default();
                *number += 1;
                let sides = self.choices.get(&(index, id)).copied();
                let words = ["the condition holds", "the condition does not hold"];
                list.both(node.span, ("choice", *number), words, sides);
            }
        }
    }

    fn pages(&self, list: &mut List<'_>) {
        for layout in &list.content.layouts {
            for item in roots::items(layout) {
                for part in roots::parts(item) {
                    let Some(when) = part.when else {
                        continue;
                    };
                    let sides = self.shown.get(&(layout.program, when)).copied();
                    let what = part.kind;
                    let words = [
                        format!("the {what} is drawn"),
                        format!("the {what} is left out"),
                    ];
                    let words = [words[0].as_str(), words[1].as_str()];
                    list.both(item.span, (what, part.number), words, sides);
                }
            }
        }
        for card in &list.content.cards {
            let program = list.content.programs.get(card.program as usize);
            for application in roots::applications(card) {
                let Some(when) = application.when else {
                    continue;
                };
                let node = program.and_then(|p| p.nodes.get(when as usize));
                let sides = self.shown.get(&(card.program, when)).copied();
                let name = &application.name;
                let words = [
                    format!("`{name}` is on the card"),
                    format!("`{name}` is left out"),
                ];
                let words = [words[0].as_str(), words[1].as_str()];
                let span = node.map_or(card.span, |n| n.span);
                list.both(span, ("application", 0), words, sides);
            }
            for (at, panel) in (1..).zip(roots::panels(card)) {
                let Some(when) = panel.when else {
                    continue;
                };
                let node = program.and_then(|p| p.nodes.get(when as usize));
                let sides = self.shown.get(&(card.program, when)).copied();
                let words = ["the panel is printed", "the panel is left out"];
                list.both(
                    node.map_or(card.span, |n| n.span),
                    ("panel", at),
                    words,
                    sides,
                );
            }
        }
    }

    fn orders(&self, list: &mut List<'_>) {
        for job in &list.content.jobs {
            for product in &job.products {
                let reached = self
                    .products
                    .contains(&(job.name.clone(), product.code.clone()));
                let what = format!("job `{}`, product `{}`", job.name, product.code);
                list.add(job.span, ("product", 0), what, reached);
            }
            let program = list.content.programs.get(job.program as usize);
            for (at, (condition, _)) in job.accept.iter().enumerate() {
                let sides = self.accepts.get(&(job.name.clone(), at)).copied();
                let node = program.and_then(|p| p.nodes.get(*condition as usize));
                let span = node.map(|n| n.span).filter(|span| *span != 0);
                let of = format!("job `{}`", job.name);
                list.rule(span.unwrap_or(job.span), at + 1, &of, sides);
            }
            let Some(input) = list.content.formats.iter().find(|f| f.name == job.input) else {
                continue;
            };
            for (at, rule) in input.rules.iter().enumerate() {
                let (FormatRule::Require { span, .. } | FormatRule::Unique { span, .. }) = rule;
                let sides = self.rules.get(&(input.name.clone(), at)).copied();
                list.rule(*span, at + 1, &format!("format `{}`", input.name), sides);
            }
            for record in &input.records {
                let first = record.fields.first().map_or(input.span, |f| f.span);
                let reached = self.records.contains(&record.name);
                let what = format!("an order with record `{}`", record.name);
                list.add(first, ("record", 0), what, reached);
                for field in record.fields.iter().filter(|f| f.optional) {
                    let key = (record.name.clone(), field.name.clone());
                    let name = &field.name;
                    let words = [format!("`{name}` is given"), format!("`{name}` is blank")];
                    let sides = self.fields.get(&key).copied();
                    let words = [words[0].as_str(), words[1].as_str()];
                    if record.name == job.record {
                        list.both(field.span, ("field", 0), words, sides);
                    }
                }
            }
        }
    }
}

struct List<'c> {
    content: &'c Content,
    points: BTreeMap<Key, bool>,
}

impl List<'_> {
    fn add(&mut self, span: u32, (kind, number): (&'static str, usize), what: String, hit: bool) {
        let place = self.content.spans.get(span as usize).filter(|_| span != 0);
        let (file, line, column) = place.map_or((String::new(), 0, 0), |place| {
            let source = self.content.sources.get(place.source as usize);
            let file = source.map(|s| s.path.clone()).unwrap_or_default();
            (file, place.line, place.column)
        });
        let key = (file, line, column, kind, number, what);
        *self.points.entry(key).or_default() |= hit;
    }

    /// A rule by its number among those of a job or format: several may stand at one place.
    fn rule(&mut self, span: u32, number: usize, of: &str, sides: Option<Sides>) {
        let words = [
            format!("rule {number} of {of} takes an order"),
            format!("rule {number} of {of} refuses an order"),
        ];
        let words = [words[0].as_str(), words[1].as_str()];
        self.both(span, ("rule", number), words, sides);
    }

    fn both(
        &mut self,
        span: u32,
        kind: (&'static str, usize),
        words: [&str; 2],
        sides: Option<Sides>,
    ) {
        let sides = sides.unwrap_or_default();
        for (word, hit) in words.into_iter().zip(sides) {
            self.add(span, kind, word.to_owned(), hit);
        }
    }
}

/// Nodes that something asks for, whatever the choices: program and node.
#[must_use]
pub fn live_nodes(content: &Content) -> BTreeSet<(u32, NodeId)> {
    let mut asked: Vec<(u32, NodeId)> = Vec::new();
    for card in &content.cards {
        let panels = roots::panels(card).flat_map(|p| p.when.into_iter().chain([p.node]));
        let applications = roots::applications(card);
        let held = applications.flat_map(|a| a.when.into_iter().chain(roots::application(a)));
        let nodes = roots::card(card).into_iter().chain(held).chain(panels);
        asked.extend(nodes.map(|n| (card.program, n)));
    }
    for layout in &content.layouts {
        let parts = roots::items(layout).flat_map(roots::parts);
        let nodes = parts.flat_map(|p| p.when.into_iter().chain(p.draws));
        asked.extend(nodes.map(|n| (layout.program, n)));
    }
    for job in &content.jobs {
        asked.extend(roots::job(job).into_iter().map(|n| (job.program, n)));
        for output in &job.outputs {
            let format = content.formats.iter().find(|f| f.name == output.format);
            for record in format.into_iter().flat_map(|f| &f.records) {
                if let (Some(program), false) = (record.program, record.once) {
                    let nodes = record.fields.iter().filter_map(|f| f.value);
                    asked.extend(nodes.map(|n| (program, n)));
                }
            }
        }
    }
    let mut live = BTreeSet::new();
    while let Some((program, id)) = asked.pop() {
        if !live.insert((program, id)) {
            continue;
        }
        let found = content.programs.get(program as usize);
        if let Some(node) = found.and_then(|p| p.nodes.get(id as usize)) {
            asked.extend(roots::arguments(&node.op).into_iter().map(|n| (program, n)));
        }
    }
    live
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn a_hundred_percent_is_all() {
        let percent = |reached, all| Tally { reached, all }.percent();
        assert_eq!(
            [percent(0, 0), percent(199, 200), percent(3, 3)],
            [100, 99, 100]
        );
    }
}
