//! The items of a completion, each from a table or from the model.

use crate::describe;
use crate::position::narrow;
use crate::site::{Site, Wants};
use crate::workspace::Analysis;
use cardwright_compiler::model::{Decl, MEntry, MSegment, Model, Named, Span};
use cardwright_vocabulary::{
    FUNCTIONS, Is, KEY_USES, Kind, Piece, RUN_FIELDS, Shape, SpeaksOf, Takes, Want, bit_field,
    data_element, data_elements, pieces, signature, takes_markdown, top_kinds,
};
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionItemLabelDetails, CompletionTextEdit,
    Documentation, MarkupContent, MarkupKind, Range, TextEdit,
};

type ItemKind = CompletionItemKind;

/// Types of fields, as they begin.
const FIELD_TYPES: [(&str, &str); 11] = [
    ("an", "letters and digits: `an 4`"),
    ("ans", "letters, digits and signs: `ans 20`"),
    ("date", "a date by its pattern: `date \"YYMM\"`"),
    ("digits", "exactly so many digits: `digits 2`"),
    ("flag", "yes or no by a sign: `flag \"Y\"`"),
    ("hex", "octets in hexadecimal: `hex 8`"),
    ("n", "a number: `n 8`"),
    ("pan", "a primary account number"),
    (
        "picture",
        "a picture that comes with the order: `picture(folder: \"photos\")`",
    ),
    (
        "pin_block",
        "an enciphered PIN: `pin_block(iso4, under: key)`",
    ),
    ("text", "text"),
];

/// What was written of a dotted name before the cursor.
pub(crate) struct Prefix {
    /// Finished segments: `order.` gives one.
    owners: Vec<String>,
}

impl Prefix {
    pub(crate) fn of(written: &str) -> Self {
        let mut owners: Vec<String> = written.split('.').map(str::to_owned).collect();
        owners.pop();
        Self { owners }
    }
}

/// Items in the making.
pub(crate) struct Items<'m> {
    analysis: &'m Analysis,
    model: &'m Model,
    file: u32,
    decl: Option<&'m Decl>,
    range: Range,
    items: Vec<CompletionItem>,
}

impl<'m> Items<'m> {
    pub(crate) fn new(
        analysis: &'m Analysis,
        file: u32,
        decl: Option<&'m Decl>,
        range: Range,
    ) -> Self {
        Self {
            analysis,
            model: &analysis.checked.model,
            file,
            decl,
            range,
            items: Vec::new(),
        }
    }

    /// The items, each once, in the order in which they were thought of.
    pub(crate) fn finish(mut self) -> Vec<CompletionItem> {
        let mut seen = std::collections::BTreeSet::new();
        self.items.retain(|item| seen.insert(item.label.clone()));
        for (n, item) in self.items.iter_mut().enumerate() {
            item.sort_text = Some(format!("{n:05}"));
        }
        self.items
    }

