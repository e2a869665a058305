//! OMG IDL 4.2 in, Rust types, run-time descriptors and CDR out.
pub mod descriptor;
pub mod sample;

pub use descriptor::*;
pub use sample::*;
