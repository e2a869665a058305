//! Blocks: some thousand samples of one series, sealed together, columnar where the type is known.

pub mod column;
pub mod decode;
pub mod encode;
pub mod header;
pub mod plan;
pub mod rows;
