//! The projects that `new` begins with, as embedded files.

use clap::builder::PossibleValuesParser;

/// A template: its name, and its files by path.
pub(crate) struct Template {
    /// Name; `blank` has no sources, the others check, test and build at once.
    pub(crate) name: &'static str,
    /// Path and content; `{name}` in the text ones stands for the project's name.
    pub(crate) files: &'static [(&'static str, &'static str)],
}

macro_rules! files {
    ($folder:literal: $($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../templates/", $folder, "/", $path)))),+]
    };
}

/// All templates.
pub(crate) static TEMPLATES: &[Template] = &[
    Template {
        name: "blank",
        files: files!("blank": "cardwright.toml", "README.md"),
    },
    Template {
        name: "contact-debit",
        files: files!("contact-debit":
            "cardwright.toml", "README.md", "bank.perso", "orders.perso", "debit.perso",
            "card.perso", "letters.perso", "line.perso", "tests.perso",
            "keys/issuer-92.cer", "keys/test-ca-92.pub",
        ),
    },
    Template {
        name: "magstripe",
        files: files!("magstripe":
            "cardwright.toml", "README.md", "bank.perso", "orders.perso", "card.perso",
            "line.perso", "tests.perso",
        ),
    },
];

/// A template by name.
pub(crate) fn find(name: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.name == name)
}

/// Their names, for the command line.
pub(crate) fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(TEMPLATES.iter().map(|template| template.name))
}
