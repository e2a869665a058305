//! One file: its arguments, sites, nodes and includes.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::args::Given;
use super::context::{ArgText, Context, Scope, join};
use super::fields::Fields;
use super::folder;
use crate::graph::Site;
use crate::span::{Source, Span};
use crate::suggest;
use crate::yaml::{self, Node, Value};

const KEYS: [&str; 11] = [
    "version",
    "help",
    "args",
    "sites",
    "site",
    "domain",
    "namespace",
    "qos",
    "env",
    "nodes",
    "include",
];
/// Included files that include others twice each would double with every level.
const MAX_FILES: usize = 1_000;
const SITE_KEYS: &[&str] = &["domain", "namespace", "interfaces", "peers"];

/// DDSI-RTPS 2.5, 9.6.1.4: the ports of higher domains do not fit into 16 bits.
pub(super) const MAX_DOMAIN: u16 = 232;

impl Context<'_> {
    /// Reads one file into the context. `asked` is the include it came by.
    pub(super) fn file(
        &mut self,
        path: &Path,
        source: &Arc<Source>,
        given: Vec<Given>,
        mut scope: Scope,
        asked: Option<&Span>,
    ) {
        self.files.push(path.to_owned());
        let root = match yaml::read(source) {
            Ok(root) => root,
            Err(problems) => return self.problems.extend(problems),
        };
        scope.folder = folder(path);
        let Some(fields) = self.top_level(&root) else { return };
        if let Some(node) = fields.get("version") {
            let text = self.string(node, "`version`", &scope);
            if let Some(text) = text.filter(|text| text != "1") {
                let what = format!("version `{text}` of launch files is not known here");
                self.problem(&node.span, what, "write `version: 1`, or use a newer Tidewire");
            }
        }
        self.arguments(fields.get("args").map(Rc::as_ref), given, asked, &mut scope);
        self.defaults(&fields, &mut scope);
        if let Some(node) = fields.get("sites") {
            self.sites(node, &scope);
        }
        match (fields.get("nodes"), fields.get("include")) {
            (None, None) => {
                let remedy = "add `nodes:` with a node in it, or `include:`";
                self.problem(&fields.span, "the file has no nodes", remedy);
            }
            (nodes, includes) => {
                if let Some(node) = nodes {
                    self.node_list(node, &scope);
                }
                self.stack.push(canonical(path));
                for include in includes.map(|node| self.list(node)).unwrap_or_default() {
                    self.include(&include, &scope);
                }
                self.stack.pop();
            }
        }
    }

    /// The top of a file; keys that start with `x-` are free, to hang anchors on.
    fn top_level(&mut self, root: &Node) -> Option<Fields> {
        let mut fields = self.map(root, "a launch file")?;
        fields.entries.retain(|(key, _)| !key.text.starts_with("x-"));
        for (key, _) in &fields.entries {
            if !KEYS.contains(&key.text.as_str()) {
                let what = format!("a launch file has no key `{}`", key.text);
                self.problem(&key.span, what, suggest::remedy(&key.text, &KEYS));
            }
        }
        Some(fields)
    }

    /// What the file says for all its nodes. An include's `site` and `domain` go before it.
    fn defaults(&mut self, fields: &Fields, scope: &mut Scope) {
        if let Some(node) = fields.get("namespace")
            && let Some(namespace) = self.string(node, "`namespace`", scope)
        {
            scope.namespace = join(&scope.namespace, &namespace);
        }
        let inherited = scope.site.is_some() || scope.domain.is_some();
        if !inherited && let Some(node) = fields.get("site") {
            scope.site = self.text(node, "`site`", scope).map(|text| (text.text, text.span));
        }
        if !inherited && let Some(node) = fields.get("domain") {
            scope.domain = self.domain(node, scope);
        }
        if let Some(node) = fields.get("qos")
            && let Some(qos) = self.qos(node, scope)
        {
            scope.qos = Some(qos);
        }
        if let Some(node) = fields.get("env") {
            let env = self.pairs(node, "`env`", scope);
            set_env(&mut scope.env, env.into_iter().map(|(key, text)| (key.text, text.text)));
        }
    }

    pub(super) fn domain(&mut self, node: &Node, scope: &Scope) -> Option<(u16, Span)> {
        let domain = self.integer(node, "a DDS domain", scope, 0, MAX_DOMAIN)?;
        Some((domain, node.span.clone()))
    }

    fn sites(&mut self, node: &Node, scope: &Scope) {
        let Some(sites) = self.map(node, "`sites`") else { return };
        for (key, node) in &sites.entries {
            let what = format!("the site `{}`", key.text);
            let Some(fields) = self.fields(node, &what, SITE_KEYS) else { continue };
            let domain = match fields.get("domain") {
                Some(node) => self.domain(node, scope).map(|(domain, _)| domain),
                None => {
                    let remedy = "add `domain: N`; sites need different domains to be apart";
                    self.problem(&key.span, format!("{what} has no domain"), remedy);
                    None
                }
            };
            let namespace = fields
                .get("namespace")
                .and_then(|node| self.string(node, "`namespace`", scope))
                .unwrap_or_default();
            let site = Site {
                name: key.text.clone(),
                domain: domain.unwrap_or_default(),
                namespace: join("", &namespace),
                interfaces: self.strings(&fields, "interfaces", "an interface", scope),
                peers: self.peers(&fields, scope),
            };
            match self.sites.iter().find(|(known, _)| known.name == site.name) {
                // An included file may repeat its includer's site, as long as they agree.
                Some((known, _)) if *known == site => {}
                Some((_, first)) => {
                    let what = format!("the site `{}` is another one at {first}", site.name);
                    self.problem(&key.span, what, "make them the same, or rename one of them");
                }
                None => self.sites.push((site, key.span.clone())),
            }
        }
    }

    fn peers(&mut self, fields: &Fields, scope: &Scope) -> Vec<String> {
        let peers = self.strings(fields, "peers", "a peer", scope);
        let wrong = peers.iter().find(|peer| peer.parse::<IpAddr>().is_err());
        if let (Some(peer), Some(node)) = (wrong, fields.get("peers")) {
            let what = format!("`{peer}` is no IP address");
            self.problem(&node.span, what, "write the address of the host, as 10.0.0.2");
        }
        peers
    }

    /// `nodes:`, a map by name or a list with `name:` in each.
    fn node_list(&mut self, node: &Rc<Node>, scope: &Scope) {
        if let Value::List(items) = &node.value {
            for item in items {
                let Some(fields) = self.node_fields(item, "a node", true) else { continue };
                match fields.get("name") {
                    Some(name) => {
                        if let Some(text) = self.text(name, "`name`", scope) {
                            self.node(&text.text, &text.span, &fields, scope);
                        }
                    }
                    None => {
                        let remedy = "add `name: …`, or write the nodes as a map by name";
                        self.problem(&item.span, "the node has no name", remedy);
                    }
                }
            }
            return;
        }
        let Some(nodes) = self.map(node, "`nodes`") else { return };
        for (key, node) in &nodes.entries {
            let what = format!("the node `{}`", key.text);
            if let Some(fields) = self.node_fields(node, &what, false) {
                self.node(&key.text, &key.span, &fields, scope);
            }
        }
    }

    fn include(&mut self, node: &Rc<Node>, scope: &Scope) {
        let keys = ["file", "args", "namespace", "site", "domain", "if", "unless"];
        let (file, fields) = if matches!(node.value, Value::Scalar(_)) {
            (node.clone(), None)
        } else {
            let Some(fields) = self.fields(node, "an include", &keys) else { return };
            let Some(file) = fields.get("file").cloned() else {
                self.problem(&node.span, "the include has no file", "add `file: other.yaml`");
                return;
            };
            (file, Some(fields))
        };
        let Some(name) = self.text(&file, "`file`", scope) else { return };
        let mut inner = Scope { args: Default::default(), ..scope.clone() };
        let mut given = Vec::new();
        if let Some(fields) = &fields {
            if self.enabled(fields, scope) != Some(true) {
                return;
            }
            if let Some(node) = fields.get("namespace")
                && let Some(namespace) = self.string(node, "`namespace`", scope)
            {
                inner.prefix = join(&scope.prefix, &namespace);
                inner.namespace = join(&scope.namespace, &namespace);
            }
            if let Some(node) = fields.get("site") {
                inner.site = self.text(node, "`site`", scope).map(|text| (text.text, text.span));
                inner.domain = None;
            }
            if let Some(node) = fields.get("domain") {
                inner.domain = self.domain(node, scope);
            }
            if let Some(node) = fields.get("args") {
                for (key, text) in self.pairs(node, "`args`", scope) {
                    given.push(Given {
                        name: key.text,
                        value: ArgText { text: text.text, plain: text.plain },
                        name_span: key.span,
                        value_span: text.span,
                        outside: false,
                    });
                }
            }
        }
        let path = scope.folder.join(&name.text);
        let real = canonical(&path);
        if let Some(start) = self.stack.iter().position(|open| *open == real) {
            let names: Vec<String> = self.stack[start..]
                .iter()
                .chain([&real])
                .map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
                .collect();
            let what = format!("files include each other in a circle: {}", names.join(" -> "));
            self.problem(&name.span, what, "take out one include of the circle");
            return;
        }
        if self.files.len() >= MAX_FILES {
            let what = format!("more than {MAX_FILES} files are included");
            self.problem(&name.span, what, "include each file fewer times");
            return;
        }
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let source = Arc::new(Source { name: path.display().to_string(), text });
                self.file(&path, &source, given, inner, Some(&name.span));
            }
            Err(error) => {
                let what = format!("cannot read {}: {error}", path.display());
                let remedy = "give a path that starts at the folder of this file";
                self.problem(&name.span, what, remedy);
            }
        }
    }

    /// What `if` and `unless` come to.
    pub(super) fn enabled(&mut self, fields: &Fields, scope: &Scope) -> Option<bool> {
        let mut enabled = true;
        if let Some(node) = fields.get("if") {
            enabled &= self.condition(node, scope)?;
        }
        if let Some(node) = fields.get("unless") {
            enabled &= !self.condition(node, scope)?;
        }
        Some(enabled)
    }
}

/// Sets variables, each at its first place.
pub(super) fn set_env(
    env: &mut Vec<(String, String)>,
    more: impl IntoIterator<Item = (String, String)>,
) {
    for (name, value) in more {
        match env.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => env.push((name, value)),
        }
    }
}

/// The path to compare by; as it is where the file is not there.
fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
