//! `tidewire up`: a launch file's graph as processes, watched while it runs, balanced when it ends.

pub mod books;
pub mod control;
pub mod plan;
pub mod run;
pub mod summary;
pub mod supervisor;
pub mod table;
