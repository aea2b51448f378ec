//! Machine flows: known stations in a possible order, with what each needs.

use super::{Context, read};
use crate::diagnostics::{Change, Problem};
use crate::elaborate::constants::words;
use crate::model::{Decl, MEntry, MExpr, MKind, Span};
use cardwright_bundle::{Constant, Flow, Step};

/// Stations in the order in which a card can pass them.
pub(super) const STATIONS: [&str; 8] = [
    "feed", "chip", "stripe", "emboss", "print", "vision", "carrier", "insert",
];

/// Lowers all flows.
pub(super) fn lower(context: &mut Context<'_>) {
    let model = context.model;
    for decl in model.concrete("flow") {
        context.shared.findings.enter(decl);
        let steps = decl
            .entries
            .iter()
            .filter_map(|e| step(context, e))
            .collect();
        let flow = Flow {
            name: decl.name.clone(),
            steps,
            span: context.shared.spans.id(decl.span),
        };
        check(context, decl, &flow);
        context.content.flows.push(flow);
    }
}

fn step(context: &mut Context<'_>, entry: &MEntry) -> Option<Step> {
    let station = entry.word(0).filter(|s| STATIONS.contains(s))?;
    let mut settings: Vec<(String, Constant)> = Vec::new();
    for setting in entry.entries() {
        let name = setting.word(0).unwrap_or_default().to_owned();
        if name == "layout" {
            carrier(context, setting);
        }
        if let Some(value) = constant(setting) {
            settings.push((name, value));
        }
    }
    settings.sort_by(|a, b| a.0.cmp(&b.0));
    Some(Step {
        station: station.to_owned(),
        settings,
        span: context.shared.spans.id(entry.span),
    })
}

/// A setting as a constant: number, text, word, or words joined by commas.
fn constant(entry: &MEntry) -> Option<Constant> {
    let phrase = entry.value.as_ref()?;
    if let Some(number) = phrase.single().and_then(MExpr::integer) {
        return Some(Constant::Number(number));
    }
    if let Some(text) = phrase.single().and_then(MExpr::literal_text) {
        return Some(Constant::Text(text));
    }
    let term = phrase.single()?;
    let readings = match &term.kind {
        MKind::List(items) => items
            .iter()
            .map(|item| reading(&item.phrase.terms))
            .collect::<Option<Vec<_>>>(),
        _ => words(term),
    };
    Some(Constant::Text(readings?.join(", ")))
}

/// `front.line 1`, `back.panel "batch"`.
fn reading(terms: &[MExpr]) -> Option<String> {
    let word = |t: &MExpr| {
        let number = || t.integer().map(|n| n.to_string());
        t.dotted().or_else(number).or_else(|| t.literal_text())
    };
    let words = terms.iter().map(word).collect::<Option<Vec<_>>>()?;
    Some(words.join(" "))
}

/// The carrier's page is a layout of that purpose.
fn carrier(context: &mut Context<'_>, entry: &MEntry) {
    let Some(term) = entry.single() else {
        return;
    };
    let model = context.model;
    let found = read::reference(model, term, "layout");
    if let Some(layout) = found {
        let layouts = &context.content.layouts;
        let purpose = layouts
            .iter()
            .find(|l| l.name == layout.name)
            .map(|l| l.purpose.clone());
        if purpose.is_some_and(|p| p != "carrier") {
            let message = format!("`{}` is no carrier", layout.name);
            context.push(
                Problem::error("E0913", entry.span, message)
                    .help("name a layout with `purpose = carrier`; a mailer never meets the card"),
            );
        }
    }
}

fn check(context: &mut Context<'_>, decl: &Decl, flow: &Flow) {
    let order: Vec<Option<usize>> = flow
        .steps
        .iter()
        .map(|s| STATIONS.iter().position(|n| *n == s.station))
        .collect();
    if order
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a >= b))
    {
        let message = "the stations do not stand in the order in which a card passes them";
        context.push(
            Problem::error("E0911", decl.span, message)
                .help(format!("the order is {}", STATIONS.join(", "))),
        );
    }
    let Some(feed) = flow.steps.iter().find(|s| s.station == "feed") else {
        context.push(
            Problem::error(
                "E0911",
                decl.span,
                "the flow has no `feed`: where do cards come from?",
            )
            .help("write `feed { stock = \"…\"; reject_bin = \"reject\" }`"),
        );
        return;
    };
    let entry = decl.entries.iter().find(|e| e.word(0) == Some("feed"));
    let feed_span = entry.map_or(decl.span, |e| e.span);
    // A missing stock has been reported by the check.
    if feed
        .settings
        .iter()
        .any(|(n, v)| n == "stock" && is_blank(v))
    {
        let message = "the feeder's stock has no name: its blanks could not be counted";
        let help = "write the article number of the blanks: `stock = \"AUR-DEB-26\"`";
        context.push(Problem::error("E0903", feed_span, message).help(help));
    }
    let bin = feed.settings.iter().find(|(n, _)| n == "reject_bin");
    if bin.is_none_or(|(_, v)| is_blank(v)) {
        let message = "a rejected card would have no bin";
        let help = "write the bin by the machine's own name: `reject_bin = \"reject\"` in `feed`";
        let problem = Problem::error("E0903", feed_span, message).help(help);
        let written = entry.and_then(|feed| feed.inner("reject_bin"));
        let value = written.and_then(|e| e.value.as_ref());
        let change = match value {
            Some(value) => Change::Instead(value.span, "\"reject\"".to_owned()),
            None => Change::Entry(feed_span, "reject_bin = \"reject\"".to_owned()),
        };
        context.push(problem.fix(change));
    }
}

/// One station more, behind the one that a card passes before it.
pub(super) fn station_more(decl: &Decl, station: &str) -> Option<Change> {
    let place = |name: &str| STATIONS.iter().position(|known| *known == name);
    let wanted = place(station)?;
    let earlier = |e: &&MEntry| e.word(0).and_then(place).is_some_and(|at| at < wanted);
    let before = decl.entries.iter().rev().find(earlier)?;
    Some(Change::Behind(before.span, format!("\n  {station}")))
}

/// The printer's entry, where it prints one colour only.
pub(super) fn black(decl: &Decl) -> Option<&MEntry> {
    let station = decl.entries.iter().find(|e| e.word(0) == Some("print"))?;
    let ribbon = station.inner("ribbon")?;
    (read::word(ribbon).as_deref() == Some("black")).then_some(ribbon)
}

/// The stock that a flow feeds from.
pub(super) fn stock_of(decl: &Decl) -> Option<String> {
    let feed = decl.entries.iter().find(|e| e.word(0) == Some("feed"))?;
    feed.inner("stock").and_then(read::text)
}

/// What a flow's camera reads, and where that is written.
pub(super) fn readings(decl: &Decl) -> Option<(Vec<String>, Span)> {
    let station = decl.entries.iter().find(|e| e.word(0) == Some("vision"))?;
    let entry = station.inner("read")?;
    let MKind::List(items) = &entry.single()?.kind else {
        return None;
    };
    let list = items.iter().filter_map(|i| reading(&i.phrase.terms));
    Some((list.collect(), entry.span))
}

fn is_blank(value: &Constant) -> bool {
    matches!(value, Constant::Text(text) if text.trim().is_empty())
}

/// The layout that a flow's carrier station names.
pub(super) fn carrier_of(decl: &Decl) -> Option<&MExpr> {
    let station = decl.entries.iter().find(|e| e.word(0) == Some("carrier"))?;
    station.inner("layout")?.single()
}
