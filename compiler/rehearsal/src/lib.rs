//! The author's dry run: the runtime joined to a soft HSM, a virtual card, and paper. TEST only.
//!
//! ```text
//! Order texts -> order file -> runtime intake -> data generation -> virtual card -> validation
//!                                                             \-> pages, faces
//! ```
//! Everything is drawn from a fixed seed and dated by a fixed day, so that a rehearsal gives the
//! same card on every machine and a snapshot of it can be compared. LIVE bundles are refused.

mod blank;
mod codes;
mod counting;
mod coverage;
mod default_fields;
mod files;
mod look;
mod order_file;
mod photos;
mod pictures;
mod pin_block;
mod preview;
mod readings;
mod recorder;
mod refusal;
mod rehearse;
mod rows;
mod snapshot;
mod stock;
mod tap;
mod why;

pub use blank::blank;
pub use cardwright_import::{CpsApplication, CpsGrouping, CpsRecord, read_cps};
pub use cardwright_runtime::Date;
pub use cardwright_stations::StationError as RehearsalError;
pub use codes::{CODES, explanation};
pub use counting::Calls;
pub use coverage::{Coverage, Point, Tally, live_nodes};
pub use files::{FileMade, FileNature};
pub use look::{Found, holds, look};
pub use pictures::{CHANNEL_TOLERANCE, Drawing, drawings, picture_difference, pictures};
pub use preview::{Picture, preview};
pub use readings::readings;
pub use recorder::{Carried, Clear, Exchange};
pub use refusal::{Attempt, Refusal, look_at_refusal, refusal_snapshot};
pub use rehearse::{Order, PageMade, Rehearsal, Rehearsed, SealedOrClear, Verdicts, rehearsal_day};
pub use rows::Row;
pub use snapshot::snapshot;
pub use why::{Because, Input, Kept, Key, SecondFile, Why};
