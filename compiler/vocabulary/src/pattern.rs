//! Patterns of heads: how a sentence of the language is written.

/// One piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'p> {
    /// Any expression.
    Expression,
    /// An amount of money: `10.00 EUR`.
    Money,
    /// A name.
    Name,
    /// A whole number.
    Number,
    /// One of these words.
    OneOf(Vec<&'p str>),
    /// This word, or nothing.
    Perhaps(&'p str),
    /// A tag, or the name of a data element.
    Tag,
    /// A text.
    Text,
    /// This word.
    Word(&'p str),
}

/// The pieces of a pattern.
#[must_use]
pub fn pieces(pattern: &str) -> Vec<Piece<'_>> {
    pattern.split_whitespace().map(piece).collect()
}

fn piece(text: &str) -> Piece<'_> {
    if let Some(word) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        return Piece::Perhaps(word);
    }
    let Some(inner) = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')) else {
        return Piece::Word(text);
    };
    match inner {
        "expression" => Piece::Expression,
        "money" => Piece::Money,
        "name" => Piece::Name,
        "number" => Piece::Number,
        "tag" => Piece::Tag,
        "text" => Piece::Text,
        words => Piece::OneOf(words.split('|').collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_kind_of_piece() {
        assert_eq!(
            pieces("sfi <number> record <number> [signed]"),
            [
                Piece::Word("sfi"),
                Piece::Number,
                Piece::Word("record"),
                Piece::Number,
                Piece::Perhaps("signed")
            ]
        );
        assert_eq!(
            pieces("<front|back>"),
            [Piece::OneOf(vec!["front", "back"])]
        );
    }
}
