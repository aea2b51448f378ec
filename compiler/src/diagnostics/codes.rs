//! The table of the front half's codes: names, types, keys, PINs, secrecy.

/// A code's row: code, title, explanation, how to mend, and where the rule comes from: a standard
/// with its clause, or a rule of the house.
pub type CodeRow = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

/// Codes of Model and check, sorted; those of emission stand beside it.
pub static CODES: &[CodeRow] = &[
    (
        "E0101",
        "an unknown kind of declaration",
        "A declaration begins with a kind that the vocabulary knows: issuer, key, format, \
         profile, card, layout, flow, scenario, job, let, fn, rule, test.",
        "Correct the word.",
        "docs/language/reference.md",
    ),
    (
        "E0102",
        "an unknown attribute",
        "Each kind and each block has rows in the vocabulary; this entry matches none of \
         them.",
        "Correct the word, or move the entry to the block that has it. The reference book \
         lists all rows.",
        "docs/language/reference.md",
    ),
    (
        "E0103",
        "a declaration without a name",
        "A declaration begins with its kind and its name.",
        "Write the name after the kind.",
        "docs/language/reference.md",
    ),
    (
        "E0104",
        "an unknown package",
        "A `use` line names a package of the project, a standard package (`std.…`), or a \
         declaration in one.",
        "Correct the path.",
        "house: one name, one meaning",
    ),
    (
        "E0105",
        "the same name twice",
        "Two things of one name can't be told apart: declarations of a package, attributes of \
         a block, imports of a file.",
        "Rename or remove one of them.",
        "house: one name, one meaning",
    ),
    (
        "E0106",
        "an unknown name",
        "Nothing of this name is declared in the package, imported, or a field of the record \
         that is spoken of.",
        "Correct the name, import its package, or declare it.",
        "house: one name, one meaning",
    ),
    (
        "E0107",
        "a circle",
        "A declaration builds on itself, or a value is made from itself.",
        "Break the circle.",
        "house: one name, one meaning",
    ),
    (
        "E0108",
        "a final attribute is overridden",
        "The base marks the attribute `final`: who builds on it takes it as it is.",
        "Leave the attribute out, or build on another base.",
        "house: one name, one meaning",
    ),
    (
        "E0109",
        "something required is missing",
        "The kind needs this attribute, or the base marks it `required`.",
        "Add the attribute.",
        "docs/language/reference.md",
    ),
    (
        "E0110",
        "the manifest can't be used",
        "A project has a `cardwright.toml` with name, version and sequence.",
        "Correct the manifest.",
        "house: the manifest, cardwright.toml",
    ),
    (
        "E0111",
        "a source can't be read",
        "Sources are UTF-8 files of bounded size and number.",
        "Save the file as UTF-8, or split it.",
        "house: sources are UTF-8 of bounded size",
    ),
    (
        "E0112",
        "two packages in one file",
        "A file belongs to one package.",
        "Move the other declarations into a file of their own.",
        "house: one name, one meaning",
    ),
    (
        "E0113",
        "`for` or a base that has no meaning here",
        "After `for` stands what a declaration speaks of: a record of a format, a card, a \
         kind. After a colon stands a base or a type.",
        "Name what the finding asks for.",
        "docs/language/reference.md",
    ),
    (
        "E0114",
        "a declaration of another kind is expected",
        "The place takes declarations of one kind, the name means one of another.",
        "Name one of the right kind.",
        "docs/language/reference.md",
    ),
    (
        "E0115",
        "an unused import",
        "Nothing in the file uses the package.",
        "Take the line out.",
        "house: nothing stands unused",
    ),
    (
        "E0116",
        "an unused declaration",
        "Nothing uses this let, function, key or table.",
        "Take it out, or use it.",
        "house: nothing stands unused",
    ),
    (
        "E0117",
        "a word of the language as a name",
        "A let or function would hide a function or word of the language.",
        "Give it another name.",
        "house: one name, one meaning",
    ),
    (
        "E0118",
        "a declaration that no job comes to",
        "The project has jobs, and none of its other declarations names this format, profile, card, \
         layout, stock, flow, scenario, application or script. What a package offers is not meant.",
        "Name it where it belongs, or take it out.",
        "house: nothing stands unused",
    ),
    (
        "E0119",
        "a project that is too large",
        "The syntax trees of a project and of the packages that it uses have at most 540,000 nodes \
         together, some six times what a project with 200 profiles has, and its sources at most \
         10,000 errors of syntax. What comes behind, in the order of paths, is not looked at, and \
         nothing but syntax is told of what stands before. Rules times the declarations that they \
         are held against are at most 50,000, findings 20,000.",
        "Make several projects of it, with a package for what they share, or write what a program \
         wrote as a table with `for row in`.",
        "house: bounded work on any input",
    ),
    (
        "E0120",
        "a package can't be read",
        "A dependency of the manifest names a folder that is not there, has no manifest, or holds \
         what is no package.",
        "Correct the path, or run `cardwright vendor` where the package is within reach.",
        "house: packages, their versions and their lock",
    ),
    (
        "E0121",
        "a path that a package can't have",
        "A package's path is relative to the manifest that names it, has forward slashes, and goes \
         up only at its beginning.",
        "Write it as `../house` or `packages/house`.",
        "house: packages, their versions and their lock",
    ),
    (
        "E0122",
        "a package of another name",
        "The folder of a dependency holds a package whose own manifest has another name.",
        "Ask for the package by its own name, or correct the path.",
        "house: packages, their versions and their lock",
    ),
    (
        "E0123",
        "a version that was not asked for",
        "The package that was found has a version that the manifest does not take.",
        "Ask for the version that is there, or take the one that was asked for.",
        "house: packages, their versions and their lock",
    ),
    (
        "E0124",
        "packages in a circle",
        "A package builds on itself by way of others, or too many packages lie upon each other.",
        "Move what both need into a third package.",
        "house: packages, their versions and their lock",
    ),
    (
        "E0125",
        "two packages of one name",
        "Two manifests ask for packages of one name with different content. Names of declarations \
         could not be told apart.",
        "Let all manifests name the same package.",
        "house: packages, their versions and their lock",
    ),
    (
        "E0126",
        "the lock does not fit",
        "`cardwright.lock` pins the content of every package. What was found is something else: \
         a file was changed, added or taken away, or the version is another.",
        "Look at what changed. If it is meant, `cardwright check --update-lock` writes the lock \
         anew; commit it with the change.",
        "house: packages, their versions and their lock",
    ),
    (
        "E0127",
        "the lock can't be read",
        "`cardwright.lock` is not what cardwright wrote.",
        "Take it from version control, or write it anew with `--update-lock`.",
        "house: packages, their versions and their lock",
    ),
    (
        "E0128",
        "a file under a foreign name",
        "The name in a `package` line begins with the name of the package that the file belongs \
         to, so that two packages never declare the same name.",
        "Correct the `package` line.",
        "house: packages, their versions and their lock",
    ),
    (
        "E0129",
        "a bundle or job that is not there",
        "The manifest's `[bundles]` name jobs of the project, and `--bundle` names one of them.",
        "Correct the name.",
        "house: packages, their versions and their lock",
    ),
    (
        "E0130",
        "a package that nothing uses",
        "The manifest names a package, and no file of the project has a `use` line for it.",
        "Use it, or take the line out of the manifest.",
        "house: packages, their versions and their lock",
    ),
    (
        "E0140",
        "a repetition over nothing",
        "`for row in table` names a declared table, a list, or a `let` that is a list; `when` after \
         it compares what is known of each row when compiled.",
        "Correct the name, or write the list.",
        "house: copies are made from rows, within bounds",
    ),
    (
        "E0141",
        "too many copies",
        "One `for … in …` makes at most 2,000 copies, several side by side multiply, and all copies \
         together have a limit of their own.",
        "Choose among the rows with `when`, and move what is the same for all into a base.",
        "house: copies are made from rows, within bounds",
    ),
    (
        "E0142",
        "a copy that can't be made",
        "A copy takes cells of its row by `row.column`; its name is spelt from them; `name(\"…\")` \
         names another copy.",
        "Name a column of the table.",
        "house: copies are made from rows, within bounds",
    ),
    (
        "E0201",
        "a value of another type is expected",
        "The place takes one type, the expression gives another, and nothing turns one into \
         the other by itself.",
        "Use the function that the finding names.",
        "house: types of values",
    ),
    (
        "E0202",
        "an operation that does not exist",
        "These values can't be compared, added or called.",
        "Make both of one type, or use a function.",
        "house: types of values",
    ),
    (
        "E0203",
        "a value that has no meaning here",
        "The place takes a certain form of value.",
        "Write what the finding shows.",
        "docs/language/reference.md",
    ),
    (
        "E0204",
        "a value does not fit",
        "The longest value that the expression can give is longer than its place, or too \
         short.",
        "Shorten the value by name, or give it more room.",
        "house: the longest value fits its place",
    ),
    (
        "E0205",
        "a constant is expected",
        "The value must be known when compiled, or is out of its bounds.",
        "Write it out.",
        "house: types of values",
    ),
    (
        "E0206",
        "branches of different types",
        "Both branches of an `if` give one type.",
        "Make both of one type.",
        "house: types of values",
    ),
    (
        "E0207",
        "an unknown flag",
        "The list names a bit that its bit field does not have.",
        "Correct the word; the reference book lists the flags of each field.",
        "EMV Book 3, annex C; docs/language/reference.md",
    ),
    (
        "E0208",
        "a tag is expected",
        "A data object list and a tag list hold tags or names of data elements.",
        "Write `#9F37` or `unpredictable_number`.",
        "EMV Book 3, 5.4",
    ),
    (
        "E0209",
        "wrong arguments",
        "The function takes other arguments.",
        "Write the call as the finding shows.",
        "house: types of values",
    ),
    (
        "E0210",
        "an expression without bounds",
        "Lets and functions are put in where they are used; here this grows beyond the limit.",
        "Give common parts to a `let`.",
        "house: bounded work on any input",
    ),
    (
        "E0211",
        "a field's type is not understood",
        "A field has a type with its length, pattern or key.",
        "Write the type as the finding shows.",
        "house: types of values",
    ),
    (
        "E0212",
        "a value, block or colon that is missing or too much",
        "A row of the vocabulary says whether an entry has a value or a block.",
        "Write the entry as the finding shows.",
        "docs/language/reference.md",
    ),
    (
        "E0213",
        "an unknown clause",
        "The entry takes no clause of this keyword.",
        "Leave it out.",
        "docs/language/reference.md",
    ),
    (
        "E0214",
        "a rule on records that refuses the file",
        "The condition looks at each record; a breach can refuse that record only.",
        "Add `reject record`.",
        "house: a bad record never costs the file by accident",
    ),
    (
        "E0230",
        "a table that is not understood",
        "A table has a key, columns of plain types, and its rows in a file or in its block.",
        "Correct the line that is shown; the reference book has the forms.",
        "house: tables are typed and complete",
    ),
    (
        "E0231",
        "a table's file can't be read",
        "The rows of a table come from a CSV file in UTF-8 whose first line names the columns.",
        "Correct the path, the file's first line, or its encoding.",
        "house: tables are typed and complete",
    ),
    (
        "E0232",
        "a wrong cell",
        "A cell is missing, or is not what its column says; or a row has more or fewer cells than \
         the table has columns.",
        "Correct the cell, or the column's type.",
        "house: tables are typed and complete",
    ),
    (
        "E0233",
        "a key twice",
        "Two rows of a table have the same key: which of them is meant can't be told.",
        "Keep one of them.",
        "house: tables are typed and complete",
    ),
    (
        "E0234",
        "ranges that overlap",
        "Two ranges of a table hold the same key, or a range ends before it begins.",
        "Let each key fall into one range.",
        "house: tables are typed and complete",
    ),
    (
        "E0235",
        "a table too large",
        "A table has at most 100,000 rows.",
        "Split it, or join ranges that say the same.",
        "house: tables are typed and complete",
    ),
    (
        "E0236",
        "a lookup that may find nothing",
        "An order may give a key that the table does not have. Nothing says what happens then.",
        "Add `else: …`, ask with `listed`, or let the format reject such orders.",
        "house: tables are typed and complete",
    ),
    (
        "E0237",
        "a lookup that finds nothing",
        "The key is known when compiled, and the table has no such row.",
        "Add the row, correct the key, or add `else: …`.",
        "house: tables are typed and complete",
    ),
    (
        "E0240",
        "a condition that never holds",
        "The field's type, or a condition around it, leaves no order for which this holds: the text \
         is longer than the field, the number out of its bounds, or an earlier case has taken it.",
        "Correct the condition, or take it out.",
        "house: every condition decides something",
    ),
    (
        "E0241",
        "a condition that always holds",
        "The field's type, or a condition around it, leaves no order for which this does not hold.",
        "Take the condition out, or correct it.",
        "house: every condition decides something",
    ),
    (
        "E0242",
        "cases that leave something out",
        "A `match` without `else` must have a case for every value that its subject's type allows.",
        "Add the missing cases or `else`, or give the field the type `one_of(…)`.",
        "house: every condition decides something",
    ),
    (
        "E0243",
        "a code that is in no standard list",
        "Countries and currencies are named by the letters or numbers of their standard lists. A number \
         outside of them may be one that a scheme or a bank uses for itself.",
        "Correct it; `use std.iso` has the lists as tables.",
        "ISO 3166-1, ISO 4217",
    ),
    (
        "E0244",
        "an expectation that can never hold",
        "A test compares what the card shows with a value of another type: a name with a number, octets with \
         letters.",
        "Write the value as the card shows it: a text between quotes, digits, or octets as `x\"…\"`.",
        "EMV Book 3, 4.3 and annex A",
    ),
    (
        "E0380",
        "a rule of the project is broken",
        "A `rule` of a scheme or bank does not hold for a declaration.",
        "Change the declaration; the rule says why.",
        "the project's own rules",
    ),
    (
        "E0381",
        "a rule can't be decided",
        "The rule's condition is not a statement about the declaration.",
        "Write it with `present`, `includes`, `length`, `starts` and comparisons.",
        "the project's own rules",
    ),
    (
        "E0382",
        "a rule's severity that may not change so",
        "The manifest's `[rules]` names rules and makes their breaches graver; a rule that a scheme \
         or a bank calls an error stays one.",
        "Take the line out, or name a graver severity: `note`, `warning`, `error`.",
        "house: rules may be made graver only",
    ),
    (
        "E0501",
        "a key of another use",
        "Every operation takes keys of one use; a key has exactly one (X9.143).",
        "Name a key of the use that is needed.",
        "ANSI X9.143, key usage",
    ),
    (
        "E0502",
        "a key where none belongs, or none where one belongs",
        "Keys are no values: they go only into operations that take one.",
        "Name a declared key, or take it out.",
        "ANSI X9.143, key usage",
    ),
    (
        "E0520",
        "an unknown key use",
        "The use is not in the vocabulary.",
        "Correct the word.",
        "ANSI X9.143, key usage",
    ),
    (
        "E0521",
        "a key without a usable algorithm",
        "A key is `tdes2`, `tdes3`, `aes128`, `aes192`, `aes256` or `rsa(bits, exponent)`.",
        "Write the algorithm after the colon.",
        "NIST SP 800-131A; ANSI X9.143, algorithm",
    ),
    (
        "E0522",
        "an algorithm that does not go with the use",
        "Each use is defined for certain algorithms.",
        "Take one of those that the finding lists.",
        "ANSI X9.143, key usage and algorithm",
    ),
    (
        "E0601",
        "a PIN in clear",
        "A file never brings a PIN in clear.",
        "Declare the field as `pin_block(format, under: key)`.",
        "ISO 9564-1; PCI PIN Security Requirements",
    ),
    (
        "E0602",
        "a PIN block without its PAN",
        "Formats 0, 3 and 4 of ISO 9564-1 are bound to the account number.",
        "Give the record a field of type `pan`.",
        "ISO 9564-1",
    ),
    (
        "E1001",
        "a secret would leak",
        "A value reaches a sink that takes less than it is. The path shows each step from its \
         source to the sink.",
        "Lower the value by a named operation, or leave it out.",
        "house: secrecy of values (docs/SECURITY.md); PCI DSS 3",
    ),
    (
        "E1002",
        "the PAN beside a PIN",
        "A PIN mailer shows nothing that leads to the account (ISO 9564-1, PCI PIN).",
        "Show a reference instead.",
        "ISO 9564-1; PCI PIN Security Requirements, PIN mailers",
    ),
    (
        "E1003",
        "something else in the CVV2 panel",
        "The panel holds the card verification value of service code 000 and nothing else.",
        "Use `cvv2(…)`.",
        "house: the schemes' CVV2, service code 000",
    ),
    (
        "E1004",
        "a secret declared less secret",
        "A PAN and a PIN block are what they are.",
        "Leave the clause out; lower the value where it is used.",
        "house: secrecy of values (docs/SECURITY.md)",
    ),
    (
        "E1005",
        "an enciphered PIN that would stay",
        "A PIN block is for transit: it is translated by the HSM and never kept on a card's \
         open data or stripe.",
        "Give the chip its PIN by `offline_pin`, the stripe a `pvv(…)`.",
        "PCI PIN Security Requirements; ISO 9564-1",
    ),
    (
        "E1006",
        "a refusal would tell of a secret",
        "A step that can't be done refuses the order, and everybody sees that it was refused. \
         Whether it can be done must not depend on a verification value, an offset, or \
         anything else that is sensitive.",
        "Make it fit whatever it holds: `digits` of a fixed width, `slice(…, 1, n)`, more octets.",
        "house: secrecy of values (docs/SECURITY.md); implicit flows",
    ),
];

/// The row of any code of the author's side.
#[must_use]
pub fn explanation(code: &str) -> Option<CodeRow> {
    CODES
        .iter()
        .chain(crate::emit::CODES)
        .chain(crate::emit::LAYOUT_CODES)
        .chain(cardwright_dsl::CODES)
        .find(|row| row.0 == code)
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_each_stands_once() {
        for pair in CODES.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
        }
        for row in CODES {
            let elsewhere = crate::emit::CODES.iter().any(|other| other.0 == row.0);
            assert!(!elsewhere, "{} has two meanings", row.0);
        }
    }
}
