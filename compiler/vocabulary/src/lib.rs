//! The one table of what the language's words mean
