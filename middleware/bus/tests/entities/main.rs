//! Reading with states, statuses and wait sets, on every transport, typed and raw, with and without a
//! key.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/writing.rs"]
mod writing;

mod face;
mod killed;
mod limits;
mod matching;
mod states;
mod streams;
mod waiting;
