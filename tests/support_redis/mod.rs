//! A Redis of the test's own, and processes of a fleet: the test's binary, run once more.
#![allow(unreachable_pub, reason = "each test takes a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ledgerkey_sandbox::Sandbox;
use serde::{Deserialize, Serialize};

pub mod worker;

/// A `redis-server` on a loopback port, without persistence, in a directory that goes with it.
pub struct Server {
    port: u16,
    directory: PathBuf,
    running: Option<Child>,
}

impl Server {
    pub fn start() -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::SeqCst);
        let directory = std::env::temp_dir().join(format!("ledgerkey-redis-{}-{number}", std::process::id()));
        // Somebody else may take the port before Redis does.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut server = Self { port, directory: directory.clone(), running: None };
            if server.listens() {
                return server;
            }
        }
        panic!("redis-server finds no free port");
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Starts it again, at the same port.
    pub fn run(&mut self) {
        assert!(self.listens(), "the port of redis-server has been taken");
    }

    fn listens(&mut self) -> bool {
        std::fs::create_dir_all(&self.directory).unwrap();
        let port = self.port.to_string();
        let arguments = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let started = Command::new("redis-server")
            .args(arguments)
            .current_dir(&self.directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let started = started.unwrap_or_else(|error| {
            panic!("these tests need redis-server (Debian: apt-get install redis-server): {error}")
        });
        let started = self.running.insert(started);
        let end = Instant::now() + Duration::from_secs(20);
        while !is_there(self.port, &self.directory) {
            if started.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(Instant::now() < end, "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.kill();
            let _ = running.wait();
        }
    }

    /// Sends a command, and tells the answer as `redis-cli` would.
    pub fn command(&self, words: &[&str]) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let mut text = format!("*{}\r\n", words.len());
        words.iter().for_each(|word| text.push_str(&format!("${}\r\n{word}\r\n", word.len())));
        stream.write_all(text.as_bytes()).unwrap();
        read_answer(&mut BufReader::new(stream))
    }

    pub fn keys(&self) -> Vec<String> {
        self.command(&["KEYS", "*"]).list()
    }

    /// Everything that is sent to this Redis from now on, as it arrives.
    pub fn monitor(&self) -> Monitor {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(b"MONITOR\r\n").unwrap();
        let reading = stream.try_clone().unwrap();
        let heard = std::thread::spawn(move || {
            let mut all = Vec::new();
            let _ = BufReader::new(reading).read_to_end(&mut all);
            String::from_utf8_lossy(&all).into_owned()
        });
        Monitor { stream, heard }
    }
}

/// Whether it is the Redis of this directory that answers at the port.
fn is_there(port: u16, directory: &Path) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"CONFIG GET dir\r\n")?;
        let mut bytes = [0; 1024];
        let read = stream.read(&mut bytes)?;
        std::io::Result::Ok(String::from_utf8_lossy(&bytes[..read]).into_owned())
    };
    let name = directory.file_name().unwrap().to_string_lossy();
    ask().is_ok_and(|answer| answer.trim_end().ends_with(&*name))
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A way to Redis that loses an answer when it is told to.
pub struct Proxy {
    port: u16,
    swallow: Arc<AtomicBool>,
}

impl Proxy {
    pub fn start(server: &Server) -> Self {
        let (listener, redis) = (TcpListener::bind("127.0.0.1:0").unwrap(), server.port);
        let port = listener.local_addr().unwrap().port();
        let swallow = Arc::new(AtomicBool::new(false));
        let told = swallow.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, mut redis) = (client.unwrap(), TcpStream::connect(("127.0.0.1", redis)).unwrap());
                let (mut asking, mut asked) = (client.try_clone().unwrap(), redis.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut asking, &mut asked));
                let told = told.clone();
                std::thread::spawn(move || {
                    let mut bytes = [0; 4096];
                    while let Ok(read @ 1..) = redis.read(&mut bytes) {
                        if told.swap(false, Ordering::SeqCst) || client.write_all(&bytes[..read]).is_err() {
                            break;
                        }
                    }
                    let _ = client.shutdown(std::net::Shutdown::Both);
                });
            }
        });
        Self { port, swallow }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// The next answer is lost, and the connection with it.
    pub fn swallow_an_answer(&self) {
        self.swallow.store(true, Ordering::SeqCst);
    }
}

