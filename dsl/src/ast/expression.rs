//! Expressions: literals, names, calls and operators.

use crate::ast::entry::entries_of;
use crate::ast::text::parts_of;
use crate::ast::{Entry, Phrase, TextPart};
use crate::diagnostic::Range;
use crate::kind::Kind;
use crate::literal::{self, NumberValue};
use crate::tree::Node;

/// An expression.
#[derive(Clone, Copy, Debug)]
pub struct Expr<'t> {
    node: Node<'t>,
}

/// One word of a dotted name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The word; of a tag the upper-case hex digits without `#`.
    pub text: String,
    /// Where it stands.
    pub range: Range,
    /// Whether it is a tag such as `#5F20`.
    pub is_tag: bool,
}

/// An element of a list.
#[derive(Clone, Copy, Debug)]
pub struct ListItem<'t> {
    /// Whether `...` stands before it: the elements of a list take its place.
    pub spread: bool,
    /// The element; it may have clauses, as in `outgoing sample 1 of 200`.
    pub phrase: Phrase<'t>,
}

/// An argument of a call.
#[derive(Clone, Debug)]
pub struct Arg<'t> {
    /// The name before `:`.
    pub name: Option<String>,
    /// The value.
    pub value: Expr<'t>,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub enum ExprKind<'t> {
    /// `order.pan`, `chip.#5F20`, `front.line`.
    Name(Vec<Segment>),
    /// `#5F20`: the hex digits in upper case.
    Tag(String),
    /// `201`, `0x92`.
    Integer(i64),
    /// `0.5`, exactly as written.
    Decimal(String),
    /// `12 pt`, `10.00 EUR`.
    Quantity {
        /// The number exactly as written.
        number: String,
        /// The unit or currency.
        unit: String,
    },
    /// `"…"`; the empty text has no part.
    Text(Vec<TextPart<'t>>),
    /// `x"A0 00"`.
    Hex(Vec<u8>),
    /// `[a, ...b]`.
    List(Vec<ListItem<'t>>),
    /// `(a, b)`; also `()` and `(a,)`.
    Tuple(Vec<Expr<'t>>),
    /// `{ k = v; … }`.
    Record(Vec<Entry<'t>>),
    /// `f(a, name: b)`, also a type with arguments: `rsa(1984, 3)`.
    Call {
        /// What is called.
        callee: Box<Expr<'t>>,
        /// With what.
        args: Vec<Arg<'t>>,
    },
    /// `text[4]`.
    Index {
        /// What is indexed.
        base: Box<Expr<'t>>,
        /// By what.
        index: Box<Expr<'t>>,
    },
    /// `left |> right`.
    Pipe {
        /// What flows.
        left: Box<Expr<'t>>,
        /// Through what.
        right: Box<Expr<'t>>,
    },
    /// `left op right` with `==` `!=` `<` `<=` `>` `>=` `and` `or` `+` `-` `..`.
    Binary {
        /// The operator.
        op: &'static str,
        /// Its left side.
        left: Box<Expr<'t>>,
        /// Its right side.
        right: Box<Expr<'t>>,
    },
    /// `not x`.
    Not(Box<Expr<'t>>),
    /// `-x`.
    Negate(Box<Expr<'t>>),
    /// `if condition then then else otherwise`.
    If {
        /// The question.
        condition: Box<Expr<'t>>,
        /// The value when it holds.
        then: Box<Expr<'t>>,
        /// The value when it does not.
        otherwise: Box<Expr<'t>>,
    },
    /// `(x)`.
    Paren(Box<Expr<'t>>),
    /// Something that the parser has already complained about.
    Error,
}

const OPERATORS: &[&str] = &[
    "==", "!=", "<", "<=", ">", ">=", "and", "or", "+", "-", "..",
];

impl<'t> Expr<'t> {
    pub(crate) fn new(node: Node<'t>) -> Expr<'t> {
        Expr { node }
    }

    /// Where the expression stands.
    pub fn range(&self) -> Range {
        self.node.range()
    }

    /// The source text.
    pub fn text(&self) -> &'t str {
        self.node.text()
    }

    /// Whether the expression or a part of it is broken.
    pub fn has_error(&self) -> bool {
        self.node.has_error()
    }

    /// What the expression is, one level deep.
    pub fn kind(&self) -> ExprKind<'t> {
        let node = self.node;
        match node.kind() {
            Kind::Path => ExprKind::Name(segments_of(node)),
            Kind::Tag => ExprKind::Tag(tag_digits(node)),
            Kind::Number => number_of(node),
            Kind::Quantity => ExprKind::Quantity {
                number: node
                    .child(Kind::Magnitude)
                    .map_or("", Node::text)
                    .to_owned(),
                unit: node.child(Kind::Unit).map_or("", Node::text).to_owned(),
            },
            Kind::Text => ExprKind::Text(parts_of(node)),
            Kind::Hex => ExprKind::Hex(literal::hex_bytes(node.text())),
            Kind::List => ExprKind::List(items_of(node)),
            Kind::Group => group_of(node),
            Kind::Block => ExprKind::Record(entries_of(node)),
            Kind::Call => call_of(node),
            Kind::Index => index_of(node),
            Kind::Binary => binary_of(node),
            Kind::Prefix => prefix_of(node),
            Kind::If => if_of(node),
            _ => ExprKind::Error,
        }
    }
}

fn segments_of(path: Node<'_>) -> Vec<Segment> {
    let mut segments = Vec::new();
    for node in path.children() {
        let range = node.range();
        match node.kind() {
            Kind::Segment => {
                segments.push(Segment {
                    text: node.text().to_owned(),
                    range,
                    is_tag: false,
                });
            }
            Kind::Tag => segments.push(Segment {
                text: tag_digits(node),
                range,
                is_tag: true,
            }),
            _ => {}
        }
    }
    segments
}

fn tag_digits(tag: Node<'_>) -> String {
    tag.text().trim_start_matches('#').to_ascii_uppercase()
}

fn number_of<'t>(node: Node<'t>) -> ExprKind<'t> {
    match literal::number(node.text()) {
        Some(NumberValue::Integer(value)) => ExprKind::Integer(value),
        Some(NumberValue::Decimal(digits)) => ExprKind::Decimal(digits),
        None => ExprKind::Error,
    }
}

fn items_of(list: Node<'_>) -> Vec<ListItem<'_>> {
    list.children_of(Kind::ListItem)
        .filter_map(|node| {
            let spread = node.child(Kind::Spread).is_some();
            Some(ListItem {
                spread,
                phrase: Phrase::new(node.child(Kind::Phrase)?),
            })
        })
        .collect()
}

fn group_of(group: Node<'_>) -> ExprKind<'_> {
    let members: Vec<Expr<'_>> = group.expressions().map(Expr::new).collect();
    let comma = group.child(Kind::Comma).is_some();
    match members.as_slice() {
        [only] if !comma => ExprKind::Paren(Box::new(*only)),
        _ => ExprKind::Tuple(members),
    }
}

fn call_of(call: Node<'_>) -> ExprKind<'_> {
    let Some(callee) = call.children().next() else {
        return ExprKind::Error;
    };
    let arguments = call.child(Kind::Arguments);
    let args = arguments
        .into_iter()
        .flat_map(|node| node.children_of(Kind::Argument));
    let args = args
        .filter_map(|node| {
            let name = node
                .child(Kind::ArgumentName)
                .map(|name| name.text().to_owned());
            Some(Arg {
                name,
                value: Expr::new(node.expressions().next()?),
            })
        })
        .collect();
    ExprKind::Call {
        callee: boxed(callee),
        args,
    }
}

fn index_of(node: Node<'_>) -> ExprKind<'_> {
    let subscript = node.child(Kind::Subscript);
    let index = subscript.and_then(|subscript| subscript.expressions().next());
    match (node.children().next(), index) {
        (Some(base), Some(index)) => ExprKind::Index {
            base: boxed(base),
            index: boxed(index),
        },
        _ => ExprKind::Error,
    }
}

fn binary_of(node: Node<'_>) -> ExprKind<'_> {
    let mut sides = node.expressions();
    let (Some(left), Some(right)) = (sides.next(), sides.next()) else {
        return ExprKind::Error;
    };
    let (left, right) = (boxed(left), boxed(right));
    let sign = node.child(Kind::Operator).map_or("", Node::text);
    if sign == "|>" {
        return ExprKind::Pipe { left, right };
    }
    match OPERATORS.iter().find(|operator| **operator == sign) {
        Some(op) => ExprKind::Binary { op, left, right },
        None => ExprKind::Error,
    }
}

fn prefix_of(node: Node<'_>) -> ExprKind<'_> {
    let Some(operand) = node.expressions().next() else {
        return ExprKind::Error;
    };
    let operand = boxed(operand);
    match node.child(Kind::PrefixOperator).map(Node::text) {
        Some("not") => ExprKind::Not(operand),
        _ => ExprKind::Negate(operand),
    }
}

fn if_of(node: Node<'_>) -> ExprKind<'_> {
    let Some(arm) = node.child(Kind::IfArm) else {
        return ExprKind::Error;
    };
    let mut parts = arm.expressions();
    let (Some(condition), Some(then)) = (parts.next(), parts.next()) else {
        return ExprKind::Error;
    };
    let Some(otherwise) = node.expressions().next() else {
        return ExprKind::Error;
    };
    ExprKind::If {
        condition: boxed(condition),
        then: boxed(then),
        otherwise: boxed(otherwise),
    }
}

fn boxed(node: Node<'_>) -> Box<Expr<'_>> {
    Box::new(Expr::new(node))
}
