//! Where in the language a place is: the walk over a document's tree that knows, for every
//! expression and word, in which entry of which kind it stands and what is taken there.

use cardwright_compiler::model::shape::{block_kind, row_of, tag_of};
use cardwright_compiler::model::{MEntry, read_entry};
use cardwright_dsl::ast::Entry;
use cardwright_dsl::{Kind as Node_, Node, Tree};
use cardwright_vocabulary::{
    Attribute, Is, Kind, Piece, Shape, Takes, data_element, function, kind, pieces,
};

/// One of the entries around a place, outermost first.
pub(crate) struct Level<'t> {
    pub(crate) node: Node<'t>,
    /// Kind of the block that it stands in; `None` at the top of a file, and where it is unknown.
    pub(crate) of_kind: Option<&'static Kind>,
    /// Its row in that kind.
    pub(crate) row: Option<&'static Attribute>,
    /// Kind of the block that it opens; of a declaration its own kind.
    pub(crate) inner: Option<&'static Kind>,
    /// As the Model holds it, its block left out of sight.
    pub(crate) entry: MEntry,
}

/// Part of an entry, or of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'t> {
    /// After `use`.
    Import,
    /// After `package`.
    Package,
    /// Head term by its number.
    Head(usize),
    /// After the colon.
    Base,
    /// After the equals sign.
    Value,
    /// Terms of a clause.
    Clause(&'t str),
    /// The word of a clause.
    ClauseWord,
    /// A parameter of a function that is being declared, by its number.
    Parameter(usize),
    /// A key of a record value.
    RecordKey,
    /// The name of a named argument of a function.
    ArgumentName(&'static str),
}

/// What is taken at a place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wants {
    /// What a row or clause says.
    Is(Is),
    /// A value of the data element with this tag.
    Element(&'static str),
    /// An argument.
    Param(Takes),
    /// What is called.
    Callee,
    /// What a declaration of a kind builds on.
    Base(&'static Kind),
    /// What a declaration of a kind speaks of.
    For(&'static Kind),
    /// The type of a field.
    FieldType,
    /// Any value.
    Expression,
    /// A name of a declaration.
    Name,
    /// A tag.
    Tag,
    /// Words of the row itself, or nothing known.
    Word,
}

/// A place: an expression, a word, a keyword.
#[derive(Clone, Copy)]
pub(crate) struct Site<'w, 't> {
    pub(crate) node: Node<'t>,
    pub(crate) levels: &'w [Level<'t>],
    pub(crate) part: Part<'t>,
    pub(crate) wants: Wants,
}

impl<'w, 't> Site<'w, 't> {
    /// The entry of the declaration around it.
    pub(crate) fn top(&self) -> Option<&'w Level<'t>> {
        self.levels.first()
    }

    /// The innermost entry.
    pub(crate) fn level(&self) -> Option<&'w Level<'t>> {
        self.levels.last()
    }
}

/// Shows every place of a tree, outer ones first.
pub(crate) fn walk<'t>(tree: &'t Tree, file: u32, visit: &mut dyn for<'w> FnMut(Site<'w, 't>)) {
    let mut walker = Walker {
        file,
        levels: Vec::new(),
        visit,
    };
    for node in tree.root().children() {
        match node.kind() {
            Node_::Package => walker.paths(node, Part::Package),
            Node_::Import => walker.paths(node, Part::Import),
            Node_::Entry => walker.entry(node, None),
            _ => {}
        }
    }
}

struct Walker<'v, 't> {
    file: u32,
    levels: Vec<Level<'t>>,
    visit: &'v mut dyn for<'w> FnMut(Site<'w, 't>),
}

impl<'t> Walker<'_, 't> {
    fn show(&mut self, node: Node<'t>, part: Part<'t>, wants: Wants) {
        (self.visit)(Site {
            node,
            levels: &self.levels,
            part,
            wants,
        });
    }

    fn paths(&mut self, node: Node<'t>, part: Part<'t>) {
        for path in node.children_of(Node_::Path) {
            self.show(path, part, Wants::Word);
        }
    }

    fn entry(&mut self, node: Node<'t>, of_kind: Option<&'static Kind>) {
        let Some(read) = Entry::of(node).map(|e| read_entry(e, self.file)) else {
            return;
        };
        let top = self.levels.is_empty();
        let row = of_kind.and_then(|k| row_of(k, &read));
        let inner = if top {
            read.word(0).and_then(kind).filter(|k| k.top)
        } else {
            row.and_then(block_kind)
        };
        self.levels.push(Level {
            node,
            of_kind,
            row,
            inner,
            entry: read,
        });
        for child in node.children() {
            match child.kind() {
                Node_::Head => self.phrase(child, Part::Head(0)),
                Node_::Base => self.phrase(child, Part::Base),
                Node_::Value => self.phrase(child, Part::Value),
                Node_::Block => self.block(child, inner),
                _ => {}
            }
        }
        self.levels.pop();
    }

    fn block(&mut self, block: Node<'t>, inner: Option<&'static Kind>) {
        for entry in block.children_of(Node_::Entry) {
            self.entry(entry, inner);
        }
    }

    fn phrase(&mut self, phrase: Node<'t>, part: Part<'t>) {
        for (n, term) in phrase.expressions().enumerate() {
            let part = match part {
                Part::Head(_) => Part::Head(n),
                other => other,
            };
            let wants = self.wants(part);
            self.expression(term, part, wants);
        }
        self.clauses(phrase);
    }

    fn clauses(&mut self, phrase: Node<'t>) {
        for clause in phrase.children_of(Node_::Clause) {
            let Some(word) = clause.child(Node_::ClauseKeyword) else {
                continue;
            };
            self.show(word, Part::ClauseWord, Wants::Word);
            let part = Part::Clause(word.text());
            let wants = self.wants(part);
            for term in clause.expressions() {
                self.expression(term, part, wants);
            }
        }
    }

    /// What is taken in a part of the innermost entry.
    fn wants(&self, part: Part<'t>) -> Wants {
        let Some(level) = self.levels.last() else {
            return Wants::Word;
        };
        let top = self.levels.len() == 1;
        match part {
            Part::Head(n) if !top => head_wants(level, n),
            Part::Base => match (top, level.inner, level.row.map(|r| r.shape)) {
                (true, Some(of_kind), _) => Wants::Base(of_kind),
                (false, _, Some(Shape::Field(_) | Shape::Part)) => Wants::FieldType,
                _ => Wants::Word,
            },
            Part::Value if top => Wants::Expression,
            Part::Value => value_wants(level),
            Part::Clause("for") if top => level.inner.map_or(Wants::Word, Wants::For),
            Part::Clause(word) => level
                .row
                .and_then(|row| row.clauses.iter().find(|c| c.keyword == word))
                .map_or(Wants::Expression, |clause| Wants::Is(clause.takes)),
            _ => Wants::Word,
        }
    }

    fn expression(&mut self, node: Node<'t>, part: Part<'t>, wants: Wants) {
        self.show(node, part, wants);
        match node.kind() {
            Node_::Path | Node_::Tag | Node_::Number | Node_::Hex | Node_::Quantity => {}
            Node_::List => {
                for item in node.children_of(Node_::ListItem) {
                    for phrase in item.children_of(Node_::Phrase) {
                        for term in phrase.expressions() {
                            self.expression(term, part, wants);
                        }
                        self.clauses(phrase);
                    }
                }
            }
            Node_::Call => self.call(node, part, wants),
            Node_::Group => {
                for inner in node.expressions() {
                    self.expression(inner, part, wants);
                }
            }
            Node_::Block => {
                for entry in node.children_of(Node_::Entry) {
                    self.record_entry(entry);
                }
            }
            _ => self.inner_expressions(node, part),
        }
    }

    fn inner_expressions(&mut self, node: Node<'t>, part: Part<'t>) {
        for child in node.children() {
            if child.kind().is_expression() {
                self.expression(child, part, Wants::Expression);
            } else if matches!(
                child.kind(),
                Node_::IfArm | Node_::Embedded | Node_::Subscript
            ) {
                self.inner_expressions(child, part);
            }
        }
    }

    fn call(&mut self, node: Node<'t>, part: Part<'t>, wants: Wants) {
        let mut called = None;
        // `fn f(x) = …`: what is called in a head is a name that is declared there.
        let declared = matches!(part, Part::Head(_)) && self.levels.len() == 1;
        if let Some(callee) = node.expressions().next() {
            called = function(callee.text()).filter(|_| !declared);
            let wants = match wants {
                Wants::Is(Is::Call(_) | Is::CallOrRef(..)) | Wants::FieldType | Wants::Base(_) => {
                    wants
                }
                _ if declared => Wants::Word,
                _ => Wants::Callee,
            };
            self.expression(callee, part, wants);
        }
        let arguments = node.child(Node_::Arguments);
        let arguments = arguments
            .into_iter()
            .flat_map(|node| node.children_of(Node_::Argument));
        let piped = usize::from(is_piped(node));
        for (n, argument) in arguments.enumerate() {
            let name = argument.child(Node_::ArgumentName);
            let param = called.and_then(|f| match name {
                Some(name) => f.params.iter().find(|p| p.name == name.text()),
                None => f.params.get(n + piped).or_else(|| f.params.last()),
            });
            if let (Some(name), Some(f)) = (name, called) {
                self.show(name, Part::ArgumentName(f.name), Wants::Word);
            }
            let wants = param.map_or(Wants::Expression, |p| Wants::Param(p.takes));
            let part = if declared { Part::Parameter(n) } else { part };
            for inner in argument.expressions() {
                self.expression(inner, part, wants);
            }
        }
    }

    fn record_entry(&mut self, entry: Node<'t>) {
        if let Some(head) = entry.child(Node_::Head)
            && let Some(key) = head.expressions().next()
        {
            self.show(key, Part::RecordKey, Wants::Word);
        }
        for value in entry.children_of(Node_::Value) {
            for term in value.expressions() {
                self.expression(term, Part::Value, Wants::Expression);
            }
        }
    }
}

