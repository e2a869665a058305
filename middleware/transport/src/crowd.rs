//! When to look who of the remembered is still there.

/// Entries that are not worth a look.
const FEW: usize = 256;

/// Tells of a table with an entry for each writer or participant that ever was when to drop those of the
/// gone: when it is twice as large as after the last time, so that looking costs little for each.
///
/// ```
/// use tidewire_transport::Crowd;
///
/// let mut crowd = Crowd::default();
/// assert!(!crowd.is(256) && crowd.is(257));
/// crowd.left(200);
/// assert!(!crowd.is(400) && crowd.is(401));
/// ```
#[derive(Debug)]
pub struct Crowd {
    most: usize,
}

impl Default for Crowd {
    fn default() -> Self {
        Self { most: FEW }
    }
}

impl Crowd {
    /// Whether it is time for a look at a table of so many.
    #[inline]
    pub fn is(&self, entries: usize) -> bool {
        entries > self.most
    }

    /// So many are left after it.
    pub fn left(&mut self, entries: usize) {
        self.most = FEW.max(2 * entries);
    }
}
