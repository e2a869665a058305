//! What scripts rely on: exit codes, clear errors, JSON.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidewire"));
    command.args(args);
    command
}

fn tidewire(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

/// A pipe whose reader has gone.
fn closed() -> Stdio {
    let (_, writer) = std::io::pipe().unwrap();
    writer.into()
}

/// The exit code of what ends by itself.
fn ends(mut child: Child) -> Option<i32> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn wrong_usage_exits_with_2() {
    for args in [
        &["no-such-command"][..],
        &["record"],
        &["topic", "echo"],
        &["query", "-d", "x", ""],
        &["topic", "list", "--domain", "233"],
        &["topic", "bw"],
        &["topic", "hz", "t", "--window", "1"],
        &["topic", "pub", "t"],
        &["topic", "pub", "t", "tidewire::sensor::Temperature", "{}", "--rate", "0"],
        &["topic", "pub", "t", "tidewire::sensor::Temperature", "-", "--once"],
        &["topic", "pub", "t", "tidewire::sensor::Temperature", " "],
        &["completion", "tcsh"],
        &["replay", "x", "--rate", "0"],
        &["up", "x.yaml", "--for", "soon"],
        &["bench", "bus", "--runs", "2"],
    ] {
        let out = tidewire(args);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {}", text(&out.stderr));
        assert!(text(&out.stderr).starts_with("error: "), "{args:?}: {}", text(&out.stderr));
    }
}

#[test]
fn failed_work_exits_with_1_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let nothing = dir.path().join("nothing").display().to_string();
    for args in [
        &["info", &nothing][..],
        &["query", "-d", &nothing, "SELECT 1"],
        &["check", &nothing],
        &["qos", "check", "Telemetri", "Event"],
        &["idl", "print", "no::Such"],
    ] {
        let out = tidewire(args);
        assert_eq!(out.status.code(), Some(1), "{args:?}: {}", text(&out.stderr));
        assert!(text(&out.stderr).starts_with("error: "), "{args:?}: {}", text(&out.stderr));
    }
}

#[test]
fn every_command_explains_itself_with_an_example() {
    for command in [
        &["up"][..],
        &["check"],
        &["graph"],
        &["topic", "list"],
        &["topic", "info"],
        &["topic", "echo"],
        &["topic", "hz"],
        &["topic", "bw"],
        &["topic", "delay"],
        &["topic", "pub"],
        &["node", "list"],
        &["node", "info"],
        &["why"],
        &["record"],
        &["info"],
        &["verify"],
        &["query"],
        &["replay"],
        &["train"],
        &["detect"],
        &["view"],
        &["bridge"],
        &["sim", "pump"],
        &["sim", "arm"],
        &["sim", "gateway"],
        &["sim", "csv"],
        &["qos", "check"],
        &["idl", "check"],
        &["idl", "print"],
        &["bench"],
        &["doctor"],
        &["completion"],
    ] {
        let out = tidewire(&[command, &["--help"]].concat());
        assert_eq!(out.status.code(), Some(0));
        let help = text(&out.stdout);
        assert!(help.contains("Example"), "{command:?} has no example:\n{help}");
        assert!(help.contains("--json"), "{command:?} takes no --json");
    }
}

#[test]
fn bus_facing_commands_take_domain_types_and_qos() {
    for command in [
        &["topic", "list"][..],
        &["topic", "info"],
        &["topic", "echo"],
        &["topic", "hz"],
        &["topic", "bw"],
        &["topic", "delay"],
        &["topic", "pub"],
        &["record"],
        &["replay"],
        &["detect"],
        &["view"],
        &["bridge"],
        &["sim", "pump"],
        &["sim", "csv"],
    ] {
        let help = text(&tidewire(&[command, &["--help"]].concat()).stdout);
        for option in ["--domain", "--types", "--qos", "--name"] {
            assert!(help.contains(option), "{command:?} lacks {option}");
        }
    }
}

#[test]
fn a_typo_in_a_launch_file_is_pointed_at() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("typo.yaml");
    std::fs::write(&file, "nodes:\n  pump1:\n    knid: pump\n").unwrap();
    let out = tidewire(&["check", &file.display().to_string()]);
    assert_eq!(out.status.code(), Some(1));
    let error = text(&out.stderr);
    assert!(error.contains("typo.yaml:3:5") && error.contains("kind"), "{error}");
}

