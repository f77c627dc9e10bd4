//! A fleet of processes with one Redis. Each process is this very binary, run once more; the vendors are a sandbox in this one.
#![cfg(feature = "redis-tests")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

#[path = "redis/company.rs"]
mod company;
#[path = "support/sign_ins.rs"]
mod sign_ins;
mod support_redis;

use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;
use std::time::{Duration, Instant};

use ledgerkey::client::{Claim, Taken};
use ledgerkey::redis::Redis;
use ledgerkey::session::store::{FORMAT, Identity, Record, StoreError};
use ledgerkey::table::Quota;
use ledgerkey_sandbox::{Fault, Revoke, Sandbox};

use self::support_redis::{Answer, Process, Proxy, Server, all, until, worker};

/// Not a test, but what a process of a fleet runs.
#[test]
fn worker() {
    worker::run();
}

fn sandbox() -> Sandbox {
    Sandbox::builder().real_clock().latency(Duration::from_millis(5)).start().unwrap()
}

fn fleet(server: &Server, sandbox: &Sandbox, how_many: usize) -> Vec<Process> {
    (0..how_many).map(|_| Process::start(server, sandbox)).collect()
}

fn refused_with(sandbox: &Sandbox, code: &str) -> usize {
    sandbox.log().iter().filter(|served| served.code.as_deref() == Some(code)).count()
}

