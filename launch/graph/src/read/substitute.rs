//! `${…}` in values: arguments, the environment, the file's folder.

use super::context::{Context, Scope};
use super::fields::Text;
use crate::span::Span;
use crate::suggest;
use crate::yaml::Scalar;

impl Context<'_> {
    /// Puts values in for `${name}`, `${args.name}`, `${env:NAME}`, `${env:NAME:-default}` and
    /// `${launch_dir}`; `$${` stands for `${`.
    ///
    /// A scalar that is one `${name}` and nothing else has the argument's type, so that a number stays
    /// one even where YAML wants quotes around `${…}`.
    pub(super) fn substitute(
        &mut self,
        scalar: &Scalar,
        span: &Span,
        scope: &Scope,
    ) -> Option<Text> {
        let source = scalar.text.as_str();
        let mut out = String::new();
        let mut plain = scalar.plain;
        let mut rest = source;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let offset = source.len() - rest.len() + at;
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("$${") {
                out.push_str("${");
                rest = after;
                continue;
            }
            let Some(after) = rest.strip_prefix("${") else {
                out.push('$');
                rest = &rest[1..];
                continue;
            };
            let here = |width: usize| match &scalar.verbatim {
                Some(start) => start.part(source[..offset].chars().count(), width),
                None => span.clone(),
            };
            let Some(end) = after.find('}') else {
                let remedy = "close it, or write `$${` for a literal `${`";
                self.problem(&here(2), "`${` without its `}`", remedy);
                return None;
            };
            let name = after[..end].trim();
            let place = here(end + 3);
            let (value, value_plain) = self.lookup(name, &place, scope)?;
            if offset == 0 && end + 3 == source.len() {
                plain = value_plain;
            }
            out.push_str(&value);
            rest = &after[end + 1..];
        }
        out.push_str(rest);
        Some(Text { text: out, plain, span: span.clone() })
    }

    /// The value of what stands between `${` and `}`, and whether it may be a number.
    pub(super) fn lookup(
        &mut self,
        name: &str,
        span: &Span,
        scope: &Scope,
    ) -> Option<(String, bool)> {
        if let Some(variable) = name.strip_prefix("env:") {
            let (variable, default) = match variable.split_once(":-") {
                Some((variable, default)) => (variable, Some(default)),
                None => (variable, None),
            };
            return match (std::env::var(variable), default) {
                (Ok(value), _) => Some((value, true)),
                (Err(_), Some(default)) => Some((default.to_owned(), true)),
                (Err(_), None) => {
                    let what = format!("the environment has no variable `{variable}`");
                    let remedy = format!("set it, or give a default: `${{env:{variable}:-…}}`");
                    self.problem(span, what, remedy);
                    None
                }
            };
        }
        if name == "launch_dir" {
            let folder = scope.folder.as_os_str();
            let folder = if folder.is_empty() { "." } else { folder.to_str().unwrap_or(".") };
            return Some((folder.to_owned(), false));
        }
        let argument = name.strip_prefix("args.").unwrap_or(name);
        if let Some(value) = scope.args.get(argument) {
            return Some((value.text.clone(), value.plain));
        }
        let known: Vec<&str> = scope.args.keys().map(String::as_str).collect();
        let remedy = if known.is_empty() {
            "declare it under `args:` at the top of the file".to_owned()
        } else {
            format!("{}; or declare it under `args:`", suggest::remedy(argument, &known))
        };
        self.problem(span, format!("no argument `{argument}`"), remedy);
        None
    }
}
