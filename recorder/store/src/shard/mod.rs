//! Shards: one LMDB environment per (partition of collection points, period).

pub mod env;
pub mod key;
pub mod pages;
pub mod path;