    fn push(&mut self, label: &str, text: &str, kind: ItemKind, detail: &str, doc: &str) {
        let documentation = (!doc.is_empty()).then(|| {
            Documentation::MarkupContent(MarkupContent {
                kind: MarkupKind::Markdown,
                value: doc.to_owned(),
            })
        });
        self.items.push(CompletionItem {
            label: label.to_owned(),
            kind: Some(kind),
            // In each row of the list, not only in the one that is chosen.
            label_details: (!detail.is_empty()).then(|| CompletionItemLabelDetails {
                detail: None,
                description: Some(detail.to_owned()),
            }),
            detail: (!detail.is_empty()).then(|| detail.to_owned()),
            documentation,
            filter_text: Some(text.to_owned()),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit {
                range: self.range,
                new_text: text.to_owned(),
            })),
            ..CompletionItem::default()
        });
    }

    pub(crate) fn word(&mut self, word: &str, kind: ItemKind, doc: &str) {
        self.push(word, word, kind, "", doc);
    }

    pub(crate) fn packages(&mut self) {
        for package in self.model.importable() {
            self.word(&package, ItemKind::MODULE, "");
        }
    }

    pub(crate) fn tags(&mut self) {
        for element in data_elements() {
            let tag = format!("#{}", element.tag);
            let doc = describe::element(&element.tag).unwrap_or_default();
            self.push(&tag, &tag, ItemKind::CONSTANT, &element.title, &doc);
        }
    }

    fn element_names(&mut self) {
        for element in data_elements() {
            let detail = format!("#{} {}", element.tag, element.title);
            self.push(
                &element.name,
                &element.name,
                ItemKind::CONSTANT,
                &detail,
                "",
            );
        }
    }

    /// Rows of a kind that are not there yet, or may stand several times.
    pub(crate) fn rows(&mut self, of_kind: &'static Kind, present: &[&str]) {
        for row in of_kind.attributes {
            let Some(Piece::Word(first)) = pieces(row.pattern).into_iter().next() else {
                continue;
            };
            let alone = !row.pattern.contains(' ');
            if alone && !row.repeat && present.contains(&first) {
                continue;
            }
            let text = match row.shape {
                Shape::Value(_) if alone => format!("{first} = "),
                Shape::Block(_) if alone => format!("{first} {{ "),
                _ => format!("{first} "),
            };
            let detail = takes_markdown(row).replace('`', "");
            self.push(
                row.pattern,
                text.trim_end(),
                ItemKind::PROPERTY,
                &detail,
                row.doc,
            );
            if let Some(item) = self.items.last_mut() {
                item.filter_text = Some(first.to_owned());
            }
        }
    }

    /// What may stand at a head term, by the rows whose words before it are there.
    pub(crate) fn head(&mut self, of_kind: &'static Kind, site: &Site<'_, '_>, prefix: &Prefix) {
        let crate::site::Part::Head(n) = site.part else {
            return;
        };
        let Some(level) = site.level() else { return };
        for row in of_kind.attributes {
            let Some(next) = next_pieces(row.pattern, &level.entry, n) else {
                continue;
            };
            for piece in next {
                self.piece(of_kind, piece, prefix, n);
            }
        }
    }

    fn piece(&mut self, of_kind: &Kind, piece: Piece<'static>, prefix: &Prefix, n: usize) {
        match piece {
            Piece::OneOf(words) => {
                for word in words {
                    self.word(word, ItemKind::ENUM_MEMBER, "");
                }
            }
            Piece::Perhaps(word) => self.word(word, ItemKind::KEYWORD, ""),
            Piece::Word(word) if n > 0 => self.word(word, ItemKind::KEYWORD, ""),
            Piece::Tag => {
                self.tags();
                self.element_names();
            }
            Piece::Name if of_kind.name == "profile.cvm" => {
                for code in cardwright_vocabulary::CVM_CODES {
                    self.word(code.word, ItemKind::ENUM_MEMBER, code.doc);
                }
            }
            Piece::Name if of_kind.name.ends_with(".quirks") => {
                for quirk in cardwright_vocabulary::QUIRKS {
                    self.word(quirk.name, ItemKind::ENUM_MEMBER, quirk.doc);
                }
            }
            Piece::Name if n > 0 => self.decls(|_| true),
            Piece::Expression => self.expression(prefix),
            _ => {}
        }
    }

    /// Clauses of the row at a place.
    pub(crate) fn clauses(&mut self, site: &Site<'_, '_>) {
        let Some(level) = site.level() else { return };
        for clause in level.row.map(|row| row.clauses).unwrap_or_default() {
            self.word(clause.keyword, ItemKind::KEYWORD, clause.doc);
        }
        if site.levels.len() == 1
            && level
                .inner
                .is_some_and(|k| k.speaks_of != SpeaksOf::Nothing)
        {
            self.word("for", ItemKind::KEYWORD, "what it speaks of");
        }
    }

    pub(crate) fn wanted(&mut self, wants: Wants, prefix: &Prefix) {
        match wants {
            Wants::Is(is) => self.is(is, prefix),
            Wants::Element(tag) => {
                let coding = data_element(tag).map_or("", |e| &e.coding);
                match coding {
                    "dol" | "tags" => self.element_names(),
                    other => {
                        if let Some(set) = other.strip_prefix("flags:") {
                            self.flags(set);
                        }
                        self.expression(prefix);
                    }
                }
            }
            Wants::Param(takes) => match takes {
                Takes::Key(uses) => self.keys(uses),
                Takes::Word(words) => self.words(words),
                Takes::Tag => self.element_names(),
                _ => self.expression(prefix),
            },
            Wants::Base(of_kind) => {
                self.words(of_kind.types);
                if of_kind.inherits {
                    self.decls(|d| d.kind == of_kind.name);
                }
            }
            Wants::For(of_kind) => self.spoken_of(of_kind),
            Wants::FieldType => {
                for (word, doc) in FIELD_TYPES {
                    self.word(word, ItemKind::TYPE_PARAMETER, doc);
                }
            }
            Wants::Name => self.decls(|_| true),
            Wants::Tag => self.element_names(),
            Wants::Callee | Wants::Expression => self.expression(prefix),
            Wants::Word => {}
        }
    }

    fn is(&mut self, is: Is, prefix: &Prefix) {
        match is {
            Is::Call(words) => {
                for word in words {
                    let text = format!("{word}(");
                    self.push(word, &text, ItemKind::FUNCTION, "", "");
                }
            }
            Is::CallOrRef(words, kinds) => {
                self.is(Is::Call(words), prefix);
                self.is(Is::Ref(kinds), prefix);
            }
            Is::Expr(Want::Choice(words), _) => {
                for (word, _) in words {
                    self.word(word, ItemKind::ENUM_MEMBER, "");
                }
                self.expression(prefix);
            }
            Is::Word(words) | Is::WordList(words) => self.words(words),
            Is::Truth => self.words(&["true", "false"]),
            Is::Flags(set) => self.flags(set),
            Is::Key(uses) | Is::KeyByOrder(uses) => self.keys(uses),
            Is::Named(words, kinds) => {
                self.words(words);
                self.is(Is::Ref(kinds), prefix);
            }
            Is::KeyUse => {
                for row in KEY_USES {
                    self.push(row.name, row.name, ItemKind::ENUM_MEMBER, row.tr31, row.doc);
                }
            }
            Is::Ref(kinds) | Is::RefList(kinds) | Is::RefListWhen(kinds) => {
                self.decls(|d| kinds.contains(&d.kind.as_str()))
            }
            Is::TagList => self.element_names(),
            Is::File => {
                for name in &self.analysis.assets {
                    let text = format!("file(\"{name}\")");
                    self.push(&text, &text, ItemKind::FILE, "", "");
                }
            }
            Is::Colour
            | Is::Font
            | Is::Hex(..)
            | Is::Length
            | Is::Code(_)
            | Is::Number(..)
            | Is::Point
            | Is::Place
            | Is::Rect
            | Is::Text(_)
            | Is::TextList => self.decls(|d| d.kind == "let"),
            _ => self.expression(prefix),
        }
    }

    fn words(&mut self, words: &[&str]) {
        for word in words {
            self.word(word, ItemKind::ENUM_MEMBER, "");
        }
    }

    fn flags(&mut self, set: &str) {
        for row in bit_field(set).map(|f| f.rows).unwrap_or_default() {
            let detail = format!("octet {}, {}", row.octet, describe::bits(row.mask));
            self.push(row.word, row.word, ItemKind::ENUM_MEMBER, &detail, row.text);
        }
    }

    /// Keys with one of these uses.
    fn keys(&mut self, uses: &[&str]) {
        self.decls(|d| {
            let own = d.attribute("use").and_then(|e| e.single()?.dotted());
            d.kind == "key"
                && own.is_some_and(|own| uses.is_empty() || uses.contains(&own.as_str()))
        });
    }

    fn decls(&mut self, wanted: impl Fn(&Decl) -> bool) {
        let own = self.decl.map(|d| d.qualified.as_str());
        for visible in self.model.visible(self.file) {
            if own == Some(&visible.decl.qualified) || !wanted(visible.decl) {
                continue;
            }
            let doc = describe::declaration(self.model, visible.decl);
            let kind = match visible.decl.kind.as_str() {
                "let" => ItemKind::VARIABLE,
                "fn" => ItemKind::FUNCTION,
                _ => ItemKind::REFERENCE,
            };
            let written = visible.written;
            self.push(&written, &written, kind, &visible.decl.kind, &doc);
        }
    }

    fn spoken_of(&mut self, of_kind: &Kind) {
        match of_kind.speaks_of {
            SpeaksOf::Nothing => {}
            SpeaksOf::Decl(other) => self.decls(|d| d.kind == other),
            SpeaksOf::Record | SpeaksOf::RecordOrKind => {
                for visible in self.model.visible(self.file) {
                    for record in records(visible.decl) {
                        let name = format!("{}.{}", visible.written, record.word(1).unwrap_or(""));
                        self.word(&name, ItemKind::STRUCT, "");
                    }
                }
            }
        }
        if of_kind.speaks_of == SpeaksOf::RecordOrKind {
            for other in top_kinds() {
                self.word(other.name, ItemKind::KEYWORD, "");
            }
        }
    }

    /// Fields of the record that the declaration speaks of, as keys of a record value.
    pub(crate) fn fields_of_ground(&mut self) {
        if let Some((format, record)) = self.model.ground_of(self.decl) {
            let entry = cardwright_compiler::elaborate::record_of(format, &record);
            self.fields("", entry);
        }
    }

    fn fields(&mut self, owner: &str, record: Option<&MEntry>) {
        let entries = record.into_iter().flat_map(|r| r.entries());
        for field in entries.filter(|f| f.base.is_some() || f.value.is_some()) {
            let Some(name) = field.word(0) else { continue };
            let def = self.model.field_type(field);
            let detail = def.map(|d| d.ty.words()).unwrap_or_default();
            let doc = field.doc.clone().unwrap_or_default();
            self.push(
                name,
                &format!("{owner}{name}"),
                ItemKind::FIELD,
                &detail,
                &doc,
            );
        }
    }

    /// Everything that may begin, or continue, an expression.
    fn expression(&mut self, prefix: &Prefix) {
        if prefix.owners.is_empty() {
            return self.beginnings();
        }
        let owner = prefix.owners.join(".");
        let span = Span {
            file: self.file,
            start: narrow(usize::MAX),
            end: narrow(usize::MAX),
        };
        let segments: Vec<MSegment> = prefix
            .owners
            .iter()
            .map(|text| MSegment {
                text: text.clone(),
                is_tag: false,
                span,
            })
            .collect();
        let named = self.model.names(self.decl, &segments, span);
        let dotted = format!("{owner}.");
        match named.last() {
            Some(Named::Record(_, record)) => self.fields(&dotted, Some(record)),
            Some(Named::Run) => {
                for field in RUN_FIELDS {
                    let text = format!("{dotted}{}", field.name);
                    self.push(field.name, &text, ItemKind::FIELD, field.gives, field.doc);
                }
            }
            Some(Named::Decl(decl)) if decl.kind == "format" => {
                for record in records(decl) {
                    let name = record.word(1).unwrap_or_default();
                    self.push(name, &format!("{dotted}{name}"), ItemKind::STRUCT, "", "");
                }
            }
            Some(Named::Decl(decl)) => self.attributes(&dotted, &decl.entries),
            Some(Named::Attribute(_, entry)) => self.attributes(&dotted, entry.entries()),
            Some(Named::Package) => {
                for visible in self.model.visible(self.file) {
                    if let Some(name) = visible.written.strip_prefix(&dotted) {
                        let kind = ItemKind::REFERENCE;
                        self.push(name, &visible.written, kind, &visible.decl.kind, "");
                    }
                }
            }
            _ => {}
        }
    }

    fn attributes(&mut self, dotted: &str, entries: &[MEntry]) {
        for entry in entries {
            if let Some(name) = entry.word(0).filter(|_| entry.head.len() == 1) {
                self.push(name, &format!("{dotted}{name}"), ItemKind::PROPERTY, "", "");
            }
        }
    }

    fn beginnings(&mut self) {
        if let Some(decl) = self.decl {
            for (name, ..) in &decl.params {
                self.push(name, name, ItemKind::VARIABLE, "parameter", "");
            }
        }
        if let Some((format, record)) = self.model.ground_of(self.decl) {
            let all = records(format);
            let main = all
                .iter()
                .filter(|r| record.is_empty() || r.word(1) == Some(&record));
            let names: Vec<&str> = main.filter_map(|r| r.word(1)).collect();
            for name in names {
                self.push(name, name, ItemKind::STRUCT, "record", "");
            }
        }
        self.decls(|d| matches!(d.kind.as_str(), "let" | "fn"));
        self.push("run", "run", ItemKind::STRUCT, "the run itself", "");
        for f in FUNCTIONS {
            let text = format!("{}(", f.name);
            self.push(f.name, &text, ItemKind::FUNCTION, &signature(f), f.doc);
        }
        for word in ["if", "not", "true", "false"] {
            self.word(word, ItemKind::KEYWORD, "");
        }
    }
}

fn records(format: &Decl) -> Vec<&MEntry> {
    let entries = format.entries.iter().filter(|_| format.kind == "format");
    entries.filter(|e| e.word(0) == Some("record")).collect()
}

/// The pieces of a pattern that may stand at head term `n`, when the terms before it fit.
fn next_pieces(pattern: &'static str, entry: &MEntry, n: usize) -> Option<Vec<Piece<'static>>> {
    let mut next = Vec::new();
    let mut at = 0;
    for piece in pieces(pattern) {
        if at == n {
            let perhaps = matches!(piece, Piece::Perhaps(_));
            next.push(piece);
            if perhaps {
                continue;
            }
            return Some(next);
        }
        let term = entry.head.get(at)?;
        let fits = match &piece {
            Piece::Word(word) => term.word() == Some(word),
            Piece::OneOf(words) => term.word().is_some_and(|w| words.contains(&w)),
            Piece::Perhaps(word) => {
                if term.word() == Some(word) {
                    at += 1;
                }
                continue;
            }
            Piece::Number => term.integer().is_some(),
            Piece::Name => term.dotted().is_some(),
            _ => true,
        };
        if !fits {
            return None;
        }
        at += 1;
    }
    (!next.is_empty()).then_some(next)
}
