//! What a user sees for a wrong launch file: the place, a caret, and what to do.

mod common;

use common::{error, heads, kinds};
use tidewire_graph::{GraphError, Options, load, parse};

#[test]
fn a_typo_in_a_key() {
    assert_eq!(
        error("nodes:\n  pump1:\n    kind: sim.pump\n    respwan: always\n", &[]),
        "\
l.yaml:4:5: the node `pump1` has no key `respwan`
  |
4 |     respwan: always
  |     ^^^^^^^
  = did you mean `respawn`? known: kind, params, run, cwd, site, domain, namespace, remap, qos, \
needs, ready, respawn, if, unless, env, cpu, nice, stop_timeout, help"
    );
}

#[test]
fn a_typo_in_a_parameter() {
    assert_eq!(
        error("nodes:\n  pump1:\n    kind: sim.pump\n    params: {raet: 5}\n", &[]),
        "\
l.yaml:4:14: `sim.pump` has no parameter `raet`
  |
4 |     params: {raet: 5}
  |              ^^^^
  = did you mean `rate`? known: rate, seed, faults, mode, period"
    );
}

#[test]
fn parameters_of_the_wrong_type() {
    assert_eq!(
        heads(
            "
nodes:
  p:
    kind: sim.pump
    params: {rate: fast, seed: 1.5, faults: maybe, mode: ruogh, period: 5}
  r:
    kind: record
    params: {topics: {a: b}}
",
            &[]
        ),
        [
            "l.yaml:5:20: `rate` is a number, and `fast` is not",
            "l.yaml:5:32: `seed` is a whole number, and `1.5` is not",
            "l.yaml:5:45: `faults` is true or false, and `maybe` is not",
            "l.yaml:5:58: `mode` is one of calm, rough, and `ruogh` is not",
            "l.yaml:5:73: `period` is a duration such as 250ms or 10s, and `5` is not",
            "l.yaml:7:11: `record` needs the parameter `dir`",
            "l.yaml:8:22: `topics` is a list, each text, and here is a map",
        ]
    );
}

