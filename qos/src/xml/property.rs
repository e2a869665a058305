//! `<property>` of a participant: name and value pairs (DDS Security 1.1, 7.2.5).
//!
//! The properties of DDS Security are all there are: any other would be accepted and then ignored.

use roxmltree::Node;

use super::element::Reader;
use crate::security::{PASSWORD, PROPERTIES};
use crate::suggest;

impl Reader<'_> {
    /// `<value>` with an `<element>` of `<name>` and `<value>` for each property.
    pub(super) fn properties(&mut self, node: Node) -> Vec<(String, String)> {
        let fields = self.fields(node, &["value"]);
        let elements = fields.get("value").map(|list| self.elements(*list)).unwrap_or_default();
        let mut properties: Vec<(String, String)> = Vec::new();
        for element in elements {
            let Some((name, value)) = self.property(element) else { continue };
            if properties.iter().any(|(known, _)| *known == name) {
                let what = format!("property `{name}` stands here a second time");
                self.problem(self.at(element), what, "keep one of them".to_owned());
                continue;
            }
            properties.push((name, value));
        }
        properties
    }

    fn property(&mut self, element: Node) -> Option<(String, String)> {
        let fields = self.fields(element, &["name", "value", "propagate"]);
        for part in ["name", "value"] {
            if !fields.contains_key(part) {
                let remedy = "write <element><name>…</name><value>…</value></element>".to_owned();
                self.problem(self.at(element), format!("a property without <{part}>"), remedy);
            }
        }
        if let Some(propagate) = fields.get("propagate")
            && self.switch(Some(*propagate)) == Some(true)
        {
            let what = "discovery would show this property to everybody".to_owned();
            self.problem(self.at_text(*propagate), what, "leave <propagate> out".to_owned());
        }
        let (name_node, value_node) = (fields.get("name")?, fields.get("value")?);
        let (name, value) = (self.text(*name_node)?, self.text(*value_node)?);
        if !PROPERTIES.contains(&name.as_str()) {
            let what = format!("no property `{name}` is known");
            self.problem(self.at_text(*name_node), what, suggest::remedy(&name, &PROPERTIES));
            return None;
        }
        let path = value.strip_prefix("file:").or_else(|| value.strip_prefix("data:,"));
        if name != PASSWORD && path.is_none_or(str::is_empty) {
            // The text of a key may be long, and is nobody's business.
            let what = format!("the value of `{name}` is no URI that can be read");
            let remedy = "write file:PATH, or data:, and the text itself".to_owned();
            self.problem(self.at(*value_node), what, remedy);
            return None;
        }
        Some((name, value))
    }
}
