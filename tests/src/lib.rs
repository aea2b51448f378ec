//! What the tests share: the workspace's files, projects and bundles, order files, the built
//! programs, the tables of codes, and a scanner for secrets.
//!
//! Helpers of tests may fail loudly: a panic here is a failed test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail loudly"
)]

pub mod codes;
pub mod desk;
pub mod examples;
pub mod faulty_hsm;
pub mod orders;
pub mod plant;
pub mod projects;
pub mod scanner;
pub mod station;
pub mod token;
pub mod workspace;
