//! What a call costs over the same call by bare reqwest: on loopback, over the same connection, the vendor's side on the same thread.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot run says so by panicking")]
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use ledgerkey::bill::api::operations::LIST_VENDORS;
use ledgerkey::client::{ClientInfo as _, Policy};

use self::support::{Bare, Pairs, Shifted, Vendor, on_one_thread, organization, timed, times};

/// Long enough that reading the clock does not show, short enough that both have the same weather.
const CALLS_A_TURN: usize = 100;

fn main() {
    on_one_thread(async {
        let (vendor, clock) = (Vendor::start().await, Arc::new(Shifted::default()));
        let organization = organization(&vendor, &clock);
        let api = organization.api();
        let connection = api.inner();
        let mut bare = Bare::new(connection.http().clone(), vendor.url());
        bare.sign_in().await;
        let bare = &bare;

        let turns = times(400, 1);
        let calls = times(CALLS_A_TURN, 2);
        // BILL allows 20,000 calls an hour, and the library keeps to it. Every hundred turns it is an hour later, and the call after that,
        // which signs in, is not measured.
        let mut turn = 0;
        let mut next_turn = async || {
            if turn % 100 == 0 {
                clock.advance(Duration::from_secs(3600));
                api.list_vendors().send().await.unwrap();
            }
            turn += 1;
        };

        let plain = async || {
            timed(async {
                for _ in 0..calls {
                    black_box(bare.vendors().await);
                }
            })
            .await
        };
        let mut list = async || {
            next_turn().await;
            timed(async {
                for _ in 0..calls {
                    black_box(api.list_vendors().max(20).send().await.unwrap().into_inner());
                }
            })
            .await
        };
        let typed = Pairs::measure(turns, &mut list, &plain);
        report("typed, both decoded as the same type", calls, &typed.await, AIM);

        // The aim of 1 us was set where a layer over reqwest that does nothing cost 1.1 us.
        let middleware = bare.with_middleware();
        let nothing = Pairs::measure(
            turns,
            async || {
                timed(async {
                    for _ in 0..calls {
                        black_box(bare.vendors_through(&middleware).await);
                    }
                })
                .await
            },
            &plain,
        );
        report("reqwest-middleware with one that does nothing, both decoded", calls, &nothing.await, "");

        let limit = Policy::default().attempt;
        let limited = Pairs::measure(turns, &mut list, async || {
            timed(async {
                for _ in 0..calls {
                    black_box(bare.vendors_within(limit).await);
                }
            })
            .await
        });
        report("both within a time limit, both decoded as the same type", calls, &limited.await, AIM);

        // As a generated call goes: the request is built by the call.
        let mut built = async || {
            next_turn().await;
            timed(async {
                for _ in 0..calls {
                    let build = || Ok(bare.vendors_request());
                    let answer = connection.exec_built(&LIST_VENDORS, false, &build).await.unwrap();
                    black_box(answer.bytes().await.unwrap());
                }
            })
            .await
        };
        let undecoded = async || {
            timed(async {
                for _ in 0..calls {
                    black_box(bare.vendors_undecoded().await);
                }
            })
            .await
        };
        let pairs = Pairs::measure(turns, &mut built, &undecoded);
        report("the same request built, both undecoded", calls, &pairs.await, AIM);

        let limited = Pairs::measure(turns, &mut built, async || {
            timed(async {
                for _ in 0..calls {
                    black_box(bare.vendors_undecoded_within(limit).await);
                }
            })
            .await
        });
        report("both within a time limit, both undecoded", calls, &limited.await, AIM);

        let given = Pairs::measure(
            turns,
            async || {
                next_turn().await;
                timed(async {
                    for _ in 0..calls {
                        let answer = connection.exec(&LIST_VENDORS, bare.vendors_request()).await.unwrap();
                        black_box(answer.bytes().await.unwrap());
                    }
                })
                .await
            },
            &undecoded,
        );
        report("a request given and kept for another try, both undecoded", calls, &given.await, "");

        let twice = Pairs::measure(turns, &plain, &plain);
        report("bare reqwest against itself", calls, &twice.await, "");
    });
}

const AIM: &str = "; aim: at most +1";

fn report(what: &str, calls: usize, pairs: &Pairs, aim: &str) {
    let micros = 1e6 / calls as f64;
    println!("{what}:");
    println!("  measured   {:.2} us a call", pairs.subject().times(micros));
    println!("  bare       {:.2} us a call", pairs.baseline().times(micros));
    println!("  difference {:+.2} us{aim}", pairs.difference().times(micros));
}
