//! The header that travels with a payload inside one host.

use tidewire_idl::{Guid, InstanceState, KeyHash};

/// The 12-byte GUID prefix that names a participant (RTPS 2.5, 8.2.4.2).
pub type Prefix = [u8; 12];

/// [`SampleMeta::flags`]: the sample was written before the reader came and is sent again for it
/// (TRANSIENT_LOCAL durability, DDS 1.4, 2.2.3.4).
pub const HISTORY: u32 = 1;

/// [`SampleMeta::flags`]: an unregister that disposes the instance too, as
/// `autodispose_unregistered_instances` asks for (WRITER_DATA_LIFECYCLE, DDS 1.4, 2.2.3.21).
pub const DISPOSES: u32 = 2;

/// [`SampleMeta::flags`]: the first of a history that is sent again. A reader that comes in the middle of
/// one for another waits for its own.
pub const HISTORY_START: u32 = 4;

/// Bits of [`SampleMeta::flags`] that say what a sample is. Those above them are a number:
/// [`SampleMeta::looked`].
pub const KIND: u32 = 0xff;

/// Whether a lifespan that ends at `expires`, as in [`SampleMeta::expires`], is over at `now`.
#[inline]
pub fn is_over(expires: i64, now: i64) -> bool {
    expires != 0 && expires < now
}

/// Who wrote a sample, when, and which instance it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SampleMeta {
    /// The writer.
    pub writer: Guid,
    /// The writer's own count, from 1, without gaps.
    pub sequence: u64,
    /// ns since the Unix epoch, UTC.
    pub source_time: i64,
    /// The instance; all zero on topics without a key.
    pub key: KeyHash,
    /// Data, dispose or unregister.
    pub state: InstanceState,
    /// When it is no longer to be delivered, ns since the Unix epoch (LIFESPAN, DDS 1.4, 2.2.3.16);
    /// 0 for never.
    pub expires: i64,
    /// Bits such as [`HISTORY`] and [`DISPOSES`], and where history is kept [`looked`](Self::looked).
    pub flags: u32,
}

impl SampleMeta {
    /// Flags of a live sample before which its writer has sent the history to all readers that it found in
    /// this generation of the domain.
    #[inline]
    pub fn looked(generation: u64) -> u32 {
        (generation as u32) << KIND.count_ones()
    }

    /// Whether its writer has [looked](Self::looked) since `generation`, of which it is less than 2^23
    /// away. Otherwise a reader that came in it may get the sample before its history.
    #[inline]
    pub fn looked_since(&self, generation: u64) -> bool {
        ((self.flags & !KIND).wrapping_sub(Self::looked(generation)) as i32) >= 0
    }

    /// Whether the sample is a repetition for late joiners.
    #[inline]
    pub fn is_history(&self) -> bool {
        self.flags & HISTORY != 0
    }

    /// Whether it is the first of such.
    #[inline]
    pub fn starts_history(&self) -> bool {
        self.flags & HISTORY_START != 0
    }

    /// Whether it ends the instance for all writers: a dispose, or an unregister that is one too.
    pub fn disposes(&self) -> bool {
        self.state == InstanceState::Disposed || self.flags & DISPOSES != 0
    }

    /// Whether its lifespan is over at `now`, ns since the Unix epoch.
    #[inline]
    pub fn is_expired(&self, now: i64) -> bool {
        is_over(self.expires, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_compared_around_the_turn() {
        for joined in [0, 5, (1 << 24) - 1, (1 << 24) + 3, u64::MAX] {
            let looked = |generation: u64| {
                let flags = DISPOSES | SampleMeta::looked(generation);
                SampleMeta { flags, ..SampleMeta::default() }.looked_since(joined)
            };
            let seen = [-1000, -1, 0, 1, 1000].map(|n| looked(joined.wrapping_add_signed(n)));
            assert_eq!(seen, [false, false, true, true, true], "{joined}");
        }
    }
}
