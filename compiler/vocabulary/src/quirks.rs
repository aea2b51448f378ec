//! Deviations of card products that have a name, and what each does.

/// One deviation.
#[derive(Clone, Copy, Debug)]
pub struct QuirkRow {
    /// Name in sources and bundles.
    pub name: &'static str,
    /// What is otherwise, and who acts on it.
    pub doc: &'static str,
}

const fn row(name: &'static str, doc: &'static str) -> QuirkRow {
    QuirkRow { name, doc }
}

/// All deviations, sorted by name.
pub static QUIRKS: &[QuirkRow] = &[
    row(
        "any_block_number",
        "the card does not look at P2 of STORE DATA; the host numbers the blocks all the same",
    ),
    row(
        "ber_dgi_lengths",
        "DGI lengths are coded as in BER (`81 xx`, `82 xx xx`) instead of `FF hh ll`",
    ),
    row(
        "block_number_per_dgi",
        "P2 of STORE DATA begins at 00 again with every DGI",
    ),
    row("block_number_zero", "P2 of STORE DATA is always 00"),
    row(
        "clear_check_values",
        "DGI 9000 is clear, in commands whose P1 says that all DGIs are enciphered",
    ),
    row(
        "commands_of_128",
        "the data field of a command has 128 octets at most, MAC included",
    ),
    row(
        "component_padding_always",
        "components of the RSA key are padded also when they are whole blocks, as most cards ask",
    ),
    row(
        "component_padding_never",
        "components of the RSA key are padded only when they are not whole blocks",
    ),
    row(
        "counts_data_only",
        "SCP03's counter counts only commands with data",
    ),
    row(
        "default_key_version_only",
        "INITIALIZE UPDATE is answered for key version 00 only, whatever the keys' own version",
    ),
    row(
        "foreign_certificates",
        "certificates and signatures stand in `data` as somebody else made them, and the chip has no key \
         that they are for: for tests, in no LIVE bundle (E0354)",
    ),
    row(
        "generate_ac_format_1",
        "GENERATE AC without CDA answers in format 1",
    ),
    row(
        "internal_authenticate_format_1",
        "INTERNAL AUTHENTICATE answers in format 1",
    ),
    row(
        "last_block_on_every_dgi",
        "P1 marks the last block of every DGI, not only the application's; DGIs do not share \
         commands",
    ),
    row(
        "le_required",
        "STORE DATA has to carry Le, although no data come back",
    ),
    row(
        "no_clear_pin",
        "the card refuses VERIFY with a clear PIN; no rule of `cvm` may ask for one (E0363)",
    ),
    row("one_dgi_per_command", "a STORE DATA holds one DGI at most"),
    row(
        "processing_options_format_1",
        "GET PROCESSING OPTIONS answers in format 1",
    ),
    row(
        "record_of_255",
        "records may have 255 octets; EMV ends at 254",
    ),
    row(
        "t0_status_words",
        "answers as over T=0: data wait behind `61xx`, a wrong Le is told by `6Cxx`",
    ),
];

/// A deviation by its name.
#[must_use]
pub fn quirk(name: &str) -> Option<&'static QuirkRow> {
    QUIRKS.iter().find(|row| row.name == name)
}
