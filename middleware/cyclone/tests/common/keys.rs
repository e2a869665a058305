//! Keys of a domain, made by `deploy/security.sh` as a user makes them.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tidewire_qos::Security;

/// Two authorities and the participants they vouch for; gone with it.
pub struct Keys(TempDir);

impl Keys {
    /// With the participants `names`.
    pub fn new(names: &[&str]) -> Self {
        let keys = Self(tempfile::tempdir().unwrap());
        keys.run("new", &[]);
        keys.run("add", names);
        keys
    }

    fn run(&self, verb: &str, names: &[&str]) {
        // From whichever crate's tests this is.
        let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let script =
            above.map(|folder| folder.join("deploy/security.sh")).find(|path| path.exists());
        let script = script.expect("the repository has it");
        let output = Command::new(script).arg(verb).arg(self.0.path()).args(names).output();
        let output = output.expect("a shell");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub fn folder(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn of(&self, name: &str) -> Security {
        Security::in_folder(self.folder(name))
    }

    /// Replaces `from` in a document, and has all documents signed again.
    pub fn edit(&self, document: &str, from: &str, to: &str) {
        let path = self.0.path().join(document);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "no {from} in {document}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        self.run("sign", &[]);
    }

    /// `openssl` in the folder.
    pub fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl").args(arguments).current_dir(self.0.path()).output();
        let output = output.expect("openssl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A file as a property names it.
pub fn file(path: PathBuf) -> String {
    format!("file:{}", path.display())
}