#[test]
fn a_wrong_parameter_inside_faults_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("faults.yaml");
    std::fs::write(&file, "nodes:\n  p:\n    kind: pump\n    params: {faults: {kinds: [rust]}}\n")
        .unwrap();
    let out = tidewire(&["check", &file.display().to_string()]);
    let error = text(&out.stderr);
    assert_eq!(out.status.code(), Some(1));
    assert!(
        error.contains("faults.yaml:") && error.contains("rust") && error.contains("bearing"),
        "{error}"
    );
}

#[test]
fn the_shipped_launch_files_are_fine() {
    for file in ["demo.yaml", "skab.yaml"] {
        let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        let out = tidewire(&["check", &path, "--json"]);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stdout));
        let value: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(value["ok"], true);
    }
}

#[test]
fn the_test_bed_is_read_from_the_folder_that_the_environment_names()
-> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let valve = dir.path().join("skab/valve1");
    std::fs::create_dir_all(&valve)?;
    let experiment = valve.join("0.csv");
    std::fs::write(&experiment, "")?;
    let path = format!("{}/skab.yaml", env!("CARGO_MANIFEST_DIR"));
    let file = |given: &[&str]| -> Result<String, Box<dyn std::error::Error>> {
        let args = [&["graph", &path, "--json"][..], given].concat();
        let out = command(&args).env("TIDEWIRE_DATA", dir.path()).output()?;
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        let graph: serde_json::Value = serde_json::from_slice(&out.stdout)?;
        let played = |node: &serde_json::Value| {
            Some(node.pointer("/command/builtin/params/file")?.as_str()?.to_owned())
        };
        let found = graph["nodes"].as_array().into_iter().flatten().find_map(played);
        found.ok_or_else(|| format!("no node plays a file: {graph}").into())
    };
    assert_eq!(file(&[])?, experiment.display().to_string());
    assert_eq!(file(&["data:=/elsewhere"])?, "/elsewhere/valve1/0.csv");
    Ok(())
}

#[test]
fn graph_draws_mermaid_and_dot() {
    let path = format!("{}/demo.yaml", env!("CARGO_MANIFEST_DIR"));
    let mermaid = text(&tidewire(&["graph", &path]).stdout);
    assert!(mermaid.contains("flowchart") || mermaid.contains("graph "), "{mermaid}");
    let dot = text(&tidewire(&["graph", &path, "--format", "dot"]).stdout);
    assert!(dot.starts_with("digraph"), "{dot}");
}

#[test]
fn qos_check_answers_by_exit_code_and_json() {
    let same = tidewire(&["qos", "check", "Telemetry", "Telemetry", "--json"]);
    assert_eq!(same.status.code(), Some(0), "{}", text(&same.stderr));
    let other = tidewire(&["qos", "check", "Sensor", "Event", "--json"]);
    assert_eq!(other.status.code(), Some(1));
    let value: serde_json::Value = serde_json::from_slice(&other.stdout).unwrap();
    assert_eq!(value["match"], false);
    assert!(value["mismatches"][0]["remedy"].as_str().is_some_and(|r| !r.is_empty()));
}

#[test]
fn bad_idl_is_told_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bad.idl");
    std::fs::write(&file, "module m {\n  struct S {\n    flaot x;\n  };\n};\n").unwrap();
    let out = tidewire(&["idl", "check", &file.display().to_string()]);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("bad.idl:3:"), "{}", text(&out.stderr));
}

#[test]
fn an_unknown_topic_times_out_with_what_there_is() {
    let domain = tidewire_bus::testing::free_domain();
    let out =
        tidewire(&["topic", "echo", "nowhere", "--timeout", "1s", "--domain", &domain.to_string()]);
    assert_eq!(out.status.code(), Some(1));
    let error = text(&out.stderr);
    assert!(
        error.contains("nobody writes topic `nowhere`") && error.contains("--domain"),
        "{error}"
    );
}

