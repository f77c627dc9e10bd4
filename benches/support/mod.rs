//! What the benchmarks share: the vendor's side on the client's own thread, the same calls by bare reqwest, a clock that can be set
//! forward, and two things measured in turns.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each benchmark takes a part of it")]

mod bare;
mod vendor;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use ledgerkey::bezala::{self, Bezala};
use ledgerkey::bill::{Bill, DeveloperKey, Organization};
use ledgerkey::client::Settings;
use ledgerkey::session::clock::{Clock, SystemClock, Wait};

pub use self::bare::Bare;
pub use self::vendor::Vendor;

/// Whether to measure. `cargo bench` says so by an argument; `cargo test` does not, and everything is then done a few times only, for its
/// counts.
pub fn measures() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// So many when measuring, a few otherwise.
pub fn times(measuring: usize, otherwise: usize) -> usize {
    if measures() { measuring } else { otherwise }
}

/// Runs a benchmark on one thread, the vendor's side included: where the two are on two threads, what waking the other one costs drowns the
/// rest.
pub fn on_one_thread(benchmark: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(benchmark);
}

/// The system's clock, which can be set forward.
#[derive(Debug, Default)]
pub struct Shifted {
    system: SystemClock,
    by: AtomicU64,
}

impl Shifted {
    pub fn advance(&self, by: Duration) {
        self.by.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }

    fn shift(&self) -> Duration {
        Duration::from_millis(self.by.load(Ordering::Relaxed))
    }
}

impl Clock for Shifted {
    fn now(&self) -> SystemTime {
        self.system.now() + self.shift()
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic() + self.shift()
    }

    fn sleep(&self, duration: Duration) -> Wait {
        self.system.sleep(duration)
    }

    fn limit(&self, duration: Duration) -> Wait {
        self.system.limit(duration)
    }
}

pub fn bill(vendor: &Vendor, clock: &Arc<Shifted>) -> Bill {
    let mut settings = Settings::default();
    settings.clock = clock.clone();
    let url = vendor.url();
    Bill::at(&format!("{url}/connect"), &format!("{url}/api/v2"), settings).unwrap()
}

pub fn developer_key(password: &str) -> DeveloperKey {
    DeveloperKey {
        username: "service.user@example.com".into(),
        password: password.into(),
        organization_id: vendor::ORGANIZATION.into(),
        dev_key: vendor::DEVELOPER_KEY.into(),
    }
}

pub fn organization(vendor: &Vendor, clock: &Arc<Shifted>) -> Organization {
    bill(vendor, clock).session(developer_key(vendor::PASSWORD)).unwrap()
}

pub fn bezala(vendor: &Vendor) -> bezala::Access {
    let bezala = Bezala::at(vendor.url(), Settings::default()).unwrap();
    bezala
        .session(bezala::Password { email: "service.user@example.com".into(), password: vendor::PASSWORD.into() })
        .unwrap()
}

/// What one thing took and what another took, side by side.
#[derive(Debug, Default)]
pub struct Pairs(Vec<[Duration; 2]>);

impl Pairs {
    /// Takes turns, and turns about in who is first, so that a machine that gets slower or faster does so for both.
    pub async fn measure(
        turns: usize,
        mut subject: impl AsyncFnMut() -> Duration,
        mut baseline: impl AsyncFnMut() -> Duration,
    ) -> Self {
        let mut pairs = Vec::with_capacity(turns);
        for turn in 0..turns {
            pairs.push(if turn % 2 == 0 {
                let subject = subject().await;
                [subject, baseline().await]
            } else {
                let baseline = baseline().await;
                [subject().await, baseline]
            });
        }
        Self(pairs)
    }

    pub fn subject(&self) -> Quartiles {
        Quartiles::of(self.0.iter().map(|[subject, _]| subject.as_secs_f64()))
    }

    pub fn baseline(&self) -> Quartiles {
        Quartiles::of(self.0.iter().map(|[_, baseline]| baseline.as_secs_f64()))
    }

    pub fn difference(&self) -> Quartiles {
        Quartiles::of(self.0.iter().map(|[subject, baseline]| subject.as_secs_f64() - baseline.as_secs_f64()))
    }

    pub fn ratio(&self) -> Quartiles {
        Quartiles::of(self.0.iter().map(|[subject, baseline]| subject.as_secs_f64() / baseline.as_secs_f64()))
    }
}

/// The middle of some measurements, and between which bounds the half of them around it lies.
#[derive(Debug, Clone, Copy)]
pub struct Quartiles {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Quartiles {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
        Self { low: at(0.25), median: at(0.5), high: at(0.75) }
    }

    /// In another unit.
    pub fn times(self, factor: f64) -> Self {
        Self { low: self.low * factor, median: self.median * factor, high: self.high * factor }
    }

    /// Of a ratio, the other way round.
    pub fn inverse(self) -> Self {
        Self { low: 1.0 / self.high, median: 1.0 / self.median, high: 1.0 / self.low }
    }
}

impl fmt::Display for Quartiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        write!(f, "{:.digits$} ({:.digits$} to {:.digits$})", self.median, self.low, self.high)
    }
}

/// How long `work` takes.
pub async fn timed(work: impl Future<Output = ()>) -> Duration {
    let began = Instant::now();
    work.await;
    began.elapsed()
}
