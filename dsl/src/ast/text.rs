//! Text literals: plain stretches and the expressions between braces.

use crate::ast::Expr;
use crate::kind::Kind;
use crate::literal;
use crate::tree::Node;

/// A piece of a text literal.
#[derive(Clone, Debug)]
pub enum TextPart<'t> {
    /// Plain characters with their escapes resolved.
    Literal(String),
    /// The expression of a `{…}` placeholder.
    Embedded(Expr<'t>),
}

/// The parts of a text node; neighbouring plain characters are one part.
pub(crate) fn parts_of(text: Node<'_>) -> Vec<TextPart<'_>> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    for node in text.children() {
        match node.kind() {
            Kind::TextChars | Kind::ErrorEscape | Kind::ErrorEmbedded => {
                plain.push_str(node.text());
            }
            Kind::Escape => plain.extend(literal::escape(node.text())),
            Kind::Embedded => {
                if !plain.is_empty() {
                    parts.push(TextPart::Literal(std::mem::take(&mut plain)));
                }
                parts.extend(
                    node.expressions()
                        .next()
                        .map(Expr::new)
                        .map(TextPart::Embedded),
                );
            }
            _ => {}
        }
    }
    if !plain.is_empty() {
        parts.push(TextPart::Literal(plain));
    }
    parts
}
