//! Text to tree. The only file that knows the grammar engine; it cannot fail.

use crate::diagnostic::{Diagnostic, Range};
use crate::errors;
use crate::kind::Kind;
use crate::limits::SOURCE_BYTES_MAX;
use crate::operations;
use crate::scan::scan;
use crate::tree::{NodeId, Tree, TreeBuilder};
use pest::Parser;
use pest::iterators::Pair;

/// Stack that the engine has at least: several times what the nesting limit can take. A check of
/// its own at every step is what the engine would do instead; it costs a third of its time.
const STACK_LEAST: usize = 2 << 20;
/// Stack that it gets where there is less.
const STACK_MOST: usize = 4 << 20;

#[derive(pest_derive::Parser)]
#[grammar = "grammar.pest"]
struct Grammar;

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
    let mut builder = TreeBuilder::new(source);
    let mut limits = Vec::new();
    let children = file_children(source, &mut builder, &mut limits);
    let root = builder.node(Kind::File, Range::new(0, source.len()), children);
    let tree = builder.finish(root);
    let diagnostics = errors::collect(&tree, limits);
    Parsed { tree, diagnostics }
}

/// The children of the file, or one error leaf when the text is beyond a limit.
fn file_children(
    source: &str,
    builder: &mut TreeBuilder,
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
        match stacker::maybe_grow(STACK_LEAST, STACK_MOST, || Grammar::parse(Rule::file, text)) {
            Ok(pairs) => {
                for pair in pairs.flat_map(Pair::into_inner) {
                    children.extend(convert(pair, piece.start, builder));
                }
            }
            // The engine only gives up when the machine's own stack is too small.
            Err(_) => {
                limits.push(errors::source_refused(piece));
                children.push(builder.leaf(Kind::ErrorSource, piece));
            }
        }
    }
    children
}

/// One pair and all below it; `None` for the end of input, which is no text.
fn convert(pair: Pair<'_, Rule>, offset: usize, builder: &mut TreeBuilder) -> Option<NodeId> {
    let rule = pair.as_rule();
    let span = pair.as_span();
    let range = Range::new(span.start() + offset, span.end() + offset);
    let children: Vec<NodeId> = pair
        .into_inner()
        .filter_map(|inner| convert(inner, offset, builder))
        .collect();
    let node = match rule {
        Rule::EOI => return None,
        Rule::operation => operations::binary(builder, children),
        Rule::postfix => operations::postfix(builder, children),
        Rule::if_expression => operations::conditional(builder, children),
        Rule::base => builder.node(operations::base_kind(builder, &children), range, children),
        _ => {
            let kind = operations::checked_kind(Kind::from(rule), text_of(builder, range));
            builder.node(kind, range, children)
        }
    };
    Some(node)
}

fn text_of(builder: &TreeBuilder, range: Range) -> &str {
    builder.source().get(range.start..range.end).unwrap_or("")
}

/// One row for every rule of the grammar; a rule without a row does not compile.
macro_rules! kinds_of_rules {
    (pairs: $($rule:ident $kind:ident),*; silent: $($silent:ident)*) => {
        impl From<Rule> for Kind {
            fn from(rule: Rule) -> Kind {
                match rule {
                    $(Rule::$rule => Kind::$kind,)*
                    $(Rule::$silent)|* => Kind::Punctuation,
                }
            }
        }
    };
}

kinds_of_rules! {
    pairs:
    file File, EOI File, package Package, import Import, entry Entry, head Head, base Base,
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
    missing_separator MissingSeparator, missing_then MissingThen, missing_value MissingValue;
    // These make no pair and so never a node.
    silent:
    stray nl trivia sp gap line_gap head_word head_line next_field next_entry entry_end
    more_terms clauses term operand primary stop group_step list_step argument_step item_end
    item_start word_start word_char word expression_keyword decimal embedded_char quoted run_char
    item_char
}
