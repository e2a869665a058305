//! The frame of a document: libraries, profiles, entities and their attributes.

use roxmltree::Node;

use super::element::{self, Reader};
use super::{BaseName, EntityDef, EntityKind, ProfileDef};
use crate::error::Problem;

/// Every profile of a document, in its order, and everything wrong in it.
pub(crate) fn parse(file: &str, source: &str) -> (Vec<ProfileDef>, Vec<Problem>) {
    let mut reader = Reader::new(file, source);
    let document = match element::document(file, source) {
        Ok(document) => document,
        Err(problem) => return (Vec::new(), vec![problem]),
    };
    let root = document.root_element();
    if root.tag_name().name() != "dds" {
        reader.problem(
            reader.at(root),
            format!("the root element is <{}>, not <dds>", root.tag_name().name()),
            "a profile file is <dds><qos_library name=\"…\">…</qos_library></dds>".to_owned(),
        );
        return (Vec::new(), reader.problems);
    }
    reader.attributes(root, &["version"]);
    reader.no_text(root);
    let mut profiles: Vec<ProfileDef> = Vec::new();
    for node in root.children().filter(Node::is_element) {
        match node.tag_name().name() {
            "qos_library" => reader.library(node, &mut profiles),
            name @ ("types"
            | "domain_library"
            | "domain_participant_library"
            | "application_library"
            | "data_sample"
            | "data_library") => {
                let what = format!("<{name}> is DDS-XML, but not about QoS");
                let remedy = "keep QoS libraries in a file of their own".to_owned();
                reader.problem(reader.at(node), what, remedy);
            }
            _ => reader.unknown(node, &["qos_library"]),
        }
    }
    if profiles.is_empty() && reader.problems.is_empty() {
        reader.problem(
            reader.at(root),
            "the file has no QoS profile".to_owned(),
            "add <qos_library name=\"…\"><qos_profile name=\"…\">…".to_owned(),
        );
    }
    (profiles, reader.problems)
}

impl Reader<'_> {
    fn library(&mut self, node: Node, profiles: &mut Vec<ProfileDef>) {
        self.attributes(node, &["name"]);
        self.no_text(node);
        let library = self.required(node, "name").unwrap_or_default();
        for child in node.children().filter(Node::is_element) {
            if child.tag_name().name() != "qos_profile" {
                if EntityKind::from_element(child.tag_name().name()).is_some() {
                    self.problem(
                        self.at(child),
                        format!("<{}> stands outside a profile", child.tag_name().name()),
                        "put it into a <qos_profile name=\"…\">".to_owned(),
                    );
                } else {
                    self.unknown(child, &["qos_profile"]);
                }
                continue;
            }
            let profile = self.profile(child, &library);
            let taken =
                profiles.iter().any(|other| other.library == library && other.name == profile.name);
            if taken && !profile.name.is_empty() {
                self.problem(
                    self.at_attribute(child, "name"),
                    format!("library `{library}` has two profiles `{}`", profile.name),
                    "rename one of them".to_owned(),
                );
            }
            profiles.push(profile);
        }
    }

    fn profile(&mut self, node: Node, library: &str) -> ProfileDef {
        self.attributes(node, &["name", "base_name", "is_default_qos"]);
        self.no_text(node);
        let name = self.required(node, "name").unwrap_or_default();
        let is_default = match node.attribute("is_default_qos").map(str::trim) {
            None | Some("false" | "0") => false,
            Some("true" | "1") => true,
            Some(other) => {
                let what = format!("is_default_qos is `{other}`");
                let remedy = "write true or false".to_owned();
                self.problem(self.at_attribute(node, "is_default_qos"), what, remedy);
                false
            }
        };
        let mut entities: Vec<EntityDef> = Vec::new();
        for child in node.children().filter(Node::is_element) {
            let Some(kind) = EntityKind::from_element(child.tag_name().name()) else {
                self.unknown(child, &EntityKind::ALL.map(EntityKind::element));
                continue;
            };
            let entity = self.entity(child, kind);
            let catches_all = |e: &EntityDef| e.topic_filter.is_none() && e.name.is_none();
            if catches_all(&entity) && entities.iter().any(|e| e.kind == kind && catches_all(e)) {
                self.problem(
                    self.at(child),
                    format!("a second <{}> for every topic of `{name}`", kind.element()),
                    "give one of them a topic_filter, or a name to be a base_name".to_owned(),
                );
            }
            if let Some(taken) = &entity.name
                && entities.iter().any(|e| e.kind == kind && e.name.as_ref() == Some(taken))
            {
                self.problem(
                    self.at_attribute(child, "name"),
                    format!("profile `{name}` has two <{}> named `{taken}`", kind.element()),
                    "rename one of them".to_owned(),
                );
            }
            entities.push(entity);
        }
        ProfileDef {
            library: library.to_owned(),
            name,
            base: self.base(node),
            is_default,
            entities,
            place: self.at_attribute(node, "name"),
            shipped: false,
        }
    }

    fn entity(&mut self, node: Node, kind: EntityKind) -> EntityDef {
        let filterable =
            matches!(kind, EntityKind::Writer | EntityKind::Reader | EntityKind::Topic);
        let known: &[&str] = if filterable {
            &["name", "base_name", "topic_filter"]
        } else {
            &["name", "base_name"]
        };
        self.attributes(node, known);
        EntityDef {
            kind,
            name: node.attribute("name").map(|name| name.trim().to_owned()),
            base: self.base(node),
            topic_filter: node.attribute("topic_filter").map(|filter| filter.trim().to_owned()),
            settings: self.policies(node, kind),
            place: self.at(node),
        }
    }

    fn base(&mut self, node: Node) -> Option<BaseName> {
        let name = node.attribute("base_name")?.trim().to_owned();
        Some(BaseName { name, place: self.at_attribute(node, "base_name") })
    }
}
