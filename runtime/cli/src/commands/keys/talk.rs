//! Talking with people at the terminal: questions with an echo, secrets without, a clear screen
//! between one person and the next. In tests a file of answers takes their place.

use crate::{
    failure::{Failure, exit},
    site::read_file,
    terminal,
};
use cardwright_ports::SecretBytes;
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// Longest line that is read.
const LINE_MAX: usize = 1_000;
const ANSWERS_MAX: u64 = 1 << 20;

/// Somebody to talk with.
pub(crate) trait Talk {
    /// Asks for a line, with an echo.
    fn ask(&mut self, prompt: &str) -> Result<String, Failure>;
    /// Asks for a line that nobody else may see.
    fn secret(&mut self, prompt: &str) -> Result<SecretBytes, Failure>;
    /// Says something.
    fn tell(&mut self, text: &str);
    /// Wipes screen and scroll-back.
    fn clear(&mut self);
}

/// The terminal, or the answers of a test.
pub(super) fn talk(answers: Option<&Path>, test: bool) -> Result<Box<dyn Talk>, Failure> {
    let Some(path) = answers else {
        if !std::io::stdin().is_terminal() {
            return Err(Failure::new(
                exit::ENVIRONMENT,
                "R1387",
                "people type at a terminal, and this is none",
                "run it in a terminal; a test gives its answers with `--answers FILE`",
            ));
        }
        return Ok(Box::new(Terminal));
    };
    if !test {
        return Err(Failure::new(
            exit::ENVIRONMENT,
            "R1387",
            "answers from a file are for TEST sites",
            "let the people type",
        ));
    }
    let text = Zeroizing::new(read_file(path, ANSWERS_MAX)?);
    let text = std::str::from_utf8(&text).map_err(|_| {
        let what = format!("{} is not UTF-8", path.display());
        Failure::new(
            exit::ENVIRONMENT,
            "R1387",
            what,
            "write the answers as text",
        )
    })?;
    let lines: Vec<Zeroizing<String>> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            Zeroizing::new(if line == "-" {
                String::new()
            } else {
                line.to_owned()
            })
        })
        .collect();
    Ok(Box::new(Answers {
        lines: lines.into_iter(),
    }))
}

struct Terminal;

fn broken(error: &std::io::Error) -> Failure {
    Failure::new(
        exit::ENVIRONMENT,
        "R1387",
        format!("the terminal: {}", error.kind()),
        "go on with `continue` at a terminal that works",
    )
}

impl Talk for Terminal {
    fn ask(&mut self, prompt: &str) -> Result<String, Failure> {
        let mut screen = std::io::stderr();
        let shown = write!(screen, "{prompt}").and_then(|()| screen.flush());
        shown.map_err(|e| broken(&e))?;
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        if read.map_err(|e| broken(&e))? == 0 {
            return Err(broken(&std::io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(line.trim().chars().take(LINE_MAX).collect())
    }

    fn secret(&mut self, prompt: &str) -> Result<SecretBytes, Failure> {
        let line = rpassword::prompt_password(prompt).map_err(|e| broken(&e))?;
        Ok(SecretBytes::new(line.into_bytes()))
    }

    fn tell(&mut self, text: &str) {
        terminal::note(text);
    }

    fn clear(&mut self) {
        let mut screen = std::io::stderr();
        // Screen, scroll-back, cursor to the top (ECMA-48; the scroll-back is xterm's).
        let _ = write!(screen, "\u{1b}[2J\u{1b}[3J\u{1b}[H").and_then(|()| screen.flush());
    }
}

/// Lines in the order in which they will be asked for; `-` is an empty one.
struct Answers {
    lines: std::vec::IntoIter<Zeroizing<String>>,
}

impl Answers {
    fn next(&mut self, prompt: &str) -> Result<Zeroizing<String>, Failure> {
        self.lines.next().ok_or_else(|| {
            Failure::new(
                exit::ENVIRONMENT,
                "R1387",
                format!("the answers end at: {}", prompt.trim()),
                "add the answer, and go on with `continue`",
            )
        })
    }
}

impl Talk for Answers {
    fn ask(&mut self, prompt: &str) -> Result<String, Failure> {
        let line = self.next(prompt)?;
        terminal::note(&format!("{prompt}{}", *line));
        Ok(line.to_string())
    }

    fn secret(&mut self, prompt: &str) -> Result<SecretBytes, Failure> {
        let line = self.next(prompt)?;
        terminal::note(prompt);
        Ok(SecretBytes::new(line.as_bytes().to_vec()))
    }

    fn tell(&mut self, text: &str) {
        terminal::note(text);
    }

    fn clear(&mut self) {
        terminal::note("--- screen cleared ---");
    }
}
