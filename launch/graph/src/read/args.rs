//! Arguments: declared in the file, given by the command line or an include.

use std::sync::Arc;

use super::context::{ArgText, Context, Scope};
use crate::graph::Arg;
use crate::span::{Source, Span};
use crate::suggest;
use crate::yaml::{Key, Node, Value, typed};

/// An argument's value with the place it was given at.
#[derive(Clone)]
pub(super) struct Given {
    pub name: String,
    pub value: ArgText,
    pub name_span: Span,
    pub value_span: Span,
    /// On the command line, where `declare it` is no remedy.
    pub outside: bool,
}

impl Context<'_> {
    /// `name:=value` from the command line.
    pub(super) fn command_line(&mut self) -> Vec<Given> {
        let mut given: Vec<Given> = Vec::new();
        for argument in self.options.args {
            let source = Arc::new(Source { name: "argument".to_owned(), text: argument.clone() });
            let span = Span::new(&source, 1, 1, argument.chars().count());
            let Some((name, value)) = argument.split_once(":=") else {
                let remedy = "write name:=value without blanks around `:=`";
                self.problem(&span, format!("`{argument}` is no argument"), remedy);
                continue;
            };
            if given.iter().any(|other| other.name == name) {
                self.problem(&span, format!("`{name}` is given twice"), "give it once");
                continue;
            }
            let name_width = name.chars().count();
            given.push(Given {
                name: name.to_owned(),
                value: ArgText { text: value.to_owned(), plain: true },
                name_span: span.part(0, name_width),
                value_span: span.part(name_width + 2, value.chars().count()),
                outside: true,
            });
        }
        given
    }

    /// The file's arguments with their values, and complaints about what is given beside them.
    /// `asked` is where a value that is missing should have been given.
    pub(super) fn arguments(
        &mut self,
        declared: Option<&Node>,
        given: Vec<Given>,
        asked: Option<&Span>,
        scope: &mut Scope,
    ) {
        let top = asked.is_none();
        let fields = declared.and_then(|node| self.map(node, "`args`"));
        let entries = fields.map(|fields| fields.entries).unwrap_or_default();
        for (key, node) in &entries {
            let Some(declaration) = self.declaration(key, node, scope) else { continue };
            let given = given.iter().find(|given| given.name == key.text);
            let value = match (given, declaration.default) {
                (Some(given), default) => {
                    let fits = self.fits(given, default.as_ref(), &declaration.choices);
                    if fits { Some(given.value.clone()) } else { default }
                }
                (None, Some(default)) => Some(default),
                (None, None) => {
                    let what = format!("the argument `{}` has no value", key.text);
                    let (place, remedy) = match asked {
                        Some(include) => {
                            (include, format!("give it here: `args: {{{}: …}}`", key.text))
                        }
                        None => (
                            &key.span,
                            format!("give {}:=… on the command line, or a default here", key.text),
                        ),
                    };
                    self.problem(place, what, remedy);
                    // So that uses of it bring no second complaint.
                    Some(ArgText { text: String::new(), plain: false })
                }
            };
            if let Some(value) = value {
                if top {
                    self.args.push(Arg {
                        name: key.text.clone(),
                        value: json(&value),
                        help: declaration.help,
                        given: given.is_some(),
                    });
                }
                scope.args.insert(key.text.clone(), value);
            }
        }
        let known: Vec<&str> = entries.iter().map(|(key, _)| key.text.as_str()).collect();
        for given in given {
            if !known.contains(&given.name.as_str()) {
                let what = format!("the launch file has no argument `{}`", given.name);
                let remedy = match (known.is_empty(), given.outside) {
                    (true, true) => "leave it out: the file has no `args:`".to_owned(),
                    (true, false) => "leave it out: the included file has no `args:`".to_owned(),
                    _ => suggest::remedy(&given.name, &known),
                };
                self.problem(&given.name_span, what, remedy);
            }
        }
    }

    fn declaration(&mut self, key: &Key, node: &Node, scope: &Scope) -> Option<Declaration> {
        let name_fits = key.text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        if !name_fits || key.text.is_empty() || key.text == "launch_dir" {
            let what = format!("`{}` cannot name an argument", key.text);
            self.problem(&key.span, what, "use letters, digits, `_` and `-`");
            return None;
        }
        if !matches!(node.value, Value::Map(_)) {
            let default = self.default(node, scope)?;
            return Some(Declaration { default: Some(default), ..Declaration::default() });
        }
        let what = format!("the argument `{}`", key.text);
        let fields = self.fields(node, &what, &["default", "help", "choices"])?;
        let help = fields
            .get("help")
            .and_then(|help| self.string(help, "`help`", scope))
            .unwrap_or_default();
        let default = match fields.get("default") {
            Some(node) => Some(self.default(node, scope)?),
            None => None,
        };
        let choices = self.strings(&fields, "choices", "a choice", scope);
        if let (Some(default), Some((_, node))) = (&default, fields.entry("default"))
            && !choices.is_empty()
            && !choices.contains(&default.text)
        {
            let what = format!("the default `{}` is none of the choices", default.text);
            self.problem(&node.span, what, format!("choose one of {}", choices.join(", ")));
        }
        Some(Declaration { default, help, choices })
    }

    /// A default may use arguments above it.
    fn default(&mut self, node: &Node, scope: &Scope) -> Option<ArgText> {
        let Value::Scalar(scalar) = &node.value else {
            let what =
                format!("an argument's default is one value, and here is {}", node.value.sort());
            self.problem(&node.span, what, "write `default: VALUE`");
            return None;
        };
        let text = self.substitute(scalar, &node.span, scope)?;
        Some(ArgText { text: text.text, plain: text.plain })
    }

    /// A number stays a number, a switch a switch, and a choice one of the choices.
    fn fits(&mut self, given: &Given, default: Option<&ArgText>, choices: &[String]) -> bool {
        let Given { name, value, value_span, .. } = given;
        if !choices.is_empty() && !choices.contains(&value.text) {
            let names: Vec<&str> = choices.iter().map(String::as_str).collect();
            let what = format!("`{}` is no choice of `{name}`", value.text);
            self.problem(value_span, what, suggest::remedy(&value.text, &names));
            return false;
        }
        let (expected, fits) = match default.map(json) {
            Some(serde_json::Value::Number(_)) => ("a number", json(value).is_number()),
            Some(serde_json::Value::Bool(_)) => ("true or false", json(value).is_boolean()),
            _ => return true,
        };
        if !fits {
            let what = format!("`{name}` is {expected}, and `{}` is not", value.text);
            let default = default.map_or("", |default| default.text.as_str());
            self.problem(value_span, what, format!("its default is `{default}`"));
        }
        fits
    }
}

#[derive(Default)]
struct Declaration {
    default: Option<ArgText>,
    help: String,
    choices: Vec<String>,
}

fn json(value: &ArgText) -> serde_json::Value {
    if value.plain { typed(&value.text) } else { value.text.clone().into() }
}
