//! Empty on purpose: it makes the build-dependencies part of every build.
fn main() {}
