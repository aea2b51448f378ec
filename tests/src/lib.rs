//! End-to-end, house and vector tests
