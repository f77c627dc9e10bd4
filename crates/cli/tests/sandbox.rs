//! The sandbox as a process: its first line, and its end.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use support::ledgerkey;

/// A running sandbox, and its first line.
struct Served {
    child: Child,
    first: Value,
    out: BufReader<std::process::ChildStdout>,
}

impl Served {
    fn start() -> Self {
        let mut child = ledgerkey(&["sandbox"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        Self { child, first: serde_json::from_str(&line).unwrap(), out }
    }

    fn url(&self) -> &str {
        self.first["url"].as_str().unwrap()
    }

    fn host(&self) -> &str {
        self.url().strip_prefix("http://").unwrap()
    }

    /// Asks one of the controls, as curl would.
    fn control(&self, method: &str, name: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(self.host()).unwrap();
        let (host, length) = (self.host(), body.len());
        let head = format!(
            "{method} /_sandbox/{name} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_line_is_all_that_a_client_needs() {
    let served = Served::start();
    let mut call = ledgerkey(&["call", "bill", "listVendors"]);
    for key in ["credentials", "addresses"] {
        for (name, value) in served.first[key].as_object().unwrap() {
            call.env(name, value.as_str().unwrap());
        }
    }
    let done = call.output().unwrap();
    assert!(done.status.success(), "{done:?}");
    assert!(served.url().starts_with("http://127.0.0.1:"));
}

#[test]
fn its_clock_can_be_moved() {
    let served = Served::start();
    let before = served.control("GET", "clock", "");
    assert_eq!(before["real"], json!(true));
    let after = served.control("POST", "clock", r#"{"advance": "PT9600H"}"#);
    assert_ne!(before["now"].as_str().unwrap()[..4], after["now"].as_str().unwrap()[..4]);
}

#[cfg(unix)]
#[test]
fn a_signal_stops_it() {
    for signal in ["-TERM", "-INT"] {
        let mut served = Served::start();
        let killed = Command::new("kill").args([signal, &served.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        assert_eq!(served.child.wait().unwrap().code(), Some(0), "{signal}");
        // Nothing but the first line is on stdout.
        let mut rest = String::new();
        served.out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        assert!(TcpStream::connect(served.host()).is_err());
    }
}

#[test]
fn only_on_loopback() {
    let done = ledgerkey(&["sandbox", "--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(done.status.code(), Some(2));
    assert!(done.stdout.is_empty());
    assert!(String::from_utf8(done.stderr).unwrap().contains("loopback"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|address| (taken, address.to_string())).unwrap();
    let done = ledgerkey(&["sandbox", "--listen", &taken.1]).output().unwrap();
    assert_eq!(done.status.code(), Some(2));
}
