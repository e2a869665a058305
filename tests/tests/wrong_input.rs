//! Wrong input of every kind through the command line: an exit code that says whose fault it was
//! (1 the work failed, 2 wrong usage), the place, and what to do.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tidewire_bus::Participant;
use tidewire_bus::testing::free_domain;
use tidewire_qos::Qos;
use tidewire_tests::{Child, PATIENCE, Recording, Said, files, say, text, tidewire};
use tidewire_types::sensor::{Temperature, Vibration};

fn scratch() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Writes a file and returns its path.
fn file(dir: &TempDir, name: &str, content: &str) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    text(&path).to_owned()
}

fn path(dir: &TempDir, name: &str) -> String {
    text(&dir.path().join(name)).to_owned()
}

// --- types -------------------------------------------------------------------------------------

/// IDL that is wrong, where, and words of the message.
const IDL: [(&str, &str, &[&str]); 7] = [
    ("module m {\n  struct S {\n    flaot x;\n  };\n};\n", "3:5", &["flaot", "float", "^^^^^"]),
    ("struct S {\n  long a\n  long b;\n};\n", "2:9", &["`;`"]),
    ("struct S {\n  long a;\n  short a;\n};\n", "3:9", &["`a`"]),
    ("struct S {\n  string<0> a;\n};\n", "2:10", &["bound"]),
    ("struct S {\n  long a;\n", "1:8", &["not closed"]),
    ("#include \"nowhere.idl\"\n", "1:10", &["nowhere.idl"]),
    ("union U switch (float) {\n  case 1: long a;\n};\n", "1:17", &["^^^^^"]),
];

#[test]
fn bad_idl_is_pointed_at_by_check() {
    for (i, (idl, place, words)) in IDL.iter().enumerate() {
        let dir = scratch();
        let name = format!("bad{i}.idl");
        let file = file(&dir, &name, idl);
        let place = format!("{name}:{place}");
        let said = say(&["idl", "check", &file]).fails(1).tells(&[&place]).tells(words);
        assert!(said.err.contains("= help: "), "no remedy: {said}");
        let json = say(&["idl", "check", &file, "--json"]).fails(1).json();
        assert_eq!(json[0]["ok"], false);
        assert!(json[0]["error"].as_str().is_some_and(|e| e.contains(&place)), "{json}");
    }
}

#[test]
fn bad_idl_is_pointed_at_by_every_command_that_takes_types() {
    let dir = scratch();
    file(&dir, "bad.idl", IDL[0].0);
    let types = text(dir.path());
    let domain = free_domain().to_string();
    let out = path(&dir, "out");
    let bus = ["--types", types, "--domain", &domain];
    for command in [
        &["record", "-o", &out, "--for", "1s"][..],
        &["topic", "list", "--timeout", "100ms"],
        &["topic", "echo", "t", "--timeout", "1s"],
        &["sim", "csv", &out],
        &["view", "--save", &out],
    ] {
        say(&[command, &bus].concat()).fails(1).tells(&["bad.idl:3:5", "did you mean"]);
    }
    say(&["idl", "print", "--types", types]).fails(1).tells(&["bad.idl:3:5"]);
    say(&["idl", "print", "--types", &path(&dir, "none")]).fails(1).tells(&["none"]);
}

// --- QoS ---------------------------------------------------------------------------------------

const XML_HEAD: &str =
    "<dds xmlns=\"http://www.omg.org/spec/DDS-XML\">\n<qos_library name=\"L\">\n";

/// The inside of a library that is wrong, where (the library's inside begins on line 3), words.
const XML: [(&str, &str, &[&str]); 5] = [
    (
        "<qos_profile name=\"P\"><datawriter_qos>\n<relaibility/>\n</datawriter_qos></qos_profile>",
        "4:2",
        &["relaibility", "reliability"],
    ),
    (
        "<qos_profile name=\"P\"><datareader_qos><history><kind>KEEP_LASST</kind></history></datareader_qos></qos_profile>",
        "3:54",
        &["KEEP_LASST", "KEEP_LAST_HISTORY_QOS"],
    ),
    (
        "<qos_profile name=\"P\" base_name=\"Bsae\"/>\n<qos_profile name=\"Base\"/>",
        "3:34",
        &["Bsae", "Base"],
    ),
    (
        "<qos_profile name=\"A\" base_name=\"B\"/>\n<qos_profile name=\"B\" base_name=\"A\"/>",
        "4:34",
        &["L::A -> L::B -> L::A"],
    ),
    ("<qos_profile name=\"P\"><datawriter_qos>", "4:1", &["datawriter_qos"]),
];

