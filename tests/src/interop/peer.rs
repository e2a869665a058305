use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::{Child, PATIENCE, root};

/// Somebody else's DDS in C or C++, with a program of `tests/interop/native` on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// eProsima Fast DDS, as Debian packages it (2.9.1 in Debian 12).
    FastDds,
    /// Eclipse Cyclone DDS 0.10, as Debian packages it (0.10.2 in Debian 12).
    Cyclone010,
}

/// What it takes to build the program of one vendor.
struct Recipe {
    program: &'static str,
    /// Found only where the package is installed.
    header: &'static str,
    package: &'static str,
    libraries: &'static [&'static str],
    /// IDL files, in the repository, that `idlc` makes C of.
    idl: &'static [&'static str],
}

impl Vendor {
    const fn recipe(self) -> Recipe {
        match self {
            Self::FastDds => Recipe {
                program: "fastdds",
                header: "/usr/include/fastdds/dds/domain/DomainParticipant.hpp",
                package: "libfastrtps-dev",
                libraries: &["-lfastrtps", "-lfastcdr"],
                idl: &[],
            },
            Self::Cyclone010 => Recipe {
                program: "cyclone010",
                header: "/usr/include/dds/ddsi/ddsi_serdata.h",
                package: "cyclonedds-dev",
                libraries: &["-lddsc"],
                idl: &[
                    "tests/interop/works.idl",
                    "idl/types/ros2/builtin_interfaces.idl",
                    "idl/types/ros2/std_msgs.idl",
                    "idl/types/ros2/geometry_msgs.idl",
                    "idl/types/ros2/sensor_msgs.idl",
                    "idl/types/ros2/rmw_dds_common.idl",
                ],
            },
        }
    }

    /// Builds the program if its sources have changed, and starts it as a participant of `domain`;
    /// `None`, with the reason printed, on systems that do not package this vendor's DDS.
    ///
    /// # Panics
    /// The package exists but is not installed; the program does not compile.
    pub fn start(self, domain: u16) -> Option<NativePeer> {
        let peer = NativePeer::spawn(&mut Command::new(self.build()?));
        peer.tell(&format!("participant {domain}"), "joined");
        Some(peer)
    }

    /// The same as a participant like those of ROS 2: named after its enclave, which its user data
    /// tells too.
    ///
    /// # Panics
    /// As [`Vendor::start`].
    pub fn start_ros(self, domain: u16) -> Option<NativePeer> {
        let peer = NativePeer::spawn(&mut Command::new(self.build()?));
        peer.tell(&format!("participant {domain} name=/ user_data=enclave=/;"), "joined");
        Some(peer)
    }

    /// The built program; for `ip netns exec`, say.
    ///
    /// # Panics
    /// As [`Vendor::start`].
    pub fn build(self) -> Option<PathBuf> {
        let recipe = self.recipe();
        if !Path::new(recipe.header).exists() {
            let offered = Command::new("apt-cache")
                .args(["show", "--quiet", recipe.package])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            assert!(
                !offered.is_ok_and(|status| status.success()),
                "{} is not installed; run deploy/setup.sh test (make test does)",
                recipe.package
            );
            eprintln!("skipped: this system has no package {} ({self:?})", recipe.package);
            return None;
        }
        Some(compile(&recipe))
    }
}

fn compile(recipe: &Recipe) -> PathBuf {
    let dir = crate::binary().with_file_name("interop");
    std::fs::create_dir_all(&dir).expect("the target directory can be written");
    // Tests of other processes may want the same program.
    let lock = std::fs::File::create(dir.join(format!("{}.lock", recipe.program)));
    lock.and_then(|file| file.lock().map(|()| file)).map_or_else(
        |error| panic!("cannot lock {}: {error}", dir.display()),
        |_held| build_in(&dir, recipe),
    )
}

/// Builds the C program `tests/interop/native/NAME.c`, which needs no package.
///
/// # Panics
/// It does not compile.
pub fn compile_c(name: &'static str) -> PathBuf {
    compile(&Recipe { program: name, header: "", package: "", libraries: &[], idl: &[] })
}

