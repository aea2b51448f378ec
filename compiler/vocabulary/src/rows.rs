//! What a row of the vocabulary says.

use crate::Sink;

/// What a declaration of a kind speaks of, after `for`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeaksOf {
    /// Nothing: `for` is an error.
    Nothing,
    /// A record of a format, `for orders.order`.
    Record,
    /// A declaration of a kind, `for debit_card`.
    Decl(&'static str),
    /// A record of a format, or a kind by its name (`for profile`): rules.
    RecordOrKind,
}

/// How an inherited block and the deriving one come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// Entry by entry; the deriving one's win.
    ByKey,
    /// The deriving block stands for the whole.
    Replace,
}

/// Whether a row must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Required,
    /// It may be left out; this is taken then.
    Default(&'static str),
    /// It may be left out.
    Optional,
}

/// What an expression must give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// One of these words, each with its number.
    Choice(&'static [(&'static str, i64)]),
    /// A condition.
    Condition,
    /// A date.
    Date,
    /// A list of lines.
    Lines,
    /// A PIN.
    Pin,
    /// Octets.
    Octets,
    /// Three digits.
    ServiceCode,
    /// Text of at most so many characters.
    Text(u32),
    /// Track 1.
    Track1,
    /// Track 2.
    Track2,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// A call of one of these words, such as `globalplatform(scp03, keys: kmc)`.
    Call(&'static [&'static str]),
    /// A call of one of these words, or a declaration of one of these kinds.
    CallOrRef(&'static [&'static str], &'static [&'static str]),
    /// A code of a standard list, by its letters or its number: `FR`, `250`.
    Code(CodeList),
    /// A colour, `"0B2545"`.
    Colour,
    /// An expression over an order, and the sink where it ends.
    Expr(Want, Option<Sink>),
    /// A data element's value, by its tag.
    Element,
    /// A file of the project.
    File,
    /// A list of flags of a set, or octets.
    Flags(&'static str),
    /// A font and its size, `"OCR-B" 12 pt`.
    Font,
    /// Octets, shortest and longest.
    Hex(u32, u32),
    /// A key with one of these uses.
    Key(&'static [&'static str]),
    /// A key with one of these uses, or one of several by a condition: `if … then … else …`.
    KeyByOrder(&'static [&'static str]),
    /// A key use.
    KeyUse,
    /// A length on paper.
    Length,
    /// A whole number, smallest and largest.
    Number(i64, i64),
    /// `(x, y)`.
    Point,
    /// `(x, y)` or `(x, y, width, height)`.
    Place,
    /// `(x, y, width, height)`.
    Rect,
    /// A record value, `{ pan = "…" }`.
    Record,
    /// A declaration of one of these kinds.
    Ref(&'static [&'static str]),
    /// A list of declarations of one of these kinds; further words (`sample 1 of 200`) may follow.
    RefList(&'static [&'static str]),
    /// The same, each perhaps with `when` and a condition on the order.
    RefListWhen(&'static [&'static str]),
    /// A list of these words and of declarations of these kinds.
    Named(&'static [&'static str], &'static [&'static str]),
    /// Tags.
    TagList,
    /// A text that is known when compiled, of at most so many characters.
    Text(u32),
    /// A list of texts that are known when compiled.
    TextList,
    /// Yes or no: `true`, `false`.
    Truth,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of these words, or one.
    WordList(&'static [&'static str]),
    /// Things on the card: `front.line 1`.
    Readings,
    /// Any expression; its kind's own rules look at it.
    Any,
}

/// A standard list of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeList {
    /// ISO 3166-1.
    Countries,
    /// ISO 4217.
    Currencies,
}

/// What stands after the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Nothing.
    Bare,
    /// A block of this kind.
    Block(&'static str),
    /// A block of this kind, or nothing.
    BareOrBlock(&'static str),
    /// `: type`, and perhaps a value that ends in a sink.
    Field(Option<Sink>),
    /// `: type` of what cards hold at fixed places, and its value.
    Part,
    /// A value.
    Value(Is),
    /// A value, and perhaps a block of this kind.
    ValueAndBlock(Is, &'static str),
}

/// A clause that a row takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClauseRow {
    /// Keyword.
    pub keyword: &'static str,
    /// What it takes.
    pub takes: Is,
    /// Meaning.
    pub doc: &'static str,
}

/// One row: an attribute, a block or a sentence of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Pattern of the head: words, and `<number>`, `<text>`, `<name>`, `<tag>`, `<expression>`,
    /// `<one|of|these>`, `[optional]`.
    pub pattern: &'static str,
    /// What follows.
    pub shape: Shape,
    /// Clauses.
    pub clauses: &'static [ClauseRow],
    /// Whether it must be there.
    pub need: Need,
    /// Whether it may stand several times with the same head.
    pub repeat: bool,
    /// Meaning.
    pub doc: &'static str,
    /// Standard and clause; may be empty.
    pub reference: &'static str,
}

/// One kind of declaration or block.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Name; a block's name is qualified by its owner: `card.chip`.
    pub name: &'static str,
    /// Whether it is declared at the top of a file.
    pub top: bool,
    /// Words that may stand after the colon; empty when a base of the same kind stands there or
    /// nothing.
    pub types: &'static [&'static str],
    /// Whether it inherits from a declaration of its kind.
    pub inherits: bool,
    /// What it speaks of.
    pub speaks_of: SpeaksOf,
    /// How inherited blocks come together.
    pub merge: Merge,
    /// Whose meaning tags have inside, where a block has its own: the declaration's dictionary else.
    pub dictionary: Option<&'static str>,
    /// Rows.
    pub attributes: &'static [Attribute],
    /// Meaning.
    pub doc: &'static str,
    /// Standard and clause; may be empty.
    pub reference: &'static str,
}

impl Attribute {
    /// An attribute with a value.
    #[must_use]
    pub const fn value(pattern: &'static str, is: Is, need: Need, doc: &'static str) -> Self {
        Self::row(pattern, Shape::Value(is), need, doc)
    }

    /// A block.
    #[must_use]
    pub const fn block(pattern: &'static str, kind: &'static str, doc: &'static str) -> Self {
        Self::row(pattern, Shape::Block(kind), Need::Optional, doc)
    }

    /// A sentence that says all by its head.
    #[must_use]
    pub const fn bare(pattern: &'static str, doc: &'static str) -> Self {
        Self::row(pattern, Shape::Bare, Need::Optional, doc)
    }

    /// Any row.
    #[must_use]
    pub const fn row(pattern: &'static str, shape: Shape, need: Need, doc: &'static str) -> Self {
        Self {
            pattern,
            shape,
            clauses: &[],
            need,
            repeat: false,
            doc,
            reference: "",
        }
    }

    /// With clauses.
    #[must_use]
    pub const fn with(mut self, clauses: &'static [ClauseRow]) -> Self {
        self.clauses = clauses;
        self
    }

    /// May stand several times.
    #[must_use]
    pub const fn many(mut self) -> Self {
        self.repeat = true;
        self
    }

    /// Must be there.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.need = Need::Required;
        self
    }

    /// With its standard.
    #[must_use]
    pub const fn from(mut self, reference: &'static str) -> Self {
        self.reference = reference;
        self
    }
}
