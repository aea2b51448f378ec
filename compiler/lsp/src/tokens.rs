//! Semantic colours: each leaf of the tree by what it is in the language.

use crate::documents::Document;
use cardwright_dsl::{Kind, Node};
use cardwright_vocabulary::{function, kind};
use lsp_types::{
    SemanticToken, SemanticTokenModifier, SemanticTokenType, SemanticTokens, SemanticTokensLegend,
};

/// What a token is; the number is its place in the legend.
#[derive(Clone, Copy)]
enum Colour {
    Comment,
    Declared,
    EnumMember,
    Function,
    Keyword,
    Number,
    Operator,
    Parameter,
    Property,
    String,
    Type,
    Variable,
}

const TYPES: [SemanticTokenType; 12] = [
    SemanticTokenType::COMMENT,
    SemanticTokenType::CLASS,
    SemanticTokenType::ENUM_MEMBER,
    SemanticTokenType::FUNCTION,
    SemanticTokenType::KEYWORD,
    SemanticTokenType::NUMBER,
    SemanticTokenType::OPERATOR,
    SemanticTokenType::PARAMETER,
    SemanticTokenType::PROPERTY,
    SemanticTokenType::STRING,
    SemanticTokenType::TYPE,
    SemanticTokenType::VARIABLE,
];
const MODIFIERS: [SemanticTokenModifier; 3] = [
    SemanticTokenModifier::DECLARATION,
    SemanticTokenModifier::DOCUMENTATION,
    SemanticTokenModifier::DEFAULT_LIBRARY,
];
const DECLARATION: u32 = 1;
const DOCUMENTATION: u32 = 1 << 1;
const LIBRARY: u32 = 1 << 2;

/// The words for colours that the answers count by.
pub(crate) fn legend() -> SemanticTokensLegend {
    SemanticTokensLegend {
        token_types: TYPES.to_vec(),
        token_modifiers: MODIFIERS.to_vec(),
    }
}

/// The colours of a document, each relative to the one before, as the protocol wants them.
pub(crate) fn of(document: &Document) -> SemanticTokens {
    let mut data = Vec::new();
    let (mut line, mut column) = (0, 0);
    document.parsed.tree.root().walk(&mut |node| {
        if !node.is_leaf() || node.range().is_empty() {
            return;
        }
        let Some((colour, modifiers)) = colour(node) else {
            return;
        };
        let text = node.text().trim_end_matches(['\r', '\n']);
        // An editor draws tokens of one line only.
        if text.contains(['\r', '\n']) {
            return;
        }
        let start = document.text.position(node.range().start);
        let new_line = start.line != line;
        data.push(SemanticToken {
            delta_line: start.line - line,
            delta_start: if new_line {
                start.character
            } else {
                start.character - column
            },
            length: crate::position::narrow(text.encode_utf16().count()),
            token_type: colour as u32,
            token_modifiers_bitset: modifiers,
        });
        (line, column) = (start.line, start.character);
    });
    SemanticTokens {
        result_id: None,
        data,
    }
}

fn colour(leaf: Node<'_>) -> Option<(Colour, u32)> {
    Some(match leaf.kind() {
        Kind::Comment => (Colour::Comment, 0),
        Kind::DocComment | Kind::FileDoc => (Colour::Comment, DOCUMENTATION),
        Kind::Keyword | Kind::ClauseKeyword => (Colour::Keyword, 0),
        Kind::Operator | Kind::PrefixOperator => match leaf.text() {
            "and" | "or" | "not" => (Colour::Keyword, 0),
            _ => (Colour::Operator, 0),
        },
        Kind::Number | Kind::Magnitude => (Colour::Number, 0),
        Kind::Unit => (Colour::Type, 0),
        Kind::Hex => (Colour::Number, 0),
        Kind::Quote | Kind::TextChars => (Colour::String, 0),
        Kind::Escape => (Colour::EnumMember, 0),
        Kind::Tag => (Colour::EnumMember, 0),
        Kind::ArgumentName => (Colour::Parameter, 0),
        Kind::Segment => segment(leaf)?,
        _ => return None,
    })
}

fn segment(leaf: Node<'_>) -> Option<(Colour, u32)> {
    let path = leaf.parent()?;
    let owner = path.parent()?;
    let first = path.child(Kind::Segment)?.range() == leaf.range();
    match owner.kind() {
        Kind::Package | Kind::Import => Some((Colour::Type, 0)),
        Kind::Head => Some(in_head(leaf, path, owner)),
        Kind::Base => Some((Colour::Type, 0)),
        Kind::Call if owner.children().next()?.range() == path.range() => {
            if owner.parent()?.kind() == Kind::Head {
                return Some((Colour::Function, DECLARATION));
            }
            let library = function(path.text()).is_some();
            Some((Colour::Function, if library { LIBRARY } else { 0 }))
        }
        _ if first => Some((Colour::Variable, 0)),
        _ => Some((Colour::Property, 0)),
    }
}

fn in_head(leaf: Node<'_>, path: Node<'_>, head: Node<'_>) -> (Colour, u32) {
    let place = head
        .expressions()
        .position(|term| term.range() == path.range());
    let top = head
        .parent()
        .and_then(Node::parent)
        .is_some_and(|node| node.kind() == Kind::File);
    match (top, place) {
        (true, Some(0)) if kind(leaf.text()).is_some_and(|k| k.top) => (Colour::Keyword, 0),
        (true, Some(1)) => (Colour::Declared, DECLARATION),
        (false, Some(0)) => (Colour::Property, 0),
        _ => (Colour::Variable, 0),
    }
}
