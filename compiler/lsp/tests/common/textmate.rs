//! A small TextMate engine: enough of it for our grammar, and checked against the real one.

use fancy_regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A token of a line: place in octets, and its innermost scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) scope: String,
}

/// A rule with its patterns compiled.
#[derive(Default)]
struct Rule {
    matched: Option<Regex>,
    begin: Option<Regex>,
    end: Option<Regex>,
    name: Option<String>,
    content: Option<String>,
    captures: BTreeMap<usize, String>,
    end_captures: BTreeMap<usize, String>,
    include: Option<String>,
    patterns: Vec<Rc<Rule>>,
}

pub(crate) struct Grammar {
    root: Rc<Rule>,
    repository: BTreeMap<String, Rc<Rule>>,
    scope: String,
}

fn text_of(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn captures(value: &Value) -> BTreeMap<usize, String> {
    let all = value.as_object().into_iter().flatten();
    all.map(|(n, v)| {
        (
            n.parse().expect("a number"),
            text_of(&v["name"]).expect("a name"),
        )
    })
    .collect()
}

fn rule(value: &Value) -> Rc<Rule> {
    let regex = |key: &str| {
        let pattern = value[key].as_str()?;
        Some(Regex::new(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}")))
    };
    let first = match value["beginCaptures"].is_object() {
        true => &value["beginCaptures"],
        false => &value["captures"],
    };
    Rc::new(Rule {
        matched: regex("match"),
        begin: regex("begin"),
        end: regex("end"),
        name: text_of(&value["name"]),
        content: text_of(&value["contentName"]),
        captures: captures(first),
        end_captures: captures(&value["endCaptures"]),
        include: text_of(&value["include"]),
        patterns: value["patterns"]
            .as_array()
            .into_iter()
            .flatten()
            .map(rule)
            .collect(),
    })
}

/// An open rule: scopes of what lies inside it.
struct Open {
    rule: Rc<Rule>,
    inside: String,
    own: String,
}

impl Grammar {
    pub(crate) fn new(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).expect("JSON");
        let repository = value["repository"].as_object().expect("named rules");
        Self {
            root: rule(&value),
            repository: repository
                .iter()
                .map(|(n, v)| (n.clone(), rule(v)))
                .collect(),
            scope: text_of(&value["scopeName"]).expect("a scope"),
        }
    }

    /// Rules that may begin inside a rule, includes followed.
    fn inside(&self, rule: &Rule, into: &mut Vec<Rc<Rule>>, depth: usize) {
        assert!(depth < 16, "includes go in a circle");
        for pattern in &rule.patterns {
            let pattern = match &pattern.include {
                Some(name) => &self.repository[name.trim_start_matches('#')],
                None => pattern,
            };
            if pattern.matched.is_some() || pattern.begin.is_some() {
                into.push(Rc::clone(pattern));
            } else {
                self.inside(pattern, into, depth + 1);
            }
        }
    }

    /// Tokens of each line of a text.
    pub(crate) fn lines(&self, text: &str) -> Vec<Vec<Token>> {
        let mut stack = vec![Open {
            rule: Rc::clone(&self.root),
            inside: self.scope.clone(),
            own: self.scope.clone(),
        }];
        text.split('\n')
            .map(|line| self.line(line, &mut stack))
            .collect()
    }

    fn line(&self, line: &str, stack: &mut Vec<Open>) -> Vec<Token> {
        let mut tokens = Vec::new();
        let mut at = 0;
        // Each round takes a character, or opens or closes a rule.
        for _ in 0..line.len() * 2 + 16 {
            let open = stack.last().expect("the root");
            let mut rules = Vec::new();
            self.inside(&open.rule, &mut rules, 0);
            let close = open
                .rule
                .end
                .as_ref()
                .and_then(|e| e.captures_from_pos(line, at).unwrap());
            let mut best: Option<(usize, Option<Rc<Rule>>, fancy_regex::Captures<'_>)> =
                close.map(|c| (c.get(0).unwrap().start(), None, c));
            for rule in rules {
                let regex = rule
                    .matched
                    .as_ref()
                    .or(rule.begin.as_ref())
                    .expect("a pattern");
                let Some(found) = regex.captures_from_pos(line, at).unwrap() else {
                    continue;
                };
                let start = found.get(0).unwrap().start();
                if best.as_ref().is_none_or(|(other, ..)| start < *other) {
                    best = Some((start, Some(rule), found));
                }
            }
            let inside = open.inside.clone();
            let Some((start, rule, found)) = best else {
                break;
            };
            push(&mut tokens, at, start, &inside);
            let whole = found.get(0).unwrap();
            match rule {
                None => {
                    let open = stack.pop().expect("an open rule");
                    mark(&mut tokens, &found, &open.rule.end_captures, &open.own);
                }
                Some(rule) => {
                    let own = rule.name.clone().unwrap_or(inside);
                    mark(&mut tokens, &found, &rule.captures, &own);
                    if rule.begin.is_some() {
                        let inside = rule.content.clone().unwrap_or_else(|| own.clone());
                        stack.push(Open { rule, inside, own });
                    }
                }
            }
            at = whole.end();
            if at >= line.len() && whole.start() == whole.end() {
                break;
            }
        }
        let inside = stack.last().expect("the root").inside.clone();
        push(&mut tokens, at, line.len(), &inside);
        tokens
    }
}

/// The text of a match, by its captures.
fn mark(
    tokens: &mut Vec<Token>,
    found: &fancy_regex::Captures<'_>,
    names: &BTreeMap<usize, String>,
    own: &str,
) {
    let whole = found.get(0).unwrap();
    let own = names.get(&0).map_or(own, String::as_str);
    let mut at = whole.start();
    for (n, name) in names.iter().filter(|(n, _)| **n > 0) {
        let Some(part) = found.get(*n) else { continue };
        push(tokens, at, part.start(), own);
        push(tokens, part.start(), part.end(), name);
        at = part.end();
    }
    push(tokens, at, whole.end(), own);
}

fn push(tokens: &mut Vec<Token>, start: usize, end: usize, scope: &str) {
    if start >= end {
        return;
    }
    if let Some(last) = tokens.last_mut()
        && last.end == start
        && last.scope == scope
    {
        last.end = end;
        return;
    }
    tokens.push(Token {
        start,
        end,
        scope: scope.to_owned(),
    });
}
