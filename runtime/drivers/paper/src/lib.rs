//! PDF and PNG from neutral sheets
