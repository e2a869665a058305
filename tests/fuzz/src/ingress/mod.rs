//! What clients send to an ingress: frames and lines, over Unix sockets, in datagrams and in the
//! Ethernet frames AF_XDP hands over.

mod ethernet;
mod fate;
mod frames;
mod lines;
mod pieces;
mod ways;

pub use frames::run as frames;
pub use lines::{WORDS, run as lines};

pub fn seeds() -> Vec<Vec<u8>> {
    crate::cdr::seeds()
}

/// Influx's own example and what else the grammar has; read as choices they are as good as any.
pub fn line_seeds() -> Vec<Vec<u8>> {
    let text = "m,host=a,region=b\\ c usage=1.5,n=3i,u=7u,ok=t,text=\"a \\\"b\\\"\" 1700000000000000000\n\
                # comment\n\nm f=1\r\ntemp,point=oven celsius=180\n";
    crate::cdr::seeds().into_iter().chain([text.as_bytes().to_vec()]).collect()
}
