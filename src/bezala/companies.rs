//! Many companies of one user: which company's calls go next.
//!
//! The [guard](super::company) sees to it that a call runs in its company, and takes whoever comes next. Here callers are put in an order
//! first, since a switch costs three requests: a company whose turn it is goes on while it has calls, and the others wait in line; but
//! not for more than a number of calls and a time, so that nobody waits for ever.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::company::{Guard, InCompany};
use crate::client::{Connection, Gate, Lease};
use crate::error::Error;
use crate::session::clock::Clock;
use crate::session::grant::Pending;
use crate::table::Operation;

/// A user's companies as one value. Clones share the order.
///
/// Calls of one company run together; those of the others wait until it has no more, or until its turn is over: after 100 calls or 10
/// seconds, whichever is first, once somebody else waits. The line is served by who has waited longest. So with `n` companies busy a call
/// waits for at most `n - 1` turns and the calls under way at their ends.
///
/// Calls through [`Access::company`](super::Access::company) are guarded all the same, and come between.
///
/// ```no_run
/// # async fn run(user: ledgerkey::bezala::Access) -> Result<(), ledgerkey::Error> {
/// let companies = user.companies();
/// let (one, two) = (companies.company(7), companies.company(8));
/// let (one, two) = (one.api(), two.api());
/// let (accounts, others) = tokio::join!(one.list_accounts().send(), two.list_accounts().send());
/// println!("{} and {}", accounts?.len(), others?.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Companies {
    connection: Connection,
    guard: Arc<Guard>,
    turns: Turns,
}

/// A turn, once somebody else waits: long enough that three requests for the switch weigh little, short enough for a person to wait.
const CALLS: u32 = 100;
const TIME: Duration = Duration::from_secs(10);

/// For how long a company that has no call under way may come with its next one: a loop takes a moment between two calls, and a switch
/// there and back costs more than the others' waiting.
const PAUSE: Duration = Duration::from_millis(20);

impl Companies {
    pub(super) fn new(connection: &Connection, guard: &Arc<Guard>) -> Self {
        let turns = Turns::new(connection.clock().clone(), CALLS, TIME);
        Self { connection: connection.clone(), guard: guard.clone(), turns }
    }

    /// The same companies, in an order of their own with other turns: at most so many calls and so much time once another company waits.
    #[must_use]
    pub fn turns_of(&self, calls: u32, time: Duration) -> Self {
        Self { turns: Turns::new(self.connection.clock().clone(), calls.max(1), time), ..self.clone() }
    }

    /// Calls that run in this company; see [`Access::company`](super::Access::company).
    pub fn company(&self, id: impl Into<i64>) -> InCompany {
        let company = id.into();
        let gate = InTurn { turns: self.turns.clone(), guard: self.guard.clone(), company };
        InCompany::behind(&self.connection, Arc::new(gate), &self.guard, company)
    }
}

/// The gate of calls that wait for their company's turn.
struct InTurn {
    turns: Turns,
    guard: Arc<Guard>,
    company: i64,
}

impl Gate for InTurn {
    fn enter(&self, operation: &'static Operation) -> Pending<'_, Lease> {
        Box::pin(async move {
            let place = self.turns.enter(self.company).await?;
            let running = self.guard.enter(self.company, operation).await?;
            // In this order: the company is free to be switched before the next one's turn begins.
            Ok(Lease::new((running, place)))
        })
    }

    fn check<'a>(&'a self, operation: &'static Operation, again: bool) -> Pending<'a, ()> {
        Box::pin(self.guard.check(self.company, operation, again))
    }
}

#[derive(Debug, Clone)]
struct Turns {
    line: Arc<Mutex<Line>>,
    clock: Arc<dyn Clock>,
    calls: u32,
    time: Duration,
}

#[derive(Debug, Default)]
struct Line {
    /// Whose turn it is, since when, how many calls it has had, and how many are under way.
    company: Option<i64>,
    since: Duration,
    had: u32,
    running: u32,
    /// The companies that wait, first come first; and their callers, likewise.
    waiting: VecDeque<(i64, VecDeque<oneshot::Sender<Place>>)>,
}

/// A call's place in its company's turn. Dropping it gives it up.
#[derive(Debug)]
struct Place(Option<Turns>);

impl Turns {
    fn new(clock: Arc<dyn Clock>, calls: u32, time: Duration) -> Self {
        Self { line: Arc::default(), clock, calls, time }
    }

    /// Waits for a turn of this company.
    async fn enter(&self, company: i64) -> Result<Place, Error> {
        let place = {
            let mut line = self.lock();
            if line.company != Some(company) && line.running == 0 && line.waiting.is_empty() {
                line.begin(company, self.clock.monotonic());
            }
            if line.company == Some(company) && (line.waiting.is_empty() || !self.is_over(&line)) {
                line.had = line.had.saturating_add(1);
                line.running += 1;
                return Ok(Place(Some(self.clone())));
            }
            let (grant, place) = oneshot::channel();
            match line.waiting.iter_mut().find(|(waiting, _)| *waiting == company) {
                Some((_, callers)) => callers.push_back(grant),
                None => line.waiting.push_back((company, VecDeque::from([grant]))),
            }
            // Whoever had the turn may have left it long ago, while nobody waited.
            let idle = line.running == 0;
            drop(line);
            if idle {
                self.pause();
            }
            place
        };
        place.await.map_err(|_| Error::config("the order of the companies was torn down"))
    }