/// Whether a call gets its first argument from a pipe: `pan |> groups(4)`.
fn is_piped(call: Node<'_>) -> bool {
    call.parent().is_some_and(|parent| {
        parent.kind() == Node_::Binary
            && parent
                .child(Node_::Operator)
                .is_some_and(|o| o.text() == "|>")
            && parent.expressions().nth(1).map(Node::range) == Some(call.range())
    })
}

fn value_wants(level: &Level<'_>) -> Wants {
    match level.row.map(|r| r.shape) {
        Some(Shape::Value(Is::Element) | Shape::ValueAndBlock(Is::Element, _)) => {
            let tag = level.entry.head.first().and_then(tag_of);
            let element = tag.and_then(data_element);
            element.map_or(Wants::Expression, |e| Wants::Element(&e.tag))
        }
        Some(Shape::Value(is) | Shape::ValueAndBlock(is, _)) => Wants::Is(is),
        _ => Wants::Expression,
    }
}

/// What a head term of a nested entry is, by its row's pattern.
fn head_wants(level: &Level<'_>, n: usize) -> Wants {
    let Some(row) = level.row else {
        return Wants::Word;
    };
    let mut at = 0;
    for piece in pieces(row.pattern) {
        let term = level.entry.head.get(at);
        if let Piece::Perhaps(word) = piece
            && term.and_then(|t| t.word()) != Some(word)
        {
            continue;
        }
        if at == n {
            return match piece {
                Piece::Expression => Wants::Expression,
                Piece::Name => Wants::Name,
                Piece::Tag => Wants::Tag,
                _ => Wants::Word,
            };
        }
        at += 1;
    }
    Wants::Word
}
