//! Matches a text with the language's grammar. The functions of the rules are made from
//! `grammar.pest` when the crate is built (`build/main.rs`); here is what they are made of.
//!
//! No expected words are gathered on the way: the grammar is total and says itself what is wrong.

/// A node, before its children and all below them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) rule: Rule,
    /// First octet.
    pub(crate) start: u32,
    /// Octet behind the last.
    pub(crate) end: u32,
    /// Place in the list of the token behind all below this one.
    pub(crate) behind: u32,
}

/// The tokens of a text, parents first. The depth of brackets and the length of the text are
/// bounded by the caller.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut matcher = Matcher {
        octets: text.as_bytes(),
        at: 0,
        // Most sources have one token for each three to five octets.
        tokens: Vec::with_capacity(text.len() / 3 + 16),
    };
    rules::file::<true>(&mut matcher);
    matcher.tokens
}

/// A place in a text, and the tokens before it.
struct Matcher<'s> {
    octets: &'s [u8],
    at: usize,
    tokens: Vec<Token>,
}

/// A source is at most 256 KiB, and no octet makes more than a few tokens.
fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Matcher<'_> {
    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    /// Whether the next octet is one of a set.
    #[inline(always)]
    fn sees(&self, has: impl Fn(u8) -> bool) -> bool {
        self.peek().is_some_and(has)
    }

    /// Takes an octet of a set.
    #[inline(always)]
    fn octet(&mut self, has: impl Fn(u8) -> bool) -> bool {
        let sees = self.sees(has);
        self.at += usize::from(sees);
        sees
    }

    /// Takes all octets of a set.
    #[inline(always)]
    fn octets(&mut self, has: impl Fn(u8) -> bool) -> bool {
        let rest = self.octets.get(self.at..).unwrap_or_default();
        let taken = rest.iter().position(|octet| !has(*octet));
        self.at += taken.unwrap_or(rest.len());
        true
    }

    /// Takes all before an end that begins with an octet of a set.
    #[inline(always)]
    fn until(&mut self, first: impl Fn(u8) -> bool, end: impl Fn(&mut Self) -> bool) -> bool {
        while let Some(octet) = self.peek() {
            if first(octet) && self.look(&end) {
                break;
            }
            self.at += 1;
        }
        true
    }

    /// Takes a text.
    #[inline(always)]
    fn text(&mut self, text: &str) -> bool {
        let rest = self.octets.get(self.at..).unwrap_or_default();
        let starts = rest.starts_with(text.as_bytes());
        self.at += if starts { text.len() } else { 0 };
        starts
    }

    /// Takes a character.
    #[inline(always)]
    fn character(&mut self) -> bool {
        let length = match self.peek() {
            None => return false,
            Some(0..=0xBF) => 1,
            Some(0xC0..=0xDF) => 2,
            Some(0xE0..=0xEF) => 3,
            Some(0xF0..) => 4,
        };
        self.at += length;
        true
    }

    #[inline(always)]
    fn at_start(&self) -> bool {
        self.at == 0
    }

    #[inline(always)]
    fn at_end(&self) -> bool {
        self.at >= self.octets.len()
    }

    /// Looks ahead; the look takes nothing.
    #[inline(always)]
    fn look(&mut self, what: impl Fn(&mut Self) -> bool) -> bool {
        let at = self.at;
        let found = what(self);
        self.at = at;
        found
    }

    /// Matches if it can.
    #[inline(always)]
    fn perhaps(&mut self, what: impl Fn(&mut Self) -> bool) -> bool {
        what(self);
        true
    }

    /// Matches as often as it can.
    #[inline(always)]
    fn each(&mut self, what: impl Fn(&mut Self) -> bool) -> bool {
        let mut at = self.at;
        while what(self) && self.at > at {
            at = self.at;
        }
        true
    }

    /// All parts of a sequence, or nothing.
    #[inline(always)]
    fn all<const NODES: bool>(&mut self, parts: impl Fn(&mut Self) -> bool) -> bool {
        let (at, made) = (self.at, self.tokens.len());
        if parts(self) {
            return true;
        }
        self.at = at;
        if NODES {
            self.tokens.truncate(made);
        }
        false
    }

    /// A rule that makes a node, where nodes are made.
    #[inline(always)]
    fn node<const NODES: bool>(&mut self, rule: Rule, inside: impl Fn(&mut Self) -> bool) -> bool {
        if !NODES {
            return inside(self);
        }
        let (start, place) = (short(self.at), self.tokens.len());
        self.tokens.push(Token {
            rule,
            start,
            end: start,
            behind: 0,
        });
        if !inside(self) {
            self.tokens.truncate(place);
            return false;
        }
        let (end, behind) = (short(self.at), short(self.tokens.len()));
        if let Some(token) = self.tokens.get_mut(place) {
            (token.end, token.behind) = (end, behind);
        }
        true
    }
}

#[allow(
    dead_code,
    non_camel_case_types,
    unused_parens,
    clippy::nonminimal_bool,
    clippy::redundant_closure,
    reason = "made from the grammar, with its names"
)]
mod rules {
    use super::Matcher;

    include!(concat!(env!("OUT_DIR"), "/grammar.rs"));
}

pub(crate) use rules::Rule;
