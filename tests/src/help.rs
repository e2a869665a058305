use crate::say;

/// One command of the binary, as its `--help` tells it.
#[derive(Clone, Debug)]
pub struct HelpPage {
    /// The words that call it, such as `["topic", "list"]`; empty for `tidewire` itself.
    pub path: Vec<String>,
    /// What `--help` prints.
    pub text: String,
    /// Names of its subcommands.
    pub subcommands: Vec<String>,
}

impl HelpPage {
    /// Every visible command, `tidewire` itself first.
    ///
    /// # Panics
    /// A `--help` fails.
    pub fn all() -> Vec<Self> {
        let mut pages = vec![Self::of(&[])];
        let mut next = 0;
        while next < pages.len() {
            let page = pages[next].clone();
            for name in &page.subcommands {
                pages.push(Self::of(&[&page.path[..], std::slice::from_ref(name)].concat()));
            }
            next += 1;
        }
        pages
    }

    fn of(path: &[String]) -> Self {
        let mut args: Vec<&str> = path.iter().map(String::as_str).collect();
        args.push("--help");
        let text = say(&args).fine().out;
        let section = text.split("\nCommands:\n").nth(1).unwrap_or_default();
        let subcommands = section
            .lines()
            .take_while(|line| !line.is_empty())
            // A deeper indent is the continuation of a long description.
            .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')))
            .filter_map(|line| line.split_whitespace().next())
            .map(str::to_owned)
            .collect();
        Self { path: path.to_vec(), text, subcommands }
    }

    /// `tidewire topic list`.
    pub fn command(&self) -> String {
        [&["tidewire".to_owned()], &self.path[..]].concat().join(" ")
    }

    /// Whether it takes this option, such as `--domain` or `-n`.
    pub fn takes(&self, option: &str) -> bool {
        self.text.lines().any(|line| {
            let line = line.trim_start();
            line.starts_with('-')
                && line
                    .split([' ', ',', '=', '[', '.'])
                    .take_while(|word| word.is_empty() || word.starts_with(['-', '<']))
                    .any(|word| word == option)
        })
    }
}
