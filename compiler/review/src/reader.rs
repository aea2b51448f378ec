//! One bundle's values for people: terms, octets, meanings, places.

use crate::{
    meaning,
    side::{Classes, Side},
};
use cardwright_bundle::Content;
use cardwright_standards::{emv::bits::describe, tlv::Tag};

/// Reads values of one bundle.
pub struct Reader(Side);

impl Reader {
    /// Over a content.
    #[must_use]
    pub fn new(content: &Content) -> Self {
        Self(Side::new(content, &mut Classes::default()))
    }

    /// A node's expression, cut when it is long.
    #[must_use]
    pub fn term(&self, program: u32, node: u32) -> String {
        self.0.print(program as usize, u64::from(node))
    }

    /// A node's octets, where they are the same for every order.
    #[must_use]
    pub fn octets(&self, program: u32, node: u32) -> Option<Vec<u8>> {
        meaning::fold(&self.0, program as usize, u64::from(node))
    }

    /// Where a node was written, `file:line:column`.
    #[must_use]
    pub fn place(&self, program: u32, node: u32) -> Option<String> {
        let step = self.0.node(program as usize, u64::from(node))?;
        self.0.place(step)
    }

    /// What octets of a data element say by a dictionary, a line each.
    #[must_use]
    pub fn meaning(dictionary: &str, tag: Tag, octets: &[u8]) -> Vec<String> {
        describe(dictionary, tag, octets)
    }
}
