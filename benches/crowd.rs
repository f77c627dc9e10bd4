//! Many callers at once where there is no session: how often do they sign in, and what does waiting for it cost them?
//!
//! The numbers of sign-ins are asserted; the times are held against the same calls by bare reqwest, which signs in once and then makes them,
//! as many at a time as the vendor allows.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a wrong count ends the benchmark by a panic"
)]
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use ledgerkey::Error;
use ledgerkey::bezala::Access;
use ledgerkey::bill::Organization;
use ledgerkey::client::Policy;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::support::{
    Bare, Pairs, Shifted, Vendor, bezala, bill, developer_key, on_one_thread, organization, timed, times,
};

/// BILL's limit, for a developer key and an organization. The library keeps to it, so the baseline has to as well.
const AT_ONCE: usize = 3;
const CROWD: usize = 200;

fn main() {
    on_one_thread(async {
        live_at_bill(1000, times(20, 1)).await;
        live_at_bill(times(10_000, 2000), times(8, 1)).await;
        cold_at_bill(1000, times(40, 1)).await;
        cold_at_bill(times(10_000, 2000), times(8, 1)).await;
        cold_at_bezala(1000, times(20, 1)).await;
        revoked_at_bill(times(40, 1)).await;
        revoked_at_bezala(times(40, 1)).await;
        refused().await;
    });
}

async fn cold_at_bill(callers: usize, turns: usize) {
    let pairs = Pairs::measure(
        turns,
        async || {
            let vendor = Vendor::start().await;
            let organization = organization(&vendor, &Arc::default());
            let took = timed(served_at_bill(&organization, callers)).await;
            assert_eq!((vendor.sign_ins(), vendor.served(), vendor.refused()), (1, callers as u64, 0));
            took
        },
        async || {
            let vendor = Vendor::start().await;
            let mut bare = Bare::new(reqwest::Client::new(), vendor.url());
            timed(async {
                bare.sign_in().await;
                bare_vendors(&bare, callers).await;
            })
            .await
        },
    );
    let what = format!("{callers} callers on a cold session, BILL, {AT_ONCE} at once: 1 sign-in");
    report(&what, &pairs.await, "; aim: at most 1.2");
}

/// Without the sign-in, and so without anybody waiting for it: what of the figure above is the calls' own.
async fn live_at_bill(callers: usize, turns: usize) {
    let pairs = Pairs::measure(
        turns,
        async || {
            let vendor = Vendor::start().await;
            let organization = organization(&vendor, &Arc::default());
            organization.session().acquire().await.unwrap();
            let took = timed(served_at_bill(&organization, callers)).await;
            assert_eq!((vendor.sign_ins(), vendor.served(), vendor.refused()), (1, callers as u64, 0));
            took
        },
        async || {
            let vendor = Vendor::start().await;
            let mut bare = Bare::new(reqwest::Client::new(), vendor.url());
            bare.sign_in().await;
            timed(bare_vendors(&bare, callers)).await
        },
    );
    report(&format!("{callers} callers on a live session, BILL, {AT_ONCE} at once: no sign-in"), &pairs.await, "");
}

/// Bezala documents no limit: all connect at once.
async fn cold_at_bezala(callers: usize, turns: usize) {
    let pairs = Pairs::measure(
        turns,
        async || {
            let vendor = Vendor::start().await;
            let user = bezala(&vendor);
            let took = timed(async { assert_eq!(accounts(&user, callers).await, Outcomes::served(callers)) }).await;
            assert_eq!((vendor.sign_ins(), vendor.served(), vendor.refused()), (1, callers as u64, 0));
            took
        },
        async || {
            let vendor = Vendor::start().await;
            let mut bare = Bare::new(reqwest::Client::new(), vendor.url());
            timed(async {
                bare.sign_in_to_bezala().await;
                bare_accounts(&bare, callers).await;
            })
            .await
        },
    );
    report(
        &format!("{callers} callers on a cold session, Bezala, no limit: 1 sign-in"),
        &pairs.await,
        "; aim: at most 1.2",
    );
}

async fn revoked_at_bill(turns: usize) {
    let vendor = Vendor::start().await;
    let organization = organization(&vendor, &Arc::default());
    organization.api().list_vendors().send().await.unwrap();
    let mut bare = Bare::new(reqwest::Client::new(), vendor.url());
    let before = vendor.refused();
    let pairs = Pairs::measure(
        turns,
        async || {
            vendor.revoke();
            let before = vendor.sign_ins();
            let took = timed(served_at_bill(&organization, CROWD)).await;
            assert_eq!(vendor.sign_ins() - before, 1);
            took
        },
        async || {
            timed(async {
                bare.sign_in().await;
                bare_vendors(&bare, CROWD).await;
            })
            .await
        },
    )
    .await;
    let met = (vendor.refused() - before) as f64 / turns as f64;
    report(
        &format!(
            "{CROWD} callers after a revocation, BILL, {AT_ONCE} at once: 1 sign-in, {met:.1} calls met the dead session"
        ),
        &pairs,
        "",
    );
}

