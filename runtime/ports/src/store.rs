//! The job ledger and the audit log.
