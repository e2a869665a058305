//! The three calls of bpf(2) that AF_XDP takes: a map, a program, a link.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::program::Instruction;

// linux/bpf.h, enum bpf_cmd, bpf_map_type, bpf_prog_type, bpf_attach_type.
const MAP_CREATE: libc::c_long = 0;
const MAP_UPDATE_ELEM: libc::c_long = 2;
const PROG_LOAD: libc::c_long = 5;
const LINK_CREATE: libc::c_long = 28;
const MAP_TYPE_XSKMAP: u32 = 17;
const PROG_TYPE_XDP: u32 = 6;
const ATTACH_XDP: u32 = 37;

// Leading parts of union bpf_attr; the kernel takes the rest as zero.

#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
}

#[repr(C)]
struct MapUpdate {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    instructions: u32,
    first: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    expected_attach_type: u32,
}

#[repr(C)]
struct LinkCreate {
    program: u32,
    interface: u32,
    attach_type: u32,
    flags: u32,
}

/// # Safety
/// `A` is the part of `bpf_attr` that `command` reads, without padding, and whatever its pointers
/// point to is as long as it says.
unsafe fn bpf<A>(command: libc::c_long, attribute: &A) -> io::Result<libc::c_long> {
    let size = size_of::<A>() as libc::c_long;
    // SAFETY: the kernel reads `size` bytes at `attribute`; the rest is the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw const *attribute, size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn owned(fd: libc::c_long) -> io::Result<OwnedFd> {
    let fd = i32::try_from(fd).map_err(|_| io::Error::other("bpf gave no descriptor"))?;
    // SAFETY: the call that succeeded made this descriptor for us; nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

/// A map from receive queues to AF_XDP sockets.
pub fn socket_map(queues: u32) -> io::Result<OwnedFd> {
    let attribute =
        MapCreate { map_type: MAP_TYPE_XSKMAP, key_size: 4, value_size: 4, max_entries: queues };
    // SAFETY: four numbers, no pointers.
    owned(unsafe { bpf(MAP_CREATE, &attribute)? })
}

/// Puts the socket of a queue into the map.
pub fn set_socket(map: BorrowedFd<'_>, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
    let value = number(socket);
    let attribute = MapUpdate {
        map: number(map),
        padding: 0,
        key: (&raw const queue).addr() as u64,
        value: (&raw const value).addr() as u64,
        flags: 0,
    };
    // SAFETY: key and value are the four bytes each that the map was made for, and outlive the call.
    unsafe { bpf(MAP_UPDATE_ELEM, &attribute)? };
    Ok(())
}

/// Has the kernel check and compile a program.
pub fn load(program: &[Instruction]) -> io::Result<OwnedFd> {
    let mut name = [0; 16];
    name[..9].copy_from_slice(b"tidewire_");
    let attribute = ProgLoad {
        prog_type: PROG_TYPE_XDP,
        instructions: program.len() as u32,
        first: program.as_ptr().addr() as u64,
        license: c"Dual MIT/GPL".as_ptr().addr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
        name,
        interface: 0,
        expected_attach_type: ATTACH_XDP,
    };
    // SAFETY: the program has as many instructions as it says, the licence ends with a NUL, and both
    // outlive the call.
    owned(unsafe { bpf(PROG_LOAD, &attribute)? })
}

/// Puts a program on an interface until the link is dropped, however the process ends.
pub fn attach(program: BorrowedFd<'_>, interface: u32, flags: u32) -> io::Result<OwnedFd> {
    let attribute =
        LinkCreate { program: number(program), interface, attach_type: ATTACH_XDP, flags };
    // SAFETY: four numbers, no pointers.
    owned(unsafe { bpf(LINK_CREATE, &attribute)? })
}
