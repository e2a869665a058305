//! Shared memory as the bus uses it: one process, several processes, and processes that die.

mod child;
mod delivery;
mod domain;
mod faults;
mod pressure;
mod support;
