//! Lookups: a column of a table by a key, and whether a key is there at all.

use super::build::step;
use super::names::dotted;
use super::{Elaborator, Typed};
use crate::diagnostics::Problem;
use crate::model::{Decl, MArg, MClause, MEntry, MExpr, MKind, Span, Target};
use crate::types::Type;
use cardwright_bundle::{Constant, Op, Secrecy, TableColumn, ValueType};
use std::rc::Rc;

/// Positional arguments, the piped one last, and the one called `else`.
struct Given<'a> {
    positional: Vec<&'a MExpr>,
    otherwise: Option<&'a MExpr>,
}

impl<'a> Elaborator<'a> {
    /// `lookup(branches.city, order.branch, else: "")`.
    pub(super) fn lookup(
        &mut self,
        args: &'a [MArg],
        piped: Option<&'a MExpr>,
        span: Span,
    ) -> Option<Typed> {
        let given = self.given("lookup", args, piped, span)?;
        let [column, key] = given.positional.as_slice() else {
            return None;
        };
        let (decl, rest) = self.table_named(column, 1)?;
        let data = self.model.table(&decl.qualified)?;
        let Some(at) = rest.first().and_then(|name| data.column(name)) else {
            let names: Vec<&str> = data.table.columns.iter().map(|c| c.name.as_str()).collect();
            let wanted = rest.first().map_or("", String::as_str);
            let near = cardwright_vocabulary::nearest(wanted, names.iter().copied());
            let otherwise = format!("its columns are: {}", names.join(", "));
            let message = format!("the table `{}` has no column `{wanted}`", decl.name);
            let at = match &column.kind {
                MKind::Name(segments) => segments.last().map_or(column.span, |s| s.span),
                _ => column.span,
            };
            let problem = Problem::error("E0106", column.span, message);
            self.findings().push(problem.meant(at, near, otherwise));
            return None;
        };
        let (gives, level) = data.table.columns.get(at).map(|c| (c.gives, c.secrecy))?;
        let ty = data.types.get(at)?.clone();
        let key_value = self.table_key(decl, key)?;
        let otherwise = match given.otherwise {
            Some(e) => Some(self.expr(e, Some(&loose(gives)))?),
            None => None,
        };
        if let Some(Op::Constant {
            value: Constant::Text(text),
        }) = self.op(key_value.node)
        {
            let cell = data.table.find(text).and_then(|row| row.cells.get(at));
            return match (cell.cloned(), otherwise) {
                (Some(cell), _) => {
                    let cell = self.cell(gives, &cell, span)?.of_type(ty);
                    Some(self.as_secret(
                        cell,
                        level,
                        &named(decl, data.table.columns.get(at)?),
                        span,
                    ))
                }
                (None, Some(value)) => Some(value),
                (None, None) => {
                    let message = format!("the table `{}` has no row {text:?}", decl.name);
                    self.say("E0237", key.span, message, "add the row, or `else: …`");
                    None
                }
            };
        }
        let table = self.shared.table(&decl.qualified);
        if otherwise.is_none() && !self.is_listed(decl, table, &key_value) {
            let message = format!("what if `{}` has no row for this key?", decl.name);
            let help = format!(
                "add `else: …`; or ask first: `if listed({0}, …) then …`, or a rule of the format: \
                 `require listed({0}, …) reject record`",
                decl.name
            );
            self.findings().push(
                Problem::error("E0236", span, message)
                    .label(decl.span, "the table")
                    .help(help),
            );
            return None;
        }
        let secrecy = otherwise
            .as_ref()
            .map_or(Secrecy::Public, |o| o.secrecy)
            .max(key_value.secrecy)
            .max(level);
        // The way of the most secret of the three.
        let of_key = key_value.secrecy;
        let path = match &otherwise {
            Some(o) if o.secrecy > of_key.max(level) => Rc::clone(&o.path),
            _ if level > of_key => {
                let column = data.table.columns.get(at)?;
                step(named(decl, column), decl.span, None)
            }
            _ => Rc::clone(&key_value.path),
        };
        let op = Op::Lookup {
            table,
            column: u32::try_from(at).ok()?,
            key: key_value.node,
            otherwise: otherwise.as_ref().map(|o| o.node),
        };
        let joined = match &otherwise {
            Some(o) => super::coerce::join(&ty, &o.ty),
            None => ty,
        };
        let what = format!("chooses a row of the table `{}`", decl.name);
        Some(Typed {
            node: self.node(op, gives, secrecy, span),
            ty: joined,
            secrecy,
            shows_pan: otherwise.as_ref().is_some_and(|o| o.shows_pan),
            holds_pin: otherwise.as_ref().is_some_and(|o| o.holds_pin),
            whole: false,
            path: step(what, span, Some(path)),
        })
    }

