//! Types that nobody was given as IDL, on the Cyclone backend: what a peer on Cyclone DDS announces is
//! echoed, recorded and queried value by value, and our types reach a peer that has never heard of them.
//!
//! The binary must have been built with `--features cyclone`, too.
#![cfg(feature = "cyclone")]

mod ours;
mod theirs;

use tidewire_idl::{TypeHandle, TypeRegistry};
use tidewire_tests::root;

const COUNT: usize = 60;

/// The description of a type that the peers have, too.
fn twin(word: &str) -> TypeHandle {
    let mut types = TypeRegistry::new();
    types.add_file(root().join("tests/interop/machine.idl")).expect("the IDL is right");
    types.get(&format!("works::{word}")).expect("a type of the IDL")
}
