//! Walks the tree once and makes lines of it.

use crate::format::align::{align_cells, comment_pads};
use crate::format::lines::{Line, MODIFIED, Place, starts, write};
use crate::kind::Kind;
use crate::tree::{Node, Tree};
use crate::words::CLAUSE_KEYWORDS;

/// Words before an attribute that say what may be done with it.
const MODIFIERS: [&str; 3] = ["default", "final", "required"];

/// The laid out text of a tree whose brackets match.
pub(crate) fn print(tree: &Tree) -> String {
    let mut printer = Printer {
        tight: true,
        ..Printer::default()
    };
    printer.members(tree.root(), true);
    let mut lines = printer.lines;
    align_cells(&mut lines);
    let starts = starts(&lines);
    let pads = comment_pads(&lines, &starts);
    write(&lines, &starts, &pads)
}

#[derive(Default)]
struct Printer {
    lines: Vec<Line>,
    /// Levels of indentation of the next line.
    indent: usize,
    /// The brackets around the next token.
    brackets: Vec<Bracket>,
    /// Line ends seen since the last token.
    line_ends: usize,
    /// Whether the next token touches the one before.
    tight: bool,
    /// Whether a new line would continue an entry outside brackets.
    continues: bool,
    /// Whether the last token opened a bracket; no blank line follows it.
    opened: bool,
    /// Depth of blocks and brackets printed on one line; their parts are no cells.
    inline: usize,
}

/// An open bracket.
struct Bracket {
    /// Number of lines when it was opened.
    line: usize,
    /// Whether what is inside stands one level deeper because of it.
    deeper: bool,
    /// Where what is inside begins, when it begins on the bracket's line.
    content: Option<Place>,
    /// Levels of indentation inside.
    indent: usize,
}

impl Printer {
    /// The children of a file or block. `broken` means one entry a line.
    fn members(&mut self, container: Node<'_>, broken: bool) {
        let mut before = None;
        for node in container.children() {
            match node.kind() {
                Kind::OpenBrace | Kind::CloseBrace | Kind::Semicolon => continue,
                kind if kind.is_trivia() => {
                    self.trivia(node);
                    continue;
                }
                // A block behind a broken line stays behind it.
                Kind::ErrorBlock if self.line_ends == 0 && before == Some(Kind::ErrorLine) => {}
                _ if broken => self.line_ends = self.line_ends.max(1),
                _ if before.is_some() => self.touching(";"),
                _ => {}
            }
            before = Some(node.kind());
            self.member(node);
        }
    }

    /// One entry, import, package or broken line.
    fn member(&mut self, node: Node<'_>) {
        let continues = std::mem::replace(&mut self.continues, false);
        let start = self.lines.len();
        match node.kind() {
            Kind::Entry if !broken_outside_block(node) => self.entry(node),
            Kind::Package | Kind::Import if !node.has_error() => self.node(node),
            _ => self.token(node.text().trim_end()),
        }
        self.whole(start, node.kind() == Kind::Entry);
        self.continues = continues;
    }

    /// Marks the lines of a member that stands on one line, but for what goes on inside brackets.
    fn whole(&mut self, start: usize, is_entry: bool) {
        let own = |hang: Option<(Place, usize)>| hang.is_some_and(|(place, _)| place.line >= start);
        let mut more = self.lines.iter().skip(start + 1);
        if self.inline > 0 || !more.all(|line| own(line.hang)) {
            return;
        }
        if let [first, more @ ..] = self.lines.get_mut(start..).unwrap_or_default() {
            first.whole_entry = is_entry && !first.is_broken();
            for line in more {
                (line.whole_entry, line.goes_on) = (false, true);
            }
        }
    }

    fn entry(&mut self, entry: Node<'_>) {
        for part in entry.children() {
            match part.kind() {
                Kind::Colon => self.cell(":"),
                Kind::Equals => self.cell("="),
                Kind::Block => self.cell("{"),
                Kind::Head => {
                    let bare = entry.child(Kind::Block).is_none()
                        && entry
                            .child(Kind::Colon)
                            .or(entry.child(Kind::Equals))
                            .is_none();
                    self.head(part, bare);
                    self.continues = true;
                    continue;
                }
                _ => {}
            }
            self.node(part);
            self.continues = true;
        }
    }

