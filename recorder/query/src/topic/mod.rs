//! A topic as a table: its columns, its scan, its row batches.

mod batch;
mod filter;
mod provider;
mod scan;
mod shape;

pub(crate) use provider::TopicTable;
pub(crate) use scan::Topic;
pub(crate) use shape::Shape;
