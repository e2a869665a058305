//! The soak, short enough for every test run.

use std::process::Command;

#[test]
fn half_a_minute_of_faults_loses_nothing_and_leaves_nothing() {
    let output = Command::new(env!("CARGO_BIN_EXE_tidewire-soak"))
        .args(["--for", "30", "--seed", "7"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{errors}");
    assert!(told.contains("All held"), "{told}");
}
