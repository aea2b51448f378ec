//! Writes the matcher: one function a rule, one Boolean expression a pattern. Whatever does not
//! match leaves the place, and the nodes made so far, as they were.

use crate::sets::{Set, Starts, flat, ways};
use pest_meta::ast::RuleType;
use pest_meta::optimizer::{OptimizedExpr, OptimizedRule};
use std::fmt::Write;

/// The text of the matcher.
pub(crate) fn matcher(rules: &[OptimizedRule]) -> Result<String, String> {
    let writer = Writer {
        rules,
        starts: Starts::of(rules),
    };
    let mut out = String::from("/// The rules that make nodes.\n");
    out.push_str("#[derive(Clone, Copy, Debug, PartialEq, Eq)]\npub(crate) enum Rule {\n");
    for rule in rules.iter().filter(|rule| rule.ty != RuleType::Silent) {
        let _ = writeln!(out, "    {},", rule.name);
    }
    out.push_str("}\n");
    for rule in rules {
        writer.rule(rule, &mut out)?;
    }
    Ok(out)
}

/// Whether nodes are made: as the function is asked, or not at all.
#[derive(Clone, Copy)]
enum Nodes {
    AsAsked,
    Never,
}

impl Nodes {
    fn word(self) -> &'static str {
        match self {
            Nodes::AsAsked => "NODES",
            Nodes::Never => "false",
        }
    }
}

struct Writer<'g> {
    rules: &'g [OptimizedRule],
    starts: Starts<'g>,
}

