//! Reading the recording ahead of the thread that plays it.

use std::sync::mpsc::SyncSender;

use tidewire_idl::Sample;
use tidewire_store::{StoreError, StoreReader};

use crate::plan::Plan;

/// Samples read ahead in one go, by number and by payload bytes; [`AHEAD`] such portions wait.
const PORTION: usize = 256;
const PORTION_BYTES: usize = 4 << 20;
pub(crate) const AHEAD: usize = 4;

/// Samples with the index of their track.
pub(crate) type Portion = Result<Vec<(usize, Sample)>, StoreError>;

/// Reads the recording in time order ahead of the playing thread, so that a slow disk does not show
/// in the timing.
pub(crate) fn read(reader: &StoreReader, plan: &Plan, out: &SyncSender<Portion>) {
    // An error of `send` means that the playing thread has ended: so does this one.
    if let Err(error) = portions(reader, plan, &mut |portion| out.send(Ok(portion)).is_ok()) {
        let _ = out.send(Err(error));
    }
}

fn portions(
    reader: &StoreReader,
    plan: &Plan,
    send: &mut dyn FnMut(Vec<(usize, Sample)>) -> bool,
) -> Result<(), StoreError> {
    let names: Vec<&str> = plan.tracks.iter().map(|track| track.recorded.as_str()).collect();
    let (mut portion, mut bytes) = (Vec::with_capacity(PORTION), 0);
    for item in reader.merged(&names, Some(plan.start), plan.end.checked_add(1))? {
        let (track, sample) = item?;
        bytes += sample.payload.len();
        portion.push((track, sample));
        if portion.len() >= PORTION || bytes >= PORTION_BYTES {
            bytes = 0;
            if !send(std::mem::replace(&mut portion, Vec::with_capacity(PORTION))) {
                return Ok(());
            }
        }
    }
    if !portion.is_empty() {
        send(portion);
    }
    Ok(())
}
