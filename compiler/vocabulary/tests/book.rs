//! The reference book in the repository is the one that the tables make.

use std::path::Path;

#[test]
fn the_reference_book_is_fresh() {
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/language/reference.md");
    let made = cardwright_vocabulary::reference_markdown();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(book.parent().unwrap()).unwrap();
        std::fs::write(&book, &made).unwrap();
    }
    let found = std::fs::read_to_string(&book).unwrap_or_default();
    assert!(
        found == made,
        "run UPDATE=1 cargo test -p cardwright-vocabulary"
    );
}