pub struct Monitor {
    stream: TcpStream,
    heard: std::thread::JoinHandle<String>,
}

impl Monitor {
    pub fn heard(self) -> String {
        std::thread::sleep(Duration::from_millis(300));
        self.stream.shutdown(std::net::Shutdown::Both).unwrap();
        self.heard.join().unwrap()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Text(String),
    Number(i64),
    List(Vec<Answer>),
    Nothing,
}

impl Answer {
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            other => panic!("{other:?} is no text"),
        }
    }

    pub fn number(&self) -> i64 {
        match self {
            Self::Number(number) => *number,
            other => panic!("{other:?} is no number"),
        }
    }

    pub fn list(&self) -> Vec<String> {
        match self {
            Self::List(list) => list.iter().map(|answer| answer.text().to_owned()).collect(),
            other => panic!("{other:?} is no list"),
        }
    }
}

fn read_answer(from: &mut impl BufRead) -> Answer {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    let (kind, rest) = line.trim_end().split_at(1);
    match kind {
        "+" | "-" => Answer::Text(rest.to_owned()),
        ":" => Answer::Number(rest.parse().unwrap()),
        "$" if rest == "-1" => Answer::Nothing,
        "$" => {
            let mut bytes = vec![0; rest.parse::<usize>().unwrap() + 2];
            from.read_exact(&mut bytes).unwrap();
            bytes.truncate(bytes.len() - 2);
            Answer::Text(String::from_utf8_lossy(&bytes).into_owned())
        }
        "*" => Answer::List((0..rest.parse::<usize>().unwrap_or(0)).map(|_| read_answer(from)).collect()),
        _ => panic!("{line:?} is no answer of Redis's"),
    }
}

/// What a process of the fleet is told at its start.
#[derive(Debug, Serialize, Deserialize)]
pub struct Orders {
    pub redis: String,
    pub url: String,
    pub names: BTreeMap<String, String>,
}

/// What a process of the fleet tells of one round.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    pub ok: usize,
    /// How many calls failed, by kind.
    pub failed: BTreeMap<String, usize>,
    /// How many sign-ins it made.
    pub sign_ins: usize,
    /// The warnings since the last round.
    pub warnings: Vec<String>,
}

/// A process of a fleet.
pub struct Process {
    child: Child,
    orders: ChildStdin,
    told: BufReader<ChildStdout>,
}

pub const ORDERS: &str = "LEDGERKEY_TEST_WORKER";
pub const MARK: &str = "TOLD ";

impl Process {
    pub fn start(server: &Server, sandbox: &Sandbox) -> Self {
        Self::start_with(server, sandbox.url(), sandbox.credentials().clone())
    }

    pub fn start_with_password(server: &Server, sandbox: &Sandbox, password: &str) -> Self {
        let mut names = sandbox.credentials().clone();
        names.insert("BILL_PASSWORD".into(), password.into());
        Self::start_with(server, sandbox.url(), names)
    }

    fn start_with(server: &Server, url: &str, names: BTreeMap<String, String>) -> Self {
        let orders = Orders { redis: server.url(), url: url.to_owned(), names };
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["worker", "--exact", "--nocapture", "--test-threads=1"])
            .env(ORDERS, serde_json::to_string(&orders).unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (orders, told) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, orders, told }
    }

    /// Gives an order, such as `list 12`.
    pub fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
        self.orders.flush().unwrap();
    }

    /// Waits for what came of the order.
    pub fn told(&mut self) -> Told {
        loop {
            let mut line = String::new();
            assert_ne!(self.told.read_line(&mut line).unwrap(), 0, "the process ended");
            // The test harness may have begun the line.
            if let Some((_, told)) = line.split_once(MARK) {
                return serde_json::from_str(told).unwrap();
            }
        }
    }

    pub fn run(&mut self, order: &str) -> Told {
        self.order(order);
        self.told()
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives all of them an order at one time.
pub fn all(processes: &mut [Process], order: &str) -> Vec<Told> {
    processes.iter_mut().for_each(|process| process.order(order));
    processes.iter_mut().map(Process::told).collect()
}

pub async fn until(what: &str, within: Duration, holds: impl Fn() -> bool) {
    let end = Instant::now() + within;
    while !holds() {
        assert!(Instant::now() < end, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
