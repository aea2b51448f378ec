//! The report as one HTML file: no script, no link, opens offline.

use super::{Picture, Report, plot};
use base64::Engine;
use std::fmt::Write;

const STYLE: &str = include_str!("report.css");
const REJECTED_SHOWN_MAX: usize = 500;

/// The page.
pub(super) fn page(report: &Report, pictures: &[Picture]) -> String {
    let mut html = String::with_capacity(64 << 10);
    let subject = &report.subject;
    let _ = write!(
        html,
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width,initial-scale=1\">\
         <title>{issuer} · {job} · {date}</title><style>{STYLE}</style><body>",
        issuer = escape(&subject.issuer),
        job = escape(&subject.job),
        date = escape(&subject.date),
    );
    if report.test {
        html.push_str("<p class=test>TEST · made with test keys · no card is real</p>");
    }
    let verdict = if report.is_clean() {
        "<span class=\"pill good\">reconciled</span>"
    } else {
        "<span class=\"pill bad\">needs attention</span>"
    };
    let _ = write!(
        html,
        "<header><div><h1>{}</h1><p>Job {} of {} {} on {}</p></div>{verdict}</header><main>",
        escape(&subject.issuer),
        escape(&subject.job),
        escape(&subject.bundle),
        escape(&subject.version),
        escape(&subject.date),
    );
    stopped(&mut html, report);
    counts(&mut html, report);
    reconciliation(&mut html, report);
    validation(&mut html, report);
    let _ = write!(
        html,
        "<section><h2>Time per station</h2>{}</section>",
        plot::stations(&report.stations)
    );
    gallery(&mut html, pictures);
    rejected(&mut html, report);
    letters(&mut html, report);
    replaced_keys(&mut html, report);
    files(&mut html, report);
    provenance(&mut html, report);
    html.push_str("</main></body></html>\n");
    html
}

fn stopped(html: &mut String, report: &Report) {
    let Some(stop) = &report.stopped else {
        return;
    };
    let _ = write!(
        html,
        "<section><h2>Stopped before its end</h2><p>{} {}</p></section>",
        escape(&stop.code),
        escape(&stop.reason)
    );
}

fn counts(html: &mut String, report: &Report) {
    html.push_str("<section class=tiles>");
    let tiles: [(&str, String, &str); 6] = [
        ("orders", thousands(report.orders), ""),
        ("cards produced", thousands(report.produced), "good"),
        ("rejected", thousands(report.reconciliation.rejected), ""),
        (
            "unknown",
            thousands(report.unknown),
            if report.unknown > 0 { "bad" } else { "" },
        ),
        ("PIN mailers", thousands(report.mailers), ""),
        (
            "cards a second",
            format!("{:.1}", report.cards_per_second),
            "",
        ),
    ];
    for (label, value, class) in tiles {
        let _ = write!(
            html,
            "<div class=\"tile {class}\"><b>{value}</b><span>{label}</span></div>"
        );
    }
    html.push_str("</section>");
}

fn reconciliation(html: &mut String, report: &Report) {
    let r = &report.reconciliation;
    let _ = write!(
        html,
        "<section><h2>Reconciliation</h2><div class=two><table><tr><th>Orders<th>\
         <tr><td>in the file<td>{}<tr><td>produced<td>{}<tr><td>rejected with a reason<td>{}\
         <tr><td>unknown<td>{}<tr class=sum><td>unaccounted<td>{}</table>\
         <table><tr><th>Blanks<th><tr><td>taken from stock<td>{}<tr><td>good cards<td>{}\
         <tr><td>in reject bins<td>{}<tr><td>in the machine<td>{}\
         <tr class=sum><td>unaccounted<td>{}</table></div></section>",
        thousands(r.input),
        thousands(r.produced),
        thousands(r.rejected),
        thousands(r.unknown),
        r.unaccounted,
        thousands(r.blanks_issued),
        thousands(r.blanks_good),
        thousands(r.blanks_rejected),
        thousands(r.blanks_in_machine),
        r.blanks_unaccounted,
    );
}

fn validation(html: &mut String, report: &Report) {
    let v = &report.validated;
    let _ = write!(
        html,
        "<section><h2>Validation</h2><p>{} cards passed every check, {} did not.</p>\
         <table><tr><th>Check<th>passed<th>failed",
        thousands(v.passed),
        thousands(v.failed)
    );
    for check in &v.checks {
        let class = if check.failed > 0 { " class=bad" } else { "" };
        let _ = write!(
            html,
            "<tr{class}><td>{}<td>{}<td>{}",
            escape(&check.name),
            thousands(check.passed),
            thousands(check.failed)
        );
    }
    html.push_str("</table></section>");
}

