//! A vendor that answers what a test tells it, and keeps what it received.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::watch;

/// A vendor on a loopback port. It answers what the test's function says.
pub struct Vendor {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    answer: Box<dyn Fn(&Received) -> Reply + Send + Sync>,
    received: Mutex<Vec<Received>>,
    arrivals: watch::Sender<usize>,
    connections: AtomicUsize,
    stop: AtomicBool,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    /// Path and query, as they were written.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What the vendor does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// An answer.
    Answer { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// These bytes, then the end of the connection.
    Cut(Vec<u8>),
    /// Nothing, on an open connection.
    Silence,
}

impl Reply {
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::text(status, "application/json", body)
    }

    pub fn text(status: u16, media_type: &str, body: impl Into<String>) -> Self {
        Self::bytes(status, &[("content-type", media_type)], body.into().into_bytes())
    }

    pub fn bytes(status: u16, headers: &[(&str, &str)], body: Vec<u8>) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::Answer { status, headers, body }
    }
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    pub fn form(&self) -> Vec<(String, String)> {
        serde_urlencoded::from_bytes(&self.body).unwrap()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The headers that HTTP itself does not need, sorted.
    pub fn own_headers(&self) -> Vec<(&str, &str)> {
        let of_http = ["host", "content-length", "user-agent", "accept"];
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut own: Vec<_> = own.filter(|(name, _)| !of_http.contains(name)).collect();
        own.sort_unstable();
        own
    }
}

impl Vendor {
    pub fn start(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            received: Mutex::default(),
            arrivals: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let serving = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.stop.load(Ordering::SeqCst) {
                    return;
                }
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let serving = serving.clone();
                // A connection that breaks off is the client's to notice.
                std::thread::spawn(move || serve(stream.unwrap(), &serving));
            }
        });
        Self { address, shared }
    }

    /// A vendor that grants sessions of this name, numbered, and answers the rest as told.
    pub fn granting(session: &'static str, answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::granting_unless(session, |_| false, answer)
    }

    /// The same, but the sign-ins at paths that are `not_granted` are answered as told, too.
    pub fn granting_unless(
        session: &'static str,
        not_granted: impl Fn(&str) -> bool + Send + Sync + 'static,
        answer: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let count = AtomicUsize::new(0);
        Self::start(move |request| match request.path() {
            path if !is_sign_in(path) || not_granted(path) => answer(request),
            path => grant(path, &format!("{session}-{}", count.fetch_add(1, Ordering::SeqCst) + 1)),
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until so many requests have arrived, in all.
    pub async fn arrived(&self, requests: usize) {
        self.shared.arrivals.subscribe().wait_for(|arrivals| *arrivals >= requests).await.unwrap();
    }

    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// The one request of this method to a path with this end.
    pub fn only(&self, method: &str, end: &str) -> Received {
        let mut found: Vec<Received> = self.received();
        found.retain(|request| request.method == method && request.path().ends_with(end));
        assert_eq!(found.len(), 1, "{method} {end}: {:?}", self.received());
        found.remove(0)
    }

    pub fn calls(&self) -> Vec<Received> {
        self.received().into_iter().filter(|request| !is_sign_in(request.path())).collect()
    }

    pub fn sign_ins(&self) -> usize {
        self.received().iter().filter(|request| is_sign_in(request.path())).count()
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let request = read(&mut reader)?;
        shared.received.lock().unwrap().push(request.clone());
        shared.arrivals.send_modify(|arrivals| *arrivals += 1);
        match (shared.answer)(&request) {
            Reply::Answer { status, headers, body } => {
                let mut head = format!("HTTP/1.1 {status} Status\r\n");
                if status != 204 {
                    head += &format!("content-length: {}\r\n", body.len());
                }
                headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
                writer.write_all(&[head.as_bytes(), b"\r\n", &body].concat()).ok()?;
            }
            Reply::Cut(bytes) => {
                writer.write_all(&bytes).ok()?;
                return Some(());
            }
            Reply::Silence => {
                let _ = reader.read(&mut [0]);
                return Some(());
            }
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut line = |into: &mut String| reader.read_line(into).ok().filter(|read| *read > 0).map(|_| ());
    let mut first = String::new();
    line(&mut first)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header = |sought: &str| headers.iter().find(|(name, _)| name == sought).map(|(_, value)| value.as_str());
    let mut body = vec![0; header("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    if header("transfer-encoding") == Some("chunked") {
        body = chunks(reader)?;
    }
    Some(Received { method, target, headers, body })
}

fn chunks(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let mut chunk = vec![0; usize::from_str_radix(size.trim(), 16).ok()? + 2];
        reader.read_exact(&mut chunk).ok()?;
        if chunk.len() == 2 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..chunk.len() - 2]);
    }
}

pub fn is_sign_in(path: &str) -> bool {
    ["/login", "/login-as-user", "/Login.json", "/token"].iter().any(|end| path.ends_with(end))
}

/// The answer to a sign-in, by the call's path.
pub fn grant(path: &str, session: &str) -> Reply {
    let v3 = json!({"sessionId": session, "organizationId": "008o", "userId": "006u", "trusted": false});
    let body = match path {
        "/api/v2/Login.json" => json!({"response_status": 0, "response_message": "Success", "response_data":
            {"sessionId": session, "orgId": "008o", "usersId": "006u", "apiEndPoint": "https://elsewhere.invalid"}}),
        path if path.starts_with("/api/auth/") => {
            json!({"token": session, "user_id": 2, "receipts_email": "r@b.invalid"})
        }
        _ => v3,
    };
    Reply::json(200, body.to_string())
}

/// A call that went well, with no rows.
pub fn success(path: &str) -> Reply {
    let body = match path {
        path if path.starts_with("/api/v2/") => {
            r#"{"response_status":0,"response_message":"Success","response_data":[]}"#
        }
        path if path.starts_with("/api/") => "[]",
        _ => r#"{"results":[]}"#,
    };
    Reply::json(200, body)
}
