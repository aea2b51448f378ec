//! Machine file: one line a card, modules introduced by a tag.
//!
//! ```text
//! #ITM#a|b#EMB#2"text"…#ENC#hex#PRN#hex#CHP#nnnnnnn hex#END#
//! ```
//! Hosts of real machines define their own records; this is the shipped one. Embossed lines stand
//! in clear, as the machine needs them; tracks, printed panels and chip secrets are under the
//! transport key: what `ENC` holds is `track1|track2`, what `PRN` holds is `name=text` lines.

use super::{Enciphered, Finished, cps};
use crate::StationError;
use cardwright_ports::{batch::CardCall, hsm::KeyHandle};
use cardwright_runtime::Loaded;
use zeroize::Zeroizing;

/// What `ENC` and `PRN` hold, in clear.
pub(super) type Texts = [Zeroizing<String>; 2];

/// The texts of one card.
pub(super) fn texts(finished: &Finished<'_>) -> Texts {
    let data = finished.data;
    let tracks = format!(
        "{}|{}",
        data.track1.as_deref().unwrap_or_default(),
        data.track2.as_deref().unwrap_or_default()
    );
    let panels = data.panels.iter();
    let panels = panels.map(|p| format!("{}={}\n", p.name, p.text));
    [tracks, panels.collect()].map(Zeroizing::new)
}

/// The texts under the transport key; the chip's secrets are asked for behind them.
pub(super) fn calls(texts: &Texts, transport: KeyHandle) -> [CardCall<'_>; 2] {
    texts.each_ref().map(|text| CardCall::EncryptForTransport {
        clear: text.as_bytes(),
        transport,
    })
}

/// One card's line.
pub(super) fn record(
    loaded: &Loaded,
    finished: &Finished<'_>,
    items: &[String],
    secrets: &mut Enciphered<'_>,
) -> Result<Vec<u8>, StationError> {
    let data = finished.data;
    let plain = |text: &str| text.replace(['#', '"', '|'], " ");
    let items: Vec<String> = items.iter().map(|item| plain(item)).collect();
    let mut line = format!("#ITM#{}#EMB#", items.join("|"));
    for (_, number, text) in &data.emboss {
        line.push_str(&format!("{number}\"{}\"", plain(text)));
    }
    let tracks = secrets.next()?;
    line.push_str(&format!("#ENC#{}", hex::encode_upper(tracks)));
    let panels = secrets.next()?;
    line.push_str(&format!("#PRN#{}", hex::encode_upper(panels)));
    let chip = cps::chip_data(loaded, finished, secrets)?;
    line.push_str(&format!(
        "#CHP#{:07} {}#END#\r\n",
        chip.len(),
        hex::encode_upper(&chip)
    ));
    Ok(line.into_bytes())
}