    /// Modifier, words, clauses. In an entry of nothing else the last word before clauses is a
    /// cell: it may stand where a neighbour has a clause.
    fn head(&mut self, head: Node<'_>, bare: bool) {
        let words = || {
            head.children()
                .filter(|n| !n.kind().is_trivia() && n.kind() != Kind::Clause)
        };
        let count = words().count();
        let modified = count > 1
            && words()
                .next()
                .is_some_and(|w| MODIFIERS.contains(&w.text()));
        let last = bare && count > 1 && head.child(Kind::Clause).is_some();
        let mut at = 0;
        for part in head.children() {
            if !part.kind().is_trivia() && part.kind() != Kind::Clause {
                match at {
                    1 if modified => self.cell(MODIFIED),
                    n if last && n + 1 == count => self.cell(""),
                    _ => {}
                }
                at += 1;
            }
            self.node(part);
            self.continues |= self.inline == 0;
        }
    }

    fn node(&mut self, node: Node<'_>) {
        match node.kind() {
            kind if kind.is_trivia() => self.trivia(node),
            Kind::Block => self.block(node),
            Kind::Group | Kind::List | Kind::Arguments | Kind::Subscript => self.bracket(node),
            Kind::Text | Kind::Path => self.token(node.text()),
            Kind::Quantity => {
                let part = |kind| node.child(kind).map_or("", Node::text);
                self.token(&format!("{} {}", part(Kind::Magnitude), part(Kind::Unit)));
            }
            Kind::Clause => self.clause(node),
            _ if node.is_leaf() => self.leaf(node),
            _ => {
                for child in node.children() {
                    self.node(child);
                    self.continues |= self.inline == 0;
                }
            }
        }
    }

    fn clause(&mut self, clause: Node<'_>) {
        if clause
            .parent()
            .is_some_and(|parent| parent.kind() != Kind::Phrase)
        {
            let word = clause.child(Kind::ClauseKeyword).map_or("", Node::text);
            let known = CLAUSE_KEYWORDS.iter().find(|known| **known == word);
            self.cell(known.copied().unwrap_or_default());
        }
        for child in clause.children() {
            self.node(child);
        }
    }

    fn leaf(&mut self, leaf: Node<'_>) {
        let parent = leaf.parent().map_or(Kind::File, Node::kind);
        match (leaf.kind(), leaf.text()) {
            (_, "") => {}
            (Kind::Comma, comma) => self.touching(comma),
            (Kind::Colon, colon) if parent == Kind::Argument => self.touching(colon),
            (Kind::Operator, "..") => {
                self.touching("..");
                self.tight = true;
            }
            (Kind::PrefixOperator, "-") | (Kind::Spread, _) => {
                self.token(leaf.text());
                self.tight = true;
            }
            (_, text) => self.token(text),
        }
    }

    /// `( … )` and `[ … ]`; line breaks in them stay, one level deeper.
    fn bracket(&mut self, bracket: Node<'_>) {
        let continues = std::mem::replace(&mut self.continues, false);
        self.inline += 1;
        for child in bracket.children() {
            match child.kind() {
                Kind::OpenParen | Kind::OpenBracket => {
                    // A call's bracket touches its name; that is what makes it a call.
                    self.tight |= matches!(bracket.kind(), Kind::Arguments | Kind::Subscript);
                    self.continues = continues;
                    self.token(child.text());
                    self.continues = false;
                    self.opens();
                }
                Kind::CloseParen | Kind::CloseBracket => self.closes(child.text(), true),
                _ => self.node(child),
            }
        }
        self.inline -= 1;
        self.continues = continues;
    }

    /// `{ … }`: on one line if it was, else one entry a line.
    fn block(&mut self, block: Node<'_>) {
        let continues = self.continues;
        let broken = block.text().contains('\n');
        let inline = self.inline;
        self.inline = if broken { 0 } else { inline + 1 };
        self.token("{");
        self.continues = false;
        self.opens();
        let empty = !block.children().any(|node| {
            node.kind().is_comment() || node.kind() == Kind::Entry || node.kind().is_error()
        });
        self.tight = empty;
        self.members(block, broken);
        if empty {
            self.line_ends = 0;
        } else if broken {
            self.line_ends = 1;
        }
        self.closes("}", empty);
        self.inline = inline;
        self.continues = continues;
    }

