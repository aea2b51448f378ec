//! Deviations of card products, as data. All off: the card behaves as the standards say.

use crate::ComponentPadding;
use serde::{Deserialize, Serialize};

/// Deviations that public card products show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// DGI lengths are coded as in BER (`81 xx`) instead of `FF hh ll`.
    pub ber_dgi_lengths: bool,
    /// P2 of STORE DATA is not looked at.
    pub any_block_number: bool,
    /// A STORE DATA holds one DGI at most.
    pub one_dgi_per_command: bool,
    /// DGI 9000 is clear although P1 says that all DGIs are enciphered.
    pub clear_check_values: bool,
    /// How CRT components have to be padded.
    pub component_padding: ComponentPadding,
    /// SCP03 counts only commands that carry data.
    pub counts_data_only: bool,
    /// GET PROCESSING OPTIONS answers in format 1 (`80`).
    pub processing_options_format_1: bool,
    /// GENERATE AC without CDA answers in format 1 (`80`).
    pub generate_ac_format_1: bool,
    /// INTERNAL AUTHENTICATE answers in format 1 (`80`).
    pub internal_authenticate_format_1: bool,
    /// The card refuses VERIFY with a clear PIN.
    pub no_clear_pin: bool,
    /// Answers as over T=0: data wait behind `61xx`, a wrong Le is told by `6Cxx`.
    pub t0_status_words: bool,
}