#[test]
fn bad_qos_xml_is_pointed_at() {
    for (i, (inside, place, words)) in XML.iter().enumerate() {
        let dir = scratch();
        let name = format!("bad{i}.xml");
        let file = file(&dir, &name, &format!("{XML_HEAD}{inside}\n</qos_library>\n</dds>\n"));
        let place = format!("{name}:{place}");
        let said = say(&["qos", "check", &file, "Event"]).fails(1).tells(&[&place]).tells(words);
        assert!(said.err.contains(" = "), "no remedy: {said}");
    }
}

#[test]
fn bad_qos_is_pointed_at_by_every_command_that_takes_it() {
    let dir = scratch();
    let xml = file(&dir, "bad.xml", &format!("{XML_HEAD}{}\n</qos_library>\n</dds>\n", XML[0].0));
    let domain = free_domain().to_string();
    let out = path(&dir, "out");
    let recording = healthy(&dir, "recording");
    for command in [
        &["record", "-o", &out, "--for", "1s"][..],
        &["topic", "echo", "t", "--timeout", "1s"],
        &["topic", "hz", "t", "--timeout", "1s"],
        &["replay", text(&recording)],
        &["sim", "pump", "--for", "1s"],
        &["view", "--save", &out],
        &["bridge", "--site", "plant"],
    ] {
        say(&[command, &["--qos", &xml, "--domain", &domain]].concat())
            .fails(1)
            .tells(&["bad.xml:4:"]);
        say(&[command, &["--qos", "Evetn", "--domain", &domain]].concat())
            .fails(1)
            .tells(&["Evetn", "Event"]);
    }
}

// --- launch files ------------------------------------------------------------------------------

/// A launch file that is wrong, where, words.
const LAUNCH: [(&str, &str, &[&str]); 11] = [
    (
        "nodes:\n  pump1:\n    kind: pump\n    respwan: always\n",
        "4:5",
        &["did you mean `respawn`?", "^^^^^^^"],
    ),
    ("nodes:\n  pump1:\n    kind: pmup\n", "3:11", &["`pmup`", "pump"]),
    ("nodes:\n  g:\n    kind: gateway\n    params: {raet: 5}\n", "4:14", &["did you mean `rate`?"]),
    (
        "nodes:\n  g:\n    kind: gateway\n    params: {rate: fast}\n",
        "4:20",
        &["`rate` is a number"],
    ),
    (
        "nodes:\n  a: {run: x, needs: b}\n  b: {run: x, needs: a}\n",
        "3:22",
        &["circle", "a -> b -> a"],
    ),
    ("nodes:\n  a: {kind: pump, needs: recorder}\n", "2:26", &["`recorder`"]),
    ("sites: {plant: {domain: 300}}\nnodes: {a: {kind: pump, site: plant}}\n", "1:25", &["300"]),
    ("nodes:\n  a: {kind: pump, qos: Telemetri}\n", "2:24", &["Telemetri", "Telemetry"]),
    ("nodes:\n  a: [unclosed\n", "3:1", &["]"]),
    ("nodes:\n  a:\n    kind: pump\n    kind: arm\n", "4:5", &["`kind`", "second time"]),
    (
        "nodes:\n  p:\n    kind: pump\n    params: {faults: {kinds: [rust]}}\n",
        "2:3",
        &["rust", "bearing"],
    ),
];

#[test]
fn a_wrong_launch_file_is_pointed_at() {
    for (i, (yaml, place, words)) in LAUNCH.iter().enumerate() {
        let dir = scratch();
        let name = format!("bad{i}.yaml");
        let file = file(&dir, &name, yaml);
        let place = format!("{name}:{place}");
        let said = say(&["check", &file]).fails(1).tells(&[&place]).tells(words);
        assert!(said.err.contains(" = "), "no remedy: {said}");
        let json = say(&["check", &file, "--json"]).fails(1).json();
        assert!(json["problems"][0].as_str().is_some_and(|p| p.contains(&place)), "{json}");
        say(&["graph", &file]).fails(1).tells(&[&place]);
        say(&["up", &file, "-o", &path(&dir, "run")]).fails(1).tells(&[&place]);
        assert!(!dir.path().join("run").exists(), "`up` began a run of a wrong file");
    }
}

