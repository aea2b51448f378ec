//! Sealing by blocks: AES in counter mode and a tag, both composed of single blocks, so that what many
//! values need goes to the token in one call.
//!
//! A blob is `13`, the vector (16), the ciphertext, the tag (16). The vector is a mark of kind, bound
//! data, context and content; the stream is the seal key's cipher over vector, vector + 1, …; the
//! tag is a mark of kind, bound data and all that stands before it. Marks are made with the draw key:
//! encrypt, then MAC, with a key for each.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{BLOCKS, TAG_OCTETS, Value, refused, tag_text};
use crate::error::Trouble;
use crate::genuine::{self, Print};
use crate::objects::Kind;
use crate::tool::Tool;

/// The first counter of a value.
const VECTOR_OCTETS: usize = 16;

/// Clear values, and what was enciphered beside them.
pub(super) type Opened = (Vec<Zeroizing<Vec<u8>>>, Zeroizing<Vec<u8>>);

/// The counter blocks of so many octets from a vector on.
fn counters(vector: &[u8; VECTOR_OCTETS], octets: usize) -> impl Iterator<Item = [u8; 16]> {
    let first = u128::from_be_bytes(*vector);
    (0..octets.div_ceil(16)).map(move |n| first.wrapping_add(n as u128).to_be_bytes())
}

/// A blob by blocks, in its parts.
struct Taken<'b> {
    vector: &'b [u8; VECTOR_OCTETS],
    body: &'b [u8],
    /// All but the tag.
    marked: &'b [u8],
    tag: &'b [u8; TAG_OCTETS],
}

impl<'b> Taken<'b> {
    fn of(blob: &'b [u8]) -> Option<Self> {
        let (marked, tag) = blob.split_last_chunk()?;
        let (kind, rest) = marked.split_first()?;
        let (vector, body) = rest.split_first_chunk()?;
        let taken = Self {
            vector,
            body,
            marked,
            tag,
        };
        (*kind == BLOCKS).then_some(taken)
    }
}

impl Tool<'_> {
    pub(super) fn seal_by_blocks(
        &self,
        kind: &str,
        values: &[Value<'_>],
        marks: &[Zeroizing<[u8; 32]>],
    ) -> Result<Vec<Vec<u8>>, Trouble> {
        let vector = |mark: &[u8; 32]| mark.first_chunk().copied().unwrap_or_default();
        let vectors: Vec<[u8; VECTOR_OCTETS]> = marks.iter().map(|mark| vector(mark)).collect();
        let pairs = || values.iter().zip(&vectors);
        let blocks = pairs().flat_map(|(value, vector)| counters(vector, value.clear.len()));
        let blocks: Vec<u8> = blocks.flatten().collect();
        let stream = self.ecb(Kind::Aes(32), self.storage.seal, &blocks)?;
        let mut rest = stream.as_slice();
        let mut blobs: Vec<Vec<u8>> = Vec::with_capacity(values.len());
        for (value, vector) in pairs() {
            let whole = 16 * value.clear.len().div_ceil(16);
            let (own, after) = rest.split_at_checked(whole).unwrap_or_default();
            let body = value.clear.iter().zip(own).map(|(octet, key)| octet ^ key);
            blobs.push([BLOCKS].into_iter().chain(*vector).chain(body).collect());
            rest = after;
        }
        let text = |(value, blob): (&Value<'_>, &Vec<u8>)| tag_text(kind, value.bound, blob);
        let texts: Vec<Zeroizing<Vec<u8>>> = values.iter().zip(&blobs).map(text).collect();
        let tags = self.tags(&texts)?;
        for ((blob, tag), text) in blobs.iter_mut().zip(tags).zip(&texts) {
            self.keep_known(genuine::print(text, &tag));
            blob.extend_from_slice(&tag);
        }
        Ok(blobs)
    }

    /// The tags of texts.
    fn tags(&self, texts: &[Zeroizing<Vec<u8>>]) -> Result<Vec<[u8; TAG_OCTETS]>, Trouble> {
        let texts: Vec<&[u8]> = texts.iter().map(|text| text.as_slice()).collect();
        let marks = self.marks(&texts)?;
        let tag = |mark: &Zeroizing<[u8; 32]>| mark.first_chunk().copied().unwrap_or_default();
        Ok(marks.iter().map(tag).collect())
    }

    /// Opens blobs by blocks, each with its bound data: one question for all that are known to be whole, three
    /// where a tag is asked for. `beside` is enciphered with them, for a stream that is no secret of the value's.
    pub(super) fn open_by_blocks(
        &self,
        kind: &str,
        blobs: &[(&[u8], &[u8])],
        beside: &[u8],
    ) -> Result<Opened, Trouble> {
        let taken = blobs.iter().map(|(_, blob)| Taken::of(blob));
        let taken: Option<Vec<Taken<'_>>> = taken.collect();
        let taken = taken.ok_or_else(|| refused(kind))?;
        self.check_tags(kind, blobs, &taken)?;
        let blocks = taken
            .iter()
            .flat_map(|taken| counters(taken.vector, taken.body.len()));
        let mut blocks: Vec<u8> = blocks.flatten().collect();
        blocks.extend_from_slice(beside);
        let found = self.ecb(Kind::Aes(32), self.storage.seal, &blocks)?;
        let mut rest = found.as_slice();
        let mut clear = Vec::with_capacity(blobs.len());
        for taken in &taken {
            let whole = 16 * taken.body.len().div_ceil(16);
            let (stream, after) = rest.split_at_checked(whole).unwrap_or_default();
            let mut own = Zeroizing::new(Vec::with_capacity(taken.body.len()));
            own.extend(
                taken
                    .body
                    .iter()
                    .zip(stream)
                    .map(|(octet, key)| octet ^ key),
            );
            clear.push(own);
            rest = after;
        }
        Ok((clear, Zeroizing::new(rest.to_vec())))
    }

    /// Refuses a blob whose tag is wrong; what is known to be whole is not asked for.
    fn check_tags(
        &self,
        kind: &str,
        blobs: &[(&[u8], &[u8])],
        taken: &[Taken<'_>],
    ) -> Result<(), Trouble> {
        let (mut texts, mut unknown) = (Vec::new(), Vec::new());
        for ((bound, _), taken) in blobs.iter().zip(taken) {
            let text = tag_text(kind, bound, taken.marked);
            let print = genuine::print(&text, taken.tag);
            if !self.knows(&print) {
                texts.push(text);
                unknown.push((taken.tag, print));
            }
        }
        if texts.is_empty() {
            return Ok(());
        }
        let tags = self.tags(&texts)?;
        let right = |(tag, (own, _)): (&[u8; TAG_OCTETS], &(&[u8; TAG_OCTETS], Print))| {
            bool::from(tag.ct_eq(*own))
        };
        if tags.len() != unknown.len() || !tags.iter().zip(&unknown).all(right) {
            return Err(refused(kind).into());
        }
        unknown
            .into_iter()
            .for_each(|(_, print)| self.keep_known(print));
        Ok(())
    }
}
