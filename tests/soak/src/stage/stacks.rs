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
    let gdb = Command::new("gdb")
        .args(["-p", &pid.to_string(), "-batch", "-ex", "thread apply all bt"])
        .stdin(Stdio::null())
        .output();
    match gdb {
        Ok(said) => told.push_str(&String::from_utf8_lossy(&said.stdout)),
        Err(_) => told.push_str("no stacks: gdb is not installed\n"),
    }
    std::fs::write(to, told)
}
