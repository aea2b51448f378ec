//! The operator's, custodian's and auditor's tool
fn main() {}
