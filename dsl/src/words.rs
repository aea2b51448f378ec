//! The few reserved words and units of the language, for tools that colour, complete and explain.

/// Words that start a clause after the terms of a phrase.
pub const CLAUSE_KEYWORDS: &[&str] = &[
    "when", "for", "at", "else", "as", "each", "width", "under", "after", "sample", "of",
    "because", "until", "with", "reject", "optional", "refuses", "per", "on", "by",
];

/// Words with a meaning inside an expression; no name is spelled like them.
pub const EXPRESSION_KEYWORDS: &[&str] = &["if", "then", "else", "and", "or", "not"];

/// Words that start a line of the file's own: the package and its imports.
pub const FILE_KEYWORDS: &[&str] = &["package", "use"];

/// Units that may follow a number; besides them, three capital letters are a currency (ISO 4217).
pub const UNITS: &[&str] = &["mm", "cm", "um", "in", "pt", "ms", "us", "min", "s", "h"];

#[cfg(test)]
mod tests {
    use super::*;

    const GRAMMAR: &str = include_str!("grammar.pest");

    /// The quoted words of one grammar rule, in order.
    fn words_of(rule: &str) -> Vec<&'static str> {
        let start = GRAMMAR.find(&format!("\n{rule} = ")).unwrap();
        let body = &GRAMMAR[start..];
        let body = &body[..body.find("!word_char").unwrap()];
        body.split('"').skip(1).step_by(2).collect()
    }

    #[test]
    fn tables_say_what_the_grammar_says() {
        assert_eq!(words_of("clause_keyword"), CLAUSE_KEYWORDS);
        assert_eq!(words_of("expression_keyword"), EXPRESSION_KEYWORDS);
        assert_eq!(words_of("unit"), UNITS);
    }
}
