//! A fuzzer's bytes as choices.

use arbitrary::Unstructured;

use crate::random::Dice;

/// Bytes that decide what is made; all zero once they are used up, so that everything ends.
pub struct Input<'a>(Unstructured<'a>);

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    /// Whether bytes are left.
    pub fn more(&self) -> bool {
        !self.0.is_empty()
    }

    /// At most `most` bytes as they are.
    pub fn bytes(&mut self, most: usize) -> &'a [u8] {
        let length = self.below(most + 1).min(self.0.len());
        self.0.bytes(length).unwrap_or_default()
    }

    /// All bytes that are left.
    pub fn rest(self) -> &'a [u8] {
        self.0.take_rest()
    }
}

impl Dice for Input<'_> {
    fn next(&mut self) -> u64 {
        self.0.arbitrary().unwrap_or_default()
    }

    /// Takes no more bytes than the choice needs.
    fn below(&mut self, n: usize) -> usize {
        self.0.int_in_range(0..=n.max(1) - 1).unwrap_or_default()
    }
}
