//! Why a file is not imported.

/// A refusal: code, words, mend. It quotes no value of the file, which may be a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportError {
    /// Stable code.
    pub code: &'static str,
    /// What is wrong and where.
    pub what: String,
    /// What to do.
    pub mend: &'static str,
}

impl std::fmt::Display for ImportError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}; {}", self.code, self.what, self.mend)
    }
}

impl std::error::Error for ImportError {}

/// E0180.
pub(crate) fn unknown_kind() -> ImportError {
    ImportError {
        code: "E0180",
        what: "the file is no personalization data that is known here".to_owned(),
        mend: "say what it is: `--from dgi`, `commands`, `cps`, `tlv` or `csv`",
    }
}

/// E0181: `place` such as `line 3`.
pub(crate) fn unreadable(place: &str, what: impl std::fmt::Display) -> ImportError {
    ImportError {
        code: "E0181",
        what: format!("{place}: {what}"),
        mend: "correct the file, or say what it is with `--from`",
    }
}

/// E0182.
pub(crate) fn too_much(what: &str, most: usize, unit: &str) -> ImportError {
    ImportError {
        code: "E0182",
        what: format!("{what} has more than {most} {unit}"),
        mend: "import a part of it: a few cards of each product are enough for a draft",
    }
}

/// E0183.
pub(crate) fn enciphered(place: &str) -> ImportError {
    ImportError {
        code: "E0183",
        what: format!("{place}: the command is enciphered under a session key"),
        mend: "import what the personalizer makes before its secure channel: clear commands \
               (`--from commands`) or data groupings (`--from dgi`); or what a reader finds on the \
               card (`--from tlv`)",
    }
}

/// E0184.
pub(crate) fn nothing() -> ImportError {
    ImportError {
        code: "E0184",
        what: "the file holds no data of a card".to_owned(),
        mend: "look at the file; say what it is with `--from` when it was taken for something else",
    }
}
