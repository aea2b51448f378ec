//! Frames: two octets of length, header, code, fields; in the answer also an error code.

use zeroize::Zeroizing;

use crate::layout::{self, Context, Layout, LayoutError, Values};

/// Longest message behind the two octets of length.
pub const MESSAGE_MAX: usize = 32_768;
/// Longest header.
pub const HEADER_MAX: usize = 16;

/// What an HSM answered.
#[derive(Debug)]
pub enum Answer {
    /// Fields.
    Values(Values),
    /// The HSM's error code.
    Error(String),
}

/// Why a frame is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A request that does not fit its layout.
    #[error("the request: {0}")]
    Request(LayoutError),
    /// Too long for a frame.
    #[error("a message of {0} octets")]
    Length(usize),
    /// Header, answer code or error code.
    #[error("the answer's {0} is another one or is cut")]
    Head(&'static str),
    /// A field of the answer.
    #[error("the answer's {0}")]
    Field(LayoutError),
}

/// The frame of a request.
///
/// # Errors
/// A value that does not fit its field, or a message that is too long.
pub fn request(
    layout: &Layout,
    header: &[u8],
    values: &[&[u8]],
    context: &Context,
) -> Result<Zeroizing<Vec<u8>>, FrameError> {
    let body = layout::encode(layout.request, values, context).map_err(FrameError::Request)?;
    frame(&[header, layout.code.as_bytes(), &body])
}

/// The frame of an answer; for simulators.
///
/// # Errors
/// As [`request`].
pub fn answer(
    layout: &Layout,
    header: &[u8],
    values: &[&[u8]],
    context: &Context,
) -> Result<Zeroizing<Vec<u8>>, FrameError> {
    let body = layout::encode(layout.answer, values, context).map_err(FrameError::Request)?;
    frame(&[header, &layout.answer_code(), b"00", &body])
}

/// Parts as one frame.
///
/// # Errors
/// When they are too long together.
pub fn frame(parts: &[&[u8]]) -> Result<Zeroizing<Vec<u8>>, FrameError> {
    let total: usize = parts.iter().map(|p| p.len()).sum();
    let length = u16::try_from(total).ok().filter(|_| total <= MESSAGE_MAX);
    let length = length.ok_or(FrameError::Length(total))?;
    let mut frame = Zeroizing::new(Vec::with_capacity(2 + total));
    frame.extend_from_slice(&length.to_be_bytes());
    for part in parts {
        frame.extend_from_slice(part);
    }
    Ok(frame)
}

/// Reads the message of an answer, without its two octets of length.
///
/// # Errors
/// Anything that is not the answer to this request.
pub fn read_answer(
    layout: &Layout,
    header: &[u8],
    message: &[u8],
    context: &Context,
) -> Result<Answer, FrameError> {
    let rest = message
        .strip_prefix(header)
        .ok_or(FrameError::Head("header"))?;
    let rest = rest
        .strip_prefix(layout.answer_code().as_slice())
        .ok_or(FrameError::Head("answer code"))?;
    let (code, rest) = rest
        .split_first_chunk::<2>()
        .ok_or(FrameError::Head("error code"))?;
    let code = std::str::from_utf8(code)
        .ok()
        .filter(|c| c.bytes().all(|o| o.is_ascii_alphanumeric()))
        .ok_or(FrameError::Head("error code"))?;
    if code != "00" && !layout.warnings.contains(&code) {
        // What follows an error is the HSM's business.
        return Ok(Answer::Error(code.to_owned()));
    }
    let values = layout::decode(layout.answer, rest, context).map_err(FrameError::Field)?;
    Ok(Answer::Values(values))
}