    /// `listed(branches, order.branch)`.
    pub(super) fn listed(
        &mut self,
        args: &'a [MArg],
        piped: Option<&'a MExpr>,
        span: Span,
    ) -> Option<Typed> {
        let given = self.given("listed", args, piped, span)?;
        let [table, key] = given.positional.as_slice() else {
            return None;
        };
        let (decl, _) = self.table_named(table, 0)?;
        let data = self.model.table(&decl.qualified)?;
        let key = self.table_key(decl, key)?;
        if let Some(Op::Constant {
            value: Constant::Text(text),
        }) = self.op(key.node)
        {
            let there = data.table.find(text).is_some();
            return Some(self.flag(there, span));
        }
        let op = Op::Listed {
            table: self.shared.table(&decl.qualified),
            key: key.node,
        };
        let what = format!("asked of the table `{}`", decl.name);
        Some(Typed {
            node: self.node(op, ValueType::Flag, key.secrecy, span),
            ty: Type::Flag,
            secrecy: key.secrecy,
            shows_pan: false,
            holds_pin: false,
            whole: false,
            path: step(what, span, Some(key.path)),
        })
    }

    fn given(
        &mut self,
        name: &str,
        args: &'a [MArg],
        piped: Option<&'a MExpr>,
        span: Span,
    ) -> Option<Given<'a>> {
        let mut given = Given {
            positional: Vec::new(),
            otherwise: None,
        };
        let mut strange = false;
        for arg in args {
            match arg.name.as_deref() {
                None => given.positional.push(&arg.value),
                Some("else") if name == "lookup" && given.otherwise.is_none() => {
                    given.otherwise = Some(&arg.value);
                }
                Some(_) => strange = true,
            }
        }
        given.positional.extend(piped);
        if strange || given.positional.len() != 2 {
            let written = if name == "lookup" {
                "`lookup(branches.city, order.branch, else: \"\")`"
            } else {
                "`listed(branches, order.branch)`"
            };
            let message = format!("`{name}` takes other arguments");
            self.say("E0209", span, message, &format!("write it as {written}"));
            return None;
        }
        Some(given)
    }

    /// The table that a name begins with, and what stands after it.
    fn table_named(&mut self, e: &'a MExpr, parts: usize) -> Option<(&'a Decl, Vec<String>)> {
        let MKind::Name(segments) = &e.kind else {
            self.no_table(e, parts);
            return None;
        };
        match self.model.resolve(segments, e.span) {
            Target::Poisoned => None,
            Target::Decl { qualified, used } => {
                let decl = self.model.get(&qualified)?;
                let rest: Vec<String> =
                    segments.iter().skip(used).map(|s| s.text.clone()).collect();
                if decl.kind != "table" || rest.len() != parts {
                    self.no_table(e, parts);
                    return None;
                }
                Some((decl, rest))
            }
            Target::Unknown => {
                let otherwise = "declare it: `table branches = file(\"branches.csv\") { … }`";
                let message = format!("there is no table `{}`", dotted(segments));
                let problem = Problem::error("E0106", e.span, message);
                let problem = self.model.advise(problem, segments, &["table"], otherwise);
                self.findings().push(problem);
                None
            }
        }
    }

    fn no_table(&mut self, e: &MExpr, parts: usize) {
        let (what, help) = if parts == 0 {
            ("a table is expected", "name a table: `listed(branches, …)`")
        } else {
            (
                "a column of a table is expected",
                "name table and column: `lookup(branches.city, …)`",
            )
        };
        self.say("E0203", e.span, what.to_owned(), help);
    }

    /// The key as the table's keys are written.
    fn table_key(&mut self, decl: &Decl, key: &'a MExpr) -> Option<Typed> {
        let data = self.model.table(&decl.qualified)?;
        let typed = self.expr(key, None)?;
        let exact = decl.attribute("key").and_then(|e| e.single()?.word());
        let column = exact.and_then(|name| data.column(name));
        let want = match column.and_then(|c| data.types.get(c)) {
            Some(ty @ Type::Digits(_)) if matches!(typed.ty, Type::Number { .. }) => ty.clone(),
            _ => Type::text(),
        };
        self.coerce(typed, &want, key.span)
    }

    fn cell(&mut self, gives: ValueType, cell: &str, span: Span) -> Option<Typed> {
        Some(match gives {
            ValueType::Number => {
                let n = cell.parse().ok()?;
                self.number(n, span)
            }
            ValueType::Bytes => {
                let octets = hex::decode(cell).ok()?;
                self.octets(&octets, span)
            }
            ValueType::Flag => self.flag(cell == "true", span),
            _ => self.text(cell, span),
        })
    }

    /// A value that is known when compiled, as secret as its column says.
    fn as_secret(&mut self, value: Typed, level: Secrecy, named: &str, span: Span) -> Typed {
        if level <= value.secrecy {
            return value;
        }
        let Some(op) = self.op(value.node).cloned() else {
            return value;
        };
        Typed {
            node: self.node(op, value.ty.value_type(), level, span),
            secrecy: level,
            path: step(named.to_owned(), span, None),
            ..value
        }
    }

    /// Whether a condition around, or a rule of the format, says that the key is there.
    fn is_listed(&self, decl: &Decl, table: u32, key: &Typed) -> bool {
        if self.facts.lists(&self.program, table, key.node) {
            return true;
        }
        let Some(Op::Field { record, field }) = self.op(key.node) else {
            return false;
        };
        let rules = self.format.into_iter().flat_map(|f| f.entries.iter());
        let rules = rules.filter(|e| e.word(0) == Some("require") && refuses_record(e));
        rules
            .filter_map(|e| e.head.get(1))
            .any(|condition| self.asks(condition, &decl.qualified, &format!("{record}.{field}")))
    }

    /// Whether a rule's condition holds only when a table lists a field.
    fn asks(&self, e: &MExpr, table: &str, field: &str) -> bool {
        match &e.kind {
            MKind::Binary { op, left, right } if op == "and" => {
                self.asks(left, table, field) || self.asks(right, table, field)
            }
            MKind::Call { callee, args } if callee.word() == Some("listed") => {
                let [of, key] = args.as_slice() else {
                    return false;
                };
                let MKind::Name(segments) = &of.value.kind else {
                    return false;
                };
                let named = self.model.resolve_decl(segments, of.value.span);
                named.is_some_and(|d| d.qualified == table)
                    && key.value.dotted().as_deref() == Some(field)
            }
            _ => false,
        }
    }
}

/// A column in words.
fn named(decl: &Decl, column: &TableColumn) -> String {
    format!("`{}.{}`, a column of a table", decl.name, column.name)
}

fn refuses_record(entry: &MEntry) -> bool {
    entry.clauses.iter().any(|c| {
        matches!(c.keyword.as_str(), "reject" | "refuses")
            && MClause::single(c).and_then(MExpr::word) == Some("record")
    })
}

/// Any value that fits beside a column's cells.
fn loose(gives: ValueType) -> Type {
    match gives {
        ValueType::Number => Type::Number { digits: 18 },
        ValueType::Bytes => Type::bytes(),
        ValueType::Flag => Type::Flag,
        _ => Type::text(),
    }
}
