//! Turns: while one thing is made, all that is asked for it is noted, on the thread that makes it.

use crate::model::log::Asked;
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
}

thread_local! {
    static TURN: RefCell<Turn> = RefCell::default();
}

/// Makes a thing, and says what was asked for it.
pub(crate) fn listen<T>(make: impl FnOnce() -> T) -> (T, Questions) {
    TURN.with_borrow_mut(|turn| {
        turn.open = true;
        turn.questions = Questions::default();
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
        if turn.open && turn.is_new(asked) {
            turn.questions.asked.push(asked);
        }
    });
}

/// Notes that a file was asked for.
pub(crate) fn ask_file(package: Option<&str>, name: &str) {
    TURN.with_borrow_mut(|turn| {
        if turn.open {
            let name = (package.map(str::to_owned), name.to_owned());
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
