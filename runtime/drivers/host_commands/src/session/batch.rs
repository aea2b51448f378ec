//! Many calls at once. Host commands have no records of many cards, and a connection carries one request
//! at a time, so the calls go over all connections side by side: as many commands, less waiting.

use std::sync::atomic::{AtomicUsize, Ordering};

use cardwright_ports::batch::{CardAnswer, CardCall};

use super::Session;
use crate::error::{self, Refused};

type Answer = Result<CardAnswer, Refused>;

impl Session {
    pub(super) fn side_by_side(&mut self, calls: &[CardCall<'_>]) -> Vec<Answer> {
        let workers = self.shared.connections().min(calls.len());
        if workers < 2 {
            return calls.iter().map(|call| call.perform(self)).collect();
        }
        let session = || Session::new(std::sync::Arc::clone(&self.shared));
        let done = over(calls, workers, session, |session, call| {
            call.perform(session)
        });
        let fell = || Err(error::ANSWER.found("the thread that asked fell"));
        let mut answers: Vec<Answer> = calls.iter().map(|_| fell()).collect();
        for (place, answer) in done {
            if let Some(slot) = answers.get_mut(place) {
                *slot = answer;
            }
        }
        answers
    }
}

/// Work on all items by so many workers, each with tools of its own and no more than they are: a worker
/// takes the next item when it is done with one. Gives what was made with its item's place.
fn over<I: Sync, W, T: Send>(
    items: &[I],
    workers: usize,
    tools: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, &I) -> T + Sync,
) -> Vec<(usize, T)> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut own = tools();
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            match items.get(place) {
                Some(item) => done.push((place, work(&mut own, item))),
                None => return done,
            }
        }
    };
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        let ended = started.into_iter().filter_map(|thread| thread.join().ok());
        ended.flatten().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::over;
    use std::collections::BTreeSet;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_thousand_calls_have_no_more_threads_than_connections() {
        let items: Vec<usize> = (0..1_000).collect();
        let (tools, threads) = (AtomicUsize::new(0), Mutex::new(BTreeSet::new()));
        let done = over(
            &items,
            4,
            || tools.fetch_add(1, Ordering::SeqCst),
            |_, item| {
                let own = format!("{:?}", std::thread::current().id());
                let mut threads = threads.lock().unwrap_or_else(|e| e.into_inner());
                threads.insert(own);
                item * 2
            },
        );
        assert_eq!(tools.load(Ordering::SeqCst), 4);
        let threads = threads.into_inner().unwrap_or_else(|e| e.into_inner());
        assert!(threads.len() <= 4, "{threads:?}");
        // Each item once, with its own answer.
        assert!(done.iter().all(|(place, twice)| *twice == place * 2));
        let places: BTreeSet<usize> = done.iter().map(|(place, _)| *place).collect();
        assert_eq!((places.len(), done.len()), (1_000, 1_000));
    }
}
