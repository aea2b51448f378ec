//! Scripts: commands with their data, variables, status words.

use super::super::{read, value};
use super::parts;
use super::styles::Holdings;
use crate::diagnostics::Problem;
use crate::elaborate::{Elaborator, Typed};
use crate::model::{Decl, MArg, MEntry, MExpr, MItem, MKind, Span};
use crate::secrecy::Sink;
use crate::types::{Lengths, Type};
use cardwright_bundle::{
    Capture, DATA_GROUPS_MAX, DataGroup, OBJECT_DEPTH_MAX, Otherwise, Padding, Script,
    ScriptCommand, ScriptPart, Split, StatusWords, Variable,
};

/// The script that an application names.
pub(super) fn lower<'a>(
    elaborator: &mut Elaborator<'a>,
    decl: &'a Decl,
    holdings: &dyn Holdings,
) -> Option<Script> {
    let secured = decl.attribute("secured").and_then(read::word);
    let mut lines = Lines {
        elaborator,
        holdings,
        secured: secured.as_deref() == Some("true"),
        variables: Vec::new(),
        filled: Vec::new(),
        depth: 0,
    };
    let mut commands = Vec::new();
    for entry in decl.entries.iter() {
        match entry.word(0) {
            Some("variable") => lines.variable(entry),
            Some("command") => commands.extend(lines.command(entry)),
            _ => {}
        }
    }
    let (secured, variables) = (lines.secured, lines.variables);
    if commands.is_empty() && !elaborator.findings().has_errors() {
        elaborator.findings().push(
            Problem::error(
                "E0450",
                decl.span,
                format!("`{}` has no command", decl.name),
            )
            .help("write `command \"select\" { header = x\"00 A4 04 00\"; … }`"),
        );
        return None;
    }
    Some(Script {
        name: decl.name.clone(),
        secured,
        variables,
        commands,
    })
}

struct Lines<'l, 'a> {
    elaborator: &'l mut Elaborator<'a>,
    holdings: &'l dyn Holdings,
    secured: bool,
    variables: Vec<Variable>,
    /// Variables that a command before has filled.
    filled: Vec<String>,
    /// Data objects that lie around the present piece.
    depth: usize,
}