impl Writer<'_> {
    fn rule(&self, rule: &OptimizedRule, out: &mut String) -> Result<(), String> {
        let name = &rule.name;
        let (nodes, makes_one) = match rule.ty {
            RuleType::Normal => (Nodes::AsAsked, true),
            RuleType::Atomic => (Nodes::Never, true),
            RuleType::Silent => (Nodes::AsAsked, false),
            _ => return Err(format!("`{name}` is a kind of rule that is not known here")),
        };
        let mut body = self.expression(&rule.expr, nodes)?;
        if makes_one {
            body = format!("m.node::<NODES>(Rule::{name}, |m| {body})");
        }
        let _ = writeln!(
            out,
            "pub(crate) fn {name}<const NODES: bool>(m: &mut Matcher<'_>) -> bool {{\n    {body}\n}}"
        );
        Ok(())
    }

    /// A Boolean expression that matches at the place and goes on behind it, or does nothing.
    fn expression(&self, e: &OptimizedExpr, nodes: Nodes) -> Result<String, String> {
        if let Some(set) = self.plain_class(e) {
            return Ok(format!("m.octet({})", is_in(set)));
        }
        Ok(match e {
            OptimizedExpr::Str(text) => format!("m.text({:?})", text),
            OptimizedExpr::Ident(name) => match name.as_str() {
                "ANY" => "m.character()".to_owned(),
                "SOI" => "m.at_start()".to_owned(),
                "EOI" => "m.at_end()".to_owned(),
                _ if self.rules.iter().any(|rule| rule.name == *name) => {
                    format!("{name}::<{}>(m)", nodes.word())
                }
                _ => return Err(format!("`{name}` is not known here")),
            },
            OptimizedExpr::PosPred(inner) => self.look(inner)?,
            OptimizedExpr::NegPred(inner) => format!("!{}", self.look(inner)?),
            OptimizedExpr::Seq(..) => self.sequence(e, nodes)?,
            OptimizedExpr::Choice(..) => {
                let ways = ways(e).into_iter().map(|way| self.guarded(way, nodes));
                format!("({})", ways.collect::<Result<Vec<_>, _>>()?.join(" || "))
            }
            OptimizedExpr::Opt(inner) => format!("m.perhaps(|m| {})", self.guarded(inner, nodes)?),
            OptimizedExpr::Rep(inner) => self.repeated(inner, nodes)?,
            OptimizedExpr::Skip(ends) => {
                let ends = ends.iter().map(|end| OptimizedExpr::Str(end.clone()));
                self.until(&ends.collect::<Vec<_>>().iter().collect::<Vec<_>>())?
            }
            OptimizedExpr::RestoreOnErr(inner) => self.expression(inner, nodes)?,
            other => return Err(format!("{other:?} is not known here")),
        })
    }

    /// The octets of an expression of one octet that makes no node.
    fn plain_class(&self, e: &OptimizedExpr) -> Option<Set> {
        let made = |name: &String| {
            let rule = self.rules.iter().find(|rule| rule.name == *name);
            rule.is_some_and(|rule| rule.ty != RuleType::Silent)
        };
        let plain = ways(e).into_iter().all(|way| match way {
            OptimizedExpr::Ident(name) => !made(name),
            _ => true,
        });
        self.starts.class(e).filter(|_| plain)
    }

    /// A look ahead: makes no nodes and stays where it is.
    fn look(&self, e: &OptimizedExpr) -> Result<String, String> {
        if let Some(set) = self.starts.class(e) {
            return Ok(format!("m.sees({})", is_in(set)));
        }
        Ok(format!("m.look(|m| {})", self.guarded(e, Nodes::Never)?))
    }

    fn sequence(&self, e: &OptimizedExpr, nodes: Nodes) -> Result<String, String> {
        let parts = flat(e);
        let mut taken = 0;
        let mut written = Vec::new();
        for (n, part) in parts.iter().enumerate() {
            let looks = matches!(part, OptimizedExpr::PosPred(_) | OptimizedExpr::NegPred(_));
            if n + 1 < parts.len() {
                taken += usize::from(!looks);
            }
            written.push(self.guarded(part, nodes)?);
        }
        let written = written.join(" && ");
        // Where all before the last part are looks, there is nothing to go back from.
        Ok(match taken {
            0 => format!("({written})"),
            _ => format!("m.all::<{}>(|m| {written})", nodes.word()),
        })
    }

    fn repeated(&self, e: &OptimizedExpr, nodes: Nodes) -> Result<String, String> {
        if let Some(set) = self.plain_class(e) {
            return Ok(format!("m.octets({})", is_in(set)));
        }
        // `(!end ~ ANY)*`
        if let [OptimizedExpr::NegPred(end), OptimizedExpr::Ident(any)] = flat(e).as_slice()
            && any == "ANY"
            && !self.starts.start(end).empty
            && self.starts.start(end).first.is_ascii()
        {
            return self.until(&ways(end));
        }
        Ok(format!("m.each(|m| {})", self.guarded(e, nodes)?))
    }

    /// All before one of these, or to the end of the text.
    fn until(&self, ends: &[&OptimizedExpr]) -> Result<String, String> {
        let mut first = Set::NONE;
        let (mut plain, mut others) = (Set::NONE, Vec::new());
        for end in ends {
            first = first.or(self.starts.start(end).first);
            match self.starts.class(end) {
                Some(set) => plain = plain.or(set),
                None => others.push(self.expression(end, Nodes::Never)?),
            }
        }
        if !first.is_ascii() {
            return Err(format!("{ends:?} may begin within a character"));
        }
        if others.is_empty() {
            let pattern = first.pattern();
            return Ok(format!("m.octets(|b| !matches!(b, {pattern}))"));
        }
        if plain != Set::NONE {
            others.insert(0, format!("m.sees({})", is_in(plain)));
        }
        let others = others.join(" || ");
        Ok(format!("m.until({}, |m| {others})", is_in(first)))
    }

    /// An expression behind a look at the next octet, where that says enough and costs less.
    fn guarded(&self, e: &OptimizedExpr, nodes: Nodes) -> Result<String, String> {
        let written = self.expression(e, nodes)?;
        let start = self.starts.start(e);
        let short = matches!(
            e,
            OptimizedExpr::Str(_) | OptimizedExpr::PosPred(_) | OptimizedExpr::NegPred(_)
        );
        if start.empty || start.first == Set::ALL || short || self.plain_class(e).is_some() {
            return Ok(written);
        }
        Ok(format!("(m.sees({}) && {written})", is_in(start.first)))
    }
}

fn is_in(set: Set) -> String {
    format!("|b| matches!(b, {})", set.pattern())
}
