//! A card machine.
