//! The language reference book, made from the tables.

/// The book as Markdown.
#[must_use]
pub fn reference_markdown() -> String {
    String::new()
}
