//! A bar plot as inline SVG: time per station.

use super::StationTime;
use std::fmt::Write;

const ROW_PX: u32 = 30;
const LABEL_PX: u32 = 160;
const BAR_PX: f64 = 400.0;

/// Horizontal bars, mean solid, longest as a thin line.
pub(super) fn stations(times: &[StationTime]) -> String {
    let longest = times.iter().map(|t| t.max_ms).fold(0.001, f64::max);
    let height = ROW_PX * u32::try_from(times.len()).unwrap_or(20) + 26;
    let mut svg = format!(
        "<svg class=plot viewBox=\"0 0 700 {height}\" role=img \
         aria-label=\"Time per station in milliseconds\">"
    );
    for (row, time) in (0u32..).zip(times) {
        let y = row * ROW_PX + 6;
        let mean = (time.mean_ms / longest * BAR_PX).max(1.0);
        let max = (time.max_ms / longest * BAR_PX).max(1.0);
        let class = if time.simulated { "sim" } else { "real" };
        let _ = write!(
            svg,
            "<text x={} y={} class=label text-anchor=end>{}</text>\
             <rect x={} y={} width={max:.1} height=2 class=max />\
             <rect x={} y={y} width={mean:.1} height=18 rx=3 class={class} />\
             <text x={:.1} y={} class=value>{} ms</text>",
            LABEL_PX - 10,
            y + 14,
            super::html::escape(&time.station),
            LABEL_PX,
            y + 8,
            LABEL_PX,
            f64::from(LABEL_PX) + max.max(mean) + 8.0,
            y + 14,
            short(time.mean_ms),
        );
    }
    let _ = write!(
        svg,
        "<text x={LABEL_PX} y={} class=note>bar: mean · line: longest · pale: the simulated \
         machine's own time</text></svg>",
        height - 6
    );
    svg
}

fn short(ms: f64) -> String {
    if ms >= 100.0 {
        format!("{ms:.0}")
    } else if ms >= 1.0 {
        format!("{ms:.1}")
    } else {
        format!("{ms:.3}")
    }
}
