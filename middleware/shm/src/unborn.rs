//! Segments whose maker was killed before it gave them a size.
//!
//! Whoever opens such a one waits until it has a size, for ever: iceoryx2 0.10 looks at its time limit only
//! after that (`dynamic_storage/posix_shared_memory.rs`). Other users than root are kept out by the file's
//! mode and so wait no longer than they mean to. A page of zeros is what iceoryx2 takes for a segment that is
//! not initialised, and removes.

use std::fs::{OpenOptions, read_dir};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, OFlags, fallocate};

/// What iceoryx2 reads before it looks at its time limit lies in the first page.
const PAGE: u64 = 4096;

/// Gives a page to each empty segment in `place` whose name begins with `prefix`.
pub(crate) fn grow(place: &Path, prefix: &[u8]) {
    for entry in read_dir(place).into_iter().flatten().flatten() {
        if !entry.file_name().as_encoded_bytes().starts_with(prefix)
            || entry.metadata().is_ok_and(|meta| !meta.is_file() || meta.len() > 0)
        {
            continue;
        }
        let opened = OpenOptions::new()
            .write(true)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(entry.path());
        // Never less than there is by now: its maker may be alive and just about to set the size.
        if let Ok(file) = opened {
            let _ = fallocate(file, FallocateFlags::empty(), 0, PAGE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_empty_and_ours_grows() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            std::fs::write(place.path().join(name), bytes).unwrap();
        };
        file("ours_a", b"");
        file("ours_b", b"x");
        file("theirs", b"");
        std::os::unix::fs::symlink("theirs", place.path().join("ours_c")).unwrap();
        std::fs::create_dir(place.path().join("ours_d")).unwrap();
        grow(place.path(), b"ours_");
        let len = |name: &str| std::fs::metadata(place.path().join(name)).unwrap().len();
        assert_eq!([len("ours_a"), len("ours_b"), len("theirs")], [PAGE, 1, 0]);
    }
}
