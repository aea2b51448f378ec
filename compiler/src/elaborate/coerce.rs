//! From one type to another, where the language does it by itself, and lengths against places.

use super::{Elaborator, Typed};
use crate::diagnostics::Problem;
use crate::model::Span;
use crate::types::{ANY_LENGTH, Lengths, Type};
use cardwright_bundle::{Op, ValueType};

/// The type that holds either.
#[must_use]
pub(super) fn join(a: &Type, b: &Type) -> Type {
    if a == b {
        return a.clone();
    }
    match (a, b) {
        (Type::Digits(x), Type::Digits(y)) => Type::Digits(x.or(*y)),
        (Type::Bytes(x), Type::Bytes(y)) => Type::Bytes(x.or(*y)),
        (Type::Number { digits: x }, Type::Number { digits: y }) => {
            Type::Number { digits: *x.max(y) }
        }
        (Type::Lines { count: x, each: l }, Type::Lines { count: y, each: m }) => Type::Lines {
            count: *x.max(y),
            each: l.or(*m),
        },
        _ if a.is_text() && b.is_text() => {
            let lengths = |t: &Type| t.lengths().unwrap_or(Lengths::up_to(0));
            Type::Text(lengths(a).or(lengths(b)))
        }
        _ => a.clone(),
    }
}

