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
use crate::objects::Kind;
use crate::tool::Tool;

/// The first counter of a value.
const VECTOR_OCTETS: usize = 16;

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
        for (blob, tag) in blobs.iter_mut().zip(self.tags(&texts)?) {
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

    /// Opens blobs by blocks, each with its bound data: three questions for all of them.
    pub(super) fn open_by_blocks(
        &self,
        kind: &str,
        blobs: &[(&[u8], &[u8])],
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, Trouble> {
        let taken = blobs.iter().map(|(_, blob)| Taken::of(blob));
        let taken: Option<Vec<Taken<'_>>> = taken.collect();
        let taken = taken.ok_or_else(|| refused(kind))?;
        let text = |((bound, _), taken): (&(&[u8], &[u8]), &Taken<'_>)| {
            tag_text(kind, bound, taken.marked)
        };
        let texts: Vec<Zeroizing<Vec<u8>>> = blobs.iter().zip(&taken).map(text).collect();
        let tags = self.tags(&texts)?;
        let right =
            |(tag, taken): (&[u8; TAG_OCTETS], &Taken<'_>)| bool::from(tag.ct_eq(taken.tag));
        if !tags.iter().zip(&taken).all(right) {
            return Err(refused(kind).into());
        }
        let blocks = taken
            .iter()
            .flat_map(|taken| counters(taken.vector, taken.body.len()));
        let blocks: Vec<u8> = blocks.flatten().collect();
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
        Ok(clear)
    }
}