    fn is_over(&self, line: &Line) -> bool {
        line.had >= self.calls || self.clock.monotonic().saturating_sub(line.since) >= self.time
    }

    /// A call of the current turn is over.
    fn leave(&self) {
        let mut line = self.lock();
        line.running = line.running.saturating_sub(1);
        if line.running > 0 || line.waiting.is_empty() {
            return;
        }
        let over = self.is_over(&line);
        drop(line);
        if over { self.next() } else { self.pause() }
    }

    /// Lets the next company have its turn if the current one does not come back at once.
    fn pause(&self) {
        // Outside of a runtime there is nobody who could come back.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return self.next() };
        let (turns, had) = (self.clone(), self.lock().had);
        runtime.spawn(async move {
            turns.clock.sleep(PAUSE).await;
            if turns.lock().had == had {
                turns.next();
            }
        });
    }

    /// Begins the next company's turn, unless somebody is running.
    fn next(&self) {
        let mut line = self.lock();
        if line.running > 0 {
            return;
        }
        // Those who gave up are not let in; a company that has only such is passed over.
        while let Some((company, mut callers)) = line.waiting.pop_front() {
            callers.retain(|caller| !caller.is_closed());
            if callers.is_empty() {
                continue;
            }
            line.begin(company, self.clock.monotonic());
            let most = callers.len().min(self.calls as usize);
            let admitted: Vec<_> = callers.drain(..most).collect();
            let admitted_count = u32::try_from(admitted.len()).unwrap_or(u32::MAX);
            (line.had, line.running) = (admitted_count, admitted_count);
            if !callers.is_empty() {
                line.waiting.push_back((company, callers));
            }
            drop(line);
            // Outside the lock: a place that nobody takes is given up here and now.
            for caller in admitted {
                drop(caller.send(Place(Some(self.clone()))));
            }
            return;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn begin(&mut self, company: i64, now: Duration) {
        (self.company, self.since, self.had) = (Some(company), now, 0);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::clock::SystemClock;

    fn turns(calls: u32) -> Turns {
        Turns::new(Arc::new(SystemClock), calls, Duration::from_secs(60))
    }

    /// Runs callers that come all at once, and tells in which order of companies they went.
    async fn order(turns: &Turns, callers: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let went = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = callers
            .into_iter()
            .map(|company| {
                let (turns, went) = (turns.clone(), went.clone());
                tokio::spawn(async move {
                    let _place = turns.enter(company).await.unwrap();
                    went.lock().unwrap().push(company);
                    tokio::task::yield_now().await;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let went = went.lock().unwrap();
        went.clone()
    }

    #[tokio::test]
    async fn callers_of_one_company_go_together() {
        let mut went = order(&turns(100), (0..60).map(|i| i % 3 + 1)).await;
        went.dedup();
        assert_eq!(went.len(), 3, "{went:?}");
    }

    #[tokio::test]
    async fn a_busy_company_lets_the_others_in_after_its_turn() {
        let went = order(&turns(5), [1; 40].into_iter().chain([2])).await;
        let others = went.iter().position(|company| *company == 2).unwrap();
        // Whoever was let in before anybody else waited does not count.
        assert!(others <= 40 && went.len() == 41, "{went:?}");
        let turns = turns(5);
        let first = turns.enter(1).await.unwrap();
        let task = tokio::spawn({
            let turns = turns.clone();
            async move { turns.enter(2).await.map(drop) }
        });
        tokio::task::yield_now().await;
        let more: Vec<_> = futures_util::future::join_all((0..4).map(|_| turns.enter(1))).await;
        let late = tokio::spawn({
            let turns = turns.clone();
            async move { turns.enter(1).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(!late.is_finished(), "the turn is over");
        drop((first, more));
        task.await.unwrap().unwrap();
        late.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn who_gives_up_holds_nobody_up() {
        let turns = turns(100);
        let first = turns.enter(1).await.unwrap();
        let gone = tokio::spawn({
            let turns = turns.clone();
            async move { turns.enter(2).await.map(drop) }
        });
        let stays = tokio::spawn({
            let turns = turns.clone();
            async move { turns.enter(3).await.map(drop) }
        });
        tokio::task::yield_now().await;
        gone.abort();
        let _ = gone.await;
        drop(first);
        stays.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn two_loops_do_not_switch_at_each_call() {
        let turns = turns(10);
        let went = Arc::new(Mutex::new(Vec::new()));
        let tasks = [1, 2].map(|company| {
            let (turns, went) = (turns.clone(), went.clone());
            tokio::spawn(async move {
                for _ in 0..50 {
                    let _place = turns.enter(company).await.unwrap();
                    went.lock().unwrap().push(company);
                    tokio::task::yield_now().await;
                }
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
        let mut went = went.lock().unwrap().clone();
        went.dedup();
        assert!(went.len() <= 12, "{} turns for 100 calls in turns of 10", went.len());
    }
}