#[test]
fn a_wrong_value_is_pointed_at_before_anybody_is_waited_for() {
    let publish = |value: &str| {
        let ty = "tidewire::sensor::Temperature";
        let out = tidewire(&["topic", "pub", "t", ty, value, "--once"]);
        assert_eq!(out.status.code(), Some(1), "{value}: {}", text(&out.stderr));
        text(&out.stderr)
    };
    let error = publish("{point: p1, celcius: 61.5}");
    for words in ["VALUE:1:13: no member `celcius`", "did you mean `celsius`?", "^^^^^^^", " = "] {
        assert!(error.contains(words), "{error}");
    }
    assert!(publish("{\"celsius\": \"hot\"}").contains("VALUE:1:13: member `celsius`"));
    assert!(publish("{celsius: 1").contains("VALUE:1:"), "cut short");
    let out = tidewire(&["topic", "pub", "t", "Temprature", "{}", "--once"]);
    assert_eq!(out.status.code(), Some(1));
    let error = text(&out.stderr);
    assert!(error.contains("did you mean `tidewire::sensor::Temperature`?"), "{error}");
}

#[test]
fn completion_knows_commands_and_options_in_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let out = tidewire(&["completion", shell]);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        let script = text(&out.stdout);
        for word in ["topic", "delay", "window", "completion"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
        let json = tidewire(&["completion", shell, "--json"]).stdout;
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!((&value["shell"], &value["script"]), (&shell.into(), &script.into()));
    }
    let script = tidewire(&["completion", "bash"]).stdout;
    let mut bash = Command::new("bash");
    let mut bash = bash.arg("-n").stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut bash.stdin.take().unwrap(), &script).unwrap();
    assert!(bash.wait().unwrap().success(), "bash does not read it");
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    for args in [&["qos", "list"][..], &["qos", "check", "Telemetry", "Telemetry"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let out = command(args).stdout(full).output().unwrap();
        assert_eq!(out.status.code(), Some(1), "{args:?}");
        let error = text(&out.stderr);
        assert!(error.starts_with("error: cannot write to standard output"), "{args:?}: {error}");
    }
}

#[test]
fn a_verdict_counts_where_nobody_reads_it_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = dir.path().join("wrong.yaml");
    std::fs::write(&wrong, "nodes: {p: {knid: pump}}\n").unwrap();
    let idl = dir.path().join("wrong.idl");
    std::fs::write(&idl, "struct S { flaot x; };\n").unwrap();
    for (args, code) in [
        (&["qos", "list"][..], 0),
        (&["qos", "check", "Telemetry", "Telemetry"], 0),
        (&["qos", "check", "Sensor", "Event"], 1),
        (&["qos", "check", "Sensor", "Event", "--json"], 1),
        (&["check", wrong.to_str().unwrap(), "--json"], 1),
        (&["idl", "check", idl.to_str().unwrap(), "--json"], 1),
    ] {
        let out = command(args).stdout(closed()).output().unwrap();
        assert_eq!(out.status.code(), Some(code), "{args:?}: {}", text(&out.stderr));
    }
}

#[test]
fn a_closed_standard_error_ends_nothing() {
    let out = command(&["check", "/no/such/file"]).stderr(closed()).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    let dir = tempfile::tempdir().unwrap();
    let listen = format!("unix://{}", dir.path().join("in.sock").display());
    let domain = tidewire_bus::testing::free_domain().to_string();
    let mut ingress =
        command(&["ingress", "--listen", &listen, "--for", "1s", "--domain", &domain]);
    let ingress = ingress.stdout(Stdio::null()).stderr(closed()).spawn().unwrap();
    assert_eq!(ends(ingress), Some(0));
}

#[test]
fn viewers_and_bridges_look_where_they_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("run.rrd").display().to_string();
    let domain = tidewire_bus::testing::free_domain().to_string();
    for node in [&["view", "--save", &file][..], &["bridge", "--site", "plant"]] {
        for wrong in [["--interface", "no-such0"], ["--peer", "no-address"]] {
            let args = [node, &wrong, &["--domain", &domain]].concat();
            let mut child = command(&args).stderr(Stdio::piped()).spawn().unwrap();
            let mut stderr = child.stderr.take().unwrap();
            assert_eq!(ends(child), Some(1), "{args:?}");
            let mut error = String::new();
            std::io::Read::read_to_string(&mut stderr, &mut error).unwrap();
            assert!(error.contains(wrong[1]), "{args:?}: {error}");
        }
    }
}
