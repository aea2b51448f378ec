//! Names in an expression: parameters, own attributes, fields, lets, other declarations.

/// Parameters of one function that is being inlined.
#[derive(Debug, Default)]
pub(super) struct Frame;
