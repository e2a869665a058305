//! Values as people type them: JSON or YAML text to payload bytes, errors pointing into the text.

use std::fmt;

use tidewire_graph::{Document, GraphError, Problem};
use tidewire_idl::{
    CdrError, CdrErrorKind, Codec, Encoding, InstanceState, KeyHash, KeyReader, TypeDescriptor,
};

/// Makes payloads of one type.
pub struct Maker {
    type_name: String,
    codec: Codec,
    keys: Option<KeyReader>,
    encoding: Encoding,
}

/// A payload ready to be written.
pub struct Made {
    pub payload: Vec<u8>,
    pub key: Option<KeyHash>,
    pub state: InstanceState,
}

/// Why a text is no value of the type.
#[derive(Debug)]
pub enum ValueError {
    /// It is neither JSON nor YAML, with places.
    Text(GraphError),
    /// It does not fit the type.
    Fit(Box<Problem>),
    /// The type has no key, or the key cannot be made.
    Key(String),
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(error) => error.fmt(f),
            Self::Fit(problem) => problem.fmt(f),
            Self::Key(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for ValueError {}

impl Maker {
    /// Payloads of `ty` in this encoding.
    ///
    /// # Errors
    /// A description that cannot be used.
    pub fn new(ty: &TypeDescriptor, encoding: Encoding) -> Result<Self, CdrError> {
        Ok(Self {
            type_name: ty.name.clone(),
            codec: Codec::new(ty)?,
            keys: KeyReader::new(ty),
            encoding,
        })
    }

    /// Whether the type has a key.
    pub fn keyed(&self) -> bool {
        self.keys.is_some()
    }

    /// The sample `text` describes. `name` and `line` (from 1) say where the text comes from.
    pub fn sample(&self, name: &str, line: usize, text: &str) -> Result<Made, ValueError> {
        let payload = self.encode(name, line, text)?;
        let key = match &self.keys {
            Some(keys) => Some(keys.key_hash(&payload).map_err(|e| self.no_key(&e))?),
            None => None,
        };
        Ok(Made { payload, key, state: InstanceState::Alive })
    }

    /// The end of the instance whose key members `text` gives.
    pub fn dispose(&self, name: &str, line: usize, text: &str) -> Result<Made, ValueError> {
        let Some(keys) = &self.keys else {
            return Err(ValueError::Key(format!(
                "`{}` has no key, so there are no instances to dispose; mark a member @key in its IDL",
                self.type_name
            )));
        };
        let payload = self.encode(name, line, text)?;
        let fail = |error: CdrError| self.no_key(&error);
        Ok(Made {
            key: Some(keys.key_hash(&payload).map_err(fail)?),
            payload: keys.key_payload(&payload).map_err(fail)?,
            state: InstanceState::Disposed,
        })
    }

    fn no_key(&self, error: &CdrError) -> ValueError {
        ValueError::Key(format!("the key of `{}` cannot be made: {error}", self.type_name))
    }

    fn encode(&self, name: &str, line: usize, text: &str) -> Result<Vec<u8>, ValueError> {
        // JSON is nearly YAML, but not quite: its escapes for characters beyond 16 bits are none of YAML's.
        let json = serde_json::from_str(text);
        let document = || {
            // Blank lines put the text where it came from.
            Document::parse(name, &("\n".repeat(line - 1) + text))
        };
        let json = match json {
            Ok(json) => json,
            Err(_) => document().map_err(ValueError::Text)?.to_json(),
        };
        let value = self.codec.value_from_json(&json);
        let made = value.and_then(|value| self.codec.encode(&value, self.encoding));
        made.map_err(|error| match document() {
            Ok(document) => ValueError::Fit(Box::new(self.problem(&document, &error))),
            Err(_) => ValueError::Key(format!("{name}: {error}; {}", self.remedy(error.kind()))),
        })
    }

    fn problem(&self, document: &Document, error: &CdrError) -> Problem {
        let path = error.path();
        let span = match error.kind() {
            CdrErrorKind::UnknownMember { name, .. } => document.key(path, name),
            _ => None,
        };
        let span = span.unwrap_or_else(|| document.place(path));
        let member = match path {
            "" => String::new(),
            path => format!("member `{path}`: "),
        };
        Problem {
            span,
            what: format!("{member}{}", error.kind()),
            remedy: self.remedy(error.kind()),
        }
    }

    fn remedy(&self, kind: &CdrErrorKind) -> String {
        match kind {
            CdrErrorKind::Mismatch { expected, .. } if expected == "a string" => {
                "put quotes around it".to_owned()
            }
            CdrErrorKind::Range { ty, .. } => match range(ty) {
                Some((least, most)) => format!("give a number from {least} to {most}"),
                None => "give a smaller number".to_owned(),
            },
            CdrErrorKind::Bound { .. } => "shorten it".to_owned(),
            _ => format!("`tidewire idl print {}` shows the members", self.type_name),
        }
    }
}

/// What an integer type of IDL holds.
fn range(ty: &str) -> Option<(i128, i128)> {
    let (bits, signed) = match ty {
        "octet" => (8, false),
        "int8" => (8, true),
        "short" => (16, true),
        "unsigned short" => (16, false),
        "long" => (32, true),
        "unsigned long" => (32, false),
        "long long" => (64, true),
        "unsigned long long" => (64, false),
        _ => return None,
    };
    let count = 1i128 << bits;
    Some(if signed { (-count / 2, count / 2 - 1) } else { (0, count - 1) })
}

#[cfg(test)]
mod tests {
    use tidewire_idl::TypeRegistry;

    use super::*;

    fn maker() -> Maker {
        let mut types = TypeRegistry::new();
        let idl = "struct V { long x; octet list[2]; short s; };\n\
                   struct T { @key string<5> name; V v; sequence<V> many; double d; };";
        types.add_str("t.idl", idl).unwrap();
        Maker::new(&types.get("T").unwrap(), Encoding::default()).unwrap()
    }

    fn error(text: &str) -> String {
        maker().sample("VALUE", 1, text).err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn json_and_yaml_make_the_same_sample() {
        let maker = maker();
        let json = maker.sample("VALUE", 1, r#"{"name": "😀", "v": {"x": 7}, "d": 1e3}"#);
        let yaml = maker.sample("VALUE", 1, "name: 😀\nv:\n  x: 7\nd: 1000\n").unwrap();
        assert_eq!(json.unwrap().payload, yaml.payload);
        assert!(yaml.key.is_some() && maker.sample("VALUE", 1, "{}").is_ok());
        // What YAML does not understand of JSON.
        assert!(maker.sample("VALUE", 1, r#"{"name": "\ud83d\ude00"}"#).is_ok());
    }

    #[test]
    fn a_dispose_is_the_key_alone() {
        let made = maker().dispose("VALUE", 1, "{name: a, d: 5}").unwrap();
        assert_eq!(made.payload, [0, 1, 0, 0, 2, 0, 0, 0, b'a', 0]);
        assert_eq!(made.state, InstanceState::Disposed);
        assert_eq!(made.key, maker().sample("VALUE", 1, "{name: a}").unwrap().key);
        let mut types = TypeRegistry::new();
        types.add_str("u.idl", "struct U { long x; };").unwrap();
        let unkeyed = Maker::new(&types.get("U").unwrap(), Encoding::default()).unwrap();
        let error = unkeyed.dispose("VALUE", 1, "{}").err().unwrap().to_string();
        assert!(error.contains("no key"), "{error}");
    }

    #[test]
    fn errors_point_at_the_member() {
        for (text, place, words) in [
            ("{nmae: a}", "VALUE:1:2", "did you mean `name`?"),
            ("{v: {x: 3, lsit: [1]}}", "VALUE:1:12", "did you mean `list`?"),
            ("{\"v\": {\"x\": 1.5}}", "VALUE:1:13", "expected an integer, found 1.5"),
            ("{many: [{x: 1}, {s: 40000}]}", "VALUE:1:21", "from -32768 to 32767"),
            ("{name: 12}", "VALUE:1:8", "put quotes around it"),
            ("{name: abcdefgh}", "VALUE:1:8", "bound of 5"),
            ("v:\n  x: no", "VALUE:2:6", "expected an integer, found \"no\""),
            ("{v: {list: [1, 2, 3]}}", "VALUE:1:12", "list"),
            ("{v: {x: 1}", "VALUE:1:", "not well-formed"),
            ("[1, 2]", "VALUE:1:1", "an object with the members of `T`"),
        ] {
            let error = error(text);
            assert!(error.starts_with(place) && error.contains(words), "{text}: {error}");
            assert!(error.contains('^') && error.contains(" = "), "{text}: {error}");
        }
        let third = maker().sample("stdin", 3, "{\"x\": 1}").err().unwrap().to_string();
        assert!(third.starts_with("stdin:3:2: no member `x`"), "{third}");
    }
}
