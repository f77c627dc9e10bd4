//! The real command, against vendors of its own in this process.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by panicking")]
#![allow(dead_code, reason = "each test takes what it needs of it")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use ledgerkey_cli::access;
use ledgerkey_sandbox::Sandbox;

/// A sandbox, and the environment that leads the command to it.
pub(crate) struct Vendors {
    pub(crate) sandbox: Sandbox,
    pub(crate) env: BTreeMap<String, String>,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Vendors {
    pub(crate) fn start() -> Self {
        let sandbox = Sandbox::builder().real_clock().start().unwrap();
        let mut env = sandbox.credentials().clone();
        env.extend(access::addresses(sandbox.url()).into_iter().map(|(name, value)| (name.to_owned(), value)));
        Self { sandbox, env }
    }

    /// One more variable, or another value of one.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.env.remove(name);
        self
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with_input(arguments, "")
    }

    /// Runs the command, and makes sure that it told no secret.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Run {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Whoever does not read it may have closed it already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let done = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let run = Run { code: done.status.code().unwrap_or(-1), out: text(done.stdout), err: text(done.stderr) };
        for (name, secret) in self.secrets() {
            let told = run.out.contains(secret) || run.err.contains(secret);
            assert!(!told, "{arguments:?} told {name}");
        }
        assert!(!run.err.contains("panicked"), "{run:?}");
        run
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = ledgerkey(arguments);
        command.envs(&self.env);
        command
    }

    /// The secrets in the environment, by name.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        let secret = |name: &str| {
            ["PASSWORD", "DEV_KEY", "APP_KEY", "SYNC_TOKEN", "CONSOLE_TOKEN", "SPEND_TOKEN", "SSO_TOKEN"]
                .iter()
                .any(|ending| name.ends_with(ending))
        };
        let pairs = self.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(move |(name, value)| secret(name) && !value.is_empty())
    }
}

impl Run {
    /// That it ended with this code, and told one sentence with all these words.
    pub(crate) fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "{word}: {self:?}");
        }
    }

    /// That it ended well and silently. Its output.
    pub(crate) fn answered(&self) -> &str {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{self:?}");
        assert!(self.out.ends_with('\n'), "{self:?}");
        &self.out
    }

    /// The same, as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.answered()).unwrap()
    }
}

/// The command, with nothing of this process's environment that it would read.
pub(crate) fn ledgerkey(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ledgerkey"));
    command.args(arguments).env_clear();
    command
}