#[test]
fn four_processes_make_one_sign_in_and_never_four_calls_at_once() {
    let (server, sandbox) = (Server::start(), sandbox());
    let mut processes = fleet(&server, &sandbox, 4);
    let monitor = server.monitor();
    for sign_ins in 1..=2 {
        let all_told = all(&mut processes, "list 13");
        for told in &all_told {
            assert_eq!((told.ok, told.warnings.len()), (13, 0), "{told:?}");
        }
        assert_eq!(all_told.iter().map(|told| told.sign_ins).sum::<usize>(), 1);
        assert_eq!(sandbox.sign_ins(), sign_ins);
        sandbox.revoke(Revoke::All);
    }
    assert_eq!(refused_with(&sandbox, "BDC_1322"), 0);
    let company = &sandbox.credentials()["BEZALA_COMPANY_ID"];
    for order in ["spend 1".to_owned(), format!("write {company} 1")] {
        all(&mut processes, &order).iter().for_each(|told| assert_eq!(told.ok, 1, "{told:?}"));
    }
    all(&mut processes, "close");
    // What was sent to Redis, and what is left there.
    let heard = monitor.heard();
    assert!(heard.contains("ledgerkey:1:session:") && heard.to_lowercase().contains("evalsha"), "{heard:.500}");
    for (name, secret) in sandbox.credentials() {
        if ["PASSWORD", "KEY", "TOKEN"].iter().any(|word| name.ends_with(word)) {
            assert!(!heard.contains(secret.as_str()), "{name} was sent to Redis");
        }
    }
    for key in server.keys() {
        let digest = key.strip_prefix("ledgerkey:1:").unwrap().split(':').nth(1).unwrap();
        assert!(digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
        assert!(server.command(&["PTTL", &key]).number() > 0, "{key} does not run out");
    }
}

#[test]
fn a_wrong_password_is_refused_once_for_each_process() {
    let (server, sandbox) = (Server::start(), sandbox());
    let mut processes: Vec<_> = (0..2).map(|_| Process::start_with_password(&server, &sandbox, "wrong")).collect();
    for _ in 0..2 {
        for told in all(&mut processes, "list 10") {
            assert_eq!((told.ok, told.failed.get("sign-in-rejected")), (0, Some(&10)), "{told:?}");
        }
    }
    assert_eq!(sandbox.sign_ins(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_who_signs_in_is_killed_another_takes_over() {
    let (server, sandbox) = (Server::start(), sandbox());
    let [mut killed, mut second, mut third] = [(); 3].map(|()| Process::start(&server, &sandbox));
    sandbox.order(Fault::delay("login", Duration::from_secs(120)).times(1));
    killed.order("list 1");
    until("the sign-in has begun", Duration::from_secs(20), || sandbox.sign_ins() == 1).await;
    second.order("list 5");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(sandbox.sign_ins(), 1, "the second waits for the first");
    killed.kill();
    let since = Instant::now();
    let told = second.told();
    assert_eq!((told.ok, told.sign_ins, told.warnings.len()), (5, 1, 0), "{told:?}");
    assert!(since.elapsed() < Duration::from_secs(33), "{:?}", since.elapsed());
    let told = third.run("list 5");
    assert_eq!((told.ok, told.sign_ins), (5, 0), "{told:?}");
}

/// Nobody does without the turn of another sooner than this.
const PATIENCE: Duration = Duration::from_secs(40);

#[test]
fn processes_killed_at_any_point_leave_one_usable_session() {
    // Some at once, for those who are left may have to wait until the turn of the killed has run out.
    for first in [0, 4] {
        std::thread::scope(|rounds| {
            for round in first..first + 4 {
                rounds.spawn(move || killed_at_some_point(round));
            }
        });
    }
}

fn killed_at_some_point(round: u64) {
    let (server, sandbox) = (Server::start(), sandbox());
    let [mut killed, mut second, mut third] = [(); 3].map(|()| Process::start(&server, &sandbox));
    // They run, and have sent nothing yet.
    for process in [&mut killed, &mut second, &mut third] {
        process.run("list 0");
    }
    // From before what is first asked of Redis to when all three are calling.
    let after = Duration::from_micros(RandomState::new().hash_one(round) % 60_000);
    killed.order("list 9");
    std::thread::sleep(after / 2);
    second.order("list 5");
    third.order("list 5");
    std::thread::sleep(after / 2);
    killed.kill();
    let since = Instant::now();
    let told = [second.told(), third.told()];
    assert!(told.iter().all(|told| told.ok == 5 && told.warnings.is_empty()), "after {after:?}: {told:?}");
    assert!(told.iter().map(|told| told.sign_ins).sum::<usize>() <= 1, "after {after:?}: {told:?}");
    assert!(since.elapsed() < PATIENCE, "after {after:?}: {:?}", since.elapsed());
    for process in [&mut second, &mut third] {
        let told = process.run("list 5");
        assert_eq!((told.ok, told.sign_ins), (5, 0), "after {after:?}: the session that is left is shared");
    }
    for key in server.keys() {
        assert_ne!(server.command(&["PTTL", &key]).number(), -1, "after {after:?}: {key} does not run out");
    }
}

/// Redis counts them for as long as a process that lives keeps them up, and no longer.
#[tokio::test(flavor = "multi_thread")]
async fn the_places_of_a_killed_process_come_free() {
    let (server, sandbox) = (Server::start(), sandbox());
    let [mut killed, mut other] = [(); 2].map(|()| Process::start(&server, &sandbox));
    assert_eq!(other.run("list 1").ok, 1);
    // At the vendor they are over sooner than in Redis.
    sandbox.order(Fault::delay("listVendors", Duration::from_secs(8)).times(3));
    killed.order("list 3");
    until("three calls are under way", Duration::from_secs(20), || sandbox.acted("listVendors") == 4).await;
    killed.kill();
    let since = Instant::now();
    let told = other.run("list 5");
    assert_eq!((told.ok, told.sign_ins, told.warnings.len()), (5, 0, 0), "{told:?}");
    // 20 s since they were last kept up, which is done every 6 s; and what a busy machine takes.
    assert!((10..24).contains(&since.elapsed().as_secs()), "{:?}", since.elapsed());
}

#[test]
fn without_redis_calls_go_on_and_with_it_again_sessions_are_shared() {
    let (mut server, sandbox) = (Server::start(), sandbox());
    let mut processes = fleet(&server, &sandbox, 2);
    all(&mut processes, "list 3").iter().for_each(|told| assert_eq!(told.ok, 3, "{told:?}"));
    server.stop();
    // The budget says so once, and the session at hand is used on.
    for round in 0..3 {
        for process in &mut processes {
            let started = Instant::now();
            let told = process.run("list 3");
            assert_eq!(told.ok, 3, "{told:?}");
            assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
            assert_eq!(told.warnings.len(), usize::from(round == 0), "{told:?}");
        }
    }
    assert_eq!(sandbox.sign_ins(), 1);
    // A session that dies now is made by each process alone, and no more than once a minute.
    sandbox.revoke(Revoke::All);
    for process in &mut processes {
        let told = process.run("list 3");
        assert_eq!((told.ok, told.warnings.len()), (3, 1), "{told:?}");
        assert!(told.warnings[0].contains("cannot be reached"), "{told:?}");
    }
    assert_eq!(sandbox.sign_ins(), 3);
    sandbox.revoke(Revoke::All);
    for process in &mut processes {
        let told = process.run("list 3");
        assert_eq!(told.failed.get("store"), Some(&3), "{told:?}");
    }
    assert_eq!(sandbox.sign_ins(), 3);
    server.run();
    std::thread::sleep(Duration::from_secs(1));
    all(&mut processes, "list 9").iter().for_each(|told| assert_eq!(told.ok, 9, "{told:?}"));
    assert_eq!(sandbox.sign_ins(), 4);
    assert_eq!(refused_with(&sandbox, "BDC_1322"), 0);
}

#[test]
fn sixty_a_minute_over_two_processes() {
    let (server, sandbox) = (Server::start(), sandbox());
    let mut processes = fleet(&server, &sandbox, 2);
    let told = all(&mut processes, "spend 35");
    assert_eq!(told.iter().map(|told| told.ok).sum::<usize>(), 60, "{told:?}");
    assert_eq!(told.iter().filter_map(|told| told.failed.get("rate-limited")).sum::<usize>(), 10, "{told:?}");
    assert_eq!(sandbox.log().iter().filter(|served| served.status == Some(429)).count(), 0);
}

fn claims() -> [Claim; 3] {
    let claim = |key: &str, quota| Claim { key: key.into(), quota };
    let minute = Duration::from_secs(60);
    [
        claim("places", Quota::AtOnce(2)),
        claim("slide", Quota::Within { most: 4, per: Duration::from_secs(2), clock: false }),
        claim("clock", Quota::Within { most: 1000, per: minute, clock: true }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_takes_all_or_nothing_and_gives_places_back() {
    let server = Server::start();
    let (redis, other) = (Redis::connect(&server.url()).unwrap(), Redis::connect(&server.url()).unwrap());
    let (one, two) = (redis.budget(), other.budget());
    let claims = claims();
    let take = async |budget: &dyn ledgerkey::client::SharedBudget| match budget.take(&claims).await.unwrap() {
        Taken::Granted(lease) => Ok(lease),
        Taken::Wait { claim, wait } => Err((claim, wait)),
    };
    let started = Instant::now();
    let (first, second) = (take(&*one).await.unwrap(), take(&*two).await.unwrap());
    let (wanting, wait) = take(&*one).await.unwrap_err();
    assert!(wanting == 0 && wait < Duration::from_millis(100), "no place is free");
    drop(first);
    redis.close().await;
    let third = take(&*two).await.unwrap();
    drop((second, third));
    other.close().await;
    let fourth = take(&*one).await.unwrap();
    let (wanting, wait) = take(&*two).await.unwrap_err();
    assert_eq!(wanting, 1, "the sliding window is full");
    let clock = server.keys().into_iter().find(|key| server.command(&["TYPE", key]).text() == "string").unwrap();
    assert_eq!(server.command(&["GET", &clock]).text(), "4", "what was refused was counted nowhere");
    tokio::time::sleep(wait).await;
    take(&*two).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(2));
    drop(fourth);
    one.close(&claims[2], Duration::from_secs(7)).await.unwrap();
    let (wanting, wait) = take(&*two).await.unwrap_err();
    assert_eq!(wanting, 2);
    assert!(wait > Duration::from_secs(6) && wait <= Duration::from_secs(7), "{wait:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_whose_grant_was_lost_on_the_way_is_given_back() {
    let server = Server::start();
    let proxy = Proxy::start(&server);
    let redis = Redis::connect(&proxy.url()).unwrap();
    let budget = redis.budget();
    let claim = |key: &str, quota| Claim { key: key.into(), quota };
    // The script is known to Redis from now on, and its next answer is the grant.
    drop(budget.take(&[claim("other", Quota::AtOnce(1))]).await.unwrap());
    redis.close().await;
    proxy.swallow_an_answer();
    let window = Quota::Within { most: 1, per: Duration::from_secs(60), clock: false };
    let taken = budget.take(&[claim("places", Quota::AtOnce(1)), claim("window", window)]).await.unwrap();
    assert!(matches!(taken, Taken::Wait { .. }), "sent again, it finds the window full of its own first try");
    until("the place is free", Duration::from_secs(5), || server.keys().len() == 1).await;
}

fn identity() -> Identity {
    Identity {
        address: "https://vendor.example".into(),
        way: "developer-key".into(),
        user: "a".into(),
        organization: None,
        key: None,
    }
}

fn record(id: &str) -> Record {
    Record {
        format: FORMAT,
        identity: identity(),
        id: id.into(),
        session: "session".into(),
        trusted: None,
        user: None,
        since: 1,
        last_used: 5,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_keeps_touches_and_forgets() {
    let server = Server::start();
    let redis = Redis::connect(&server.url()).unwrap();
    redis.ping().await.unwrap();
    let (store, identity) = (redis.store(), identity());
    let used = |millis| std::time::UNIX_EPOCH + Duration::from_millis(millis);
    assert!(store.load(&identity).await.unwrap().is_none());
    store.save(&identity, &record("1")).await.unwrap();
    for (id, millis, then) in [("1", 9, 9), ("1", 7, 9), ("2", 99, 9)] {
        store.touch(&identity, id, used(millis)).await.unwrap();
        assert_eq!(store.load(&identity).await.unwrap().unwrap().last_used, then);
    }
    store.remove(&identity, "2").await.unwrap();
    assert_eq!(store.load(&identity).await.unwrap().unwrap().id, "1");
    store.remove(&identity, "1").await.unwrap();
    assert!(store.load(&identity).await.unwrap().is_none());
    // The turn to sign in passes on when it is dropped.
    let lease = store.lease(&identity).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(400), store.lease(&identity)).await.is_err());
    drop(lease);
    tokio::time::timeout(Duration::from_secs(2), store.lease(&identity)).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_holds_is_not_trusted() {
    let server = Server::start();
    let redis = Redis::connect(&server.url()).unwrap();
    let (store, identity) = (redis.store(), identity());
    let key = format!("ledgerkey:1:session:{}", identity.digest());
    for nonsense in ["", "{", "[]", "{\"format\":1}", "\u{1}\u{2}"] {
        server.command(&["HSET", &key, "record", nonsense, "used", "soon", "format", "x"]);
        assert!(store.load(&identity).await.unwrap().is_none(), "{nonsense}");
    }
    store.save(&identity, &record("1")).await.unwrap();
    server.command(&["HSET", &key, "used", "soon"]);
    assert_eq!(store.load(&identity).await.unwrap().unwrap().last_used, 5);
    store.touch(&identity, "1", std::time::UNIX_EPOCH + Duration::from_millis(8)).await.unwrap();
    assert_eq!(store.load(&identity).await.unwrap().unwrap().last_used, 8);
    let newer = record("1").write().unwrap().replace("\"format\":1", "\"format\":2");
    server.command(&["HSET", &key, "record", &newer, "format", "2"]);
    assert!(matches!(store.load(&identity).await, Err(StoreError::Unusable(_))));
    assert!(matches!(store.save(&identity, &record("2")).await, Err(StoreError::Unusable(_))));
    server.command(&["DEL", &key]);
    server.command(&["SET", &key, "CANARY"]);
    for error in [
        store.load(&identity).await.map(drop).unwrap_err(),
        store.save(&identity, &record("2")).await.unwrap_err(),
        store.touch(&identity, "1", std::time::UNIX_EPOCH).await.unwrap_err(),
        store.remove(&identity, "1").await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Unusable(_)), "{error}");
        assert!(!format!("{error:?}").contains("CANARY"));
    }
    assert_eq!(server.command(&["GET", &key]), Answer::Text("CANARY".into()), "nothing is overwritten");
    server.command(&["DEL", &key]);
    server.command(&["LPUSH", &format!("ledgerkey:1:turn:{}", identity.digest()), "x"]);
    assert!(matches!(store.lease(&identity).await, Err(StoreError::Unusable(_))));
}

/// Whoever has to mend it is not sent to look for a cable.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_refuses_the_password_or_is_none_is_told_from_one_that_is_away() {
    let server = Server::start();
    server.command(&["CONFIG", "SET", "requirepass", "right"]);
    let place = server.url().trim_start_matches("redis://").to_owned();
    for login in ["", ":CANARY@", "CANARY:CANARY@"] {
        let redis = Redis::connect(&format!("redis://{login}{place}")).unwrap();
        let error = redis.store().load(&identity()).await.map(drop).unwrap_err();
        assert_eq!(matches!(error, StoreError::Unusable(_)), login.is_empty(), "{login}: {error}");
        let words = if login.is_empty() { "wants a password" } else { "does not accept this user and password" };
        assert!(error.to_string().contains(words), "{login}: {error}");
        assert!(!format!("{error} {error:?}").contains("CANARY"));
    }
    let redis = Redis::connect(&format!("redis://:right@{place}")).unwrap();
    assert!(redis.store().load(&identity()).await.unwrap().is_none());

    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut clients = Vec::new();
        for client in other.incoming() {
            let mut client = client.unwrap();
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\nx-canary: CANARY\r\n\r\n");
            // Not closed: what it has not read would be answered by a reset.
            clients.push(client);
        }
    });
    let redis = Redis::connect(&format!("redis://{address}/0")).unwrap();
    let error = redis.store().load(&identity()).await.map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(error.to_string().ends_with("answered something unknown"), "{error}");
    assert!(!format!("{error:?}").contains("CANARY"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_not_there_costs_little() {
    // A port that swallows what it is sent, and one that nobody listens on.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for address in [silent.local_addr().unwrap().to_string(), "127.0.0.1:1".to_owned()] {
        let redis = Redis::connect(&format!("redis://:CANARY@{address}/0")).unwrap();
        let (store, identity) = (redis.store(), identity());
        let started = Instant::now();
        let error = store.load(&identity).await.map(drop).unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
        let started = Instant::now();
        assert!(store.load(&identity).await.is_err());
        assert_eq!(redis.ping().await.unwrap_err().kind(), "store");
        assert!(started.elapsed() < Duration::from_millis(100), "{:?}", started.elapsed());
        assert!(!format!("{error} {error:?} {redis:?} {store:?} {:?}", redis.budget()).contains("CANARY"));
    }
}
