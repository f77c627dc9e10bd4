//! What an organization of a pool costs in memory, counted by the allocator, beside the least that somebody would keep without a library.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot run says so by panicking")]
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

mod support;

use std::alloc::System;
use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use http::HeaderValue;
use ledgerkey::Secret;
use ledgerkey::bill::{DeveloperKey, Organization, Organizations};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use self::support::{Shifted, Vendor, bill, on_one_thread, times};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn allocated() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// What somebody needs at least: the session, and when it was last used.
type ByHand = Arc<RwLock<Option<(HeaderValue, Instant)>>>;

/// As many organizations have one developer key, of which BILL allows 200 sign-ins an hour: so nobody has to wait.
const TO_A_KEY: usize = 100;

fn main() {
    on_one_thread(async {
        let many = times(100_000, 2000);
        let vendor = Vendor::start().await;

        let before = allocated();
        let by_hand: HashMap<String, ByHand> = (0..many)
            .map(|number| (id(number), Arc::new(RwLock::new(Some((header(number), Instant::now()))))))
            .collect();
        let by_hand_each = allocated().saturating_sub(before) / many;
        println!("a map of ids to headers, by hand: {by_hand_each} bytes each of {many}");
        drop(by_hand);
        let report = |what: &str, many: usize, before: usize| {
            let each = allocated().saturating_sub(before) / many;
            let more = each as i64 - by_hand_each as i64;
            println!("{what}: {each} bytes each of {many}, {more:+} to the map by hand; aim: under 1024");
        };

        let pool = pool(&vendor, many);
        let before = allocated();
        for number in 0..many {
            pool.organization(id(number)).unwrap();
        }
        report("asked for, never called, held by nobody", many, before);
        println!("  of which are remembered: {:?}", pool.census());

        let pool = self::pool(&vendor, many);
        let before = allocated();
        let held: Vec<Organization> = (0..many).map(|number| pool.organization(id(number)).unwrap()).collect();
        report("asked for, never called, and held", many, before);
        drop((held, pool));

        // Each is called once, and signed out when a hundred more have been.
        let pool = self::pool(&vendor, many).capacity(100);
        visit(&pool, 0..200).await;
        let before = allocated();
        visit(&pool, 200..many).await;
        report("called once, and signed out for others' sake", many - 200, before);
        println!("  of which are remembered: {:?}", pool.census());

        // As many as are live unless told otherwise.
        let live = times(10_000, 500);
        let pool = self::pool(&vendor, many);
        visit(&pool, 0..100).await;
        let before = allocated();
        visit(&pool, 100..live).await;
        report("called once, and live", live - 100, before);
        let census = pool.census();
        println!("  of which are remembered: {census:?}");
        assert_eq!(census.live, live);
    });
}

fn pool(vendor: &Vendor, many: usize) -> Organizations {
    let password = Secret::from("example-password");
    let keys: Vec<Secret> =
        (0..=many / TO_A_KEY).map(|number| format!("example-developer-key-{number}").into()).collect();
    bill(vendor, &Arc::new(Shifted::default())).organizations(move |id| DeveloperKey {
        username: "service.user@example.com".into(),
        password: password.clone(),
        organization_id: id.into(),
        dev_key: keys[id[5..].parse::<usize>().unwrap() / TO_A_KEY].clone(),
    })
}

fn id(number: usize) -> String {
    format!("00801{number:015}")
}

fn header(number: usize) -> HeaderValue {
    HeaderValue::try_from(format!("example-session-{number:08}")).unwrap()
}

async fn visit(pool: &Organizations, numbers: std::ops::Range<usize>) {
    for number in numbers {
        pool.organization(id(number)).unwrap().api().list_vendors().send().await.unwrap();
    }
    // The last sign-outs are still under way.
    tokio::time::sleep(Duration::from_millis(50)).await;
}
