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
        match Grammar::parse(Rule::file, text) {
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

impl From<Rule> for Kind {
    fn from(rule: Rule) -> Kind {
        match rule {
            Rule::file | Rule::EOI => Kind::File,
            Rule::package => Kind::Package,
            Rule::import => Kind::Import,
            Rule::entry => Kind::Entry,
            Rule::head => Kind::Head,
            Rule::base => Kind::Base,
            Rule::value => Kind::Value,
            Rule::phrase => Kind::Phrase,
            Rule::clause => Kind::Clause,
            Rule::block => Kind::Block,
            Rule::operation => Kind::Binary,
            Rule::postfix => Kind::Call,
            Rule::if_expression => Kind::If,
            Rule::if_arm => Kind::IfArm,
            Rule::group => Kind::Group,
            Rule::list => Kind::List,
            Rule::list_item => Kind::ListItem,
            Rule::arguments => Kind::Arguments,
            Rule::argument => Kind::Argument,
            Rule::index => Kind::Subscript,
            Rule::path => Kind::Path,
            Rule::quantity => Kind::Quantity,
            Rule::text => Kind::Text,
            Rule::embedded => Kind::Embedded,
            other => token_kind(other),
        }
    }
}

/// Kinds of leaves. The silent rules make no pair; they are listed so that the match stays
/// exhaustive and a change of the grammar does not compile until it is handled here.
fn token_kind(rule: Rule) -> Kind {
    match rule {
        Rule::segment => Kind::Segment,
        Rule::tag => Kind::Tag,
        Rule::number => Kind::Number,
        Rule::magnitude => Kind::Magnitude,
        Rule::unit => Kind::Unit,
        Rule::hex => Kind::Hex,
        Rule::text_chars => Kind::TextChars,
        Rule::escape => Kind::Escape,
        Rule::argument_name => Kind::ArgumentName,
        Rule::clause_keyword => Kind::ClauseKeyword,
        Rule::kw_package | Rule::kw_use | Rule::kw_if | Rule::kw_then | Rule::kw_else => {
            Kind::Keyword
        }
        Rule::operator => Kind::Operator,
        Rule::prefix_operator => Kind::PrefixOperator,
        Rule::quote => Kind::Quote,
        Rule::open_brace => Kind::OpenBrace,
        Rule::close_brace => Kind::CloseBrace,
        Rule::open_paren => Kind::OpenParen,
        Rule::close_paren => Kind::CloseParen,
        Rule::open_bracket => Kind::OpenBracket,
        Rule::close_bracket => Kind::CloseBracket,
        Rule::comma => Kind::Comma,
        Rule::colon => Kind::Colon,
        Rule::semicolon => Kind::Semicolon,
        Rule::equals => Kind::Equals,
        Rule::dot => Kind::Dot,
        Rule::spread => Kind::Spread,
        Rule::whitespace => Kind::Whitespace,
        Rule::newline => Kind::Newline,
        Rule::comment => Kind::Comment,
        Rule::doc_comment => Kind::DocComment,
        Rule::file_doc => Kind::FileDoc,
        other => error_kind(other),
    }
}

fn error_kind(rule: Rule) -> Kind {
    match rule {
        Rule::error_block => Kind::ErrorBlock,
        Rule::error_close => Kind::ErrorClose,
        Rule::error_comma => Kind::ErrorComma,
        Rule::error_embedded => Kind::ErrorEmbedded,
        Rule::error_escape => Kind::ErrorEscape,
        Rule::error_hex => Kind::ErrorHex,
        Rule::error_item => Kind::ErrorItem,
        Rule::error_line => Kind::ErrorLine,
        Rule::error_number => Kind::ErrorNumber,
        Rule::error_tag => Kind::ErrorTag,
        Rule::error_tail => Kind::ErrorTail,
        Rule::missing_base => Kind::MissingBase,
        Rule::missing_close => Kind::MissingClose,
        Rule::missing_comma => Kind::MissingComma,
        Rule::missing_else => Kind::MissingElse,
        Rule::missing_operand => Kind::MissingOperand,
        Rule::missing_path => Kind::MissingPath,
        Rule::missing_quote => Kind::MissingQuote,
        Rule::missing_segment => Kind::MissingSegment,
        Rule::missing_separator => Kind::MissingSeparator,
        Rule::missing_then => Kind::MissingThen,
        Rule::missing_value => Kind::MissingValue,
        _ => Kind::Punctuation,
    }
}
