//! Codes of the inventory and of distribution: R1350 to R1369.

crate::error::codes! {
    ROW "R1354" "a row of a key register can't be read"
        "The row was written by another version of cardstation, or was changed by something else."
        "verify the audit chain; restore the store, or use the matching version";
}
