//! Blind forms: one component on one numbered page, in groups of four digits with its check value.

use super::nouns::{Ceremony, Part};
use crate::KeysError;
use cardwright_ports::paper::{
    Alignment, Area, Colour, Mark, PaperError, PinSource, Placed, Sheet,
};
use cardwright_ports::{SecretBytes, SecretDigits};
use std::fmt::Write;
use zeroize::Zeroizing;

/// Name of the font of words; the stationery must have it.
pub const TEXT_FONT: &str = "Noto Sans";
/// Name of the font of the component.
pub const COMPONENT_FONT: &str = "OCR-B";

/// A5, lying: what fits a usual envelope.
const WIDTH_UM: u32 = 210_000;
const HEIGHT_UM: u32 = 148_000;
const LEFT_UM: u32 = 15_000;

/// What prints forms: to a device that keeps no copy.
pub trait FormPrinter {
    /// Prints one form. The name is its number, for messages.
    fn print(
        &mut self,
        name: &str,
        sheet: &Sheet,
        component: &mut dyn PinSource,
    ) -> Result<(), KeysError>;
}

/// Gives the component to the page that is being drawn, once.
pub(crate) struct Reveal<'a> {
    pub(crate) clear: Option<&'a SecretBytes>,
}

impl PinSource for Reveal<'_> {
    fn reveal(&mut self, _: u64) -> Result<SecretDigits, PaperError> {
        let clear = self.clear.take().ok_or(PaperError {
            code: super::codes::FORM.code,
            what: "a component was asked for twice".to_owned(),
            mend: super::codes::FORM.mend,
        })?;
        let mut digits = Zeroizing::new(String::with_capacity(2 * clear.expose().len()));
        for octet in clear.expose() {
            // Writing into a string of enough room neither fails nor moves.
            let _ = write!(digits, "{octet:02X}");
        }
        Ok(SecretDigits::new(std::mem::take(&mut *digits)))
    }
}

/// The form of a part. The component itself comes while it is drawn.
pub(crate) fn sheet(ceremony: &Ceremony, part: &Part) -> Sheet {
    let value = part.check_value.as_ref().map_or("", |c| c.value.as_str());
    let method = part.check_value.as_ref().map_or("", |c| c.method.as_str());
    let of = ceremony.parts.len();
    let mut marks = vec![
        text(12_000, 16_000, &["KEY COMPONENT"]),
        text(
            24_000,
            10_500,
            &[
                &format!("Component {} of {of}", part.number),
                &format!("Key: {}", ceremony.key.label()),
                &format!("Algorithm: {}", ceremony.key.algorithm),
                &format!("Site: {}", ceremony.site),
                &format!(
                    "Custodian: {}",
                    part.custodian.as_deref().unwrap_or_default()
                ),
                &format!("Form: {}", ceremony.form(part)),
            ],
        ),
        text(
            108_000,
            10_500,
            &[&format!(
                "Check value of this component  {value} ({method})"
            )],
        ),
        text(
            117_000,
            8_500,
            &[
                "For the custodian's eyes only. Read the check value to the terminal, seal this form",
                "in its numbered envelope, sign across the flap, and keep it where nobody else can",
                "open it. A form that is spoiled or found outside its envelope voids the component.",
            ],
        ),
    ];
    marks.push(Placed {
        area: Area {
            x_um: LEFT_UM,
            y_um: 62_000,
            width_um: WIDTH_UM - 2 * LEFT_UM,
            height_um: 40_000,
        },
        mark: Mark::Component {
            font: COMPONENT_FONT.to_owned(),
            size_mpt: 16_000,
        },
    });
    Sheet {
        width_um: WIDTH_UM,
        height_um: HEIGHT_UM,
        background: None,
        test_mark: ceremony.test,
        marks,
        pin_reference: Some(u64::from(part.number)),
    }
}

fn text(top_um: u32, size_mpt: u32, lines: &[&str]) -> Placed {
    Placed {
        area: Area {
            x_um: LEFT_UM,
            y_um: top_um,
            width_um: WIDTH_UM - 2 * LEFT_UM,
            height_um: (HEIGHT_UM - top_um).min(45_000),
        },
        mark: Mark::Text {
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            fonts: vec![TEXT_FONT.to_owned()],
            size_mpt,
            smallest_mpt: size_mpt / 2,
            wrap: false,
            leading_mpt: size_mpt * 5 / 4,
            alignment: Alignment::Start,
            colour: Colour(0, 0, 0),
            spacing_mpt: 0,
        },
    }
}