    /// Goes one level deeper; brackets opened on one line share a level.
    fn opens(&mut self) {
        let line = self.lines.len();
        match self.brackets.last_mut() {
            Some(outer) if outer.line == line && outer.deeper => outer.deeper = false,
            _ => self.indent += 1,
        }
        let content = line.checked_sub(1).and_then(|at| self.lines.get(at));
        self.brackets.push(Bracket {
            line,
            deeper: true,
            content: content.map(|content| content.end(line - 1)),
            indent: self.indent,
        });
        self.opened = true;
        self.tight = true;
    }

    fn closes(&mut self, text: &str, tight: bool) {
        let closed = self.brackets.pop().filter(|bracket| bracket.deeper);
        if closed.is_some() {
            self.indent = self.indent.saturating_sub(1);
        }
        self.continues = false;
        self.line_ends = self.line_ends.min(1);
        self.tight = tight;
        self.token(text);
        // What follows still stands inside the bracket that shared its level.
        if let (Some(closed), Some(outer)) = (closed, self.brackets.last_mut())
            && closed.line == outer.line
            && !outer.deeper
        {
            outer.deeper = true;
            self.indent += 1;
        }
    }

    fn trivia(&mut self, node: Node<'_>) {
        match node.kind() {
            Kind::Newline => self.line_ends += 1,
            Kind::Whitespace => {}
            _ => self.comment(node.text().trim_end()),
        }
    }

    fn comment(&mut self, text: &str) {
        let trailing = self.line_ends == 0;
        match self.lines.last_mut().filter(|_| trailing) {
            Some(line) if line.comment.is_none() => line.comment = Some(text.to_owned()),
            _ => {
                self.line_ends = self.line_ends.max(1);
                self.token(text);
            }
        }
    }

    /// Starts a cell on the current line, unless a line break comes first or the line is inside.
    fn cell(&mut self, key: &'static str) {
        if self.inline > 0 || self.line_ends > 0 {
            return;
        }
        if let Some(line) = self.lines.last_mut() {
            line.start_cell(key);
            self.tight = true;
        }
    }

    /// A token that touches the one before.
    fn touching(&mut self, text: &str) {
        self.tight = true;
        self.token(text);
    }

    fn token(&mut self, text: &str) {
        if self.line_ends > 0 || self.lines.is_empty() {
            let blank = self.line_ends > 1 && !self.opened && !self.continues;
            let indent = self.indent + usize::from(self.continues);
            let mut line = Line::new(indent, blank);
            line.hang = self.hang(indent);
            self.lines.push(line);
        } else if !self.tight {
            self.push(" ");
        }
        self.push(text);
        self.line_ends = 0;
        self.tight = false;
        self.opened = false;
    }

    /// Under which bracket a new line stands. A bracket behind which the line ends indents like a
    /// block, and so do those that were opened on its line.
    fn hang(&mut self, indent: usize) -> Option<(Place, usize)> {
        if self.opened {
            let line = self.brackets.last().map(|bracket| bracket.line);
            let opened = self.brackets.iter_mut().rev();
            for bracket in opened.take_while(|bracket| Some(bracket.line) == line) {
                bracket.content = None;
            }
        }
        let bracket = self
            .brackets
            .iter()
            .rev()
            .find(|bracket| bracket.content.is_some())?;
        Some((bracket.content?, indent.saturating_sub(bracket.indent)))
    }

    fn push(&mut self, text: &str) {
        if let Some(line) = self.lines.last_mut() {
            line.push(text);
        }
    }
}

/// Whether an entry is broken in its own words. Broken entries inside its block speak for
/// themselves, and a missing separator is mended by putting the next entry on its own line.
fn broken_outside_block(entry: Node<'_>) -> bool {
    entry.children().any(|part| match part.kind() {
        Kind::Block | Kind::MissingSeparator => false,
        _ => part.has_error(),
    })
}
