//! Programs that link nothing of ours: the clients of docs/ingress.md, lines, UDP, recorded and found.

use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tidewire_tests::{Child, PATIENCE, Said, root, say, text, tidewire};

/// A recorder and an ingress, as two processes on a domain of their own.
struct Site {
    dir: TempDir,
    recorder: Child,
    ingress: Child,
    udp: u16,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let domain = tidewire_bus::testing::free_domain().to_string();
        let at = |name: &str| dir.path().join(name);
        let recording = at("recording");
        let mut record = tidewire(&["record", "--json", "--name", "keeper", "--domain", &domain]);
        let recorder = Child::spawn(record.arg("-o").arg(&recording));
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut ingress =
            tidewire(&["ingress", "--json", "--wait-for", "keeper", "--domain", &domain]);
        ingress.args(["--listen", &format!("unix://{}", at("frames").display())]);
        ingress.args(["--listen", &format!("line+unix://{}", at("lines").display())]);
        ingress.args(["--listen", &format!("udp://127.0.0.1:{udp}")]);
        let site = Self { recorder, ingress: Child::spawn(&mut ingress), udp, dir };
        site.wait("its sockets", || UnixStream::connect(site.at("lines")).is_ok());
        site
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn wait(&self, what: &str, done: impl Fn() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < PATIENCE, "waiting for {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn count(&self, sql: &str) -> Option<u64> {
        let recording = self.at("recording");
        let said = say(&["query", "-d", text(&recording), "--json", sql]);
        (said.code == Some(0)).then(|| said.json()[0]["n"].as_u64())?
    }

    /// Stops both; what the ingress counted.
    fn finish(mut self) -> (Value, TempDir) {
        let end = |child: &mut Child| {
            child.signal(libc::SIGINT);
            let lines = child.rest(PATIENCE).join("\n");
            assert!(child.wait(PATIENCE).success(), "{lines}");
            serde_json::from_str(&lines).unwrap_or_else(|error| panic!("{error}: {lines}"))
        };
        let report = end(&mut self.ingress);
        let _: Value = end(&mut self.recorder);
        (report, self.dir)
    }
}

/// The first fenced block of a language in docs/ingress.md.
fn example(language: &str) -> String {
    let page = std::fs::read_to_string(root().join("docs/ingress.md")).unwrap();
    let open = format!("```{language}\n");
    let block = page.split(&open).nth(1).and_then(|rest| rest.split("\n```").next());
    block.unwrap_or_else(|| panic!("no {language} example")).to_owned() + "\n"
}

fn write(path: &Path, content: &str) {
    std::fs::write(path, content).unwrap();
}

#[test]
fn the_documented_clients_and_lines_and_datagrams_are_recorded() {
    let site = Site::new();
    let (socket, script) = (site.at("frames"), site.at("client.py"));
    write(&script, &example("python"));
    let said = Said::of(Command::new("python3").arg(&script).arg(&socket)).fine();
    assert_eq!(said.out.lines().filter(|line| line.ends_with("written")).count(), 10, "{said}");

    let (source, program) = (site.at("client.c"), site.at("client"));
    write(&source, &example("c"));
    let mut compiler = Command::new("cc");
    compiler.args(["-Wall", "-Wextra", "-Werror", "-o"]).arg(&program).arg(&source);
    Said::of(&mut compiler).fine();
    let said = Said::of(Command::new(&program).arg(&socket)).fine();
    assert!(said.err.is_empty(), "nothing to complain about: {said}");

    let mut lines = UnixStream::connect(site.at("lines")).unwrap();
    for i in 0..20 {
        writeln!(lines, "oven,host=a heat={i}.5,on=true {}", 1_700_000_000_000_000_000_i64 + i)
            .unwrap();
    }
    lines.shutdown(std::net::Shutdown::Write).unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut lines, &mut said).unwrap();
    assert_eq!(said, "");

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let payload = [b"\0\x01\0\0\x05\0\0\0kiln\0", &[0; 7][..], &50.0_f64.to_le_bytes()].concat();
    let mut frame = Vec::new();
    tidewire_ingress::frame::Frame {
        topic: "temperature",
        type_name: "tidewire::sensor::Temperature",
        payload: &payload,
        ..Default::default()
    }
    .encode(&mut frame)
    .unwrap();
    for _ in 0..10 {
        socket.send_to(&frame, ("127.0.0.1", site.udp)).unwrap();
    }
    socket.send_to(b"noise", ("127.0.0.1", site.udp)).unwrap();

    let all = "SELECT count(*) AS n FROM temperature";
    site.wait("30 temperatures", || site.count(all) == Some(30));
    site.wait("40 fields", || site.count("SELECT count(*) AS n FROM oven") == Some(40));
    let hot =
        "SELECT count(*) AS n FROM oven WHERE field = 'heat' AND number > 9 AND tags = 'host=a'";
    assert_eq!(site.count(hot), Some(11));
    let oven = "SELECT count(*) AS n FROM temperature WHERE point = 'oven' AND celsius >= 185";
    assert_eq!(site.count(oven), Some(10));

    let (report, _dir) = site.finish();
    assert_eq!(report["topics"]["temperature"]["written"], 30, "{report}");
    assert_eq!(report["topics"]["oven"]["written"], 40, "{report}");
    let endpoints = &report["details"]["endpoints"];
    assert_eq!(endpoints[0]["rejected"], serde_json::json!({}), "{report}");
    assert_eq!(endpoints[2]["rejected"]["malformed"], 1, "{report}");
    assert_eq!(endpoints[2]["datagrams"], 11, "{report}");
    assert!(
        endpoints[2]["rung"].as_str().is_some_and(|rung| rung.starts_with("busy-poll")),
        "{report}"
    );
}

