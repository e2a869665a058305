//! The one-page map must match the country.

use std::collections::BTreeMap;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

/// Package name by folder, read from the workspace's own manifests.
fn workspace() -> BTreeMap<String, String> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    members
        .split(',')
        .map(|entry| entry.trim().trim_matches('"'))
        .filter(|folder| !folder.is_empty())
        .map(|folder| {
            let text = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
            let name = text.lines().find_map(|line| line.strip_prefix("name = ")).unwrap();
            (folder.to_owned(), name.trim_matches('"').to_owned())
        })
        .collect()
}

#[test]
fn the_crate_table_lists_exactly_the_workspace() {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let table: BTreeMap<String, String> = page
        .lines()
        .filter_map(|line| {
            let mut cells =
                line.strip_prefix("| `")?.split('|').map(|c| c.trim().trim_matches('`'));
            let name = cells.next()?.to_owned();
            Some((cells.next()?.to_owned(), name))
        })
        .collect();
    assert_eq!(table, workspace());
}

/// Wing by wing, what a crate may use: the table's arrows.
#[test]
fn arrows_run_down_the_table_only() {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let order: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|name| *name != "tidewire-unify")
        .collect();
    for (folder, name) in workspace() {
        let text = std::fs::read_to_string(root().join(&folder).join("Cargo.toml")).unwrap();
        let normal = text.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
        let place = order.iter().position(|n| *n == name);
        for used in normal.lines().filter_map(|line| line.split('.').next()) {
            if let Some(at) = order.iter().position(|n| n == &used) {
                assert!(Some(at) < place, "{name} uses {used}, which stands below it");
            }
        }
    }
}

#[test]
fn heavy_dependencies_stand_behind_one_crate_each() {
    for (heavy, owner) in [
        ("datafusion", "tidewire-query"),
        ("burn", "tidewire-models"),
        ("zenoh", "tidewire-bridge"),
        ("rerun", "tidewire-viewer"),
        ("heed", "tidewire-store"),
    ] {
        let users: Vec<String> = workspace()
            .into_iter()
            .filter(|(folder, _)| {
                let path = root().join(folder).join("Cargo.toml");
                let text = std::fs::read_to_string(path).unwrap();
                text.lines().any(|line| line.starts_with(&format!("{heavy}.")))
            })
            .map(|(_, name)| name)
            .collect();
        assert_eq!(users, [owner], "{heavy}");
    }
}