fn gallery(html: &mut String, pictures: &[Picture]) {
    if pictures.is_empty() {
        return;
    }
    html.push_str(
        "<section><h2>Specimens</h2><p class=note>Middle digits, verification values \
                   and PINs are masked.</p><div class=gallery>",
    );
    for picture in pictures {
        let data = base64::engine::general_purpose::STANDARD.encode(&picture.png);
        let title = escape(&picture.title);
        let class = if picture.title.contains("face") {
            "card"
        } else {
            "sheet"
        };
        let _ = write!(
            html,
            "<figure class={class}><img alt=\"{title}\" src=\"data:image/png;base64,{data}\">\
             <figcaption>{title}</figcaption></figure>"
        );
    }
    html.push_str("</div></section>");
}

fn rejected(html: &mut String, report: &Report) {
    let _ = write!(html, "<section><h2>Rejected orders</h2>");
    if report.rejected.is_empty() {
        html.push_str("<p>None.</p></section>");
        return;
    }
    html.push_str("<table><tr><th>Line<th>Order<th>Code<th>Field<th>Reason");
    for order in report.rejected.iter().take(REJECTED_SHOWN_MAX) {
        let _ = write!(
            html,
            "<tr><td>{}<td>{}<td><code>{}</code><td>{}<td>{}",
            order.line,
            order.order.map(|n| n.to_string()).unwrap_or_default(),
            escape(&order.code),
            escape(order.field.as_deref().unwrap_or_default()),
            escape(&order.reason),
        );
    }
    html.push_str("</table>");
    let all = usize::try_from(report.reconciliation.rejected).unwrap_or(usize::MAX);
    if let Some(more) = all.checked_sub(REJECTED_SHOWN_MAX).filter(|n| *n > 0) {
        let _ = write!(html, "<p class=note>and {more} more in rejected.jsonl</p>");
    }
    html.push_str("</section>");
}

fn replaced_keys(html: &mut String, report: &Report) {
    if report.replaced_keys.is_empty() {
        return;
    }
    html.push_str(
        "<section><h2>Data of replaced key versions</h2>\
         <p>Data are made once: these cards were begun with data of an earlier run, made with a \
         version that another has replaced since. The journal names the orders.</p>\
         <table><tr><th>Version<th>Cards",
    );
    for key in &report.replaced_keys {
        let _ = write!(
            html,
            "<tr><td><code>{}</code><td>{}",
            escape(&key.version),
            thousands(key.cards)
        );
    }
    html.push_str("</table></section>");
}

fn letters(html: &mut String, report: &Report) {
    if report.letters_in_doubt.is_empty() {
        return;
    }
    html.push_str(
        "<section><h2>Letters that wait</h2><table>\
         <tr><th>Line<th>Order<th>State<th>Code<th>Reason",
    );
    for letter in &report.letters_in_doubt {
        let _ = write!(
            html,
            "<tr class=bad><td>{}<td>{}<td>{}<td><code>{}</code><td>{}",
            letter.line,
            letter.order,
            escape(&letter.state),
            escape(&letter.code),
            escape(&letter.reason),
        );
    }
    html.push_str("</table></section>");
}

fn files(html: &mut String, report: &Report) {
    html.push_str(
        "<section><h2>Output files</h2><table><tr><th>File<th>Records<th>Octets<th>SHA-256",
    );
    for file in &report.files {
        let _ = write!(
            html,
            "<tr><td>{}<td>{}<td>{}<td><code>{}</code>",
            escape(&file.name),
            thousands(file.records),
            thousands(file.octets),
            escape(&file.sha256)
        );
    }
    html.push_str("</table></section>");
}

fn provenance(html: &mut String, report: &Report) {
    let s = &report.subject;
    html.push_str("<section><h2>Provenance</h2><table>");
    for (label, value) in [
        ("bundle digest", s.digest.as_str()),
        ("order file", s.order_file.as_str()),
        ("order file SHA-256", s.order_file_sha256.as_str()),
        ("job", s.job_id.as_str()),
        ("HSM", s.hsm.as_str()),
        ("machine", s.machine.as_str()),
    ] {
        let _ = write!(html, "<tr><td>{label}<td><code>{}</code>", escape(value));
    }
    let _ = write!(
        html,
        "<tr><td>lanes<td>{}<tr><td>seconds<td>{:.2}</table></section>",
        s.lanes, report.seconds
    );
}

/// Text that stays text.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_stays_text() {
        let mut report = Report::default();
        report.subject.issuer = "<script>alert(1)</script>".into();
        let html = page(&report, &[]);
        assert!(!html.contains("<script"));
        assert!(!html.contains("http"));
        assert_eq!(thousands(1_234_567), "1,234,567");
    }
}
