//! Formatting: what `cardwright fmt` does, as edits of the lines that change.

use crate::documents::Document;
use lsp_types::TextEdit;

/// One edit for the stretch between the first and the last line that differ; none when the text is
/// laid out already.
pub(crate) fn edits(document: &Document) -> Vec<TextEdit> {
    let old = document.text.as_str();
    let new = cardwright_dsl::format(old);
    if old == new {
        return Vec::new();
    }
    // Whole lines, so that no edit cuts a character or a CR LF in two.
    let head = old
        .split_inclusive('\n')
        .zip(new.split_inclusive('\n'))
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len())
        .sum::<usize>();
    let (old_rest, new_rest) = (old.get(head..).unwrap_or(""), new.get(head..).unwrap_or(""));
    let tail = old_rest
        .split_inclusive('\n')
        .rev()
        .zip(new_rest.split_inclusive('\n').rev())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len())
        .sum::<usize>();
    let text = new_rest.get(..new_rest.len().saturating_sub(tail));
    vec![TextEdit {
        range: document.text.range(head, old.len().saturating_sub(tail)),
        new_text: text.unwrap_or("").to_owned(),
    }]
}
