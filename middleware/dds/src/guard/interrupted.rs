//! Keeps RustDDS alive through signals.
//!
//! `epoll_wait` ends with EINTR in a process that was stopped and goes on, whatever signals it handles
//! (signal(7), "Interruption of system calls by stop signals"); so it does after the machine was
//! suspended, or when a debugger comes. RustDDS 0.15.1 takes that for the end of its event loop, and its
//! participant is deaf from there on. It owns the loop, so the call itself is what can be mended:
//! this program's `epoll_wait` is this one, which tells RustDDS's threads that nothing has happened.
//! `docs/decisions/0009-interrupted-rustdds.md` says why not otherwise.

use std::ffi::c_int;

/// What the kernel is asked, with the answer of an interrupted RustDDS thread changed to "no events".
///
/// Other threads see what they would see without it: EINTR included.
///
/// # Safety
/// As for epoll_wait(2): `events` has room for `most` events.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
// SAFETY: the name is libc's, and so are type and meaning: any caller of `epoll_wait` gets what it
// expects of it.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn epoll_wait(
    epoll: c_int,
    events: *mut libc::epoll_event,
    most: c_int,
    timeout: c_int,
) -> c_int {
    // Not `libc::epoll_wait`, which is this function.
    // SAFETY: the caller's own arguments; no signal mask, so the call is epoll_wait(2).
    let ready = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait,
            epoll,
            events,
            most,
            timeout,
            std::ptr::null::<libc::sigset_t>(),
            0_usize,
        )
    };
    if ready < 0 && interrupted() && of_rustdds() {
        return 0;
    }
    ready as c_int
}

fn interrupted() -> bool {
    std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted
}

/// Whether this thread is one of RustDDS's own, which all bear its name. `errno` stays as it is.
fn of_rustdds() -> bool {
    let mut name = [0_u8; 16];
    // SAFETY: PR_GET_NAME writes at most 16 bytes, as many as there are.
    let told = unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    told == 0 && name.starts_with(b"RustDDS")
}

/// Mentions the function where participants are made, so that every program with one is linked with it.
#[inline(never)]
pub(crate) fn keep() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    std::hint::black_box(
        epoll_wait as unsafe extern "C" fn(c_int, *mut libc::epoll_event, c_int, c_int) -> c_int,
    );
}
