//! The kinds of nodes and tokens of a [`crate::Tree`].

use serde::Serialize;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $label:literal),* $(,)?) => {
        /// What a node of the tree is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Kind { $($(#[$doc])* $name),* }

        impl Kind {
            /// Every kind, for tests and generated tables.
            pub const ALL: &'static [Kind] = &[$(Kind::$name),*];

            /// The name in dumps; `error_…` and `missing_…` mean that the source is wrong there.
            pub fn label(self) -> &'static str {
                match self { $(Kind::$name => $label),* }
            }
        }
    };
}

kinds! {
    /// The whole file.
    File "file",
    /// `package a.b`.
    Package "package",
    /// `use a.b`.
    Import "import",
    /// One entry.
    Entry "entry",
    /// The words before `:`, `=` or the block.
    Head "head",
    /// The phrase behind `:`.
    Base "base",
    /// The phrase behind `=`.
    Value "value",
    /// A phrase inside a list.
    Phrase "phrase",
    /// A clause keyword with its terms.
    Clause "clause",
    /// `{ … }`, a block of entries or a record.
    Block "block",
    /// `left op right`.
    Binary "binary",
    /// `not x`, `-x`.
    Prefix "prefix",
    /// `f(a, b)`.
    Call "call",
    /// `text[4]`.
    Index "index",
    /// `if … then … else …`.
    If "if",
    /// `if … then …` inside an if.
    IfArm "if_arm",
    /// `( … )`, parentheses or a tuple.
    Group "group",
    /// `[ … ]`.
    List "list",
    /// One element of a list.
    ListItem "list_item",
    /// `( … )` of a call.
    Arguments "arguments",
    /// One argument.
    Argument "argument",
    /// `[ … ]` of an index.
    Subscript "subscript",
    /// A dotted name.
    Path "path",
    /// A number with a unit.
    Quantity "quantity",
    /// `"…"`.
    Text "text",
    /// `{…}` inside a text.
    Embedded "embedded",
    /// One word of a dotted name.
    Segment "segment",
    /// `#5F20`.
    Tag "tag",
    /// An integer or a decimal.
    Number "number",
    /// The number of a quantity.
    Magnitude "magnitude",
    /// The unit of a quantity.
    Unit "unit",
    /// `x"A0 00"`.
    Hex "hex",
    /// Plain characters of a text.
    TextChars "text_chars",
    /// An escape of a text.
    Escape "escape",
    /// The name of a named argument.
    ArgumentName "argument_name",
    /// A word that starts a clause.
    ClauseKeyword "clause_keyword",
    /// Any other reserved word.
    Keyword "keyword",
    /// A binary operator.
    Operator "operator",
    /// `-` or `not` before its operand.
    PrefixOperator "prefix_operator",
    /// `"`.
    Quote "quote",
    /// `{`.
    OpenBrace "open_brace",
    /// `}`.
    CloseBrace "close_brace",
    /// `(`.
    OpenParen "open_paren",
    /// `)`.
    CloseParen "close_paren",
    /// `[`.
    OpenBracket "open_bracket",
    /// `]`.
    CloseBracket "close_bracket",
    /// `,`.
    Comma "comma",
    /// `:`.
    Colon "colon",
    /// `;`.
    Semicolon "semicolon",
    /// `=`.
    Equals "equals",
    /// `.`.
    Dot "dot",
    /// `...`.
    Spread "spread",
    /// Text that no rule claims; only there to keep the tree lossless.
    Punctuation "punctuation",
    /// Spaces and tabs.
    Whitespace "whitespace",
    /// A line end.
    Newline "newline",
    /// `// …`.
    Comment "comment",
    /// `/// …`.
    DocComment "doc_comment",
    /// `//! …`.
    FileDoc "file_doc",
    /// A value behind `:`.
    ErrorBase "error_base",
    /// A block without a head.
    ErrorBlock "error_block",
    /// An expression beyond the limit.
    ErrorChain "error_chain",
    /// A closing brace without an opening one.
    ErrorClose "error_close",
    /// A comma without an element.
    ErrorComma "error_comma",
    /// A placeholder that holds no expression.
    ErrorEmbedded "error_embedded",
    /// An unknown escape.
    ErrorEscape "error_escape",
    /// Hex bytes that are none.
    ErrorHex "error_hex",
    /// Text in a list that is no element.
    ErrorItem "error_item",
    /// A line that is no entry.
    ErrorLine "error_line",
    /// A number that is none.
    ErrorNumber "error_number",
    /// A source beyond a limit, kept as one leaf.
    ErrorSource "error_source",
    /// A tag that is none.
    ErrorTag "error_tag",
    /// The rest of a line behind an entry.
    ErrorTail "error_tail",
    /// No type behind `:`.
    MissingBase "missing_base",
    /// No closing bracket.
    MissingClose "missing_close",
    /// No comma between two elements.
    MissingComma "missing_comma",
    /// No `else`.
    MissingElse "missing_else",
    /// No operand.
    MissingOperand "missing_operand",
    /// No name behind `package` or `use`.
    MissingPath "missing_path",
    /// No closing quote.
    MissingQuote "missing_quote",
    /// No name behind a dot.
    MissingSegment "missing_segment",
    /// Two entries on one line without `;`.
    MissingSeparator "missing_separator",
    /// No `then`.
    MissingThen "missing_then",
    /// No value behind `=`.
    MissingValue "missing_value",
}

impl Kind {
    /// Whether the node means that the source is wrong at this place.
    pub fn is_error(self) -> bool {
        // The kinds that mean an error stand behind all others; a test compares with their labels.
        self >= Kind::ErrorBase
    }

    /// Whether the node is a space, a line end or a comment.
    pub fn is_trivia(self) -> bool {
        self.is_comment() || matches!(self, Kind::Whitespace | Kind::Newline)
    }

    /// Whether the node is a comment of any sort.
    pub fn is_comment(self) -> bool {
        matches!(self, Kind::Comment | Kind::DocComment | Kind::FileDoc)
    }

    /// Whether the node is an expression (a wrong one included).
    pub fn is_expression(self) -> bool {
        matches!(
            self,
            Kind::Binary
                | Kind::Prefix
                | Kind::Call
                | Kind::Index
                | Kind::If
                | Kind::Group
                | Kind::List
                | Kind::Block
                | Kind::Path
                | Kind::Quantity
                | Kind::Text
                | Kind::Tag
                | Kind::Number
                | Kind::Hex
                | Kind::ErrorChain
                | Kind::ErrorHex
                | Kind::ErrorNumber
                | Kind::ErrorTag
                | Kind::MissingOperand
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn labels_are_the_names_and_tell_what_is_wrong() {
        for kind in Kind::ALL {
            let joined = kind.label().replace('_', "");
            assert_eq!(format!("{kind:?}").to_lowercase(), joined);
            let wrong = joined.starts_with("error") || joined.starts_with("missing");
            assert_eq!(kind.is_error(), wrong, "{kind:?}");
        }
    }
}
