//! Job ledger and audit log on SQLite
