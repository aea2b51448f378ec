//! `--coverage`: which branches of the project the tests took, and which never.

use crate::{arguments::Format, terminal};
use cardwright_rehearsal::{Point, Rehearsal, Tally};
use serde_json::json;

/// Says what was never taken, by place.
pub(super) fn show(rehearsal: &Rehearsal, format: Format) {
    let content = rehearsal.bundle().content();
    let points = rehearsal.covered().map(|c| c.points(content));
    let points = points.unwrap_or_default();
    let tally = Tally::of(&points);
    match format {
        Format::Human => human(&points, tally),
        Format::Json => terminal::print(&object(&points, tally)),
    }
}

fn human(points: &[Point], tally: Tally) {
    terminal::print(&format!(
        "\ncoverage  {} of {} branches, {} %",
        tally.reached,
        tally.all,
        tally.percent()
    ));
    for point in points.iter().filter(|p| !p.reached) {
        let (kind, what) = (point.kind, &point.what);
        terminal::print(&format!("  {}  {kind}: {what}", place(point)));
    }
}

fn place(point: &Point) -> String {
    if point.file.is_empty() {
        return "made by the compiler".to_owned();
    }
    format!("{}:{}:{}", point.file, point.line, point.column)
}

fn object(points: &[Point], tally: Tally) -> String {
    let points = points.iter().map(|p| {
        json!({
            "file": p.file, "line": p.line, "column": p.column,
            "kind": p.kind, "what": p.what, "reached": p.reached,
        })
    });
    json!({
        "schema_version": 1,
        "coverage": {
            "reached": tally.reached,
            "branches": tally.all,
            "percent": tally.percent(),
            "points": points.collect::<Vec<_>>(),
        },
    })
    .to_string()
}
