//! Prints what the grammar's walk of the tests sees in sources, a line for each token: file, line,
//! columns, innermost scope. `tests/vscode.sh` holds it against the editor's own engine.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool of the tests fails loudly and prints"
)]

#[path = "../tests/common/textmate.rs"]
mod textmate;

use textmate::{Grammar, Token};

fn main() {
    let grammar = Grammar::new(&cardwright_lsp::textmate_grammar());
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path).expect("a source");
        let text = text.replace("\r\n", "\n");
        let lines: Vec<&str> = text.split('\n').collect();
        for (n, tokens) in grammar.lines(&text).iter().enumerate() {
            // The editor counts UTF-16 units.
            let line = lines.get(n).copied().unwrap_or_default();
            let units = |octets: usize| line[..octets].encode_utf16().count();
            for Token { start, end, scope } in tokens {
                println!("{path}:{}:{}-{} {scope}", n + 1, units(*start), units(*end));
            }
        }
    }
}
