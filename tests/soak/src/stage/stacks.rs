//! What the threads of a process are at, for whoever has to find out why it does not end.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Writes to `to` what the kernel knows of each thread, and their stacks if there is a debugger.
pub fn write(pid: u32, to: &Path) -> std::io::Result<()> {
    let mut told = String::new();
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        let _ = writeln!(told, "thread {}", thread.file_name().display());
        for what in ["comm", "stat", "syscall", "wchan"] {
            let text = std::fs::read_to_string(thread.path().join(what)).unwrap_or_default();
            let _ = writeln!(told, "  {what}: {}", text.trim());
        }
    }
    // It may hang itself, on a process that cannot be stopped.
    let gdb = Command::new("timeout")
        .args(["30", "gdb", "-p", &pid.to_string(), "-batch", "-ex", "thread apply all bt"])
        .stdin(Stdio::null())
        .output()?;
    told.push_str(&String::from_utf8_lossy(&gdb.stdout));
    if !gdb.status.success() {
        let why = String::from_utf8_lossy(&gdb.stderr);
        let _ = writeln!(told, "no stacks, as gdb ended with {}: {why}", gdb.status);
    }
    std::fs::write(to, told)
}
