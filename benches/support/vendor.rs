//! The vendors' side: prepared answers over kept connections, on the thread of whoever starts it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

pub(super) const ORGANIZATION: &str = "00800000000000000001";
pub(super) const DEVELOPER_KEY: &str = "example-developer-key";
pub(super) const PASSWORD: &str = "example-password";

/// The example of the spec.
const VENDORS: &str = r#"{"results":[{"id":"00900000000000000001","archived":false,"name":"Example Supplies","email":"vendor@example.com","createdTime":"2026-12-30T23:15:23.127+00:00","updatedTime":"2026-12-30T23:15:23.127+00:00"}],"nextPage":"example-page-token"}"#;
const ACCOUNTS: &str = r#"[{"id":11,"code":"1900","accountable_type":"AssetAccount","name":"Company card","url":null,"assignee_ids":[],"position":1,"default_vat_id":null,"deactivated":false,"external_id":null}]"#;
/// Before the number of a session.
const SESSION: &str = "example-session-";

/// Both vendors on a loopback port. Every session but the latest is dead.
pub struct Vendor {
    url: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    sign_ins: AtomicU64,
    /// Calls that were answered as asked.
    served: AtomicU64,
    /// Calls that met a dead session.
    refused: AtomicU64,
    session: AtomicU64,
    refuses_sign_ins: AtomicBool,
}

impl Vendor {
    pub async fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        // A thousand callers without a limit connect at once. One who finds the queue full comes again after a second.
        let listener = socket.listen(4096).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let serving = shared.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(stream, serving.clone()));
            }
        });
        Self { url, shared, accepting }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many requests to sign in have come, refused ones included.
    pub fn sign_ins(&self) -> u64 {
        self.shared.sign_ins.load(Ordering::Relaxed)
    }

    pub fn served(&self) -> u64 {
        self.shared.served.load(Ordering::Relaxed)
    }

    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Ends every session.
    pub fn revoke(&self) {
        self.shared.session.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes no password but the right one; or, from now on, none at all.
    pub fn refuse_sign_ins(&self, all: bool) {
        self.shared.refuses_sign_ins.store(all, Ordering::Relaxed);
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Answers until the client goes away.
async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let [vendors, accounts] = [VENDORS, ACCOUNTS].map(|body| answer("200 OK", body));
    let dead = answer("401 Unauthorized", r#"[{"code":"BDC_1109","message":"Session is invalid. Please log in."}]"#);
    let mut buffer = vec![0; 4096];
    let mut filled = 0;
    while let Ok(read @ 1..) = stream.read(&mut buffer[filled..]).await {
        filled += read;
        let Some(head) = buffer[..filled].windows(4).position(|end| end == b"\r\n\r\n") else { continue };
        let head = &buffer[..head];
        let written = if head.starts_with(b"GET /connect") || head.starts_with(b"GET /api") {
            // A request without a body is whole with its head.
            let page = if head.starts_with(b"GET /connect") { &vendors } else { &accounts };
            stream.write_all(if shared.knows(head) { page } else { &dead }).await
        } else {
            let text = String::from_utf8_lossy(head).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            let (whole, body) = (head.len() + 4 + length, head.len() + 4);
            if filled < whole {
                continue;
            }
            stream.write_all(&shared.post(&text, &buffer[body..whole])).await
        };
        if written.is_err() {
            return;
        }
        filled = 0;
    }
}

impl Shared {
    /// Whether the request bears the session that is alive, and counts it.
    fn knows(&self, head: &[u8]) -> bool {
        let session = head.windows(SESSION.len()).position(|text| text == SESSION.as_bytes());
        let number = session.and_then(|at| std::str::from_utf8(head.get(at + SESSION.len()..)?.get(..8)?).ok());
        let known = number.and_then(|number| number.parse().ok()) == Some(self.session.load(Ordering::Relaxed));
        if known { &self.served } else { &self.refused }.fetch_add(1, Ordering::Relaxed);
        known
    }

    fn post(&self, head: &str, body: &[u8]) -> Vec<u8> {
        let path = head.split(' ').nth(1).unwrap_or_default();
        if path.ends_with("/logout") {
            return answer("200 OK", "{}");
        }
        self.sign_ins.fetch_add(1, Ordering::Relaxed);
        let right = body.windows(PASSWORD.len()).any(|text| text == PASSWORD.as_bytes());
        let is_bill = path.starts_with("/connect");
        if self.refuses_sign_ins.load(Ordering::Relaxed) || !right {
            return match is_bill {
                true => {
                    answer("401 Unauthorized", r#"[{"code":"BDC_1101","message":"Invalid username or password."}]"#)
                }
                false => answer("401 Unauthorized", r#"{"error":"Invalid email or password."}"#),
            };
        }
        let session = format!("{SESSION}{:08}", self.session.load(Ordering::Relaxed));
        answer(
            "200 OK",
            &match is_bill {
                true => format!(
                    r#"{{"sessionId":"{session}","organizationId":"{ORGANIZATION}","userId":"006","trusted":false}}"#
                ),
                false => format!(r#"{{"token":"{session}","user_id":2}}"#),
            },
        )
    }
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}
