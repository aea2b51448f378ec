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
    /// DGI 9000 is clear although P1 says that all DGIs are enciphered, and P1 has to say so.
    pub clear_check_values: bool,
    /// P2 of STORE DATA begins at 00 again with every grouping.
    pub block_number_per_dgi: bool,
    /// P2 of STORE DATA is always 00.
    pub block_number_zero: bool,
    /// The data field of a command has at most 128 octets, MAC included.
    pub commands_of_128: bool,
    /// INITIALIZE UPDATE takes key version 00 only.
    pub default_key_version_only: bool,
    /// P1 marks the last block of every grouping.
    pub last_block_on_every_dgi: bool,
    /// STORE DATA has to carry Le.
    pub le_required: bool,
    /// How CRT components have to be padded.
    pub component_padding: ComponentPadding,
    /// Payment records may have 255 octets, template included; EMV ends at 254. With a certificate
    /// of a 1984-bit issuer key a record has one octet too many.
    pub record_of_255: bool,
    /// SCP03 counts only commands that carry data.
    pub counts_data_only: bool,
    /// GET PROCESSING OPTIONS answers in format 1 (`80`).
    pub processing_options_format_1: bool,
    /// Certificates are there without the key that they are for.
    pub foreign_certificates: bool,
    /// GENERATE AC without CDA answers in format 1 (`80`).
    pub generate_ac_format_1: bool,
    /// INTERNAL AUTHENTICATE answers in format 1 (`80`).
    pub internal_authenticate_format_1: bool,
    /// The card refuses VERIFY with a clear PIN.
    pub no_clear_pin: bool,
    /// Answers as over T=0: data wait behind `61xx`, a wrong Le is told by `6Cxx`.
    pub t0_status_words: bool,
}

impl Quirks {
    /// Switches a deviation on by its name, as a card product's description spells it: the field's
    /// name, or `component_padding_always` and `component_padding_never`. False when there is
    /// none of that name, which leaves the card as it was.
    pub fn declare(&mut self, name: &str) -> bool {
        let flag = match name {
            "ber_dgi_lengths" => &mut self.ber_dgi_lengths,
            "any_block_number" => &mut self.any_block_number,
            "one_dgi_per_command" => &mut self.one_dgi_per_command,
            "clear_check_values" => &mut self.clear_check_values,
            "block_number_per_dgi" => &mut self.block_number_per_dgi,
            "block_number_zero" => &mut self.block_number_zero,
            "commands_of_128" => &mut self.commands_of_128,
            "default_key_version_only" => &mut self.default_key_version_only,
            "last_block_on_every_dgi" => &mut self.last_block_on_every_dgi,
            "le_required" => &mut self.le_required,
            "record_of_255" => &mut self.record_of_255,
            "counts_data_only" => &mut self.counts_data_only,
            "processing_options_format_1" => &mut self.processing_options_format_1,
            "foreign_certificates" => &mut self.foreign_certificates,
            "generate_ac_format_1" => &mut self.generate_ac_format_1,
            "internal_authenticate_format_1" => &mut self.internal_authenticate_format_1,
            "no_clear_pin" => &mut self.no_clear_pin,
            "t0_status_words" => &mut self.t0_status_words,
            "component_padding_always" => {
                self.component_padding = ComponentPadding::Always;
                return true;
            }
            "component_padding_never" => {
                self.component_padding = ComponentPadding::Never;
                return true;
            }
            _ => return false,
        };
        *flag = true;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_name() {
        let names = serde_json::to_value(Quirks::default()).unwrap();
        for name in names.as_object().unwrap().keys() {
            let mut quirks = Quirks::default();
            if name == "component_padding" {
                assert!(quirks.declare("component_padding_always"));
                assert!(quirks.declare("component_padding_never"));
                continue;
            }
            assert!(quirks.declare(name), "{name}");
            let now = serde_json::to_value(&quirks).unwrap();
            assert_eq!(now[name], true);
        }
        assert!(!Quirks::default().declare("unheard_of"));
    }
}