/// Under the launcher: the books balance from the very first sample on.
#[test]
fn a_launched_ingress_balances_its_books() {
    let dir = tempfile::tempdir().unwrap();
    let domain = tidewire_bus::testing::free_domain();
    let (file, socket) = (dir.path().join("plant.yaml"), dir.path().join("in.sock"));
    let client = format!(
        "for i in 1 2 3 4 5 6 7 8 9 10; do [ -S {0} ] && break; sleep 0.2; done; \
         python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect(\"{0}\"); \
         [s.sendall((\"level,tank=t%d v=%d\\n\" % (i % 3, i)).encode()) for i in range(500)]; \
         s.shutdown(socket.SHUT_WR); s.recv(1)'; sleep 60",
        socket.display()
    );
    write(
        &file,
        &format!(
            "sites: {{plant: {{domain: {domain}, namespace: north}}}}\nnodes:\n  \
               keeper: {{kind: record, site: plant}}\n  \
               intake:\n    kind: ingress\n    site: plant\n    needs: keeper\n    \
                 params: {{listen: [\"line+unix://{}\"]}}\n  \
               client:\n    run: [sh, -c, {client:?}]\n    site: plant\n    needs: intake\n",
            socket.display()
        ),
    );
    let output = dir.path().join("run");
    let file = text(&file);
    say(&["check", file]).fine();
    let said = say(&["up", file, "--for", "6s", "--json", "-o", text(&output)]).fine();
    let last = said.out.lines().last().unwrap_or_default();
    let books: Value =
        serde_json::from_str(last).or_else(|_| serde_json::from_str(&said.out)).unwrap();
    let topics = books["topics"].as_array().unwrap();
    let level =
        topics.iter().find(|topic| topic["topic"] == "north/level").expect("under its namespace");
    for column in ["written", "received", "recorded", "queried"] {
        assert_eq!(level[column], 500, "{said}");
    }
}

#[test]
fn wrong_usage_is_told_before_anything_starts() {
    for (args, words) in [
        (&["--listen", "tcp://1.2.3.4:5"][..], &["tcp is no way in", "udp://ADDRESS:PORT"][..]),
        (&["--listen", "unix:///tmp/x", "--mode", "999"], &["mode", "three octal digits"]),
        (&["--listen", "unix:///tmp/x", "--map", "pump"], &["--map pump", "MEASUREMENT=TYPE"]),
        (&["--listen", "udp://127.0.0.1:0", "--source", "lan"], &["sources", "10.1.0.0/16"]),
        (&[], &["--listen"]),
    ] {
        say(&[&["ingress"], args].concat()).fails(2).tells(words);
    }
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = format!("udp://{}", taken.local_addr().unwrap());
    let domain = tidewire_bus::testing::free_domain().to_string();
    say(&["ingress", "--domain", &domain, "--listen", &at])
        .fails(1)
        .tells(&[&at[6..], "port free"]);
    let args = ["ingress", "--domain", &domain, "--listen", "unix:///no/such/folder/in.sock"];
    say(&args).fails(1).tells(&["/no/such/folder/in.sock", "does the folder exist"]);
}

#[test]
fn every_way_of_udp_is_measured_beside_blocking_recv() {
    let said = say(&["bench", "ingress", "--json"]);
    if said.code != Some(0) && said.err.contains("it takes root") {
        eprintln!("skipped: {}", said.err);
        return;
    }
    let said = said.fine();
    let names: Vec<_> = said
        .out
        .lines()
        .map(|line| {
            let figure: Value = serde_json::from_str(line).unwrap();
            assert_eq!(figure["peer"], "blocking recv", "{line}");
            assert!(figure["ours"].as_f64().is_some_and(|ours| ours > 0.0), "{line}");
            figure["name"].as_str().unwrap().to_owned()
        })
        .collect();
    // AF_XDP may not work here; ordinary sockets do.
    let busy = names.iter().filter(|name| name.ends_with("busy-poll recvmmsg")).count();
    assert_eq!(busy, 4, "{names:?}");
}

/// The program on the interface goes with the process that put it there, whatever ends it.
#[test]
fn a_killed_ingress_leaves_nothing_on_its_interface() {
    let pair = match tidewire_ingress::testing::Pair::new() {
        Ok(pair) => pair,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    let link = || {
        let show = || Command::new("ip").args(["-d", "link", "show", "va"]).output();
        String::from_utf8_lossy(&pair.here.run(show).unwrap().stdout).into_owned()
    };
    assert!(!link().contains("xdp"), "{}", link());
    let domain = tidewire_bus::testing::free_domain().to_string();
    let mut ingress =
        tidewire(&["ingress", "--domain", &domain, "--listen", "udp://10.9.0.1:7500"]);
    let ingress = pair.here.run(move || Child::spawn(&mut ingress));
    let start = Instant::now();
    while !link().contains("xdp") {
        if start.elapsed() > Duration::from_secs(20) {
            return eprintln!("skipped: AF_XDP does not work here");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    ingress.signal(libc::SIGKILL);
    let start = Instant::now();
    while link().contains("xdp") {
        assert!(start.elapsed() < PATIENCE, "{}", link());
        std::thread::sleep(Duration::from_millis(20));
    }
}
