//! Judges one test: its order is made, its expectations are looked at.

use cardwright_compiler::{
    emit::{self, Expectation, TestCase},
    model::{Model, Span},
};
use cardwright_rehearsal::{
    Attempt, Drawing, Found, Order, Refusal, Rehearsal, RehearsalError, Rehearsed, drawings, holds,
    look, look_at_refusal, refusal_snapshot, snapshot,
};

/// One reason why a test does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) code: String,
    pub(super) what: String,
    pub(super) place: String,
}

/// What came of a test.
pub(super) struct Judged {
    pub(super) complaints: Vec<Complaint>,
    /// Its snapshot, whether or not it is kept; none when the order could not be read.
    pub(super) text: Option<String>,
    /// What its pictures are drawn from.
    pub(super) drawings: Vec<Drawing>,
    /// Card and job, when the order was made.
    pub(super) card: Option<String>,
    pub(super) job: Option<String>,
}

/// What all tests of a project have in common.
pub(super) struct Judge<'m> {
    model: &'m Model,
    bin: Option<String>,
}

impl<'m> Judge<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        Self {
            model,
            bin: emit::issuer_bin(model),
        }
    }

    /// File, line and column.
    pub(super) fn place(&self, span: Span) -> String {
        let place = self.model.sources.place(span);
        format!("{}:{}:{}", place.file, place.line, place.column)
    }

    /// The order of a test.
    pub(super) fn order(&self, case: &TestCase) -> Order {
        Order {
            fields: case.fields.iter().cloned().collect(),
            bin: self.bin.clone(),
        }
    }

    pub(super) fn judge(&self, rehearsal: &mut Rehearsal, case: &TestCase) -> Judged {
        let attempt = rehearsal.attempt(&self.order(case));
        let mut judged = Judged {
            complaints: Vec::new(),
            text: None,
            drawings: Vec::new(),
            card: None,
            job: None,
        };
        match attempt {
            Err(error) => judged.complaints.push(self.wrong(case, error)),
            Ok(Attempt::Made(made)) => {
                judged.complaints = self.made(case, &made);
                let content = rehearsal.bundle().content();
                judged.text = Some(snapshot(&made, content, &case.name));
                match drawings(rehearsal, &made) {
                    Ok(drawings) => judged.drawings = drawings,
                    Err(error) => judged.complaints.push(self.wrong(case, error)),
                }
                judged.card = Some(made.card.clone());
                judged.job = Some(made.job.clone());
            }
            Ok(Attempt::Refused(refusal)) => {
                judged.complaints = self.refused(case, &refusal);
                if case.rejects {
                    judged.text = Some(refusal_snapshot(&refusal, &case.name));
                }
            }
        }
        judged
    }

    fn wrong(&self, case: &TestCase, error: RehearsalError) -> Complaint {
        Complaint {
            code: error.code.to_owned(),
            what: format!("{}; {}", error.what, error.mend),
            place: self.place(case.span),
        }
    }

    fn made(&self, case: &TestCase, made: &Rehearsed) -> Vec<Complaint> {
        let mut complaints: Vec<Complaint> = Vec::new();
        for expectation in &case.expectations {
            let found = if expectation.subject.starts_with("rejected") {
                Err((String::new(), "the order is not rejected".to_owned()))
            } else {
                look(made, &expectation.subject).map_err(|e| (e.code.to_owned(), e.what))
            };
            complaints.extend(self.compared(expectation, found));
        }
        for (scenario, verdict) in &made.verdicts {
            if let Some((code, what)) = &verdict.failure {
                complaints.push(Complaint {
                    code: (*code).to_owned(),
                    what: format!("{scenario}: {}: {what}", verdict.name),
                    place: self.place(case.span),
                });
            }
        }
        complaints
    }

    fn refused(&self, case: &TestCase, refusal: &Refusal) -> Vec<Complaint> {
        if !case.rejects {
            let field = refusal.field.as_ref();
            let field = field.map(|f| format!("`{f}`: ")).unwrap_or_default();
            let (code, reason) = (&refusal.code, &refusal.reason);
            let (code, what) = if refusal.at_intake {
                let what = format!("intake rejects the order: {field}{reason} ({code})");
                ("R1193".to_owned(), what)
            } else {
                (code.clone(), reason.clone())
            };
            return vec![Complaint {
                code,
                what,
                place: self.place(case.span),
            }];
        }
        let expectations = case.expectations.iter();
        let complaints = expectations.filter_map(|expectation| {
            let found = look_at_refusal(refusal, &expectation.subject);
            self.compared(expectation, found.map_err(|e| (e.code.to_owned(), e.what)))
        });
        complaints.collect()
    }

    fn compared(
        &self,
        expectation: &Expectation,
        found: Result<Found, (String, String)>,
    ) -> Option<Complaint> {
        let (code, what) = match found {
            Err(error) => error,
            Ok(found) => {
                let (operation, value) = (&expectation.operation, &expectation.value);
                if holds(&found, operation, value, expectation.octets) {
                    return None;
                }
                let shown = match &found.octets {
                    Some(octets) if expectation.octets => octets,
                    _ => &found.text,
                };
                let subject = &expectation.subject;
                let what = format!("{subject} is `{shown}`, expected {operation} `{value}`");
                (String::new(), what)
            }
        };
        let place = self.place(expectation.span);
        Some(Complaint { code, what, place })
    }
}
