//! A built-in kind's parameters: checked against its schema, turned into JSON.

use std::rc::Rc;

use serde_json::{Map, Value as Json};

use super::context::{Context, Scope, TopicHints};
use super::fields::Text;
use crate::duration::parse_duration;
use crate::schema::{KindSchema, ParamType, TopicHint};
use crate::span::Span;
use crate::suggest;
use crate::yaml::{Node, Value, is_null, typed};

impl Context<'_> {
    pub(super) fn params(
        &mut self,
        kind: &KindSchema,
        node: Option<&Rc<Node>>,
        kind_span: &Span,
        scope: &Scope,
    ) -> Map<String, Json> {
        let mut params = Map::new();
        let what = format!("the params of `{}`", kind.name);
        let fields = node.and_then(|node| self.map(node, &what));
        let entries = fields.map(|fields| fields.entries).unwrap_or_default();
        let known: Vec<&str> = kind.params.iter().map(|param| param.name).collect();
        for (key, value) in &entries {
            let Some(spec) = kind.param(&key.text) else {
                let what = format!("`{}` has no parameter `{}`", kind.name, key.text);
                let remedy = if known.is_empty() {
                    "it takes none".to_owned()
                } else {
                    suggest::remedy(&key.text, &known)
                };
                self.problem(&key.span, what, remedy);
                continue;
            };
            if matches!(&value.value, Value::Scalar(scalar) if is_null(scalar)) {
                // `key:` with nothing behind it leaves the parameter at its default.
                continue;
            }
            if let Some(json) = self.convert(value, &key.text, spec.ty, spec.help, scope) {
                params.insert(key.text.clone(), json);
            }
        }
        for spec in kind.params.iter().filter(|spec| spec.required) {
            let given = entries.iter().any(|(key, node)| {
                key.text == spec.name && !matches!(&node.value, Value::Scalar(s) if is_null(s))
            });
            if !given {
                let what = format!("`{}` needs the parameter `{}`", kind.name, spec.name);
                let remedy = format!(
                    "add `params: {{{}: …}}` ({}; {})",
                    spec.name,
                    spec.ty.expected(),
                    spec.help
                );
                self.problem(kind_span, what, remedy);
            }
        }
        params
    }

    fn convert(
        &mut self,
        node: &Rc<Node>,
        name: &str,
        ty: ParamType,
        help: &str,
        scope: &Scope,
    ) -> Option<Json> {
        match (&node.value, ty) {
            (Value::Scalar(scalar), ParamType::List(item)) if !is_null(scalar) => {
                Some(Json::Array(vec![self.convert(node, name, *item, help, scope)?]))
            }
            (Value::List(items), ParamType::List(item)) => {
                let converted: Vec<_> =
                    items.iter().map(|node| self.convert(node, name, *item, help, scope)).collect();
                converted.into_iter().collect::<Option<Vec<_>>>().map(Json::Array)
            }
            (Value::Map(_), ParamType::Map(value)) => {
                let fields = self.map(node, name)?;
                let mut map = Map::new();
                for (key, node) in &fields.entries {
                    map.insert(key.text.clone(), self.convert(node, name, *value, help, scope)?);
                }
                Some(Json::Object(map))
            }
            (_, ParamType::Any) => self.any(node, scope),
            (Value::Scalar(scalar), _) => {
                let text = self.substitute(scalar, &node.span, scope)?;
                let converted = convert_scalar(&text, ty, scope);
                if converted.is_none() {
                    let what = format!("`{name}` is {}, and `{}` is not", ty.expected(), text.text);
                    let remedy = match ty {
                        ParamType::Choice(words) => suggest::remedy(&text.text, words),
                        ParamType::Duration if text.text.parse::<f64>().is_ok() => {
                            format!("add the unit: `{}s` or `{}ms`", text.text, text.text)
                        }
                        _ => format!("`{name}` means: {help}"),
                    };
                    self.problem(&text.span, what, remedy);
                }
                converted
            }
            (other, _) => {
                let what = format!("`{name}` is {}, and here is {}", ty.expected(), other.sort());
                self.problem(&node.span, what, format!("`{name}` means: {help}"));
                None
            }
        }
    }

    /// Whatever the YAML says, as JSON.
    fn any(&mut self, node: &Node, scope: &Scope) -> Option<Json> {
        match &node.value {
            Value::Scalar(scalar) => {
                let text = self.substitute(scalar, &node.span, scope)?;
                Some(if text.plain { typed(&text.text) } else { text.text.into() })
            }
            Value::List(items) => items
                .iter()
                .map(|item| self.any(item, scope))
                .collect::<Option<_>>()
                .map(Json::Array),
            Value::Map(_) => {
                let fields = self.map(node, "this")?;
                let mut map = Map::new();
                for (key, value) in &fields.entries {
                    map.insert(key.text.clone(), self.any(value, scope)?);
                }
                Some(Json::Object(map))
            }
        }
    }
}

fn convert_scalar(text: &Text, ty: ParamType, scope: &Scope) -> Option<Json> {
    match ty {
        // Quotes are forgiven: inside `{…}` YAML asks for them around `${…}`.
        ParamType::Bool => typed(&text.text).as_bool().map(Json::Bool),
        ParamType::Int => match typed(&text.text) {
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Some(integer.into()),
                (None, Some(float)) if float.fract() == 0.0 && float.abs() < 9e15 => {
                    Some((float as i64).into())
                }
                _ => None,
            },
            _ => None,
        },
        ParamType::Float => typed(&text.text).as_f64().map(Json::from),
        ParamType::String | ParamType::Path => Some(text.text.clone().into()),
        ParamType::Duration => parse_duration(&text.text).map(|_| text.text.clone().into()),
        ParamType::InputFile => {
            let beside = scope.folder.join(&text.text);
            let path =
                if beside.exists() { beside.display().to_string() } else { text.text.clone() };
            Some(path.into())
        }
        ParamType::Choice(words) => {
            words.contains(&text.text.as_str()).then(|| text.text.clone().into())
        }
        ParamType::List(_) | ParamType::Map(_) | ParamType::Any => None,
    }
}

/// The topics a kind says it reads and writes with these parameters.
pub(super) fn topics(kind: &KindSchema, params: &Map<String, Json>) -> TopicHints {
    let names = |hints: &[TopicHint]| {
        let mut names: Vec<String> = Vec::new();
        for hint in hints {
            let (param, default) = match *hint {
                TopicHint::Named(name) => {
                    names.push(name.to_owned());
                    continue;
                }
                TopicHint::Param(param) => (param, None),
                TopicHint::ParamOr(param, default) => (param, Some(default)),
            };
            match params.get(param) {
                Some(Json::String(name)) => names.push(name.clone()),
                Some(Json::Array(items)) if !items.is_empty() => {
                    names.extend(items.iter().filter_map(Json::as_str).map(str::to_owned));
                }
                _ => names.extend(default.map(str::to_owned)),
            }
        }
        names
    };
    TopicHints { reads: names(&kind.reads), writes: names(&kind.writes) }
}
