//! Turns: while one thing is made, all that is asked for it is noted, on the thread that makes it.

use crate::model::log::Asked;
use crate::model::{Decl, MEntry};
use std::cell::RefCell;

/// A file that is no source: label of its package, none for the project; its name there.
pub(crate) type FileName = (Option<String>, String);

/// What was asked in a turn.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    pub(crate) asked: Vec<Asked>,
    pub(crate) files: Vec<FileName>,
}

#[derive(Default)]
struct Turn {
    /// Whether somebody listens.
    open: bool,
    questions: Questions,
    /// The number of this turn of the thread.
    number: u32,
    /// The turn in which a declaration or name was noted last, by its number.
    decls: Vec<u32>,
    names: Vec<u32>,
    /// Parts of the turn that are listened to by themselves, one within the other.
    parts: Vec<Part>,
}

/// What was asked for a part of a thing.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// The address of the declaration that it is made for.
    owner: usize,
    pub(crate) questions: Questions,
    /// Entries of that declaration that were looked for, by their path (`action_codes.online`,
    /// `data.#57`), and the addresses of those that were found.
    pub(crate) own: Vec<(String, Option<usize>)>,
}

thread_local! {
    static TURN: RefCell<Turn> = RefCell::default();
}

/// Makes a thing, and says what was asked for it.
pub(crate) fn listen<T>(make: impl FnOnce() -> T) -> (T, Questions) {
    TURN.with_borrow_mut(|turn| {
        turn.open = true;
        turn.questions = Questions::default();
        turn.parts.clear();
        turn.number = turn.number.wrapping_add(1);
        if turn.number == 0 {
            (turn.number, turn.decls, turn.names) = (1, Vec::new(), Vec::new());
        }
    });
    let made = make();
    let questions = TURN.with_borrow_mut(|turn| {
        turn.open = false;
        std::mem::take(&mut turn.questions)
    });
    (made, questions)
}

/// Notes a question, once a turn.
pub(crate) fn ask(asked: Asked) {
    TURN.with_borrow_mut(|turn| {
        if let Some(part) = turn.parts.last_mut() {
            part.questions.asked.push(asked);
        }
        if turn.open && turn.is_new(asked) {
            turn.questions.asked.push(asked);
        }
    });
}

/// Makes a part of a thing for a declaration, and says what was asked for this part; the questions
/// are the whole thing's, too.
pub(crate) fn overhear<T>(owner: &Decl, make: impl FnOnce() -> T) -> (T, Part) {
    let owner = std::ptr::from_ref(owner).addr();
    TURN.with_borrow_mut(|turn| {
        turn.parts.push(Part {
            owner,
            ..Part::default()
        });
    });
    let made = make();
    let mut part = TURN.with_borrow_mut(|turn| {
        let part = turn.parts.pop().unwrap_or_default();
        if let Some(around) = turn.parts.last_mut() {
            let (all, of) = (&mut around.questions, &part.questions);
            all.asked.extend_from_slice(&of.asked);
            all.files.extend_from_slice(&of.files);
            if around.owner == part.owner {
                around.own.extend_from_slice(&part.own);
            }
        }
        part
    });
    part.questions.asked.sort_unstable();
    part.questions.asked.dedup();
    part.own.sort_unstable();
    part.own.dedup();
    (made, part)
}

/// Notes that an entry of a declaration was looked for, and which was found.
pub(crate) fn ask_own(owner: &Decl, path: impl FnOnce() -> String, found: Option<&MEntry>) {
    TURN.with_borrow_mut(|turn| {
        let owner = std::ptr::from_ref(owner).addr();
        if let Some(part) = turn.parts.last_mut().filter(|part| part.owner == owner) {
            part.own.push((path(), found.map(MEntry::address)));
        }
    });
}

/// Notes all that a part rested on which is taken over for a declaration.
pub(crate) fn ask_again(owner: &Decl, own: &[(String, Option<usize>)], asked: &[Asked]) {
    TURN.with_borrow_mut(|turn| {
        if let Some(part) = turn.parts.last_mut() {
            part.questions.asked.extend_from_slice(asked);
            if part.owner == std::ptr::from_ref(owner).addr() {
                part.own.extend_from_slice(own);
            }
        }
        if turn.open {
            for asked in asked {
                if turn.is_new(*asked) {
                    turn.questions.asked.push(*asked);
                }
            }
        }
    });
}

/// Notes that a file was asked for.
pub(crate) fn ask_file(package: Option<&str>, name: &str) {
    TURN.with_borrow_mut(|turn| {
        if turn.open {
            let name = (package.map(str::to_owned), name.to_owned());
            if let Some(part) = turn.parts.last_mut() {
                part.questions.files.push(name.clone());
            }
            turn.questions.files.push(name);
        }
    });
}

impl Turn {
    fn is_new(&mut self, asked: Asked) -> bool {
        let (noted, number) = match asked {
            Asked::Decl(number) => (&mut self.decls, number),
            Asked::Name(number) => (&mut self.names, number),
            _ => return true,
        };
        let at = usize::try_from(number).unwrap_or(usize::MAX);
        // A number that nothing has is new each time, and changes each time.
        if at == usize::MAX || number == u32::MAX {
            return true;
        }
        if noted.len() <= at {
            noted.resize(at + 1, 0);
        }
        let last = noted.get_mut(at);
        last.is_none_or(|last| std::mem::replace(last, self.number) != self.number)
    }
}