#[test]
fn every_problem_is_found_in_one_go() {
    assert_eq!(
        heads(
            "
version: 2
colour: blue
sites: {plant: {domain: 300, peers: [10.0.0.2, hall7]}, hall: {}}
nodes:
  a: {kind: nothing}
  b: {run: x, kind: record}
  c: {}
  d: {run: []}
  e: {run: \"x 'y\"}
  f: {run: x, site: plnat, needs: [g, a1], nice: 50, stop_timeout: 5, cpu: 0-x}
  g: {run: x, domain: 9, params: {a: 1}}
  h: {kind: record, cwd: /, params: {dir: d}, ready: soon, respawn: {policy: sometimes, backoff: 5s, max_backoff: 1s}}
  i: {run: x, ready: {log: '(', after: 1s}, env: [a], remap: {a: [b]}}
  j k: {run: x}
",
            &[]
        ),
        [
            "l.yaml:2:10: version `2` of launch files is not known here",
            "l.yaml:3:1: a launch file has no key `colour`",
            "l.yaml:4:25: a DDS domain is a whole number, and `300` is not one here",
            "l.yaml:4:37: `hall7` is no IP address",
            "l.yaml:4:57: the site `hall` has no domain",
            "l.yaml:6:13: no kind of node is called `nothing`",
            "l.yaml:7:12: a node has either `kind` or `run`, not both",
            "l.yaml:8:3: the node has neither `kind` nor `run`",
            "l.yaml:9:12: `run` names no program",
            "l.yaml:10:12: `run` has a `'` that is not closed",
            "l.yaml:11:21: no site `plnat`",
            "l.yaml:11:39: needs `a1`, and there is no such node",
            "l.yaml:11:50: `nice` is a whole number, and `50` is not one here",
            "l.yaml:11:68: `stop_timeout` is a duration, not `5`",
            "l.yaml:11:76: `0-x` is no CPU",
            "l.yaml:12:26: `params` are for built-in kinds",
            "l.yaml:13:21: `cwd` is for programs that `run` starts",
            "l.yaml:13:54: `soon` is no readiness",
            "l.yaml:13:78: `sometimes` is no respawn policy",
            "l.yaml:13:115: max_backoff is shorter than backoff (5s)",
            "l.yaml:14:23: `ready` has both `after` and `log`",
            "l.yaml:14:28: `log` is no regular expression: unclosed group",
            "l.yaml:14:50: `env` is a map, and here is a list",
            "l.yaml:14:66: `a` is one value, and here is a list",
            "l.yaml:15:3: `j k` cannot name a node",
        ]
    );
}

#[test]
fn a_circle_of_needs() {
    assert_eq!(
        error(
            "nodes:\n  a: {run: x, needs: b}\n  b: {run: x, needs: c}\n  c: {run: x, needs: [a]}\n",
            &[]
        ),
        "\
l.yaml:4:23: nodes need each other in a circle: a -> b -> c -> a
  |
4 |   c: {run: x, needs: [a]}
  |                       ^
  = take out one `needs` of the circle"
    );
    let own = heads("nodes: {a: {run: x, needs: a}}", &[]);
    assert_eq!(own, ["l.yaml:1:28: nodes need each other in a circle: a -> a"]);
}

#[test]
fn needing_what_is_left_out() {
    let text = error(
        "args: {view: false}\nnodes: {a: {run: x, needs: v}, v: {run: x, if: '${view}'}}",
        &[],
    );
    assert!(text.contains("l.yaml:2:28: needs `v`, which its condition leaves out"), "{text}");
    assert!(text.contains("or write `v?` to need it only when it runs"), "{text}");
}

#[test]
fn arguments_of_the_command_line() {
    let file = "
args: {speed: 1.0, mode: {default: a, choices: [a, b]}, must: {help: needed}, on: true}
nodes: {a: {run: x}}
";
    assert_eq!(
        error(file, &["sped:=2", "must:=1"]),
        "\
argument:1:1: the launch file has no argument `sped`
  |
1 | sped:=2
  | ^^^^
  = did you mean `speed`? known: speed, mode, must, on"
    );
    assert_eq!(
        heads(file, &["speed:=fast", "mode:=c", "on:=3", "speed", "on:=4"]),
        [
            "argument:1:1: `speed` is no argument",
            "argument:1:1: `on` is given twice",
            "argument:1:5: `on` is true or false, and `3` is not",
            "argument:1:7: `c` is no choice of `mode`",
            "argument:1:8: `speed` is a number, and `fast` is not",
            "l.yaml:2:57: the argument `must` has no value",
        ]
    );
}

#[test]
fn unknown_names_in_braces() {
    assert_eq!(
        error("args: {speed: 1}\nnodes:\n  a: {run: [x, \"--s=${sped}\"]}\n", &[]),
        "\
l.yaml:3:21: no argument `sped`
  |
3 |   a: {run: [x, \"--s=${sped}\"]}
  |                     ^^^^^^^
  = did you mean `speed`? known: speed; or declare it under `args:`"
    );
    let found = heads("nodes:\n  a: {run: ['${env:TIDEWIRE_NOT_SET}', '${x']}", &[]);
    assert_eq!(
        found,
        [
            "l.yaml:2:14: the environment has no variable `TIDEWIRE_NOT_SET`",
            "l.yaml:2:41: `${` without its `}`"
        ]
    );
}

#[test]
fn conditions_that_cannot_be_read() {
    for (condition, problem) in [
        ("view", "26: `view` is neither true nor false"),
        ("${view} == ", "37: a value is missing here"),
        ("(${view}", "34: a `)` is missing here"),
        ("${view} ${view}", "34: the condition should have ended here"),
        ("${vew}", "26: no argument `vew`"),
        ("not", "29: a value is missing here"),
    ] {
        let text = format!("args: {{view: true}}\nnodes: {{a: {{run: x, if: '{condition}'}}}}");
        assert_eq!(heads(&text, &[]), [format!("l.yaml:2:{problem}")], "{condition}");
    }
    assert_eq!(
        error("args: {view: true}\nnodes: {a: {run: x, if: 'on and view'}}", &[]),
        "\
l.yaml:2:33: `view` is neither true nor false
  |
2 | nodes: {a: {run: x, if: 'on and view'}}
  |                                 ^^^^
  = write `${view}` for the argument"
    );
}

#[test]
fn malformed_yaml() {
    assert_eq!(
        error("nodes:\n\ta: {run: x}\n", &[]),
        "\
l.yaml:2:1: a tab as indentation, which YAML forbids
  |
2 | \ta: {run: x}
  | ^
  = indent with spaces"
    );
    assert!(heads("nodes: {a: {run: x}", &[])[0].contains("not well-formed YAML"));
    assert!(heads("nodes: [a\nb: c", &[])[0].contains("not well-formed YAML"));
    assert_eq!(heads("", &[]), ["l.yaml:1:1: the file is empty"]);
    assert_eq!(heads("# only a comment", &[]), ["l.yaml:1:1: the file is empty"]);
    assert_eq!(heads("--- {nodes: {}}\n--- {nodes: {}}", &[]).len(), 1);
    assert_eq!(heads("[a, b]", &[]), ["l.yaml:1:1: a launch file is a map, and here is a list"]);
    assert_eq!(heads("version: 1", &[]), ["l.yaml:1:1: the file has no nodes"]);
    for text in ["nodes: {a: {run: !mine x}}", "nodes: !mine {a: {run: x}}", "nodes: !mine []"] {
        assert!(heads(text, &[])[0].contains("tags such as `!mine`"), "{text}");
    }
    assert_eq!(heads("nodes: {[a]: {run: x}}", &[]), ["l.yaml:1:9: a list as a key"]);
}

#[test]
fn malformed_yaml_gets_a_remedy_for_the_usual_mistakes() {
    for (text, remedy) in [
        ("args: {v: 1}\nnodes: {a: {run: x, if: ${v}}}", "put quotes around it"),
        ("args: {v: 1}\nnodes:\n  a: {run: [x, ${v}]}", "put quotes around it"),
        ("nodes:\n  a:\n    run: x: y", "quote the value if `: ` belongs to it"),
        ("nodes:\n  a:\n    run: \"x\n  b:\n    run: y", "close the quote"),
        ("nodes: {a: {run: *nope}}", "`*name` repeats what `&name` marks"),
        ("nodes:\n  a:\n    run: x\n   site: y", "check indentation"),
    ] {
        let found = error(text, &[]);
        assert!(found.contains(&format!("= {remedy}")), "{found}");
    }
}

#[test]
fn keys_that_stand_twice() {
    assert_eq!(
        error("nodes:\n  a: {run: x}\n  b: {run: x, run: y}\n  a: {run: z}\n", &[]),
        "\
l.yaml:3:15: the key `run` stands here a second time; the first is on line 3
  |
3 |   b: {run: x, run: y}
  |               ^^^
  = keep one of them, or rename it

l.yaml:4:3: the key `a` stands here a second time; the first is on line 2
  |
4 |   a: {run: z}
  |   ^
  = keep one of them, or rename it"
    );
    let found = heads("nodes: [{name: a, run: x}, {name: a, run: y}, {run: z}]", &[]);
    assert_eq!(found[0], "l.yaml:1:35: a second node `a`; the first is at l.yaml:1:16");
    assert_eq!(found[1], "l.yaml:1:47: the node has no name");
}

#[test]
fn alias_bombs_and_deep_nesting_end_early() {
    let mut bomb = String::from("x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..10 {
        let items = vec![format!("*a{}", i - 1); 10].join(", ");
        bomb += &format!("x-{i}: &a{i} [{items}]\n");
    }
    assert!(heads(&bomb, &[])[0].contains("more than 100000 values"));
    let deep = "nodes: ".to_owned() + &"[".repeat(100_000);
    let found = heads(&deep, &[]);
    assert!(found[0].contains("nest deeper than 64"), "{found:?}");
    let deep = "a: ".to_owned() + &"{a: ".repeat(2_000);
    assert!(heads(&deep, &[])[0].contains("nest deeper than 64"));
    assert!(heads("a: &a [*a]", &[])[0].contains("alias"));
}

#[test]
fn includes_that_go_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, text: &str| std::fs::write(path(name), text).unwrap();
    write("a.yaml", "include: [b.yaml, {file: gone.yaml}, {args: {}}]\n");
    write("b.yaml", "nodes: {n: {run: x}}\ninclude: a.yaml\n");
    write("c.yaml", "args: {must: {help: x}}\nnodes: {n: {run: x, kid: y}}\n");
    write("d.yaml", "include:\n  - c.yaml\n  - {file: c.yaml, args: {must: 1, mist: 2}}\n");
    let kinds = kinds();
    let find = |name: &str| {
        let error = load(path(name), &Options { kinds: &kinds, ..Options::default() }).unwrap_err();
        let root = format!("{}/", folder.path().display());
        let heads = error.problems().iter().map(|p| format!("{}: {}", p.span, p.what));
        heads.map(|head| head.replace(&root, "")).collect::<Vec<_>>()
    };
    assert_eq!(
        find("a.yaml"),
        [
            "a.yaml:1:26: cannot read gone.yaml: No such file or directory (os error 2)",
            "a.yaml:1:38: the include has no file",
            "b.yaml:2:10: files include each other in a circle: a.yaml -> b.yaml -> a.yaml",
        ]
    );
    assert_eq!(
        find("d.yaml"),
        [
            "d.yaml:2:5: the argument `must` has no value",
            "d.yaml:3:36: the launch file has no argument `mist`",
            "c.yaml:2:9: a second node `n`; the first is at c.yaml:2:9",
            "c.yaml:2:21: the node `n` has no key `kid`",
        ]
    );
    let error = load(path("none.yaml"), &Options::default()).unwrap_err();
    assert!(matches!(error, GraphError::Read { .. }));
}

#[test]
fn the_caller_checks_qos() {
    let refuse = |qos: &str| Err(format!("{qos} is unknown; known: Sensor"));
    let options = Options { check_qos: Some(&refuse), ..Options::default() };
    let error = parse("l.yaml", "nodes: {a: {run: x, qos: Senser}}", &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "\
l.yaml:1:26: `Senser` gives no QoS
  |
1 | nodes: {a: {run: x, qos: Senser}}
  |                          ^^^^^^
  = Senser is unknown; known: Sensor"
    );
}

#[test]
fn a_site_and_a_domain_must_agree() {
    let found = heads("sites: {s: {domain: 1}}\nnodes: {a: {run: x, site: s, domain: 2}}", &[]);
    assert_eq!(found, ["l.yaml:2:38: domain 2, but the site `s` is domain 1"]);
}

#[test]
fn broken_input_never_panics() {
    let good = "
version: 1
args: {speed: {default: 1.0, help: \"…\"}, v: true}
sites: {plant: {domain: 10}}
x-b: &b {kind: sim.pump}
nodes:
  p: {<<: *b, site: plant, params: {rate: \"${speed}\"}, if: \"${v} and (x == 'y')\", cpu: 0-3}
  q: {run: 'a \"b c\"', needs: p, ready: {log: \"a.*\"}}
include: []
";
    let kinds = kinds();
    let options = Options { kinds: &kinds, ..Options::default() };
    for cut in (0..good.len()).step_by(3).filter(|cut| good.is_char_boundary(*cut)) {
        let _ = parse("cut.yaml", &good[..cut], &options);
        for c in ["{", "}", "'", "\"", "é", "\t", "$", "${", "&a", "*a", ":", "-", "\n"] {
            let mut changed = good.to_owned();
            changed.insert_str(cut, c);
            let _ = parse("changed.yaml", &changed, &options);
        }
    }
}
