//! What editors ask of the compiler, over the Language Server Protocol: one file a feature.
//!
//! There are no semantics here. Syntax comes from `dsl`'s tree, which every text has; names, types
//! and findings come from the compiler; words and their meaning from the vocabulary. Each change
//! parses and checks the project anew; each request is answered from what that gave. A request that
//! meets a bug of ours is answered with an error, and the server goes on.

mod capabilities;
mod diagnostics;
mod documents;
mod folding;
mod formatting;
mod position;
mod selection;
mod server;
mod symbols;
mod tokens;
mod transport;
mod uri;
mod workspace;

pub use server::serve;
pub use transport::serve_stdio;
