//! What launch files come to when nothing is wrong with them.

mod common;

use std::time::Duration;

use common::{graph, kinds};
use serde_json::json;
use tidewire_graph::{
    Command, Graph, Options, ReadyWhen, Respawn, RespawnPolicy, load, to_dot, to_mermaid,
};

fn names(graph: &Graph) -> Vec<&str> {
    graph.nodes.iter().map(|node| node.name.as_str()).collect()
}

fn params(graph: &Graph, node: &str) -> serde_json::Value {
    match &graph.node(node).unwrap().command {
        Command::Builtin { params, .. } => params.clone().into(),
        other => panic!("{other:?}"),
    }
}

const FULL: &str = r#"
version: 1
args:
  speed: {default: 1.0, help: "how fast"}
  viewer: false
sites:
  plant: {domain: 10, namespace: plant, interfaces: eth1, peers: [10.0.0.2, 10.0.0.3]}
  exchange: {domain: 11}
nodes:
  pump1:
    kind: sim.pump
    site: plant
    params: {rate: "${speed}", seed: 7, faults: yes-not, mode: rough}
    remap: {vibration: pump1/vib, current: /motor}
    namespace: north
    qos: tidewire::Sensor
    needs: [recorder]
    ready: {after: 2s, timeout: 1m}
    respawn: {policy: always, backoff: 250ms, max_backoff: 4s, max: 3}
    env: {RUST_LOG: "debug"}
    cpu: [2, 0-1]
    nice: -5
    stop_timeout: 500ms
  custom:
    run: [python3, driver.py, --x, "${speed}"]
    cwd: tools
    domain: 5
    ready: {log: "listening on \\d+"}
  shown: {kind: record, params: {dir: x}, if: "${viewer}"}
  recorder: {kind: record, params: {dir: out, topics: vibration}, site: plant}
"#;

#[test]
fn every_key_of_a_node_is_read() {
    let graph = graph(&FULL.replace("yes-not", "true"), &["speed:=20"]);
    assert_eq!(names(&graph), ["recorder", "pump1", "custom"]);
    let pump = graph.node("pump1").unwrap();
    assert_eq!(pump.site.as_deref(), Some("plant"));
    assert_eq!((pump.domain, pump.namespace.as_str()), (10, "plant/north"));
    assert_eq!(
        (&pump.interfaces[..], &pump.peers[..]),
        (&["eth1".into()][..], &["10.0.0.2".into(), "10.0.0.3".into()][..])
    );
    assert_eq!(pump.participant_name(), "plant/pump1");
    assert_eq!(
        params(&graph, "pump1"),
        json!({"rate": 20.0, "seed": 7, "faults": true, "mode": "rough"})
    );
    assert_eq!(pump.topic("vibration"), "plant/north/pump1/vib");
    assert_eq!(pump.topic("current"), "motor");
    assert_eq!(pump.topic("other"), "plant/north/other");
    assert_eq!(pump.writes, ["plant/north/pump1/vib", "motor"]);
    assert_eq!(pump.qos.as_deref(), Some("tidewire::Sensor"));
    assert_eq!(pump.needs, ["recorder"]);
    assert_eq!(pump.readiness.when, ReadyWhen::After(Duration::from_secs(2)));
    assert_eq!(pump.readiness.timeout, Duration::from_secs(60));
    assert_eq!(
        pump.respawn,
        Respawn {
            policy: RespawnPolicy::Always,
            backoff: Duration::from_millis(250),
            max_backoff: Duration::from_secs(4),
            max: Some(3)
        }
    );
    assert_eq!(pump.env, [("RUST_LOG".to_owned(), "debug".to_owned())]);
    assert_eq!(pump.cpu, [0, 1, 2]);
    assert_eq!(pump.nice, -5);
    assert_eq!(pump.stop_timeout, Duration::from_millis(500));
    assert_eq!(pump.origin.to_string(), "l.yaml:10:3");

    let custom = graph.node("custom").unwrap();
    assert_eq!(
        custom.command,
        Command::Executable {
            argv: ["python3", "driver.py", "--x", "20"].map(str::to_owned).to_vec(),
            cwd: Some("tools".into())
        }
    );
    assert_eq!((custom.site.as_deref(), custom.domain), (None, 5));
    assert_eq!(custom.readiness.when, ReadyWhen::Log("listening on \\d+".to_owned()));
    assert_eq!(graph.node("recorder").unwrap().readiness.when, ReadyWhen::Signal);
    assert_eq!(graph.node("recorder").unwrap().reads, ["plant/vibration"]);
    assert_eq!(graph.sites.len(), 2);
    assert_eq!(graph.args[0].value, json!(20));
    assert!(graph.args[0].given && !graph.args[1].given);
}