#[test]
fn wrong_arguments_of_a_launch_file_are_named() {
    let dir = scratch();
    let file = file(
        &dir,
        "a.yaml",
        "args: {rate: 5}\nnodes: {g: {kind: gateway, params: {rate: \"${rate}\"}}}\n",
    );
    say(&["check", &file, "raet:=7"]).fails(1).tells(&["raet", "did you mean `rate`?"]);
    say(&["check", &file, "rate:=fast"]).fails(1).tells(&["rate", "fast"]);
    say(&["check", &file, "rate=7"]).fails(1).tells(&["rate=7", ":="]);
    say(&["check", &path(&dir, "none.yaml")]).fails(1).tells(&["none.yaml", "cannot read"]);
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    let dir = scratch();
    let yaml = "nodes:\n  camera:\n    run: /no/such/program --fast\n    respawn: never\n";
    let file = file(&dir, "run.yaml", yaml);
    for command in [&["check", &file][..], &["up", &file, "-o", &path(&dir, "run")]] {
        say(command).fails(1).tells(&["run.yaml:2:3", "camera", "/no/such/program", "PATH"]);
    }
    // Where the file is there but cannot be run, only starting it tells.
    let script = self::file(&dir, "script", "#!/no/such/interpreter\n");
    let yaml = format!("nodes:\n  camera:\n    run: [\"{script}\"]\n    respawn: never\n");
    std::fs::write(&file, yaml).unwrap();
    let said = say(&["up", &file, "--for", "2s", "-o", &path(&dir, "run")]).fails(1);
    let told = format!("{}{}", said.out, said.err);
    assert!(told.contains("camera") && told.contains("script"), "{said}");
}

// --- topics ------------------------------------------------------------------------------------

#[test]
fn an_unknown_topic_is_told_with_what_there_is() {
    let domain = free_domain();
    let number = domain.to_string();
    let bus = Participant::builder().domain(domain).name("plant/boiler").build().unwrap();
    let writer = bus.writer::<Temperature>("temperature", &Qos::event()).unwrap();
    writer.write(&Temperature { point: "plant/boiler".into(), celsius: 90.0 }).unwrap();
    for command in [&["topic", "echo"][..], &["topic", "hz"], &["topic", "info"]] {
        let args = [command, &["temprature", "--timeout", "3s", "--domain", &number]].concat();
        say(&args).fails(1).tells(&["`temprature`", "domain", "did you mean `temperature`?"]);
    }
    let nobody = free_domain().to_string();
    say(&["topic", "echo", "t", "--timeout", "1s", "--domain", &nobody])
        .fails(1)
        .tells(&["`t`", "--domain"]);
}

#[test]
fn a_wrong_filter_is_told_with_its_place() {
    let number = free_domain().to_string();
    let bus =
        Participant::builder().domain(number.parse().unwrap()).name("boiler").build().unwrap();
    let writer = bus.writer::<Temperature>("temperature", &Qos::event()).unwrap();
    writer.write(&Temperature { point: "boiler".into(), celsius: 90.0 }).unwrap();
    let raw = tidewire_bus::RawTopic::new("blob", "vendor::Blob", false);
    let _blob = bus.raw_writer(&raw, &Qos::event()).unwrap();
    let echo = |topic: &str, filter: &str| {
        say(&["topic", "echo", topic, "--filter", filter, "--timeout", "5s", "--domain", &number])
    };
    echo("temperature", "celsius == 3").fails(2).tells(&["--filter", "filter:1:9", "write `=`"]);
    echo("temperature", "celcius > 3").fails(2).tells(&["filter:1:1", "did you mean `celsius`?"]);
    echo("blob", "x > 3").fails(1).tells(&["type is not known", "--types"]);
    let dir = scratch();
    for (filter, told) in [("temperature:=celsius >", "filter:1:10"), ("celsius > 3", ":=")] {
        say(&["record", "-o", &path(&dir, "run"), "--filter", filter, "--domain", &number])
            .fails(2)
            .tells(&["--filter", told]);
    }
}

// --- SQL ---------------------------------------------------------------------------------------

/// A closed recording of 20,000 vibrations and 200 temperatures.
fn healthy(dir: &TempDir, name: &str) -> PathBuf {
    let path = dir.path().join(name);
    let store = Recording::open(&path);
    fill(&store);
    store.close().unwrap();
    path
}

fn fill(store: &tidewire_store::Store) {
    Recording::append(store, "vibration", 20_000, 1_000_000, |i| {
        let t = i as f32 * 0.01;
        Vibration { point: "plant/pump1".into(), x: t.sin(), y: t.cos(), z: (t * 7.3).sin() * t }
    });
    Recording::append(store, "plant/temperature", 200, 100_000_000, |i| Temperature {
        point: "plant/pump1".into(),
        celsius: 40.0 + i as f64 * 0.01,
    });
}

