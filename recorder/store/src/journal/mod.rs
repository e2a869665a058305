//! The write-ahead journal: segments of checksummed records, one fdatasync per group commit.

pub mod record;
pub mod segment;
pub mod write;
