//! What it costs to take the live session and put it on a request, by one task and by two threads that contend for it.
//!
//! The baseline is what most who need no renewal would write: the header's value in the standard library's `RwLock`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot run says so by panicking")]
#![allow(unreachable_pub, reason = "divan's macros")]

use std::sync::{Arc, LazyLock, RwLock};
use std::time::SystemTime;

use divan::black_box;
use http::HeaderValue;
use ledgerkey::bill::api::API;
use ledgerkey::bill::api::operations::LIST_VENDORS;
use ledgerkey::session::clock::SystemClock;
use ledgerkey::session::grant::{Grant, Pending, SignIn};
use ledgerkey::session::{Session, SessionPolicy};
use ledgerkey::table::Way;

fn main() {
    LazyLock::force(&SESSION);
    LazyLock::force(&HEADERS);
    divan::main();
}

/// A live session of BILL's, which idles out: whoever takes it has to look at the clock.
static SESSION: LazyLock<Session> = LazyLock::new(|| {
    let clock = Arc::new(SystemClock);
    let session = Session::new(Arc::new(Granted), clock, SessionPolicy::default(), None);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(session.acquire()).unwrap();
    session
});

static HEADERS: LazyLock<RwLock<[HeaderValue; 2]>> = LazyLock::new(|| RwLock::new([header(), header()]));

/// As long as BILL's own.
const CREDENTIAL: &str = "example-session-example-session-0001";

fn header() -> HeaderValue {
    let mut header = HeaderValue::from_str(CREDENTIAL).unwrap();
    header.set_sensitive(true);
    header
}

struct Granted;

impl SignIn for Granted {
    fn way(&self) -> &'static Way {
        API.way("developer-key").unwrap()
    }

    fn sign_in(&self) -> Pending<'_, Grant> {
        let presents = [("devKey", CREDENTIAL.into()), ("session", CREDENTIAL.into())];
        Box::pin(std::future::ready(Grant::new(presents)))
    }

    fn sign_out(&self, _: Grant) -> Pending<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

// A sample takes tens of milliseconds: in less the second thread may not have got to a core of its own, and nothing contends.

/// The session's header, ready to be put on a request.
#[divan::bench_group(threads = [1, 2], sample_count = 30, sample_size = 500_000)]
mod one_header {
    use super::*;

    #[divan::bench]
    fn ledgerkey() {
        let live = black_box(&*SESSION).at_hand().unwrap();
        black_box(live.grant.get("session").unwrap().header.clone());
    }

    #[divan::bench]
    fn rw_lock() {
        black_box(black_box(&*HEADERS).read().unwrap()[1].clone());
    }

    /// With what the first does beside it: an idle limit cannot be kept without looking at the clock.
    #[divan::bench]
    fn rw_lock_and_clock() {
        black_box(SystemTime::now());
        black_box(black_box(&*HEADERS).read().unwrap()[1].clone());
    }
}

/// The same on a thread with more calls under way than can have the session without being counted.
#[divan::bench(sample_count = 30, sample_size = 500_000)]
fn one_header_beside_a_dozen_calls(bencher: divan::Bencher<'_, '_>) {
    let calls: Vec<_> = (0..12).map(|_| SESSION.at_hand().unwrap()).collect();
    bencher.bench_local(|| {
        let live = black_box(&*SESSION).at_hand().unwrap();
        black_box(live.grant.get("session").unwrap().header.clone());
    });
    drop(calls);
}

/// The session's header and the developer key's, as a call of BILL's needs them.
#[divan::bench_group(threads = [1, 2], sample_count = 30, sample_size = 500_000)]
mod two_headers {
    use super::*;

    #[divan::bench]
    fn ledgerkey() {
        let live = black_box(&*SESSION).at_hand().unwrap();
        for scheme in LIST_VENDORS.security[0] {
            black_box(live.grant.get(scheme.name).unwrap().header.clone());
        }
    }

    #[divan::bench]
    fn rw_lock() {
        let headers = black_box(&*HEADERS).read().unwrap();
        for header in &*headers {
            black_box(header.clone());
        }
    }
}