impl<'a> Lines<'_, 'a> {
    fn wrong(&mut self, code: &str, span: Span, message: impl Into<String>, help: &str) {
        let problem = Problem::error(code, span, message).help(help);
        self.elaborator.findings().push(problem);
    }

    fn variable(&mut self, entry: &MEntry) {
        let name = entry.word(1).unwrap_or_default().to_owned();
        let octets = entry.clause("of").and_then(|c| c.single()?.integer());
        let octets = octets
            .and_then(|n| u16::try_from(n).ok())
            .filter(|n| (1..=512).contains(n));
        let Some(octets) = octets else {
            let help = "write such as `variable serial of 4`, 1 to 512 octets";
            return self.wrong(
                "E0451",
                entry.span,
                "a variable has a length in octets",
                help,
            );
        };
        if self.variables.iter().any(|v| v.name == name) {
            let message = format!("the variable `{name}` is there twice");
            return self.wrong("E0451", entry.span, message, "leave one of them");
        }
        self.variables.push(Variable { name, octets });
    }

    fn command(&mut self, entry: &'a MEntry) -> Option<ScriptCommand> {
        let title = entry.head.get(1).and_then(MExpr::literal_text)?;
        let header = entry.inner("header").and_then(MEntry::single)?;
        let header = self.elaborator.const_bytes(header)?;
        let mut parts = Vec::new();
        let mut complete = true;
        for inner in entry.entries() {
            let more = match inner.word(0) {
                Some("data") => self.data(inner),
                Some("secret") => self.secret(inner).map(|part| vec![part]),
                _ => continue,
            };
            complete &= more.is_some();
            parts.extend(more.unwrap_or_default());
        }
        let captures = self.captures(entry);
        let le = entry.inner("le").and_then(|e| e.single()?.integer());
        let le = match le.and_then(|n| u16::try_from(n).ok()) {
            Some(0) => Some(256),
            // What is captured has to be asked for.
            None if !captures.is_empty() => Some(256),
            other => other,
        };
        let command = ScriptCommand {
            title,
            header: hex::encode_upper(header),
            parts,
            le,
            expect: self.expected_words(entry)?,
            otherwise: self.otherwise(entry)?,
            captures,
            split: self.split(entry),
            span: self.elaborator.span_id(entry.span),
        };
        complete.then_some(command)
    }

    /// A single expression, or a list of pieces.
    fn data(&mut self, entry: &'a MEntry) -> Option<Vec<ScriptPart>> {
        let term = entry.single()?;
        let MKind::List(items) = &term.kind else {
            return self.piece(term).map(|part| vec![part]);
        };
        let mut parts = Vec::new();
        for item in items {
            parts.push(self.item(item)?);
        }
        Some(parts)
    }

    fn item(&mut self, item: &'a MItem) -> Option<ScriptPart> {
        match item.phrase.terms.as_slice() {
            [one] => self.piece(one),
            [word, tag] if word.word() == Some("length_of") => {
                let octets = self.element(tag)?;
                let span = tag.span;
                let count = self.elaborator.apply("length", &[octets], span)?;
                let two = self.elaborator.number(2, span);
                let ty = Type::Bytes(Lengths::exactly(2));
                let count =
                    value::apply(self.elaborator, "number_bytes", &[&count, &two], ty, span)?;
                self.value(&count, span)
            }
            _ => {
                let help = "write an expression, a variable, `#E104` or `length_of #E104`";
                self.wrong("E0452", item.phrase.span, "this is no piece of data", help);
                None
            }
        }
    }

    fn piece(&mut self, term: &'a MExpr) -> Option<ScriptPart> {
        if let MKind::Call { callee, args } = &term.kind {
            match callee.word() {
                Some("object") => return self.object(args, term.span),
                Some("certify") => return self.certify(args, term.span),
                Some("signed_identifier") => return self.identifier(args, term.span),
                Some("security_object") => return self.security_object(args, term.span),
                _ => {}
            }
        }
        if let Some(name) = term.word()
            && self.variables.iter().any(|v| v.name == name)
        {
            if !self.filled.iter().any(|f| f == name) {
                let message = format!("`{name}` is sent before the card has given it");
                let help = "capture it in a command before: `capture serial = answer(1)`";
                self.wrong("E0453", term.span, message, help);
                return None;
            }
            return Some(ScriptPart::Variable {
                name: name.to_owned(),
            });
        }
        let octets = if crate::model::shape::tag_of(term).is_some() {
            self.element(term)?
        } else {
            self.elaborator.expr(term, Some(&Type::bytes()))?
        };
        self.value(&octets, term.span)
    }

    /// `object(#53, …)`: a data object around pieces.
    fn object(&mut self, args: &'a [MArg], span: Span) -> Option<ScriptPart> {
        let tag = args
            .first()
            .and_then(|a| crate::model::shape::tag_of(&a.value));
        let tag = tag.map(str::to_ascii_uppercase);
        let (Some(tag), false) = (tag, args.len() < 2) else {
            let help = "write such as `object(#53, #5FC102)`: a tag, and the pieces inside";
            self.wrong("E0452", span, "this is no data object around pieces", help);
            return None;
        };
        if self.depth >= OBJECT_DEPTH_MAX {
            let help = "put fewer data objects into each other";
            self.wrong("E0452", span, "data objects lie too deep", help);
            return None;
        }
        self.depth += 1;
        let parts: Option<Vec<ScriptPart>> =
            args.iter().skip(1).map(|a| self.piece(&a.value)).collect();
        self.depth -= 1;
        Some(ScriptPart::Object { tag, parts: parts? })
    }

    /// `signed_identifier(content_key, #5FC102)`: what is signed, the signature, no check.
    fn identifier(&mut self, args: &'a [MArg], span: Span) -> Option<ScriptPart> {
        let (signer, certificate) = self.signer(args.first(), span)?;
        let parts = self.inside(args.get(1..).unwrap_or_default(), span)?;
        Some(ScriptPart::SignedIdentifier {
            signer,
            certificate,
            parts,
        })
    }

    /// `security_object(content_key, group(x"30 01", #5FC109), …)`.
    fn security_object(&mut self, args: &'a [MArg], span: Span) -> Option<ScriptPart> {
        let (signer, certificate) = self.signer(args.first(), span)?;
        let mut groups = Vec::new();
        for arg in args.get(1..).unwrap_or_default() {
            let group = match &arg.value.kind {
                MKind::Call { callee, args } if callee.word() == Some("group") => args.as_slice(),
                _ => &[],
            };
            let container = group.first();
            let container = container.and_then(|a| self.elaborator.const_bytes(&a.value));
            let Some(&[high, low]) = container.as_deref() else {
                let help = "write `group(x\"30 01\", #5FC109)`: the container's identifier, and \
                            what it holds";
                self.wrong("E0470", arg.value.span, "this is no data group", help);
                return None;
            };
            groups.push(DataGroup {
                container: u16::from_be_bytes([high, low]),
                parts: self.inside(group.get(1..).unwrap_or_default(), arg.value.span)?,
            });
        }
        if groups.is_empty() || groups.len() > DATA_GROUPS_MAX {
            let help = "name 1 to 10 containers: `group(x\"30 01\", #5FC109)`";
            self.wrong(
                "E0470",
                span,
                "a security object of no containers, or too many",
                help,
            );
            return None;
        }
        Some(ScriptPart::SecurityObject {
            signer,
            certificate,
            groups,
        })
    }

    /// The key that signs contents, and its certificate.
    fn signer(&mut self, arg: Option<&'a MArg>, span: Span) -> Option<(u32, String)> {
        let Some(arg) = arg else {
            let help = "name a key with `use = content_signing`, then what is signed";
            self.wrong("E0470", span, "nobody signs this", help);
            return None;
        };
        let name = self.elaborator.key(&arg.value, &["content_signing"])?;
        let model = self.elaborator.model();
        let certificate = model.get(&name)?.attribute("certificate");
        Some((model.key_id(&name)?, certificate.and_then(read::file)?))
    }

    /// Pieces inside another.
    fn inside(&mut self, args: &'a [MArg], span: Span) -> Option<Vec<ScriptPart>> {
        if args.is_empty() || self.depth >= OBJECT_DEPTH_MAX {
            let help = "write what is signed behind the key, with fewer objects in each other";
            self.wrong(
                "E0470",
                span,
                "nothing is signed, or it lies too deep",
                help,
            );
            return None;
        }
        self.depth += 1;
        let parts: Option<Vec<ScriptPart>> = args.iter().map(|a| self.piece(&a.value)).collect();
        self.depth -= 1;
        parts
    }

    /// `certify(login, own_key)`: a declared certificate of a key in a variable.
    fn certify(&mut self, args: &'a [MArg], span: Span) -> Option<ScriptPart> {
        let model = self.elaborator.model();
        let (declared, key) = match args {
            [declared, key] => (
                read::declaration(model, &declared.value, "certificate"),
                key.value.word().map(str::to_owned),
            ),
            _ => (None, None),
        };
        let filled = key.filter(|k| self.filled.contains(k));
        let (Some(declared), Some(key)) = (declared, filled) else {
            let help = "write `certify(login, own_key)`: a declared `certificate`, and a variable \
                        that a command before has captured";
            self.wrong("E0468", span, "this certifies no key of the card", help);
            return None;
        };
        if declared.poisoned {
            return None;
        }
        super::certificate::lower(self.elaborator, declared, key)
    }

    fn element(&mut self, term: &MExpr) -> Option<Typed> {
        let tag = crate::model::shape::tag_of(term).map(str::to_ascii_uppercase);
        let found = tag
            .as_ref()
            .and_then(|tag| self.holdings.element(self.elaborator, tag));
        if found.is_none() {
            let message = format!(
                "#{} has no value in the application",
                tag.unwrap_or_default()
            );
            let help = "write it into the application's `data` block";
            self.wrong("E0431", term.span, message, help);
        }
        found
    }

    fn value(&mut self, octets: &Typed, span: Span) -> Option<ScriptPart> {
        let sink = if self.secured {
            Sink::ChipClear
        } else {
            Sink::ScriptClear
        };
        self.elaborator
            .sink(octets, sink, "the data of a script", span);
        Some(ScriptPart::Value { node: octets.node })
    }

    fn secret(&mut self, entry: &'a MEntry) -> Option<ScriptPart> {
        let (sealed, padding, ..) = parts::blob(self.elaborator, entry, self.holdings)?;
        let under = entry.clause("under").and_then(|c| c.single());
        if entry.clause("by").is_some() {
            if under.is_some() || !self.secured {
                let help = "write `secured = true`, and `by channel` without `under`";
                let message = "only a secured script has a channel that enciphers its data";
                self.wrong("E0454", entry.span, message, help);
                return None;
            }
            return Some(ScriptPart::Secret {
                node: sealed.node,
                under: None,
                padding: Padding::None,
                inside: true,
            });
        }
        let under = match under {
            Some(key) => {
                let name = self.elaborator.key(key, &["transport"])?;
                Some(self.elaborator.model().key_id(&name)?)
            }
            None if self.secured => None,
            None => {
                let help = "write `secret under KEY { … }` with a key that the card knows, or \
                            `secured = true` where the card has a secure channel";
                let message = "a secret would go to the card in clear";
                self.wrong("E0454", entry.span, message, help);
                return None;
            }
        };
        Some(ScriptPart::Secret {
            node: sealed.node,
            under,
            padding,
            inside: false,
        })
    }

    fn captures(&mut self, entry: &MEntry) -> Vec<Capture> {
        let mut captures = Vec::new();
        let entries = entry.entries().iter();
        for inner in entries.filter(|e| e.word(0) == Some("capture")) {
            let name = inner.word(1).unwrap_or_default();
            let from = match inner.single().map(|e| &e.kind) {
                Some(MKind::Call { args, .. }) => args.first().and_then(|a| a.value.integer()),
                _ => None,
            };
            let octets = self
                .variables
                .iter()
                .find(|v| v.name == name)
                .map(|v| v.octets);
            let fits = |from: i64, octets: u16| from >= 1 && from + i64::from(octets) <= 513;
            match (from, octets) {
                (Some(from), Some(octets)) if fits(from, octets) => {
                    self.filled.push(name.to_owned());
                    captures.push(Capture {
                        variable: name.to_owned(),
                        from: u16::try_from(from).unwrap_or(1),
                    });
                }
                (_, None) => {
                    let message = format!("there is no variable `{name}`");
                    let help = "declare it in the script: `variable serial of 4`";
                    self.wrong("E0451", inner.span, message, help);
                }
                _ => {
                    let message = format!("`{name}` does not lie within an answer of 512 octets");
                    let help = "write the first octet, from 1: `capture serial = answer(16)`";
                    self.wrong("E0451", inner.span, message, help);
                }
            }
        }
        captures
    }

    fn expected_words(&mut self, entry: &MEntry) -> Option<Vec<StatusWords>> {
        let Some(inner) = entry.inner("expect") else {
            return Some(vec![StatusWords {
                first: 0x9000,
                last: 0x9000,
            }]);
        };
        let list = inner.single()?;
        let mut words = Vec::new();
        for term in read::items(self.elaborator.model(), list) {
            let found = term.literal_text().and_then(|t| status_words(&t));
            let Some(found) = found else {
                let help = "write such as \"9000\", \"61xx\" or \"63C0-63CF\"";
                self.wrong("E0455", term.span, "these are no status words", help);
                return None;
            };
            words.push(found);
        }
        Some(words)
    }

    fn otherwise(&mut self, entry: &MEntry) -> Option<Otherwise> {
        let Some(inner) = entry.inner("otherwise") else {
            return Some(Otherwise::Fail);
        };
        let terms = inner.value.as_ref().map_or(&[][..], |v| v.terms.as_slice());
        match terms {
            [word] if word.word() == Some("fail") => return Some(Otherwise::Fail),
            [word] if word.word() == Some("next") => return Some(Otherwise::Next),
            [word, times] if word.word() == Some("retry") => {
                let times = times.integer().and_then(|n| u8::try_from(n).ok());
                if let Some(times) = times.filter(|n| (1..=10).contains(n)) {
                    return Some(Otherwise::Retry { times });
                }
            }
            _ => {}
        }
        let help = "write `fail`, `next` or `retry 2` (1 to 10 times)";
        self.wrong("E0455", inner.span, "what is to be done else?", help);
        None
    }

    fn split(&mut self, entry: &MEntry) -> Option<Split> {
        let inner = entry.inner("split")?;
        let MKind::Call { callee, args } = &inner.single()?.kind else {
            return None;
        };
        let octets = args.first().and_then(|a| a.value.integer());
        let octets = octets.and_then(|n| u8::try_from(n).ok()).filter(|n| *n > 0);
        match (callee.word(), octets) {
            (Some("offset"), Some(octets)) => Some(Split::Offset { octets }),
            (Some("chain"), Some(octets)) => Some(Split::Chain { octets }),
            _ => {
                let help = "write `offset(200)` or `chain(255)`";
                self.wrong("E0456", inner.span, "a piece has 1 to 255 octets", help);
                None
            }
        }
    }
}

