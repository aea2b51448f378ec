//! Time comes from outside.

/// Wall clock and stop watch.
pub trait Clock: Send + Sync {
    /// Seconds since 1970-01-01T00:00:00Z.
    fn unix_seconds(&self) -> i64;
    /// A monotonic stop watch in microseconds.
    fn monotonic_us(&self) -> u64;
}
