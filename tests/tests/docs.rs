//! What the documents say of the command line and of each other is true.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;
use tidewire_tests::{HelpPage, root};

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// README.md and every page of docs/.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "md") {
                pages.push(entry);
            }
        }
    }
    pages
}

/// Sections of docs/cli.md whose heading is a command in backticks.
fn sections() -> BTreeMap<String, String> {
    let mut sections = BTreeMap::<String, String>::new();
    let mut current = None;
    for line in read(&root().join("docs/cli.md")).lines() {
        if line.starts_with('#') {
            let title = line.trim_start_matches('#').trim();
            current = title.strip_prefix("`tidewire").map(|_| title.trim_matches('`').to_owned());
            if let Some(command) = &current {
                let known = sections.insert(command.clone(), String::new());
                assert!(known.is_none(), "docs/cli.md has two headings {command}");
            }
        } else if let Some(section) = current.as_ref().and_then(|name| sections.get_mut(name)) {
            section.push_str(line);
            section.push('\n');
        }
    }
    sections
}

#[test]
fn every_command_has_its_heading_and_every_heading_its_command() {
    let commands: BTreeSet<String> =
        HelpPage::all().iter().skip(1).map(HelpPage::command).collect();
    let headings: BTreeSet<String> = sections().into_keys().collect();
    assert!(commands.len() > 20, "{commands:?}");
    assert_eq!(headings, commands, "docs/cli.md (left) and `tidewire --help` (right) differ");
}

#[test]
fn every_option_in_a_section_is_one_of_its_command() {
    let option = Regex::new(r"`(--?[a-z][a-z-]*)").unwrap();
    let sections = sections();
    for page in HelpPage::all().iter().skip(1) {
        let Some(section) = sections.get(&page.command()) else { continue };
        for found in option.captures_iter(section) {
            assert!(page.takes(&found[1]), "{} takes no {}", page.command(), &found[1]);
        }
    }
}

/// The words of a command line as a shell splits them; enough for what documents show.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn command_lines_in_documents_exist() {
    let help: BTreeMap<Vec<String>, HelpPage> =
        HelpPage::all().into_iter().map(|page| (page.path.clone(), page)).collect();
    let mut seen = 0;
    for page in pages() {
        let text = read(&page).replace("\\\n", " ");
        let mut fenced = false;
        for line in text.lines() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
                continue;
            }
            let line = line.trim().trim_start_matches("$ ");
            let Some(rest) = line.strip_prefix("tidewire ").filter(|_| fenced) else { continue };
            // A pipe or a comment ends it.
            let words: Vec<String> = words(rest);
            let words: Vec<&String> = words
                .iter()
                .take_while(|word| !["|", "#", ">", "&&", "&"].contains(&word.as_str()))
                .collect();
            let mut path = Vec::new();
            for word in &words {
                let longer = [&path[..], &[(*word).clone()]].concat();
                if !help.contains_key(&longer) {
                    break;
                }
                path = longer;
            }
            let place = format!("{}: `{line}`", page.display());
            let Some(command) = help.get(&path).filter(|command| !command.path.is_empty()) else {
                panic!("{place}: no such command");
            };
            assert!(command.subcommands.is_empty(), "{place}: no such subcommand");
            for word in words.iter().filter(|word| word.starts_with('-') && word.len() > 1) {
                let option = word.split('=').next().unwrap_or_default();
                assert!(command.takes(option), "{place}: {} takes no {option}", command.command());
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} command lines were found");
}

/// The name GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut broken = Vec::new();
    for page in pages() {
        for found in link.captures_iter(&read(&page)) {
            let target = &found[1];
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, section) = target.split_once('#').unwrap_or((target, ""));
            let folder = page.parent().unwrap();
            let file = if path.is_empty() { page.clone() } else { folder.join(path) };
            let exists = file.exists()
                && (section.is_empty()
                    || file.extension().is_none_or(|extension| extension != "md")
                    || read(&file)
                        .lines()
                        .any(|line| line.starts_with('#') && anchor(line) == section));
            if !exists {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken links: {broken:#?}");
}

#[test]
fn the_script_that_builds_ddsperf_finds_the_sources_of_the_pinned_version() {
    let script = root().join("deploy/ddsperf.sh");
    let said = std::process::Command::new(&script).arg("--sources").output().unwrap();
    let (folder, complaint) =
        (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success(), "{complaint}");
    let program = Path::new(folder.trim()).join("src/tools/ddsperf/ddsperf.c");
    assert!(program.is_file(), "there is no {}: {complaint}", program.display());
}

/// bindgen takes no other library of clang's for libclang, so the script that installs it must not either.
#[test]
fn the_setup_script_knows_libclang_from_libraries_beside_it() {
    let found = |by_linker: &str, in_folders: &str| {
        let script = r#"eval "$(sed -n '/^have_libclang()/,/^}/p' "$1")"; have_libclang"#;
        let says = |what: &str| format!("{{ [[ -n '{what}' ]] && echo '{what}'; }}");
        let (linker, folders) = (says(by_linker), says(in_folders));
        let functions =
            format!("set -euo pipefail; ldconfig() {linker}; compgen() {folders}; {script}");
        std::process::Command::new("bash")
            .args(["-c", &functions, "setup"])
            .arg(root().join("deploy/setup.sh"))
            .env_remove("LIBCLANG_PATH")
            .status()
            .unwrap()
            .success()
    };
    assert!(found("libclang-14.so.1 (libc6,x86-64) => /lib/libclang-14.so.1", ""));
    assert!(found("", "/usr/lib/llvm-14/lib/libclang.so.1"));
    assert!(!found("libclang-cpp.so.14 => /lib/libclang-cpp.so.14", "/x/lib/libclang-cpp.so.14"));
    assert!(!found("", "/usr/lib/llvm-14/lib/libclangTidy.a"));
}
