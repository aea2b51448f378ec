//! Orders that are refused: a test may expect that, with code and reason.

use crate::{look::Found, rehearse::Rehearsed};
use cardwright_runtime::intake::BrokenRule;
use cardwright_stations::StationError;

/// Codes that tell of a test which can't be read or run, not of an order that is refused.
const OF_THE_TEST: &[&str] = &["R1105", "R1191", "R1192", "R1195", "R1196"];

/// Why an order was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Stable code, such as R1507.
    pub code: String,
    /// Field, if one is to blame.
    pub field: Option<String>,
    /// Why; never a value of the order.
    pub reason: String,
    /// Where: at intake, or later when its card was made.
    pub at_intake: bool,
    /// The job and its rule, or its format's, that was broken.
    pub(crate) rule: Option<(String, BrokenRule)>,
}

/// What became of an order.
pub enum Attempt {
    /// A card.
    Made(Box<Rehearsed>),
    /// Nothing.
    Refused(Refusal),
}

/// What stops an order.
pub(crate) enum Stop {
    /// Intake sets it aside.
    Rejected(Refusal),
    /// Something else.
    Failed(StationError),
}

impl<E: Into<StationError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Stop {
    /// As the error of a rehearsal whose order should have been good.
    pub(crate) fn into_error(self) -> StationError {
        match self {
            Self::Failed(error) => error,
            Self::Rejected(refusal) => {
                let field = refusal
                    .field
                    .map(|f| format!("`{f}`: "))
                    .unwrap_or_default();
                StationError::new(
                    "R1193",
                    format!(
                        "intake rejects the order: {field}{} ({})",
                        refusal.reason, refusal.code
                    ),
                    "correct the order's field; a rehearsal is dated 2026-01-01",
                )
            }
        }
    }

    /// As a refusal, unless it is the test that is wrong.
    pub(crate) fn into_refusal(self) -> Result<Refusal, StationError> {
        match self {
            Self::Rejected(refusal) => Ok(refusal),
            Self::Failed(error) if OF_THE_TEST.contains(&error.code) => Err(error),
            Self::Failed(error) => Ok(Refusal {
                code: error.code.to_owned(),
                field: None,
                reason: error.what,
                at_intake: false,
                rule: None,
            }),
        }
    }
}

/// Finds what an expectation on a refusal names: `rejected`, `rejected.field`, `rejected.reason`.
///
/// # Errors
/// R1194 when the subject is none of these, or no field is to blame.
pub fn look_at_refusal(refusal: &Refusal, subject: &str) -> Result<Found, StationError> {
    let text = match subject {
        "rejected" => Some(refusal.code.clone()),
        "rejected.field" => refusal.field.clone(),
        "rejected.reason" => Some(refusal.reason.clone()),
        _ => None,
    };
    text.map(|text| Found { text, octets: None })
        .ok_or_else(|| {
            StationError::new(
                "R1194",
                format!(
                    "the order is rejected ({}: {}), so there is no `{subject}`",
                    refusal.code, refusal.reason
                ),
                "correct the order, or expect the rejection: `rejected == \"R1507\"`",
            )
        })
}

/// The snapshot of a refusal.
#[must_use]
pub fn refusal_snapshot(refusal: &Refusal, title: &str) -> String {
    let place = if refusal.at_intake {
        "at intake"
    } else {
        "when its card is made"
    };
    let field = match &refusal.field {
        Some(field) => format!("\n  field   {field}"),
        None => String::new(),
    };
    format!(
        "# {title}\n{}\n\nrejected {place}\n  code    {}{field}\n  reason  {}\n",
        crate::snapshot::HEAD,
        refusal.code,
        refusal.reason
    )
}
