//! The table of syntax codes, from which `explain` and the error pages are made.

/// Every syntax code with its title, what it means, how to mend it, and the rule's source.
pub static CODES: &[(&str, &str, &str, &str, &str)] = &[
    (
        "E0001",
        "a line that is no entry",
        "Every line of a file or block starts an entry: a name, a tag or another word, then what \
         it is or what it is worth. This line starts with something else.",
        "Start the line with a name, as in `label = \"AURORA DEBIT\"`, or make it a comment with \
         `//`.",
        "docs/language/grammar.md",
    ),
    (
        "E0002",
        "text left over behind an entry",
        "An entry is a head, an optional `: base`, an optional `= value` and an optional block, \
         with clauses in between. It was complete before the end of its line.",
        "Remove the rest, put an operator before it, or separate two entries with `;` or a new \
         line. Several values are a list: `[a, b]`.",
        "docs/language/grammar.md",
    ),
    (
        "E0003",
        "a bracket that is never closed",
        "An opening `{`, `(` or `[` has no partner. Reading went on at the next place where an \
         entry can start.",
        "Add the closing bracket at the place that the message shows.",
        "docs/language/grammar.md",
    ),
    (
        "E0004",
        "a closing brace without an opening one",
        "A `}` closes a block, but no block is open here.",
        "Remove the brace, or look above for a `{` that is missing.",
        "docs/language/grammar.md",
    ),
    (
        "E0005",
        "a block without a head",
        "A `{ … }` stands where an entry starts. A block belongs to the entry whose head stands \
         before it on the same line.",
        "Write the head before the brace on the same line, as in `chip { … }`.",
        "docs/language/grammar.md",
    ),
    (
        "E0006",
        "nothing behind `=`",
        "`=` gives an entry its value, and there is no value.",
        "Write a value behind `=`, or remove the `=`.",
        "docs/language/grammar.md",
    ),
    (
        "E0007",
        "no type or base behind `:`",
        "`:` names what an entry is: a type such as `n 8` or a base such as `cpa.application`. \
         A value follows `=`.",
        "Write a type or base behind `:`, or write `=` when a value is meant.",
        "docs/language/grammar.md",
    ),
    (
        "E0008",
        "a value is missing in an expression",
        "An operator, a named argument or an index needs a value that is not there.",
        "Write the missing value, or remove the operator.",
        "docs/language/grammar.md",
    ),
    (
        "E0009",
        "an `if` that is not complete",
        "`if` is a value: it needs `then` and `else`, so that there is a value either way.",
        "Write it whole: `if order.urgent then express else normal`.",
        "docs/language/grammar.md",
    ),
    (
        "E0010",
        "something in a list that is no element",
        "Between brackets stand values, separated by commas.",
        "Write a value, or remove the text. Comparison is `==`; an argument's name is followed \
         by `:`.",
        "docs/language/grammar.md",
    ),
    (
        "E0011",
        "a text that is not closed",
        "A text ends with `\"` on the line on which it starts.",
        "Add the closing quote. A line end inside a text is written `\\n`.",
        "docs/language/grammar.md",
    ),
    (
        "E0012",
        "an unknown escape in a text",
        "Behind `\\` stands one of `\"`, `\\`, `n`, `{`, `}`, or `u{…}` with the number of a \
         Unicode character in hexadecimal.",
        "Write `\\\\` for a backslash itself, `\\u{20AC}` for a character by number.",
        "docs/language/grammar.md",
    ),
    (
        "E0013",
        "a placeholder that holds no expression",
        "Braces in a text hold an expression whose value is put in: `\"{trailer.count} orders\"`. \
         The expression stays on the line and holds no quotes and no braces.",
        "Write an expression between the braces, or `\\{` for a brace itself.",
        "docs/language/grammar.md",
    ),
    (
        "E0014",
        "hex bytes that are none",
        "`x\"…\"` holds bytes of two hex digits each, with spaces where you like.",
        "Write two digits for every byte: `x\"A0 00 00 00 03\"`.",
        "docs/language/grammar.md",
    ),
    (
        "E0015",
        "a tag that is none",
        "A tag is `#` and whole bytes in hexadecimal: `#57`, `#5F20`, `#9F0D`.",
        "Write an even number of hex digits behind `#`.",
        "docs/language/grammar.md",
    ),
    (
        "E0016",
        "a number that cannot be read",
        "Numbers are decimal (`250`, `10.00`) or hexadecimal (`0x92`) and fit 64 bits; a unit or \
         currency stands behind a decimal number: `12 mm`, `10.00 EUR`.",
        "Write the number without letters in it; digits that are not a quantity belong in a text.",
        "docs/language/grammar.md",
    ),
    (
        "E0017",
        "two entries on one line",
        "Entries end at the end of their line or at `;`.",
        "Put `;` or a new line between them.",
        "docs/language/grammar.md",
    ),
    (
        "E0018",
        "a name is missing",
        "A dot, `package` or `use` is followed by a name.",
        "Write the name, as in `use std.emv` or `order.pan`.",
        "docs/language/grammar.md",
    ),
    (
        "E0019",
        "a character that a source must not hold",
        "Control characters, tabs, byte order marks and marks that change the direction of \
         writing are invisible or look different from machine to machine; a reviewer could not \
         see what a source says.",
        "Remove the character; `cardwright fmt` turns tabs between words into spaces. In a text \
         write it as `\\u{…}`.",
        "Unicode Technical Standard 55; house: a reviewer sees what a source says",
    ),
    (
        "E0020",
        "a source that is too large",
        "A source file has at most 256 KiB.",
        "Split it into several files of the same package.",
        "house: bounded work on any input",
    ),
    (
        "E0021",
        "brackets nested too deep",
        "`{}`, `()` and `[]` nest at most 32 levels, on every machine.",
        "Give an inner part a name with `let` and use the name.",
        "house: bounded work on any input",
    ),
    (
        "E0022",
        "an expression that is too long",
        "The operators, calls and conditions of one expression nest at most 256 levels.",
        "Give parts of it a name with `let` and use the names.",
        "house: bounded work on any input",
    ),
    (
        "E0023",
        "a missing comma",
        "Elements of a list, tuple or call are separated by commas.",
        "Put a comma between the two.",
        "docs/language/grammar.md",
    ),
    (
        "E0024",
        "too many errors",
        "The first 500 errors are shown.",
        "Mend the first ones; the others are often their consequences.",
        "house: bounded work on any input",
    ),
];

#[cfg(test)]
mod tests {
    use super::CODES;

    #[test]
    fn codes_count_up_without_a_gap() {
        for (index, (code, title, explanation, mend, _)) in CODES.iter().enumerate() {
            assert_eq!(*code, format!("E{:04}", index + 1));
            assert!(!title.is_empty() && explanation.ends_with('.') && mend.ends_with('.'));
        }
    }
}
