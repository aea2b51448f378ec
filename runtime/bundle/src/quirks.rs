//! Names of the deviations of card products that a bundle may declare. What each does is the
//! runtime's business, or that of the chip alone; a name that is not here is refused at load.

/// All names, sorted.
pub const QUIRKS: [&str; 20] = [
    "any_block_number",
    "ber_dgi_lengths",
    "block_number_per_dgi",
    "block_number_zero",
    "clear_check_values",
    "commands_of_128",
    "component_padding_always",
    "component_padding_never",
    "counts_data_only",
    "default_key_version_only",
    "foreign_certificates",
    "generate_ac_format_1",
    "internal_authenticate_format_1",
    "last_block_on_every_dgi",
    "le_required",
    "no_clear_pin",
    "one_dgi_per_command",
    "processing_options_format_1",
    "record_of_255",
    "t0_status_words",
];

/// Whether a deviation is known.
#[must_use]
pub fn is_quirk(name: &str) -> bool {
    QUIRKS.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_found() {
        assert!(QUIRKS.is_sorted());
        assert!(QUIRKS.iter().all(|name| is_quirk(name)));
        assert!(!is_quirk("unheard_of"));
    }
}
