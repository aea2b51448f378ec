//! Pure domain code, one module per standard
