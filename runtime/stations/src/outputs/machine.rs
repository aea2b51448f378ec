//! Machine file: one line a card, modules introduced by a tag.
//!
//! ```text
//! #ITM#a|b#EMB#2"text"…#ENC#hex#PRN#hex#CHP#nnnnnnn hex#END#
//! ```
//! Hosts of real machines define their own records; this is the shipped one. Embossed lines stand
//! in clear, as the machine needs them; tracks, printed panels and chip secrets are under the
//! transport key: what `ENC` holds is `track1|track2`, what `PRN` holds is `name=text` lines.

use super::{Finished, cps};
use crate::StationError;
use cardwright_ports::{HsmSession, hsm::KeyHandle};
use cardwright_runtime::Loaded;
use zeroize::Zeroizing;

/// One card's line.
pub(super) fn record(
    loaded: &Loaded,
    finished: &Finished<'_>,
    items: &[String],
    key: KeyHandle,
    check_value: &str,
    session: &mut dyn HsmSession,
) -> Result<Vec<u8>, StationError> {
    let data = finished.data;
    let plain = |text: &str| text.replace(['#', '"', '|'], " ");
    let items: Vec<String> = items.iter().map(|item| plain(item)).collect();
    let mut line = format!("#ITM#{}#EMB#", items.join("|"));
    for (_, number, text) in &data.emboss {
        line.push_str(&format!("{number}\"{}\"", plain(text)));
    }
    let tracks = Zeroizing::new(format!(
        "{}|{}",
        data.track1.as_deref().unwrap_or_default(),
        data.track2.as_deref().unwrap_or_default()
    ));
    let sealed = session.encrypt_for_transport(tracks.as_bytes(), key)?;
    line.push_str(&format!("#ENC#{}", hex::encode_upper(sealed)));
    let panels = Zeroizing::new(
        data.panels
            .iter()
            .map(|p| format!("{}={}\n", p.name, p.text))
            .collect::<String>(),
    );
    let sealed = session.encrypt_for_transport(panels.as_bytes(), key)?;
    line.push_str(&format!("#PRN#{}", hex::encode_upper(sealed)));
    let chip = cps::chip_data(loaded, finished, key, check_value, session)?;
    line.push_str(&format!(
        "#CHP#{:07} {}#END#\r\n",
        chip.len(),
        hex::encode_upper(&chip)
    ));
    Ok(line.into_bytes())
}