fn build_in(dir: &Path, recipe: &Recipe) -> PathBuf {
    let sources = root().join("tests/interop/native");
    let program = dir.join(format!("{}-{:016x}", recipe.program, digest(&sources, recipe)));
    if program.exists() {
        return program;
    }
    let made = dir.join(format!("{}-idl", recipe.program));
    std::fs::create_dir_all(&made).expect("the target directory can be written");
    let mut objects = Vec::new();
    for idl in recipe.idl {
        let idl = root().join(idl);
        let stem = idl.file_stem().and_then(|stem| stem.to_str()).expect("an IDL file has a name");
        let object = made.join(stem).with_extension("o");
        run(Command::new("idlc").arg("-I").arg(ros_idl()).arg(&idl).current_dir(&made));
        run(Command::new("cc")
            .args(["-O1", "-c"])
            .arg(made.join(stem).with_extension("c"))
            .arg("-o")
            .arg(&object));
        objects.push(object);
    }
    let partial = program.with_extension("partial");
    let source = sources.join(recipe.program);
    let mut compiler = match source.with_extension("c") {
        c if c.exists() => {
            let mut compiler = Command::new("cc");
            compiler.arg(c);
            compiler
        }
        _ => {
            let mut compiler = Command::new("c++");
            compiler.arg("-std=c++17").arg(source.with_extension("cpp"));
            compiler
        }
    };
    run(compiler
        .args(["-O1", "-Wall", "-Wextra", "-I"])
        .arg(&made)
        .args(&objects)
        .arg("-o")
        .arg(&partial)
        .args(recipe.libraries));
    std::fs::rename(&partial, &program).expect("a file can be renamed in its folder");
    program
}

fn ros_idl() -> PathBuf {
    root().join("idl/types/ros2")
}

/// Of everything the program is made from.
fn digest(sources: &Path, recipe: &Recipe) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut files: Vec<PathBuf> = std::fs::read_dir(sources)
        .expect("tests/interop/native is part of the repository")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .chain(recipe.idl.iter().map(|idl| root().join(idl)))
        .collect();
    files.sort();
    for file in files {
        std::fs::read(&file).unwrap_or_default().hash(&mut hasher);
    }
    hasher.finish()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A running program of `tests/interop/native`; `script.hpp` there tells its language.
pub struct NativePeer {
    child: Child,
}

impl NativePeer {
    /// Starts `command`, which runs a program that [`Vendor::build`] made.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn spawn(command: &mut Command) -> Self {
        Self { child: Child::spawn(command) }
    }

    /// Sends a command.
    ///
    /// # Panics
    /// The program has ended.
    pub fn send(&self, command: &str) {
        self.child.say(command);
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Panics
    /// Another or no answer comes.
    pub fn tell(&self, command: &str, answer: &str) -> Value {
        self.send(command);
        self.answer(answer, PATIENCE)
    }

    /// The next line with this `event`; samples before it are passed over.
    ///
    /// # Panics
    /// The program tells of an error, or says nothing for `limit`.
    pub fn answer(&self, event: &str, limit: Duration) -> Value {
        let is = |line: &str| {
            let value: Value = serde_json::from_str(line).unwrap_or_default();
            assert!(value["event"] != "error", "the peer says: {line}");
            value["event"] == event
        };
        let line = self.child.line_where(limit, is);
        serde_json::from_str(&line).expect("just parsed")
    }

    /// The next `count` samples, in the order they were told.
    ///
    /// # Panics
    /// Fewer come.
    pub fn received(&self, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.answer("received", PATIENCE)).collect()
    }

    /// Everything said before now, but not yet read.
    pub fn said(&self) -> Vec<Value> {
        let lines = self.child.lines_so_far();
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Ends it.
    ///
    /// # Panics
    /// It fails, or hangs.
    pub fn quit(mut self) {
        self.send("quit");
        let status = self.child.wait(PATIENCE);
        assert!(status.success(), "the peer ended with {status}");
    }
}
