//! Text to tree; it cannot fail.

use crate::diagnostic::{Diagnostic, Range};
use crate::errors;
use crate::kind::Kind;
use crate::limits::SOURCE_BYTES_MAX;
use crate::matcher::{Rule, Token, tokens};
use crate::operations;
use crate::scan::scan;
use crate::tree::{NodeId, Tree, TreeBuilder};

/// Stack that the matcher has at least: several times what the nesting limit can take.
const STACK_LEAST: usize = 2 << 20;
/// Stack that it gets where there is less.
const STACK_MOST: usize = 4 << 20;

/// A tree together with what is wrong in it.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The lossless tree; it exists for every text.
    pub tree: Tree,
    /// Syntax errors in source order, at most one a line.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses any text.
pub fn parse(source: &str) -> Parsed {
    // Most sources have a node for every two to three octets.
    let mut builder = TreeBuilder::new(source, source.len().min(SOURCE_BYTES_MAX) / 2 + 16);
    let mut limits = Vec::new();
    let whole = Range::new(0, source.len());
    let children = stacker::maybe_grow(STACK_LEAST, STACK_MOST, || {
        file_children(source, &mut builder, &mut limits)
    });
    let root = builder.node(Kind::File, whole, &children);
    let tree = builder.finish(root);
    let diagnostics = errors::collect(&tree, limits);
    Parsed { tree, diagnostics }
}

/// The children of the file, or one error leaf when the text is beyond a limit.
fn file_children(
    source: &str,
    builder: &mut TreeBuilder<'_>,
    limits: &mut Vec<Diagnostic>,
) -> Vec<NodeId> {
    let whole = Range::new(0, source.len());
    if source.len() > SOURCE_BYTES_MAX {
        limits.push(errors::source_too_large(source.len()));
        return vec![builder.leaf(Kind::ErrorSource, whole)];
    }
    let found = scan(source);
    if let Some(bracket) = found.too_deep {
        limits.push(errors::nested_too_deep(bracket));
        return vec![builder.leaf(Kind::ErrorSource, whole)];
    }
    let mut children = Vec::new();
    for piece in found.pieces {
        let text = source.get(piece.start..piece.end).unwrap_or("");
        let tokens = tokens(text);
        let mut converter = Converter {
            tokens: &tokens,
            offset: piece.start,
            builder,
        };
        // The first token is the piece itself.
        converter.children(0, &mut children);
    }
    children
}

/// Makes nodes of tokens.
struct Converter<'b, 's> {
    tokens: &'b [Token],
    offset: usize,
    builder: &'b mut TreeBuilder<'s>,
}

impl Converter<'_, '_> {
    fn children(&mut self, at: usize, into: &mut Vec<NodeId>) {
        let behind = self.tokens.get(at).map_or(0, |token| token.behind as usize);
        let mut next = at + 1;
        while let Some(token) = self.tokens.get(next).filter(|_| next < behind) {
            into.push(self.node(next, *token));
            next = (token.behind as usize).max(next + 1);
        }
    }

    /// The node of a token and all below it.
    fn node(&mut self, at: usize, token: Token) -> NodeId {
        let (start, end) = (token.start as usize, token.end as usize);
        let range = Range::new(start + self.offset, end + self.offset);
        let leaf = token.behind as usize == at + 1;
        if leaf && !matches!(token.rule, Rule::operation | Rule::postfix) {
            let text = self.builder.source().get(range.start..range.end);
            let kind = operations::checked_kind(Kind::from(token.rule), text.unwrap_or(""));
            return self.builder.leaf(kind, range);
        }
        // An operation is mostly its operand, and a call what would be called.
        if let Rule::operation | Rule::postfix = token.rule
            && let Some(only) = self.tokens.get(at + 1)
            && only.behind == token.behind
        {
            return self.node(at + 1, *only);
        }
        let mut children = Vec::with_capacity(8);
        self.children(at, &mut children);
        let builder = &mut *self.builder;
        match token.rule {
            Rule::operation => operations::binary(builder, children),
            Rule::postfix => operations::postfix(builder, children),
            Rule::if_expression => operations::conditional(builder, children),
            Rule::base => {
                let kind = operations::base_kind(builder, &children);
                builder.node(kind, range, &children)
            }
            rule => builder.node(Kind::from(rule), range, &children),
        }
    }
}

/// One row for every rule of the grammar; a rule without a row does not compile.
macro_rules! kinds_of_rules {
    ($($rule:ident $kind:ident),*) => {
        impl From<Rule> for Kind {
            fn from(rule: Rule) -> Kind {
                match rule {
                    $(Rule::$rule => Kind::$kind,)*
                }
            }
        }
    };
}

kinds_of_rules! {
    file File, package Package, import Import, entry Entry, head Head, base Base,
    value Value, phrase Phrase, clause Clause, block Block, operation Binary, postfix Call,
    if_expression If, if_arm IfArm, group Group, list List, list_item ListItem,
    arguments Arguments, argument Argument, index Subscript, path Path, quantity Quantity,
    text Text, embedded Embedded, segment Segment, tag Tag, number Number, magnitude Magnitude,
    unit Unit, hex Hex, text_chars TextChars, escape Escape, argument_name ArgumentName,
    clause_keyword ClauseKeyword, kw_package Keyword, kw_use Keyword, kw_if Keyword,
    kw_then Keyword, kw_else Keyword, operator Operator, prefix_operator PrefixOperator,
    quote Quote, open_brace OpenBrace, close_brace CloseBrace, open_paren OpenParen,
    close_paren CloseParen, open_bracket OpenBracket, close_bracket CloseBracket, comma Comma,
    colon Colon, semicolon Semicolon, equals Equals, dot Dot, spread Spread,
    whitespace Whitespace, newline Newline, comment Comment, doc_comment DocComment,
    file_doc FileDoc, error_block ErrorBlock, error_close ErrorClose, error_comma ErrorComma,
    error_embedded ErrorEmbedded, error_escape ErrorEscape, error_hex ErrorHex,
    error_item ErrorItem, error_line ErrorLine, error_number ErrorNumber, error_tag ErrorTag,
    error_tail ErrorTail, missing_base MissingBase, missing_close MissingClose,
    missing_comma MissingComma, missing_else MissingElse, missing_operand MissingOperand,
    missing_path MissingPath, missing_quote MissingQuote, missing_segment MissingSegment,
    missing_separator MissingSeparator, missing_then MissingThen, missing_value MissingValue
}
