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
        let next = AtomicUsize::new(0);
        let worker = || {
            let mut session = Session::new(std::sync::Arc::clone(&self.shared));
            let mut done = Vec::new();
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                match calls.get(place) {
                    Some(call) => done.push((place, call.perform(&mut session))),
                    None => return done,
                }
            }
        };
        let done: Vec<(usize, Answer)> = std::thread::scope(|scope| {
            let started: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
            let ended = started.into_iter().filter_map(|thread| thread.join().ok());
            ended.flatten().collect()
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
