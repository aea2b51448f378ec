//! Tree to Bundle: lower, check, emit; pure
