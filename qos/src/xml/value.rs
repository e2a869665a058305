//! Values of policy fields: durations, enumerators, counts, switches, octets, lists of names.

use roxmltree::Node;

use super::element::Reader;
use crate::octets::{from_base64, from_hex};
use crate::{Duration, suggest};

impl Reader<'_> {
    /// The element's text, trimmed; a problem if it is empty or holds elements.
    pub(super) fn text(&mut self, node: Node) -> Option<String> {
        self.attributes(node, &[]);
        let element = node.tag_name().name();
        if let Some(child) = node.children().find(Node::is_element) {
            let what = format!("<{element}> takes a value, not elements");
            self.problem(self.at(child), what, format!("write <{element}>VALUE</{element}>"));
            return None;
        }
        let text = plain(node);
        if text.is_empty() {
            let what = format!("<{element}> is empty");
            self.problem(
                self.at(node),
                what,
                "give it a value, or leave the element out".to_owned(),
            );
            return None;
        }
        Some(text)
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        node: Option<Node>,
        values: &[(&str, T)],
    ) -> Option<T> {
        let node = node?;
        let text = self.text(node)?;
        if let Some((_, value)) = values.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let what = format!("`{text}` is no value of <{}>", node.tag_name().name());
        let names: Vec<_> = values.iter().map(|(name, _)| *name).collect();
        self.problem(self.at_text(node), what, suggest::remedy(&text, &names));
        None
    }

    /// `xs:boolean`: `true`, `false`, `1`, `0`; also the upper-case forms vendors write.
    pub(super) fn switch(&mut self, node: Option<Node>) -> Option<bool> {
        let values = [
            ("true", true),
            ("false", false),
            ("1", true),
            ("0", false),
            ("TRUE", true),
            ("FALSE", false),
        ];
        self.choice(node, &values)
    }

    pub(super) fn integer(&mut self, node: Option<Node>) -> Option<i32> {
        let node = node?;
        let text = self.text(node)?;
        let value = text.parse().ok();
        if value.is_none() {
            let what = format!("`{text}` in <{}> is not a 32-bit integer", node.tag_name().name());
            self.problem(self.at_text(node), what, "write a whole number".to_owned());
        }
        value
    }

    /// A history depth: at least 1 (DDS-XML's `positiveInteger`).
    pub(super) fn depth(&mut self, node: Option<Node>) -> Option<u32> {
        let node = node?;
        let text = self.text(node)?;
        match text.parse::<u32>() {
            Ok(depth) if depth >= 1 && depth <= i32::MAX as u32 => Some(depth),
            _ => {
                let what = format!("`{text}` in <{}> is not a depth", node.tag_name().name());
                let remedy = "write a whole number of at least 1; for everything use \
                              KEEP_ALL_HISTORY_QOS";
                self.problem(self.at_text(node), what, remedy.to_owned());
                None
            }
        }
    }

    /// A resource limit: `Some(None)` is LENGTH_UNLIMITED.
    pub(super) fn limit(&mut self, node: Option<Node>) -> Option<Option<u32>> {
        let node = node?;
        let text = self.text(node)?;
        if matches!(text.as_str(), "LENGTH_UNLIMITED" | "-1") {
            return Some(None);
        }
        match text.parse::<u32>() {
            Ok(limit) if limit >= 1 && limit <= i32::MAX as u32 => Some(Some(limit)),
            _ => {
                let what = format!("`{text}` in <{}> is not a limit", node.tag_name().name());
                let remedy = "write a whole number of at least 1, or LENGTH_UNLIMITED".to_owned();
                self.problem(self.at_text(node), what, remedy);
                None
            }
        }
    }

    /// `<sec>` and `<nanosec>`; either may be absent and is zero then. An infinite second makes the
    /// whole infinite.
    pub(super) fn duration(&mut self, node: Option<Node>) -> Option<Duration> {
        let node = node?;
        if !node.children().any(|child| child.is_element()) {
            let text = plain(node);
            let element = node.tag_name().name();
            let remedy = match text.parse::<Duration>() {
                Ok(Duration::INFINITE) => format!(
                    "write <{element}><sec>DURATION_INFINITE_SEC</sec>\
                     <nanosec>DURATION_INFINITE_NSEC</nanosec></{element}>"
                ),
                Ok(duration) => {
                    let (sec, nanosec) = duration.to_parts();
                    format!(
                        "write <{element}><sec>{sec}</sec><nanosec>{nanosec}</nanosec></{element}>"
                    )
                }
                Err(_) => format!("write <{element}><sec>S</sec><nanosec>N</nanosec></{element}>"),
            };
            if text == "DURATION_INFINITY" {
                return Some(Duration::INFINITE);
            }
            let what = format!("<{element}> takes <sec> and <nanosec>");
            self.problem(self.at_text(node), what, remedy);
            return None;
        }
        let fields = self.fields(node, &["sec", "nanosec"]);
        let sec = self.duration_part(fields.get("sec").copied(), "SEC", i32::MAX as u32);
        let nanosec = self.duration_part(fields.get("nanosec").copied(), "NSEC", 999_999_999);
        match (sec, nanosec) {
            (Part::Wrong, _) | (_, Part::Wrong) => None,
            (Part::Infinite, _) => Some(Duration::INFINITE),
            (Part::Value(0), Part::Infinite) if !fields.contains_key("sec") => {
                Some(Duration::INFINITE)
            }
            (Part::Value(_), Part::Infinite) => {
                let place =
                    fields.get("nanosec").map_or_else(|| self.at(node), |n| self.at_text(*n));
                self.problem(
                    place,
                    "infinite nanoseconds beside finite seconds".to_owned(),
                    "write DURATION_INFINITE_SEC too, or a number of nanoseconds".to_owned(),
                );
                None
            }
            (Part::Value(sec), Part::Value(nanosec)) => {
                Some(Duration::from_nanos(u64::from(sec) * 1_000_000_000 + u64::from(nanosec)))
            }
        }
    }

    fn duration_part(&mut self, node: Option<Node>, unit: &str, max: u32) -> Part {
        let Some(node) = node else { return Part::Value(0) };
        let Some(text) = self.text(node) else { return Part::Wrong };
        let infinite = [format!("DURATION_INFINITE_{unit}"), "DURATION_INFINITY".to_owned()];
        if infinite.contains(&text) || (unit == "SEC" && text == "2147483647") {
            return Part::Infinite;
        }
        if unit == "NSEC" && matches!(text.as_str(), "4294967295" | "2147483647") {
            return Part::Infinite;
        }
        if text == format!("DURATION_ZERO_{unit}") {
            return Part::Value(0);
        }
        match text.parse::<u32>() {
            Ok(value) if value <= max => Part::Value(value),
            _ => {
                let what = format!("`{text}` in <{}> is not 0 to {max}", node.tag_name().name());
                let remedy = format!(
                    "write a whole number, DURATION_INFINITE_{unit} or DURATION_ZERO_{unit}"
                );
                self.problem(self.at_text(node), what, remedy);
                Part::Wrong
            }
        }
    }

    /// `<value>` of user, topic and group data: `xs:base64Binary` as the standard says; hexadecimal
    /// where it is marked by `0x` or separators, or cannot be base64.
    pub(super) fn octets(&mut self, node: Option<Node>) -> Option<Vec<u8>> {
        let node = node?;
        if !node.children().any(|child| child.is_element()) && plain(node).is_empty() {
            return Some(Vec::new());
        }
        let text = self.text(node)?;
        let marked = text.contains("0x") || text.contains(',');
        let octets =
            if marked { from_hex(&text) } else { from_base64(&text).or_else(|| from_hex(&text)) };
        if octets.is_none() {
            let what = format!("`{text}` is neither base64 nor hexadecimal octets");
            let remedy = "write base64 (`cHVtcA==`) or hexadecimal (`0x70, 0x75`)".to_owned();
            self.problem(self.at_text(node), what, remedy);
        }
        octets
    }

    /// A list of `<element>`s, as partitions and data representations have; no element is an empty
    /// list.
    pub(super) fn elements<'a, 'i>(&mut self, node: Node<'a, 'i>) -> Vec<Node<'a, 'i>> {
        self.attributes(node, &[]);
        self.no_text(node);
        let mut elements = Vec::new();
        for child in node.children().filter(Node::is_element) {
            if child.tag_name().name() == "element" {
                elements.push(child);
            } else {
                self.unknown(child, &["element"]);
            }
        }
        elements
    }

    /// The text of one `<element>` that may be empty.
    pub(super) fn name(&mut self, node: Node) -> Option<String> {
        if node.children().any(|child| child.is_element()) {
            self.text(node)
        } else {
            Some(plain(node))
        }
    }
}

enum Part {
    Value(u32),
    Infinite,
    Wrong,
}

/// All text directly in an element, comments and entities resolved, trimmed.
fn plain(node: Node) -> String {
    let text: String =
        node.children().filter(|child| child.is_text()).filter_map(|child| child.text()).collect();
    text.trim().to_owned()
}
