//! The production protocol: a pure step over one order and one job, and an executor that carries
//! its effects out through ports.
