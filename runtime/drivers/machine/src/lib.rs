//! A simulated card machine with its own physical ledger