#[test]
fn wrong_sql_is_told_with_the_remedy() {
    let dir = scratch();
    let recording = healthy(&dir, "recording");
    let ask = |sql: &str| say(&["query", "-d", text(&recording), sql]);
    ask("SELECT * FROM vibraton").fails(1).tells(&[
        "vibraton",
        "did you mean \"vibration\"?",
        "plant/temperature",
    ]);
    ask("SELECT xx FROM vibration").fails(1).tells(&["\"xx\"", "did you mean \"x\"?", "point"]);
    ask("SELECT *\nFORM vibration").fails(1).tells(&["line 2, column 1", "FORM"]);
    ask("SELECT * FROM plant/temperature").fails(1).tells(&["quote", "\"plant/temperature\""]);
    ask("DROP TABLE vibration").fails(1).tells(&["only read", "SELECT"]);
    ask("SELECT x + 'a' FROM vibration").fails(1);
    ask("SELECT nosuch(x) FROM vibration").fails(1).tells(&["nosuch"]);
    ask("").fails(2).tells(&["empty"]);
    say(&["query", "-d", text(&recording), "-f", "xml", "SELECT 1"])
        .fails(2)
        .tells(&["csv", "json"]);
    say(&["query", "SELECT 1"]).fails(2).tells(&["--dir"]);
}

// --- ports -------------------------------------------------------------------------------------

#[test]
fn a_busy_port_is_named() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port().to_string();
    let domain = free_domain().to_string();
    for option in ["--web-port", "--port"] {
        say(&["view", "--web", option, &port, "--domain", &domain])
            .fails(1)
            .tells(&[&port, "busy", option]);
    }
    let listen = format!("tcp/127.0.0.1:{port}");
    say(&["bridge", "--site", "plant", "--listen", &listen, "--domain", &domain])
        .fails(1)
        .tells(&[&listen, "port"]);
    let wrong = "tpc/127.0.0.1:7447";
    say(&["bridge", "--site", "plant", "--listen", wrong, "--domain", &domain])
        .fails(1)
        .tells(&[wrong, "tcp/"]);
}

// --- recordings --------------------------------------------------------------------------------

/// Everything that opens a recording.
fn readers(dir: &str) -> Vec<Vec<String>> {
    let domain = free_domain().to_string();
    [
        &["info", dir][..],
        &["verify", dir],
        &["query", "-d", dir, "SELECT count(*) FROM vibration"],
        &["replay", dir, "--domain", &domain],
        &["view", "-d", dir, "--web"],
    ]
    .iter()
    .map(|args| args.iter().map(|arg| (*arg).to_owned()).collect())
    .collect()
}

