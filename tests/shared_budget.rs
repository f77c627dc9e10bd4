//! Limits that processes share: who is told what, and who goes first.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ledgerkey::Error;
use ledgerkey::client::{Claim, Lease, SharedBudget, Taken};
use ledgerkey::session::store::Storing;
use ledgerkey::table::Quota;
use support::{ROWS, RecordingClock, Vendor, Vendors, plain, read_call, settings, success};

/// Says that nothing is left of one of the claims.
#[derive(Debug)]
struct Spent(usize);

impl SharedBudget for Spent {
    fn take<'a>(&'a self, _: &'a [Claim]) -> Storing<'a, Taken> {
        let wait = Duration::from_secs(600);
        Box::pin(std::future::ready(Ok(Taken::Wait { claim: self.0, wait })))
    }

    fn close<'a>(&'a self, _: &'a Claim, _: Duration) -> Storing<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test]
async fn the_limit_that_is_named_is_the_one_that_is_spent() {
    let vendor = Vendor::granting("example", |request| success(request.path()));
    let mut named = Vec::new();
    for claim in 0..2 {
        let mut settings = settings(&RecordingClock::new());
        settings.budget = Some(Arc::new(Spent(claim)));
        let connection = Vendors::at(&vendor.url(), &settings).open(ROWS[0], &plain).unwrap();
        match read_call(&connection, ROWS[0].0).await.unwrap_err() {
            Error::RateLimited { limit: Some(limit), .. } => named.push(limit),
            other => panic!("{other}"),
        }
    }
    assert_ne!(named[0], named[1]);
    assert!(vendor.received().is_empty());
}

/// The places that all processes share are taken by others for so many questions.
#[derive(Debug)]
struct Taking(AtomicUsize);

impl SharedBudget for Taking {
    fn take<'a>(&'a self, claims: &'a [Claim]) -> Storing<'a, Taken> {
        let place = claims.iter().position(|claim| matches!(claim.quota, Quota::AtOnce(_)));
        let is_taken = || self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        let taken = match place {
            Some(claim) if is_taken() => Taken::Wait { claim, wait: Duration::from_millis(25) },
            _ => Taken::Granted(Lease::new(())),
        };
        Box::pin(async move {
            // The others have their turn meanwhile.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            Ok(taken)
        })
    }

    fn close<'a>(&'a self, _: &'a Claim, _: Duration) -> Storing<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Three at a time ask for a place, and whoever asks keeps to the front of the line.
#[tokio::test]
async fn those_who_wait_for_a_place_that_processes_share_are_served_in_the_order_of_coming() {
    let vendor = Vendor::granting("example", |request| success(request.path()));
    let mut settings = settings(&RecordingClock::new());
    let budget = Arc::new(Taking(0.into()));
    settings.budget = Some(budget.clone());
    let api = Vendors::at(&vendor.url(), &settings).organization(ROWS[0], &plain).unwrap().api();
    // The sign-in takes a place as well.
    api.list_vendors().max(99).send().await.unwrap();
    budget.0.store(45, Ordering::SeqCst);
    let calls = (1..=30).map(|number| api.list_vendors().max(number).send());
    for outcome in futures_util::future::join_all(calls).await {
        outcome.unwrap();
    }
    let order: Vec<i32> = vendor
        .calls()
        .iter()
        .filter_map(|call| call.target.split_once("max=").and_then(|(_, max)| max.parse().ok()))
        .collect();
    assert_eq!((order.len(), budget.0.load(Ordering::SeqCst)), (31, 0));
    // Those that are under way together arrive as they like, and one whose connection is slow later than many. Had each of those that found no
    // place gone to the end of the line, all would be far from where they belong.
    let displaced = (1_i32..).zip(&order[1..]).filter(|(place, number)| (*number - place).abs() >= 10);
    assert!(displaced.count() <= 6, "{order:?}");
}
