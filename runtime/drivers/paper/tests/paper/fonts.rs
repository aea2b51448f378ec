//! The layouts' fonts are what their list says, and free.

use crate::sheets::root;
use sha2::Digest;

#[test]
fn each_font_has_its_hash_and_a_licence_text() {
    let folder = root().join("layouts/fonts");
    let list: toml::Table = std::fs::read_to_string(folder.join("fonts.toml"))
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(list.len(), 5);
    for (name, entry) in &list {
        let text = |key: &str| entry[key].as_str().unwrap().to_owned();
        let data = std::fs::read(folder.join(text("file"))).unwrap();
        assert_eq!(
            hex::encode(sha2::Sha256::digest(&data)),
            text("sha256"),
            "{name}"
        );
        let licence = std::fs::read_to_string(folder.join(text("licence_file"))).unwrap();
        assert!(data.len() < 350_000, "{name}");
        match text("licence").as_str() {
            "OFL-1.1" => assert!(licence.contains("SIL OPEN FONT LICENSE Version 1.1")),
            "LicenseRef-OCR-B" => assert!(licence.contains("freely use, modify")),
            other => panic!("{other} is not a licence that this project takes"),
        }
    }
}
