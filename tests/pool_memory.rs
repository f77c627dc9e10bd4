//! What a member of a pool costs in memory, counted by the allocator. One test, for all threads count together.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::alloc::System;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ledgerkey::bill::{Bill, DeveloperKey, Organization, Organizations};
use ledgerkey::client::Settings;
use ledgerkey::session::clock::{Clock, Wait};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn allocated() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// Moves itself on for whoever waits for a limit, and for nobody else.
#[derive(Debug)]
struct Quick(Arc<AtomicU64>);

impl Clock for Quick {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.monotonic()
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
    fn sleep(&self, duration: Duration) -> Wait {
        self.0.fetch_add(u64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
        Box::pin(tokio::task::yield_now())
    }
    fn limit(&self, _: Duration) -> Wait {
        Box::pin(std::future::pending())
    }
}

/// Answers every request in the same way and remembers nothing of it.
fn serve(mut stream: TcpStream) -> Option<()> {
    const BODY: &str =
        r#"{"sessionId":"example-session-example-session-0001","organizationId":"008","userId":"006","trusted":false}"#;
    let answer =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len());
    let mut buffer = [0; 4096];
    let mut read = 0;
    loop {
        read += stream.read(&mut buffer[read..]).ok().filter(|read| *read > 0)?;
        let head = buffer[..read].windows(4).position(|end| end == b"\r\n\r\n");
        let Some(head) = head else { continue };
        let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        if read >= head + 4 + length {
            stream.write_all(answer.as_bytes()).ok()?;
            read = 0;
        }
    }
}

fn vendor() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    url
}

fn pool(url: &str) -> Organizations {
    let mut settings = Settings::default();
    settings.clock = Arc::new(Quick(Arc::new(AtomicU64::new(1_700_000_000_000))));
    settings.policy.call = Duration::from_secs(7200);
    let bill = Bill::at(&format!("{url}/connect"), &format!("{url}/api/v2"), settings).unwrap();
    let (password, dev_key) = (ledgerkey::Secret::from("example"), ledgerkey::Secret::from("example"));
    bill.organizations(move |id| DeveloperKey {
        username: "service.user@example.com".into(),
        password: password.clone(),
        organization_id: id.into(),
        dev_key: dev_key.clone(),
    })
}

fn id(number: usize) -> String {
    format!("00801{number:015}")
}

#[tokio::test]
async fn an_idle_member_of_a_pool_costs_less_than_a_kibibyte() {
    const MANY: usize = 100_000;
    let url = vendor();

    // Asked for, and not called.
    let never_called = pool(&url);
    let before = allocated();
    for number in 0..MANY {
        never_called.organization(id(number)).unwrap();
    }
    let each = (allocated() - before) / MANY;
    println!("asked for and not called: {each} bytes a member, {} remembered", never_called.census().members);
    assert!(each < 1024);

    // Signed in, called, and signed out for others' sake.
    let signed_out = pool(&url).capacity(100);
    let visit = async |numbers: std::ops::Range<usize>| {
        for number in numbers {
            signed_out.organization(id(number)).unwrap().api().get_session_info().send().await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    visit(0..1000).await;
    let before = allocated();
    visit(1000..4000).await;
    let each = allocated().saturating_sub(before) / 3000;
    let census = signed_out.census();
    println!("signed out: {each} bytes a member; {census:?}");
    assert!(each < 1024 && census.live <= 100);

    // Live, and held by nobody.
    let live = pool(&url);
    let before = allocated();
    let clients: Vec<Organization> = (0..100).map(|number| live.organization(id(number)).unwrap()).collect();
    for client in &clients {
        client.api().get_session_info().send().await.unwrap();
    }
    let many = clients.len();
    drop(clients);
    let each = (allocated() - before) / many;
    println!("live: {each} bytes a member");
    assert!(each < 2600, "a quarter more than docs/pools.md says");

    // Held, though never called.
    let held = pool(&url);
    let before = allocated();
    let handles: Vec<Organization> = (0..10_000).map(|number| held.organization(id(number)).unwrap()).collect();
    let each = (allocated() - before) / handles.len();
    println!("held and not called: {each} bytes a handle, {} of them the handle itself", size_of::<Organization>());
    assert!(each < 1280, "a quarter more than docs/pools.md says");
}