impl Elaborator<'_> {
    /// The value as the wanted type: E0201 when it is another, E0204 when it may be too long.
    pub fn coerce(&mut self, value: Typed, want: &Type, span: Span) -> Option<Typed> {
        let (have, need) = (value.ty.value_type(), want.value_type());
        match (&value.ty, want) {
            (Type::PinBlock { .. }, Type::Pin) => return self.import(value, span),
            (Type::PinBlock { .. } | Type::Pin, _) if need == ValueType::Text => {
                let help = "a PIN is drawn by the `pin` block of a mailer and held by \
                            `offline_pin`; no text may show it";
                self.report_pin(&value, span, super::expr::TEXT, help);
                return None;
            }
            (Type::Number { .. }, _) if need == ValueType::Text => {
                return self.number_as_text(value, want, span);
            }
            (Type::Track2(_), _) if need == ValueType::Bytes => {
                return self.equivalent(&value, span);
            }
            (_, Type::Lines { .. }) if have == ValueType::Text => {
                let each = value.ty.lengths().unwrap_or(Lengths::up_to(0));
                let lines = self.apply("lines", &[value], span)?;
                return Some(lines.of_type(Type::Lines { count: 1, each }));
            }
            _ => {}
        }
        if have != need {
            let message = format!("{} is expected, this is {}", want.words(), value.ty.words());
            let help = advice(&value.ty, want);
            self.findings()
                .push(Problem::error("E0201", span, message).help(help));
            return None;
        }
        self.fits(value, want, span)
    }

    fn fits(&mut self, value: Typed, want: &Type, span: Span) -> Option<Typed> {
        let (Some(have), Some(room)) = (value.ty.lengths(), want.lengths()) else {
            return Some(value);
        };
        if matches!(want, Type::Digits(_)) && !matches!(value.ty, Type::Digits(_) | Type::Pan(_)) {
            let message = format!(
                "{} are expected, this is {}",
                want.words(),
                value.ty.words()
            );
            let help =
                "only `digits` fields, numbers and verification values are known to be digits";
            self.findings()
                .push(Problem::error("E0201", span, message).help(help));
            return None;
        }
        let known = have.max < ANY_LENGTH.max && room.max < ANY_LENGTH.max;
        if known && !matches!(want, Type::Lines { .. }) && have.max > room.max {
            let unit = if want.value_type() == ValueType::Bytes {
                "octets"
            } else {
                "characters"
            };
            let message = format!(
                "this may have {} {unit}, its place takes {}",
                have.max, room.max
            );
            let help = "shorten it by name: `embossing_name(…)`, `emv_name(…)`, `slice(…, 1, n)`; \
                        or give it more room";
            let mut problem = Problem::error("E0204", span, message).help(help);
            // Where such a long value comes from, and what it goes through.
            for (place, what) in crate::secrecy::way(&value.path) {
                if place != span && what != "a constant" {
                    problem = problem.label(place, what);
                }
            }
            self.findings().push(problem);
            return None;
        }
        if known && have.max < room.min && matches!(want, Type::Digits(_)) {
            let message = format!(
                "this has at most {} digits, {} are expected",
                have.max, room.min
            );
            let help = "fill it up: `pad_left(…, n, \"0\")`";
            self.findings()
                .push(Problem::error("E0204", span, message).help(help));
            return None;
        }
        Some(value)
    }

    fn number_as_text(&mut self, value: Typed, want: &Type, span: Span) -> Option<Typed> {
        let digits = value.ty.number_digits();
        let width = match want {
            Type::Digits(l) if l.min == l.max => l.min,
            _ => 1,
        };
        let at_least = self.number(i64::from(width), span);
        let text = self.apply("number_text", &[value, at_least], span)?;
        let text = text.of_type(Type::Digits(Lengths {
            min: width,
            max: digits.max(width),
        }));
        self.fits(text, want, span)
    }

    /// Tag 57 from track 2: the same parts, coded as octets.
    fn equivalent(&mut self, value: &Typed, span: Span) -> Option<Typed> {
        let args = match self.op(value.node) {
            Some(Op::Apply { function, args }) if function == "track2" => args.clone(),
            _ => {
                let help = "write it as `track2(pan, expiry, service, discretionary)`";
                let message = "only track 2 made from its parts has an equivalent in octets";
                self.findings()
                    .push(Problem::error("E0201", span, message).help(help));
                return None;
            }
        };
        let parts: Vec<Typed> = args
            .iter()
            .map(|node| Typed {
                node: *node,
                ..value.clone()
            })
            .collect();
        let octets = self.apply("track2_equivalent", &parts, span)?;
        Some(Typed {
            ty: Type::Bytes(Lengths::up_to(19)), // EMV Book 3, Annex A: tag 57
            path: value.path.clone(),
            ..octets
        })
    }

    /// A PIN out of its block in transit: translated inside the HSM, never clear.
    fn import(&mut self, value: Typed, span: Span) -> Option<Typed> {
        let Type::PinBlock { format, key } = value.ty.clone() else {
            return None;
        };
        let pan = if format == 1 || format == 2 {
            self.text("", span)
        } else if let Some(pan) = self.pan_field(span) {
            pan
        } else {
            let message =
                format!("a PIN block of format {format} is bound to a PAN, the record has none");
            let help = "give the record a field of type `pan`";
            self.findings()
                .push(Problem::error("E0602", span, message).help(help));
            return None;
        };
        let number = self.number(i64::from(format), span);
        let block_path = value.path.clone();
        // A key that could not be resolved has got its finding already.
        let pin = self.intent("pin.import", &[key], &[value, pan, number], span)?;
        Some(Typed {
            ty: Type::Pin,
            path: super::build::step("as a PIN", span, Some(block_path)),
            ..pin
        })
    }
}

fn advice(have: &Type, want: &Type) -> String {
    match (have, want) {
        (Type::Date, _) if want.is_text() => "say how: `order.expiry |> \"MM/YY\"`".into(),
        (Type::Bytes(_), _) if want.is_text() => "write them as `hex(…)`".into(),
        (Type::Flag, _) if want.is_text() => "say both: `if … then \"yes\" else \"no\"`".into(),
        (Type::Lines { .. }, _) if want.is_text() => "take one line: `order.address[1]`".into(),
        (_, Type::Bytes(_)) if have.is_text() => {
            "say how: `ascii(…)`, `latin1(…)`, `utf8(…)`, `compact_cn(…)`, `unhex(…)`".into()
        }
        (_, Type::Number { .. }) if have.is_text() => "write `to_number(…)`".into(),
        (_, Type::Date) if have.is_text() => "write `date(…, \"YYMMDD\")`".into(),
        (_, Type::Flag) => "write a comparison, such as `order.language == \"en\"`".into(),
        (_, Type::Pin) => {
            "a PIN comes from a field `pin_block(…)`, `pin.generate(4)` or `pin.natural(…)`".into()
        }
        _ => format!("give {} instead", want.words()),
    }
}
