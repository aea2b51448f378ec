//! Data goes to standard output, everything else to standard error; colour on a terminal only.

use std::io::Write;

/// Prints a line of data.
pub(crate) fn print(text: &str) {
    // A closed pipe is the reader's wish to end.
    if writeln!(anstream::stdout(), "{text}").is_err() {
        std::process::exit(0);
    }
}

/// Prints a note to standard error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Says on standard error why a list for people is empty: silence looks like a failure.
pub(crate) fn note_when(nothing: bool, text: &str) {
    if nothing {
        note(text);
    }
}

/// Prints JSON data.
pub(crate) fn json(value: &serde_json::Value) {
    print(&serde_json::to_string_pretty(value).unwrap_or_default());
}