#[test]
fn an_argument_keeps_its_type_and_is_put_into_text() {
    let text = r#"
args: {n: 3, name: "7", on: true}
nodes:
  r:
    kind: record
    params:
      dir: out/${args.n}-${name}-$${n}$
      extra: {a: "${n}", b: ${n}, c: "${name}", d: "${on}", e: "n${n}", f: [1, "1", 1.5, ~, x]}
"#
    .replace("b: ${n},", "");
    let graph = graph(&text, &[]);
    assert_eq!(
        params(&graph, "r"),
        json!({
            "dir": "out/3-7-${n}$",
            "extra": {"a": 3, "c": "7", "d": true, "e": "n3", "f": [1, "1", 1.5, null, "x"]}
        })
    );
}

#[test]
fn the_environment_and_the_folder_can_be_used() {
    let graph = graph(
        "nodes: {a: {run: ['${env:TIDEWIRE_NOT_SET:-none}', '${launch_dir}/x', '${env:PATH}']}}",
        &[],
    );
    let Command::Executable { argv, .. } = &graph.nodes[0].command else { panic!() };
    assert_eq!(argv[0], "none");
    assert_eq!(argv[1], "./x");
    assert_eq!(argv[2], std::env::var("PATH").unwrap());
}

#[test]
fn conditions_choose_nodes() {
    for (condition, expected) in [
        ("true", true),
        ("no", false),
        ("${view}", true),
        ("not ${view}", false),
        ("${mode} == fast", true),
        ("${mode} != fast", false),
        ("${mode} == 'fast' and ${n} == 2.0", true),
        ("${n} == 3 or (${view} and ${mode} != slow)", true),
        ("not (${n} == 2 or ${n} == 3)", false),
        ("${n} == 3 and ${view} or ${view}", true),
        ("(!${view}) || ${n} == 2 && ${mode} == \"fast\"", true),
        ("${text} == ''", true),
    ] {
        let text = format!(
            "args: {{view: true, mode: fast, n: 2, text: ''}}\n\
             nodes:\n  always: {{run: x}}\n  a:\n    run: x\n    if: {condition}\n  b:\n    run: x\n    unless: {condition}\n"
        );
        let graph = graph(&text, &[]);
        let expected = if expected { "a" } else { "b" };
        assert_eq!(names(&graph), ["always", expected], "{condition}");
    }
}

#[test]
fn nodes_start_after_what_they_need_and_else_in_their_order() {
    let graph = graph(
        "nodes: {a: {run: x, needs: [d, c]}, b: {run: x}, c: {run: x, needs: d}, d: {run: x}}",
        &[],
    );
    assert_eq!(names(&graph), ["d", "c", "a", "b"]);
    assert_eq!(graph.node("a").unwrap().needs, ["d", "c"]);
}

#[test]
fn a_need_may_be_optional() {
    let text = "
args: {view: false}
nodes: {a: {run: x, needs: ['v?', b]}, v: {run: x, if: '${view}'}, b: {run: x}}";
    assert_eq!(graph(text, &[]).node("a").unwrap().needs, ["b"]);
    assert_eq!(graph(text, &["view:=true"]).node("a").unwrap().needs, ["v", "b"]);
}

#[test]
fn nodes_may_be_a_list_and_anchors_merge() {
    let graph = graph(
        "
x-base: &base {kind: sim.pump, respawn: never, env: {A: 1}}
x-more: &more {nice: 3, respawn: always}
nodes:
  - {name: a, <<: *base, nice: 1}
  - name: b
    <<: [*base, *more]
",
        &[],
    );
    assert_eq!(names(&graph), ["a", "b"]);
    let (a, b) = (&graph.nodes[0], &graph.nodes[1]);
    assert_eq!((a.nice, b.nice), (1, 3));
    assert_eq!(b.respawn.policy, RespawnPolicy::Never);
    assert_eq!(b.env, [("A".to_owned(), "1".to_owned())]);
}

#[test]
fn the_files_defaults_hold_where_a_node_says_nothing() {
    let graph = graph(
        "
domain: 7
namespace: top
qos: Event
env: {A: 1, B: 1}
nodes:
  a: {run: x}
  b: {run: x, domain: 8, qos: Sensor, namespace: sub, env: {B: 2}}
",
        &[],
    );
    let (a, b) = (&graph.nodes[0], &graph.nodes[1]);
    assert_eq!((a.domain, a.namespace.as_str(), a.qos.as_deref()), (7, "top", Some("Event")));
    assert_eq!((b.domain, b.namespace.as_str(), b.qos.as_deref()), (8, "top/sub", Some("Sensor")));
    assert_eq!(b.env, [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())]);
}

