//! Words about what stands against a job's end: order, cause, for the terminal and the audit log.

use cardwright_ports::store::{JobId, MailerState, OrderQuery, OrderState};
use cardwright_ports::{Store, StoreError};

/// How many are named; `job show` has all.
const NAMED: usize = 3;

/// Names the first orders and letters that are in doubt or can't be drawn, each with its cause.
pub(super) fn name_them(store: &dyn Store, job: JobId) -> Result<String, StoreError> {
    let mut words = Vec::new();
    let query = OrderQuery {
        states: vec![OrderState::Unknown],
        limit: NAMED + 1,
        ..OrderQuery::default()
    };
    for row in store.orders(job, &query)? {
        let code = row.status.code.as_deref().unwrap_or("no code");
        let reason = row.status.reason.as_deref().unwrap_or("no reason");
        words.push(format!("order {}: {code} {reason}", row.key.order));
    }
    for mailer in [MailerState::Undrawn, MailerState::Unknown] {
        let query = OrderQuery {
            mailer: Some(mailer),
            limit: NAMED + 1,
            ..OrderQuery::default()
        };
        for row in store.orders(job, &query)? {
            let why = row.mailer_why.as_ref();
            let cause = why.map_or("no reason".to_owned(), |w| {
                format!("{} {}", w.code, w.reason)
            });
            words.push(format!("letter of order {}: {cause}", row.key.order));
        }
    }
    let more = words.len() > NAMED;
    words.truncate(NAMED);
    if more {
        words.push("more in `cardstation job show`".to_owned());
    }
    Ok(words.join("; "))
}