fn run(args: &[String]) -> Said {
    say(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_folder_that_is_no_recording_is_told() {
    let dir = scratch();
    let inside = file(&dir, "notes.txt", "nothing to see");
    let nowhere = path(&dir, "nowhere");
    for folder in [text(dir.path()), &nowhere] {
        for args in readers(folder) {
            run(&args).fails(1).tells(&[folder, "not a recording", "tidewire record"]);
        }
    }
    for args in readers(&inside) {
        run(&args).fails(1).tells(&[&inside]);
    }
    let domain = free_domain().to_string();
    say(&["record", "-o", text(dir.path()), "--for", "1s", "--domain", &domain]).fails(1).tells(&[
        text(dir.path()),
        "not a recording",
        "new folder",
    ]);
    say(&["record", "-o", &format!("{inside}/run"), "--for", "1s", "--domain", &domain])
        .fails(1)
        .tells(&[&inside]);
}

#[test]
fn a_recording_from_a_newer_version_is_left_alone() {
    let dir = scratch();
    let recording = healthy(&dir, "recording");
    let manifest = recording.join("tidewire.json");
    let mut json: Value =
        serde_json::from_str(&std::fs::read_to_string(&manifest).unwrap()).unwrap();
    json["format"] = 99.into();
    json["something_new"] = "unheard of".into();
    std::fs::write(&manifest, json.to_string()).unwrap();
    let out = text(&recording);
    for args in readers(out) {
        run(&args).fails(1).tells(&[out, "format version 99", "newer"]);
    }
    let domain = free_domain().to_string();
    let before = std::fs::read(&manifest).unwrap();
    say(&["record", "-o", out, "--for", "1s", "--domain", &domain])
        .fails(1)
        .tells(&["format version 99"]);
    assert_eq!(std::fs::read(&manifest).unwrap(), before);
    std::fs::write(&manifest, "{\"kind\": ").unwrap();
    for args in readers(out) {
        run(&args).fails(1).tells(&["tidewire.json", "not JSON", "restore"]);
    }
}

fn problems(dir: &Path) -> Vec<Value> {
    let said = say(&["verify", text(dir), "--json"]);
    let json = said.json();
    assert_eq!(said.code, Some(i32::from(json["ok"] == false)), "{said}");
    let problems = json["problems"].as_array().unwrap().clone();
    for problem in &problems {
        assert!(problem["offset"].is_u64(), "{problem}");
        for key in ["file", "what", "remedy"] {
            assert!(problem[key].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
    }
    problems
}

/// A reader of a damaged recording answers or fails with a message; it never crashes.
fn read_without_crash(dir: &Path) -> [Said; 2] {
    let sql = "SELECT count(*), sum(x), max(z) FROM vibration";
    let said = [say(&["query", "-d", text(dir), sql]), say(&["info", text(dir)])];
    for said in &said {
        assert!(matches!(said.code, Some(0 | 1)), "{said}");
        assert!(!said.err.contains("panicked"), "{said}");
    }
    said
}

#[test]
fn a_truncated_lmdb_file_is_found_and_crashes_nobody() {
    let dir = scratch();
    let recording = healthy(&dir, "recording");
    assert_eq!(problems(&recording), Vec::<Value>::new());
    let data = files(&recording).into_iter().find(|file| file.ends_with("data.mdb")).unwrap();
    let whole = std::fs::read(&data).unwrap();
    let sizes = [whole.len() / 2, whole.len() - 4096, whole.len() - 1, 10_000, 4096, 100, 0];
    for size in sizes {
        std::fs::write(&data, &whole[..size]).unwrap();
        let problems = problems(&recording);
        assert!(!problems.is_empty(), "{size} of {} bytes and no problem", whole.len());
        assert_eq!(problems[0]["file"], text(&data));
        for said in read_without_crash(&recording) {
            said.fails(1).tells(&[text(data.parent().unwrap())]);
        }
    }
    std::fs::write(&data, &whole).unwrap();
    for said in read_without_crash(&recording) {
        said.fine();
    }
}

#[test]
fn flipped_bytes_in_a_shard_are_found_and_crash_nobody() {
    let dir = scratch();
    let recording = healthy(&dir, "recording");
    let data = files(&recording).into_iter().find(|file| file.ends_with("data.mdb")).unwrap();
    let whole = std::fs::read(&data).unwrap();
    let (mut found, mut silent) = (0, Vec::new());
    // Odd steps: page headers, entries and block bytes are all hit.
    let places = (17..whole.len()).step_by(whole.len() / 12 + 1);
    for place in places {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x5a;
        std::fs::write(&data, &bytes).unwrap();
        let [query, _] = read_without_crash(&recording);
        if problems(&recording).is_empty() {
            // Space that LMDB does not use: then the answer must be the right one.
            query.fine();
            silent.push(place);
        } else {
            found += 1;
        }
    }
    assert!(found > silent.len(), "only {found} found; unseen: {silent:?}");
}

#[test]
fn flipped_bytes_in_a_journal_are_found_and_cost_nothing_else() {
    let dir = scratch();
    let live = dir.path().join("live");
    let store = Recording::open(&live);
    fill(&store);
    let recording = dir.path().join("recording");
    tidewire_tests::copy(&live, &recording);
    store.close().unwrap();
    assert_eq!(problems(&recording), Vec::<Value>::new(), "a recording whose recorder was killed");
    let journal = files(&recording.join("journal")).remove(0);
    let whole = std::fs::read(&journal).unwrap();
    assert!(whole.len() > 500_000, "the samples are in the journal: {} bytes", whole.len());
    for place in [whole.len() / 3, whole.len() / 2 + 11] {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        std::fs::write(&journal, &bytes).unwrap();
        let problems = problems(&recording);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0]["file"], text(&journal));
        let offset = problems[0]["offset"].as_u64().unwrap() as usize;
        assert!(offset <= place && place - offset < 1000, "{place} told as {offset}");
        read_without_crash(&recording);
    }
}

#[test]
fn two_recorders_do_not_share_a_folder() {
    let dir = scratch();
    let out = path(&dir, "recording");
    let domain = free_domain().to_string();
    let first = Child::spawn(&mut tidewire(&["record", "-o", &out, "--domain", &domain]));
    let lock = dir.path().join("recording/lock");
    let deadline = std::time::Instant::now() + PATIENCE;
    let holder = first.pid().to_string();
    while !std::fs::read_to_string(&lock).is_ok_and(|pid| pid.trim() == holder) {
        assert!(std::time::Instant::now() < deadline, "the first recorder takes the lock");
        std::thread::sleep(Duration::from_millis(20));
    }
    say(&["record", "-o", &out, "--domain", &domain, "--for", "1s"]).fails(1).tells(&[
        &out,
        &format!("process {holder} is recording"),
        "another folder",
    ]);
}

#[test]
fn an_empty_recording_has_nothing_to_replay() {
    let dir = scratch();
    let recording = dir.path().join("empty");
    Recording::open(&recording).close().unwrap();
    let out = text(&recording);
    let domain = free_domain().to_string();
    say(&["replay", out, "--domain", &domain]).fails(1).tells(&["no", "topic"]);
    say(&["info", out]).fine();
    say(&["verify", out]).fine();
    say(&["query", "-d", out, "SELECT 1 AS one"]).fine();
    say(&["query", "-d", out, "SELECT * FROM vibration"]).fails(1).tells(&["vibration", "none"]);
}

// --- arguments ---------------------------------------------------------------------------------

#[test]
fn wrong_arguments_are_wrong_usage() {
    let dir = scratch();
    let recording = healthy(&dir, "recording");
    let recording = text(&recording);
    let out = path(&dir, "out");
    for (args, words) in [
        (&["record", "-o", &out, "--domain", "300"][..], &["300", "0..=232"][..]),
        (&["topic", "list", "--domain", "-1"], &["-1"]),
        (&["view", "--site", "plant=300"], &["plant=300", "232"]),
        (&["view", "--site", "plant"], &["plant=42"]),
        (&["record", "-o", &out, "--for", "soon"], &["`soon`", "10s"]),
        (&["record", "-o", &out, "--for=-5s"], &["-5s", "10s"]),
        (&["up", "launch/demo.yaml", "--for", "5 parsecs"], &["5 parsecs", "10s"]),
        (&["record"], &["--output"]),
        (&["recrod", "-o", &out], &["recrod", "record"]),
        (&["record", "-o", &out, "--domian", "1"], &["--domian", "--domain"]),
        (&["replay", recording, "--rate", "0"], &["--rate"]),
        (&["replay", recording, "--rate", "fast"], &["fast"]),
        (&["replay", recording, "--remap", "vibration=v"], &["vibration=v", ":="]),
        (&["replay", recording, "--regex", "vib("], &["vib("]),
        (&["replay", recording, "--start-offset", "-1"], &["-1"]),
        (&["qos", "check", "Event"], &["READER"]),
        (&["bench", "fastest"], &["bus", "store"]),
        (&["topic", "list", "--dds", "fastdds"], &["`fastdds`", "rustdds", "cyclone"]),
        (&["topic", "list", "--dds", "cyclone"], &["no cyclone backend", "--features cyclone"]),
    ] {
        say(args).fails(2).tells(words);
    }
    assert!(!Path::new(&out).exists(), "wrong usage leaves nothing behind");
    let mut command = tidewire(&["topic", "list"]);
    Said::of(command.env("TIDEWIRE_DOMAIN", "300")).fails(2).tells(&["300"]);
}

#[test]
fn names_that_are_not_in_a_recording_are_told_with_those_that_are() {
    let dir = scratch();
    let recording = healthy(&dir, "recording");
    let domain = free_domain().to_string();
    let replay =
        |more: &[&str]| say(&[&["replay", text(&recording), "--domain", &domain], more].concat());
    replay(&["--topics", "vibraton"]).fails(1).tells(&["vibraton", "vibration"]);
    replay(&["--remap", "vibraton:=v"]).fails(1).tells(&["vibraton", "vibration"]);
    replay(&["--regex", "^nothing$"]).fails(1).tells(&["vibration"]);
    say(&["sim", "csv", &path(&dir, "none.csv"), "--domain", &domain])
        .fails(1)
        .tells(&["none.csv"]);
    say(&[
        "record",
        "-o",
        &path(&dir, "x"),
        "--interface",
        "nope0",
        "--for",
        "1s",
        "--domain",
        &domain,
    ])
    .fails(1)
    .tells(&["nope0"]);
}
