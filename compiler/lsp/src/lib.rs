//! What editors ask of the compiler, over the Language Server Protocol: one file a feature.
//!
//! There are no semantics here. Syntax comes from `dsl`'s tree, which every text has; names, types
//! and findings come from the compiler; words and their meaning from the vocabulary. Each change
//! parses and checks the project anew; each request is answered from what that gave. A request that
//! meets a bug of ours is answered with an error, and the server goes on.

mod capabilities;
mod code_actions;
mod completion;
mod completion_items;
mod describe;
mod diagnostics;
mod disk;
mod documents;
mod folding;
mod formatting;
mod hover;
mod inlay;
mod names;
mod position;
mod references;
mod selection;
mod server;
mod site;
mod symbols;
mod textmate;
mod tokens;
mod transport;
mod uri;
mod workspace;

pub use server::serve;
pub use textmate::textmate_grammar;
pub use transport::serve_stdio;
