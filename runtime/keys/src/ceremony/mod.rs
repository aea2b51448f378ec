//! Ceremonies: keys made, taken in, given out and destroyed by several people, step by step, each
//! step durable before the next, nobody able to do it alone.

mod codes;
mod conductor;
mod form;
mod nouns;
mod people;
mod record;
mod step;

pub use codes::*;
pub use conductor::{Check, Conductor, Plan};
pub use form::{COMPONENT_FONT, FormPrinter, TEXT_FONT};
pub use nouns::{
    Ceremony, Kind, Line, Part, PartState, Participant, Phase, Signature, Subject, ceremonies,
};
pub use people::{
    Care, Cost, Custodian, Present, Role, SECRET_MIN, authenticate, care, people, person, register,
    two_officers,
};
pub use record::{Record, Verdict, check, digest, record, text, verify};
pub use step::{Act, Event, HsmAct, WRONG_MAX, Wanted, step, wanted};