/// `9000`, `61xx`, `63C0-63CF`.
fn status_words(text: &str) -> Option<StatusWords> {
    let word = |text: &str, fill: char| -> Option<u16> {
        let filled: String = text
            .chars()
            .map(|c| if c == 'x' { fill } else { c })
            .collect();
        let plain = filled.len() == 4 && filled.bytes().all(|b| b.is_ascii_hexdigit());
        plain.then(|| u16::from_str_radix(&filled, 16).ok())?
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (word(first, 'x')?, word(last, 'x')?),
        // Only the last digits may be open: what is between first and last is meant.
        None if text.trim_end_matches('x').contains('x') => return None,
        None => (word(text, '0')?, word(text, 'F')?),
    };
    (first <= last).then_some(StatusWords { first, last })
}

#[cfg(test)]
mod tests {
    use super::status_words;

    #[test]
    fn status_words_are_single_open_or_a_range() {
        let pair = |text| status_words(text).map(|w| (w.first, w.last));
        assert_eq!(pair("9000"), Some((0x9000, 0x9000)));
        assert_eq!(pair("61xx"), Some((0x6100, 0x61FF)));
        assert_eq!(pair("63C2-63CF"), Some((0x63C2, 0x63CF)));
        for wrong in [
            "900",
            "90000",
            "x000",
            "6x00",
            "9000-6A82",
            "xx-90",
            "",
            "90 00",
            "+900",
        ] {
            assert_eq!(pair(wrong), None, "{wrong}");
        }
    }
}
