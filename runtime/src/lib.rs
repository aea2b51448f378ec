//! Bundle to Plan to Journal: load, intake, plan, engine; through ports only