#[test]
fn back_off_doubles_up_to_its_limit() {
    let respawn = Respawn::default();
    let delays: Vec<u128> =
        [0, 1, 2, 3, 4, 5, 40].iter().map(|n| respawn.delay(*n).as_millis()).collect();
    assert_eq!(delays, [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
}

#[test]
fn includes_bring_arguments_names_and_namespaces() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    write("parts/qos.xml", "<dds/>");
    write(
        "parts/pump.yaml",
        "
args: {rate: {help: no default}, log: false}
nodes:
  driver: {kind: sim.pump, params: {rate: '${rate}'}, qos: 'qos.xml::P', needs: [sensor, recorder]}
  sensor: {run: ./sensor, cwd: bin}
  logger: {run: log, if: '${log}'}
",
    );
    let top = write(
        "top.yaml",
        "
args: {fast: 100}
sites: {plant: {domain: 10}}
nodes:
  recorder: {kind: record, params: {dir: out}, site: plant}
include:
  - {file: parts/pump.yaml, namespace: pump1, site: plant, args: {rate: '${fast}'}}
  - {file: parts/pump.yaml, namespace: pump2, site: plant, args: {rate: 5, log: true}}
  - {file: parts/missing.yaml, if: false}
",
    );
    let kinds = kinds();
    let graph = load(&top, &Options { kinds: &kinds, ..Options::default() })
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        names(&graph),
        [
            "recorder",
            "pump1/sensor",
            "pump1/driver",
            "pump2/sensor",
            "pump2/driver",
            "pump2/logger"
        ]
    );
    let driver = graph.node("pump1/driver").unwrap();
    assert_eq!(params(&graph, "pump1/driver"), json!({"rate": 100.0}));
    assert_eq!(params(&graph, "pump2/driver"), json!({"rate": 5.0}));
    assert_eq!(driver.needs, ["pump1/sensor", "recorder"]);
    assert_eq!((driver.domain, driver.topic("vibration")), (10, "pump1/vibration".to_owned()));
    let qos = format!("{}::P", folder.path().join("parts/qos.xml").display());
    assert_eq!(driver.qos.as_deref(), Some(qos.as_str()));
    let Command::Executable { cwd, .. } = &graph.node("pump2/sensor").unwrap().command else {
        panic!()
    };
    assert_eq!(cwd.as_deref(), Some(folder.path().join("parts/bin").as_path()));
    assert_eq!(graph.files.len(), 3);
}

#[test]
fn pictures_show_sites_topics_and_needs() {
    let graph = graph(
        "
sites: {plant: {domain: 10}}
nodes:
  p: {kind: sim.pump, site: plant, namespace: p}
  d: {kind: detect, site: plant, params: {input: p/vibration}, needs: p}
  r: {kind: record, site: plant, params: {dir: x}}
  lone: {run: '/usr/bin/say \"hi\"', domain: 3}
",
        &[],
    );
    assert_eq!(
        to_mermaid(&graph),
        "\
flowchart LR
  subgraph g0[\"plant (domain 10)\"]
    n0[\"p<br/><i>sim.pump</i>\"]
    n1[\"d<br/><i>detect</i>\"]
    n2[\"r<br/><i>record</i>\"]
    t0([\"p/vibration\"])
    t1([\"p/current\"])
    t2([\"anomaly\"])
  end
  subgraph g1[\"domain 3\"]
    n3[\"lone<br/><i>say</i>\"]
  end
  n0 --> t0
  t0 --> n1
  t0 --> n2
  n0 --> t1
  t1 --> n2
  n1 --> t2
  t2 --> n2
  n0 -.-> n1
"
    );
    let dot = to_dot(&graph);
    for line in [
        "  subgraph cluster_0 {\n    label=\"plant (domain 10)\";",
        "    t0 [label=\"p/vibration\", shape=ellipse];",
        "  n0 -> t0;",
        "  t2 -> n2;",
        "  n0 -> n1 [style=dashed];",
    ] {
        assert!(dot.contains(line), "{line} in {dot}");
    }
}

#[test]
fn the_graph_goes_out_as_json() {
    let graph = graph("nodes: {a: {run: x}}", &[]);
    let json = serde_json::to_value(&graph).unwrap();
    assert_eq!(json["nodes"][0]["command"]["executable"]["argv"], json!(["x"]));
    assert_eq!(json["nodes"][0]["origin"], json!("l.yaml:1:9"));
    assert_eq!(json["nodes"][0]["respawn"]["policy"], json!("on-failure"));
}
