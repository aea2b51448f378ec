//! JUnit XML, as build servers read it (the schema of Ant's JUnit task).

use super::{Outcome, snapshots::Kept};
use std::fmt::Write as _;

/// The day of every rehearsal; the schema wants a time, and a clock would change the file.
const DAY: &str = "2026-01-01T00:00:00";

/// The file.
pub(super) fn xml(project: &str, outcomes: &[Outcome]) -> String {
    let failures = outcomes.iter().filter(|o| o.is_bad()).count();
    let seconds: f64 = outcomes.iter().map(|o| o.seconds).sum();
    let name = escaped(project);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let _ = writeln!(
        out,
        "  <testsuite package=\"{name}\" id=\"0\" name=\"{name}\" timestamp=\"{DAY}\" \
         hostname=\"localhost\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" \
         time=\"{seconds:.3}\">\n    <properties/>",
        outcomes.len()
    );
    for outcome in outcomes {
        let (test, seconds) = (escaped(&outcome.name), outcome.seconds);
        let _ = write!(
            out,
            "    <testcase name=\"{test}\" classname=\"{name}\" time=\"{seconds:.3}\""
        );
        if outcome.is_bad() {
            let (kind, message, text) = failure(outcome);
            let _ = writeln!(
                out,
                ">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>",
                escaped(kind),
                escaped(&message),
                escaped(&text)
            );
        } else {
            out.push_str("/>\n");
        }
    }
    out.push_str("    <system-out/>\n    <system-err/>\n  </testsuite>\n</testsuites>\n");
    out
}

/// Kind, first line, and all that is said of a test that fails.
fn failure(outcome: &Outcome) -> (&'static str, String, String) {
    let mut lines = Vec::new();
    for complaint in &outcome.complaints {
        let code = match complaint.code.as_str() {
            "" => String::new(),
            code => format!("{code} "),
        };
        lines.push(format!("{}: {code}{}", complaint.place, complaint.what));
    }
    let kind = if lines.is_empty() {
        "snapshot"
    } else {
        "expectation"
    };
    for (file, kept) in &outcome.kept {
        match kept {
            Kept::Missing => lines.push(format!("{file}: there is no snapshot yet")),
            Kept::Differs(difference) => {
                lines.push(format!("{file} differs\n{}", difference.trim_end()));
            }
            Kept::Same | Kept::Written => {}
        }
    }
    let first = lines.first().and_then(|l| l.lines().next());
    let first = first.unwrap_or("the test fails").to_owned();
    (kind, first, lines.join("\n"))
}

/// Text for an attribute or an element; characters that XML 1.0 forbids become U+FFFD (2.2).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(character),
            '\u{0}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn what_xml_can_not_hold_is_replaced() {
        assert_eq!(
            escaped("a<b & \"c\"\u{1}\n"),
            "a&lt;b &amp; &quot;c&quot;\u{FFFD}\n"
        );
    }
}
