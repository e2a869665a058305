//! One node: what it runs and how.

use std::rc::Rc;
use std::time::Duration;

use super::context::{Context, Need, PendingNode, Scope, TopicHints, join};
use super::fields::Fields;
use super::file::set_env;
use super::{params, words};
use crate::graph::{Command, Node, Readiness, ReadyWhen, Respawn, RespawnPolicy};
use crate::span::Span;
use crate::suggest;
use crate::yaml::{self, Value};

const KEYS: [&str; 19] = [
    "kind",
    "params",
    "run",
    "cwd",
    "site",
    "domain",
    "namespace",
    "remap",
    "qos",
    "needs",
    "ready",
    "respawn",
    "if",
    "unless",
    "env",
    "cpu",
    "nice",
    "stop_timeout",
    "help",
];
const POLICIES: [(&str, RespawnPolicy); 3] = [
    ("on-failure", RespawnPolicy::OnFailure),
    ("always", RespawnPolicy::Always),
    ("never", RespawnPolicy::Never),
];
const READY_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

impl Context<'_> {
    /// The keys of a node; in a list, `name` is one of them.
    pub(super) fn node_fields(
        &mut self,
        node: &yaml::Node,
        what: &str,
        named: bool,
    ) -> Option<Fields> {
        let mut known = KEYS.to_vec();
        if named {
            known.push("name");
        }
        self.fields(node, what, &known)
    }

    /// Reads a node; one that its condition leaves out is checked all the same.
    pub(super) fn node(&mut self, name: &str, span: &Span, fields: &Fields, scope: &Scope) {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if name.is_empty() || !name.chars().all(fits) {
            let what = format!("`{name}` cannot name a node");
            self.problem(span, what, "use letters, digits, `_`, `-` and `.`");
        }
        let enabled = self.enabled(fields, scope);
        let (command, topics) = self.command(span, fields, scope);
        let remaps = match fields.get("remap") {
            Some(node) => self
                .pairs(node, "`remap`", scope)
                .into_iter()
                .map(|(key, text)| (key.text, text.text))
                .collect(),
            None => Vec::new(),
        };
        let namespace = fields
            .get("namespace")
            .and_then(|node| self.string(node, "`namespace`", scope))
            .unwrap_or_default();
        let site = match fields.get("site") {
            Some(node) => self.text(node, "`site`", scope).map(|text| (text.text, text.span)),
            None => None,
        };
        let domain = fields.get("domain").and_then(|node| self.domain(node, scope));
        let (site, domain) = match (site, domain) {
            (None, None) => (scope.site.clone(), scope.domain.clone()),
            own => own,
        };
        let qos = match fields.get("qos") {
            Some(node) => self.qos(node, scope),
            None => scope.qos.clone(),
        };
        let mut env = scope.env.clone();
        if let Some(node) = fields.get("env") {
            let pairs = self.pairs(node, "`env`", scope);
            set_env(&mut env, pairs.into_iter().map(|(key, text)| (key.text, text.text)));
        }
        let builtin = matches!(command, Some(Command::Builtin { .. }));
        let readiness = self.readiness(fields.get("ready"), builtin, scope);
        let respawn = self.respawn(fields.get("respawn"), scope);
        let needs = self.needs(fields, scope);
        let cpu = fields.get("cpu").map(|node| self.cpus(node, scope)).unwrap_or_default();
        let nice =
            fields.get("nice").and_then(|node| self.integer(node, "`nice`", scope, -20i8, 19));
        let stop_timeout = fields
            .get("stop_timeout")
            .and_then(|node| self.duration(node, "`stop_timeout`", scope));
        if let Some(node) = fields.get("help") {
            self.string(node, "`help`", scope);
        }
        let full_name = join(&scope.prefix, name);
        if enabled != Some(true) {
            self.disabled.push(full_name);
            return;
        }
        let Some(command) = command else { return };
        self.nodes.push(PendingNode {
            node: Node {
                name: full_name,
                site: None,
                domain: 0,
                namespace: String::new(),
                interfaces: Vec::new(),
                peers: Vec::new(),
                command,
                remaps,
                qos,
                needs: Vec::new(),
                readiness,
                respawn,
                env,
                cpu,
                nice: nice.unwrap_or(0),
                stop_timeout: stop_timeout.unwrap_or(STOP_TIMEOUT),
                reads: Vec::new(),
                writes: Vec::new(),
                origin: span.clone(),
            },
            site,
            domain,
            namespace: join(&scope.namespace, &namespace),
            needs,
            prefix: scope.prefix.clone(),
            topics,
        });
    }

    fn command(
        &mut self,
        span: &Span,
        fields: &Fields,
        scope: &Scope,
    ) -> (Option<Command>, Option<TopicHints>) {
        match (fields.get("kind"), fields.get("run")) {
            (Some(kind), None) => self.builtin(kind, fields, scope),
            (None, Some(run)) => {
                if let Some((key, _)) = fields.entry("params") {
                    let remedy = "give a program its parameters in `run`, or choose a `kind`";
                    self.problem(&key.span, "`params` are for built-in kinds", remedy);
                }
                (self.executable(run, fields, scope), None)
            }
            (Some(_), Some(run)) => {
                let remedy = "keep `kind` for a built-in node, or `run` for a program";
                self.problem(&run.span, "a node has either `kind` or `run`, not both", remedy);
                (None, None)
            }
            (None, None) => {
                let kinds: Vec<&str> = self.options.kinds.iter().map(|kind| kind.name).collect();
                let remedy =
                    format!("add `kind: …` (known: {}) or `run: [program, …]`", kinds.join(", "));
                self.problem(span, "the node has neither `kind` nor `run`", remedy);
                (None, None)
            }
        }
    }

    fn builtin(
        &mut self,
        node: &Rc<yaml::Node>,
        fields: &Fields,
        scope: &Scope,
    ) -> (Option<Command>, Option<TopicHints>) {
        if let Some((key, _)) = fields.entry("cwd") {
            let remedy = "remove it, or choose `run`";
            self.problem(&key.span, "`cwd` is for programs that `run` starts", remedy);
        }
        let Some(text) = self.text(node, "`kind`", scope) else { return (None, None) };
        let kinds = self.options.kinds;
        let Some(kind) = kinds.iter().find(|kind| kind.name == text.text) else {
            let names: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
            let what = format!("no kind of node is called `{}`", text.text);
            self.problem(&text.span, what, suggest::remedy(&text.text, &names));
            return (None, None);
        };
        let params = self.params(kind, fields.get("params"), &text.span, scope);
        let topics = params::topics(kind, &params);
        (Some(Command::Builtin { kind: text.text, params }), Some(topics))
    }

    fn executable(
        &mut self,
        run: &Rc<yaml::Node>,
        fields: &Fields,
        scope: &Scope,
    ) -> Option<Command> {
        let argv: Vec<String> = match &run.value {
            Value::Scalar(_) => {
                let text = self.text(run, "`run`", scope)?;
                match words::split(&text.text) {
                    Ok(words) => words,
                    Err(wrong) => {
                        let remedy = "mend the quotes, or write a list: `run: [program, argument]`";
                        self.problem(&text.span, format!("`run` has {wrong}"), remedy);
                        return None;
                    }
                }
            }
            _ => {
                let items = self.list(run);
                let words: Vec<_> =
                    items.iter().map(|item| self.string(item, "an argument", scope)).collect();
                words.into_iter().collect::<Option<_>>()?
            }
        };
        if argv.first().is_none_or(String::is_empty) {
            self.problem(
                &run.span,
                "`run` names no program",
                "write `run: [program, argument, …]`",
            );
            return None;
        }
        let cwd = fields
            .get("cwd")
            .and_then(|node| self.string(node, "`cwd`", scope))
            .map(|cwd| scope.folder.join(cwd));
        Some(Command::Executable { argv, cwd })
    }

    /// `FILE[::PROFILE]`, the file's path taken from the launch file's folder if it is there.
    pub(super) fn qos(&mut self, node: &yaml::Node, scope: &Scope) -> Option<String> {
        let text = self.text(node, "`qos`", scope)?;
        let end = text.text.find(".xml").map_or(0, |at| at + ".xml".len());
        let (file, profile) = text.text.split_at(end);
        let beside = scope.folder.join(file);
        let qos = if end > 0 && beside.is_file() {
            format!("{}{profile}", beside.display())
        } else {
            text.text.clone()
        };
        if let Some(check) = self.options.check_qos
            && let Err(wrong) = check(&qos)
        {
            self.problem(&text.span, format!("`{}` gives no QoS", text.text), wrong);
        }
        Some(qos)
    }

    fn needs(&mut self, fields: &Fields, scope: &Scope) -> Vec<Need> {
        let items = fields.get("needs").map(|node| self.list(node)).unwrap_or_default();
        let mut needs = Vec::new();
        for item in items {
            if let Some(text) = self.text(&item, "a need", scope) {
                let (name, optional) = match text.text.strip_suffix('?') {
                    Some(name) => (name.to_owned(), true),
                    None => (text.text, false),
                };
                needs.push(Need { name, optional, span: text.span });
            }
        }
        needs
    }

    fn readiness(
        &mut self,
        node: Option<&Rc<yaml::Node>>,
        builtin: bool,
        scope: &Scope,
    ) -> Readiness {
        let default = if builtin { ReadyWhen::Signal } else { ReadyWhen::Started };
        let mut readiness = Readiness { when: default, timeout: READY_TIMEOUT };
        let Some(node) = node else { return readiness };
        if matches!(node.value, Value::Scalar(_)) {
            let words = [("signal", true), ("started", false)];
            match self.choice(node, "readiness", scope, &words) {
                Some(true) => readiness.when = ReadyWhen::Signal,
                Some(false) => readiness.when = ReadyWhen::Started,
                None => {}
            }
            return readiness;
        }
        let Some(fields) = self.fields(node, "`ready`", &["after", "log", "timeout"]) else {
            return readiness;
        };
        if let (Some(_), Some((key, _))) = (fields.get("after"), fields.entry("log")) {
            self.problem(&key.span, "`ready` has both `after` and `log`", "keep one of them");
        }
        if let Some(node) = fields.get("after")
            && let Some(after) = self.duration(node, "`after`", scope)
        {
            readiness.when = ReadyWhen::After(after);
        }
        if let Some(node) = fields.get("log")
            && let Some(text) = self.text(node, "`log`", scope)
        {
            if let Err(error) = regex::Regex::new(&text.text) {
                let message = error.to_string();
                let last = message.lines().last().unwrap_or("").trim_start_matches("error: ");
                let what = format!("`log` is no regular expression: {last}");
                self.problem(&text.span, what, "put `\\` before characters meant as they are");
            }
            readiness.when = ReadyWhen::Log(text.text);
        }
        if let Some(node) = fields.get("timeout")
            && let Some(timeout) = self.duration(node, "`timeout`", scope)
        {
            readiness.timeout = timeout;
        }
        readiness
    }

    fn respawn(&mut self, node: Option<&Rc<yaml::Node>>, scope: &Scope) -> Respawn {
        let mut respawn = Respawn::default();
        let Some(node) = node else { return respawn };
        if matches!(node.value, Value::Scalar(_)) {
            if let Some(policy) = self.choice(node, "respawn policy", scope, &POLICIES) {
                respawn.policy = policy;
            }
            return respawn;
        }
        let keys = ["policy", "backoff", "max_backoff", "max"];
        let Some(fields) = self.fields(node, "`respawn`", &keys) else { return respawn };
        if let Some(node) = fields.get("policy")
            && let Some(policy) = self.choice(node, "respawn policy", scope, &POLICIES)
        {
            respawn.policy = policy;
        }
        if let Some(node) = fields.get("backoff")
            && let Some(backoff) = self.duration(node, "`backoff`", scope)
        {
            respawn.backoff = backoff;
            respawn.max_backoff = respawn.max_backoff.max(backoff);
        }
        if let Some(node) = fields.get("max_backoff")
            && let Some(max) = self.duration(node, "`max_backoff`", scope)
        {
            if max < respawn.backoff {
                let what = format!("max_backoff is shorter than backoff ({:?})", respawn.backoff);
                self.problem(&node.span, what, "raise max_backoff, or lower backoff");
            }
            respawn.max_backoff = max;
        }
        if let Some(node) = fields.get("max") {
            respawn.max = match &node.value {
                Value::Scalar(scalar) if scalar.text == "unlimited" => None,
                _ => self.integer(node, "`max` (or `unlimited`)", scope, 0, u32::MAX),
            };
        }
        respawn
    }

    /// Numbers and ranges: `[0, 2]`, `0-3`.
    fn cpus(&mut self, node: &Rc<yaml::Node>, scope: &Scope) -> Vec<usize> {
        let mut cpus = Vec::new();
        for item in self.list(node) {
            let Some(text) = self.text(&item, "`cpu`", scope) else { continue };
            let (from, to) = text.text.split_once('-').unwrap_or((&text.text, &text.text));
            match (from.trim().parse::<usize>(), to.trim().parse::<usize>()) {
                (Ok(from), Ok(to)) if from <= to && to < 1024 => cpus.extend(from..=to),
                _ => {
                    let what = format!("`{}` is no CPU", text.text);
                    self.problem(
                        &text.span,
                        what,
                        "write numbers from 0 or ranges: `[0, 2]`, `0-3`",
                    );
                }
            }
        }
        cpus.sort_unstable();
        cpus.dedup();
        cpus
    }
}