async fn revoked_at_bezala(turns: usize) {
    let vendor = Vendor::start().await;
    let user = bezala(&vendor);
    user.api().list_accounts().send().await.unwrap();
    let mut bare = Bare::new(reqwest::Client::new(), vendor.url());
    let before = vendor.refused();
    let pairs = Pairs::measure(
        turns,
        async || {
            vendor.revoke();
            let before = vendor.sign_ins();
            let took = timed(async { assert_eq!(accounts(&user, CROWD).await, Outcomes::served(CROWD)) }).await;
            assert_eq!(vendor.sign_ins() - before, 1);
            took
        },
        async || {
            timed(async {
                bare.sign_in_to_bezala().await;
                bare_accounts(&bare, CROWD).await;
            })
            .await
        },
    )
    .await;
    let met = (vendor.refused() - before) as f64 / turns as f64;
    report(
        &format!(
            "{CROWD} callers after a revocation, Bezala, no limit: 1 sign-in, {met:.1} calls met the dead session"
        ),
        &pairs,
        "",
    );
}

/// Counts alone: how long a refusal takes is nobody's concern, how often the vendor hears wrong credentials is.
async fn refused() {
    let (vendor, clock) = (Vendor::start().await, Arc::new(Shifted::default()));
    let bill = bill(&vendor, &clock);
    let turned_away = Outcomes { served: 0, rejected: CROWD };
    let crowd = async |organization: &Organization, outcomes: Outcomes, sign_ins: u64, what: &str| {
        let before = vendor.sign_ins();
        assert_eq!(vendors(organization, CROWD).await, outcomes, "{what}");
        assert_eq!(vendor.sign_ins() - before, sign_ins, "{what}");
        println!("{CROWD} callers {what}: {} served, by so many sign-ins: {sign_ins}", outcomes.served);
    };

    let organization = bill.session(developer_key("a wrong password")).unwrap();
    crowd(&organization, turned_away, 1, "on credentials that are refused").await;
    crowd(&organization, turned_away, 0, "more").await;
    let replaced = bill.session(developer_key("example-password")).unwrap();
    crowd(&replaced, Outcomes::served(CROWD), 1, "once the credentials are replaced").await;

    vendor.refuse_sign_ins(true);
    let organization = bill.session(developer_key("example-password")).unwrap();
    crowd(&organization, turned_away, 1, "on a login that the vendor refuses").await;
    vendor.refuse_sign_ins(false);
    crowd(&organization, turned_away, 0, "more, though the vendor would take it again").await;
    organization.session().forget_refusal();
    crowd(&organization, Outcomes::served(CROWD), 1, "once the refusal is forgotten by hand").await;

    vendor.refuse_sign_ins(true);
    let organization = bill.session(developer_key("example-password")).unwrap();
    crowd(&organization, turned_away, 1, "on a login that the vendor refuses").await;
    vendor.refuse_sign_ins(false);
    let hold_off = Policy::default().hold_off;
    clock.advance(hold_off - Duration::from_secs(60));
    crowd(&organization, turned_away, 0, "a minute before the hold-off has passed").await;
    clock.advance(Duration::from_secs(60));
    crowd(&organization, Outcomes::served(CROWD), 1, "when the hold-off has passed").await;
}

/// How a crowd's calls ended; with any other error than a rejected sign-in the benchmark ends.
#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
struct Outcomes {
    served: usize,
    rejected: usize,
}

impl Outcomes {
    fn served(served: usize) -> Self {
        Self { served, rejected: 0 }
    }

    fn count(&mut self, outcome: Result<usize, Error>) {
        match outcome {
            Ok(rows) => {
                assert_eq!(rows, 1);
                self.served += 1;
            }
            Err(Error::SignInRejected { .. }) => self.rejected += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn served_at_bill(organization: &Organization, callers: usize) {
    assert_eq!(vendors(organization, callers).await, Outcomes::served(callers));
}

async fn vendors(organization: &Organization, callers: usize) -> Outcomes {
    let mut calls = JoinSet::new();
    for _ in 0..callers {
        let api = organization.api();
        calls.spawn(async move { Ok(api.list_vendors().max(20).send().await?.results.len()) });
    }
    outcomes(calls).await
}

async fn accounts(user: &Access, callers: usize) -> Outcomes {
    let mut calls = JoinSet::new();
    for _ in 0..callers {
        let api = user.api();
        calls.spawn(async move { Ok(api.list_accounts().send().await?.len()) });
    }
    outcomes(calls).await
}

async fn outcomes(mut calls: JoinSet<Result<usize, Error>>) -> Outcomes {
    let mut outcomes = Outcomes::default();
    while let Some(outcome) = calls.join_next().await {
        outcomes.count(outcome.unwrap());
    }
    outcomes
}

async fn bare_vendors(bare: &Bare, callers: usize) {
    let (mut calls, places) = (JoinSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
    for _ in 0..callers {
        let (bare, places) = (bare.clone(), places.clone());
        calls.spawn(async move {
            let _place = places.acquire().await.unwrap();
            bare.vendors().await.results.len()
        });
    }
    while let Some(rows) = calls.join_next().await {
        assert_eq!(rows.unwrap(), 1);
    }
}

async fn bare_accounts(bare: &Bare, callers: usize) {
    let mut calls = JoinSet::new();
    for _ in 0..callers {
        let bare = bare.clone();
        calls.spawn(async move { bare.accounts().await.len() });
    }
    while let Some(rows) = calls.join_next().await {
        assert_eq!(rows.unwrap(), 1);
    }
}

fn report(what: &str, pairs: &Pairs, aim: &str) {
    println!("{what}:");
    println!("  ledgerkey {:.1} ms", pairs.subject().times(1e3));
    println!("  bare      {:.1} ms", pairs.baseline().times(1e3));
    println!("  ratio     {:.2}{aim}", pairs.ratio());
}
