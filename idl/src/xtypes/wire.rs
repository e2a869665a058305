//! XCDR2, little endian: the one encoding of TypeObjects (DDS-XTypes 1.3, 7.3.4.5).

/// Bytes under way; alignment counts from the first one.
#[derive(Default)]
pub(super) struct Out(Vec<u8>);

impl Out {
    /// What `write` writes, from an aligned start.
    pub fn bytes(write: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut out = Self::default();
        write(&mut out);
        out.0
    }

    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub fn u16(&mut self, value: u16) {
        self.align(2);
        self.0.extend(value.to_le_bytes());
    }

    pub fn u32(&mut self, value: u32) {
        self.align(4);
        self.0.extend(value.to_le_bytes());
    }

    pub fn i32(&mut self, value: i32) {
        self.u32(value as u32);
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    pub fn string(&mut self, text: &str) {
        self.u32(text.len() as u32 + 1);
        self.raw(text.as_bytes());
        self.u8(0);
    }

    /// What is `@appendable`, or a sequence of anything but primitives: its length goes before it.
    pub fn delimited(&mut self, write: impl FnOnce(&mut Self)) {
        self.u32(0);
        let start = self.0.len();
        write(self);
        let length = (self.0.len() - start) as u32;
        self.0[start - 4..start].copy_from_slice(&length.to_le_bytes());
    }

    /// A sequence of structures.
    pub fn each<T>(
        &mut self,
        items: impl ExactSizeIterator<Item = T>,
        write: impl Fn(&mut Self, T),
    ) {
        self.delimited(|out| {
            out.u32(items.len() as u32);
            items.for_each(|item| write(out, item));
        });
    }

    /// A member of a `@mutable` structure whose length is in its header (length code 4).
    pub fn parameter(&mut self, id: u32, write: impl FnOnce(&mut Self)) {
        self.u32(4 << 28 | id);
        self.delimited(write);
    }
}
