//! The policy elements: which exist, on which entity, and what each sets.

mod draft;
mod names;

use std::sync::Arc;

use roxmltree::Node;

pub(crate) use draft::Draft;
use names::*;

use super::element::Reader;
use super::{EntityKind, Setting};
use crate::Duration;

fn setting(set: impl Fn(&mut Draft) + Send + Sync + 'static) -> Setting {
    Arc::new(set)
}

/// Overwrites where the document says something.
fn put<T: Clone>(target: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        target.clone_from(value);
    }
}

impl Reader<'_> {
    /// Every policy under one `*_qos` element.
    pub(super) fn policies(&mut self, node: Node, kind: EntityKind) -> Vec<Setting> {
        self.no_text(node);
        let mut seen: Vec<&str> = Vec::new();
        let mut settings = Vec::new();
        for child in node.children().filter(Node::is_element) {
            let name = child.tag_name().name();
            if seen.contains(&name) {
                self.twice(child);
                continue;
            }
            seen.push(name);
            if allowed(kind).contains(&name) {
                settings.push(self.policy(child, name));
            } else if let Some(other) =
                EntityKind::ALL.into_iter().find(|kind| allowed(*kind).contains(&name))
            {
                let place = self.at(child);
                let what = format!("<{name}> is no policy of <{}>", kind.element());
                self.problem(place, what, format!("move it to <{}>", other.element()));
            } else {
                self.unknown(child, allowed(kind));
            }
        }
        settings
    }

    fn policy(&mut self, node: Node, name: &str) -> Setting {
        match name {
            "reliability" => {
                let f = self.fields(node, &["kind", "max_blocking_time"]);
                let kind = self.choice(f.get("kind").copied(), RELIABILITY);
                let time = self.duration(f.get("max_blocking_time").copied());
                setting(move |d| {
                    put(&mut d.qos.reliability, &kind);
                    put(&mut d.max_blocking_time, &time);
                })
            }
            "durability" => {
                let f = self.fields(node, &["kind"]);
                let kind = self.choice(f.get("kind").copied(), DURABILITY);
                setting(move |d| put(&mut d.qos.durability, &kind))
            }
            "history" => {
                let f = self.fields(node, &["kind", "depth"]);
                let kind = self.choice(f.get("kind").copied(), HISTORY);
                let depth = self.depth(f.get("depth").copied());
                setting(move |d| {
                    put(&mut d.qos.history, &kind);
                    put(&mut d.depth, &depth);
                })
            }
            "durability_service" => self.durability_service(node),
            "resource_limits" => {
                let f = self
                    .fields(node, &["max_samples", "max_instances", "max_samples_per_instance"]);
                let samples = self.limit(f.get("max_samples").copied());
                let instances = self.limit(f.get("max_instances").copied());
                let each = self.limit(f.get("max_samples_per_instance").copied());
                setting(move |d| {
                    put(&mut d.qos.resource_limits.max_samples, &samples);
                    put(&mut d.qos.resource_limits.max_instances, &instances);
                    put(&mut d.qos.resource_limits.max_samples_per_instance, &each);
                })
            }
            "deadline" => {
                let period = self.one_duration(node, "period");
                setting(move |d| put(&mut d.qos.deadline, &period))
            }
            "latency_budget" => {
                let duration = self.one_duration(node, "duration");
                setting(move |d| put(&mut d.qos.latency_budget, &duration))
            }
            "lifespan" => {
                let duration = self.one_duration(node, "duration");
                setting(move |d| put(&mut d.qos.lifespan, &duration))
            }
            "time_based_filter" => {
                let separation = self.one_duration(node, "minimum_separation");
                setting(move |d| put(&mut d.qos.time_based_filter, &separation))
            }
            "liveliness" => {
                let f = self.fields(node, &["kind", "lease_duration"]);
                let kind = self.choice(f.get("kind").copied(), LIVELINESS);
                let lease = self.duration(f.get("lease_duration").copied());
                setting(move |d| {
                    put(&mut d.qos.liveliness.kind, &kind);
                    put(&mut d.qos.liveliness.lease, &lease);
                })
            }
            "ownership" => {
                let f = self.fields(node, &["kind"]);
                let kind = self.choice(f.get("kind").copied(), OWNERSHIP);
                setting(move |d| put(&mut d.qos.ownership, &kind))
            }
            "ownership_strength" => {
                let f = self.fields(node, &["value"]);
                let value = self.integer(f.get("value").copied());
                setting(move |d| put(&mut d.qos.ownership_strength, &value))
            }
            "transport_priority" => {
                let f = self.fields(node, &["value"]);
                let value = self.integer(f.get("value").copied());
                setting(move |d| put(&mut d.qos.transport_priority, &value))
            }
            "destination_order" => {
                let f = self.fields(node, &["kind"]);
                let kind = self.choice(f.get("kind").copied(), DESTINATION_ORDER);
                setting(move |d| put(&mut d.qos.destination_order, &kind))
            }
            "presentation" => {
                let f = self.fields(node, &["access_scope", "coherent_access", "ordered_access"]);
                let scope = self.choice(f.get("access_scope").copied(), ACCESS_SCOPE);
                let coherent = self.switch(f.get("coherent_access").copied());
                let ordered = self.switch(f.get("ordered_access").copied());
                setting(move |d| {
                    put(&mut d.qos.presentation.access_scope, &scope);
                    put(&mut d.qos.presentation.coherent_access, &coherent);
                    put(&mut d.qos.presentation.ordered_access, &ordered);
                })
            }
            "partition" => self.partition(node),
            "user_data" | "topic_data" | "group_data" => self.data(node, name),
            _ => self.other_policy(node, name),
        }
    }

    /// The policies few people set.
    fn other_policy(&mut self, node: Node, name: &str) -> Setting {
        match name {
            "writer_data_lifecycle" => {
                let f = self.fields(node, &["autodispose_unregistered_instances"]);
                let value = self.switch(f.get("autodispose_unregistered_instances").copied());
                setting(move |d| {
                    let lifecycle = &mut d.qos.writer_data_lifecycle;
                    put(&mut lifecycle.autodispose_unregistered_instances, &value);
                })
            }
            "reader_data_lifecycle" => {
                let names =
                    ["autopurge_nowriter_samples_delay", "autopurge_disposed_samples_delay"];
                let f = self.fields(node, &names);
                let nowriter = self.duration(f.get(names[0]).copied());
                let disposed = self.duration(f.get(names[1]).copied());
                setting(move |d| {
                    let lifecycle = &mut d.qos.reader_data_lifecycle;
                    put(&mut lifecycle.autopurge_nowriter_samples_delay, &nowriter);
                    put(&mut lifecycle.autopurge_disposed_samples_delay, &disposed);
                })
            }
            "entity_factory" => {
                let f = self.fields(node, &["autoenable_created_entities"]);
                let value = self.switch(f.get("autoenable_created_entities").copied());
                setting(move |d| {
                    put(&mut d.qos.entity_factory.autoenable_created_entities, &value);
                })
            }
            "data_representation" | "representation" => {
                let f = self.fields(node, &["value"]);
                let elements = f.get("value").map(|value| self.elements(*value));
                let list = elements.map(|elements| {
                    let choose = |e| self.choice(Some(e), DATA_REPRESENTATION);
                    elements.into_iter().filter_map(choose).collect::<Vec<_>>()
                });
                setting(move |d| put(&mut d.qos.data_representation, &list))
            }
            "property" => {
                let properties = self.properties(node);
                setting(move |d| d.put_properties(&properties))
            }
            // `allowed` lets nothing else through but type consistency in its two spellings.
            _ => self.type_consistency(node),
        }
    }

    fn one_duration(&mut self, node: Node, field: &'static str) -> Option<Duration> {
        let f = self.fields(node, &[field]);
        self.duration(f.get(field).copied())
    }

    fn durability_service(&mut self, node: Node) -> Setting {
        let f = self.fields(
            node,
            &[
                "service_cleanup_delay",
                "history_kind",
                "history_depth",
                "max_samples",
                "max_instances",
                "max_samples_per_instance",
            ],
        );
        let delay = self.duration(f.get("service_cleanup_delay").copied());
        let kind = self.choice(f.get("history_kind").copied(), HISTORY);
        let depth = self.depth(f.get("history_depth").copied());
        let samples = self.limit(f.get("max_samples").copied());
        let instances = self.limit(f.get("max_instances").copied());
        let each = self.limit(f.get("max_samples_per_instance").copied());
        setting(move |d| {
            let service = &mut d.qos.durability_service;
            put(&mut service.service_cleanup_delay, &delay);
            put(&mut service.history, &kind);
            put(&mut service.resource_limits.max_samples, &samples);
            put(&mut service.resource_limits.max_instances, &instances);
            put(&mut service.resource_limits.max_samples_per_instance, &each);
            put(&mut d.service_depth, &depth);
        })
    }

    fn partition(&mut self, node: Node) -> Setting {
        let f = self.fields(node, &["name"]);
        let elements = f.get("name").map(|name| self.elements(*name));
        let names = elements.map(|elements| {
            elements.into_iter().filter_map(|element| self.name(element)).collect::<Vec<_>>()
        });
        setting(move |d| put(&mut d.qos.partition, &names))
    }

    fn data(&mut self, node: Node, name: &str) -> Setting {
        let f = self.fields(node, &["value"]);
        let value = self.octets(f.get("value").copied());
        match name {
            "user_data" => setting(move |d| put(&mut d.qos.user_data, &value)),
            "topic_data" => setting(move |d| put(&mut d.qos.topic_data, &value)),
            _ => setting(move |d| put(&mut d.qos.group_data, &value)),
        }
    }

    fn type_consistency(&mut self, node: Node) -> Setting {
        let names = [
            "kind",
            "ignore_sequence_bounds",
            "ignore_string_bounds",
            "ignore_member_names",
            "prevent_type_widening",
            "force_type_validation",
        ];
        let f = self.fields(node, &names);
        let kind = self.choice(f.get("kind").copied(), TYPE_CONSISTENCY);
        let mut switch = |name: &str| self.switch(f.get(name).copied());
        let [sequence, string, members] =
            ["ignore_sequence_bounds", "ignore_string_bounds", "ignore_member_names"]
                .map(&mut switch);
        let [widening, force] = ["prevent_type_widening", "force_type_validation"].map(&mut switch);
        setting(move |d| {
            let consistency = &mut d.qos.type_consistency;
            put(&mut consistency.kind, &kind);
            put(&mut consistency.ignore_sequence_bounds, &sequence);
            put(&mut consistency.ignore_string_bounds, &string);
            put(&mut consistency.ignore_member_names, &members);
            put(&mut consistency.prevent_type_widening, &widening);
            put(&mut consistency.force_type_validation, &force);
        })
    }
}
