//! Many organizations as one value: an accountant's clients, a partner's customers. What they cost in sign-ins and calls is reckoned in
//! `docs/pools.md` of the repository.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream::{self, StreamExt as _};

use super::Organization;
use crate::error::Error;
use crate::session::Status;
use crate::session::pool::{Census, Pool};

/// Organizations that are opened on demand. Clones share them, and all that one [`Bill`](super::Bill) has opened share the budgets of
/// their developer key.
///
/// An organization that nobody has asked for costs nothing. Whoever asks for one twice gets the same session. When nobody holds it any
/// more and its session is gone, it is forgotten; so ask again rather than keep thousands of handles. A sign-in that was refused is
/// remembered for its organization, as long as [`Policy::hold_off`](crate::client::Policy::hold_off) says, and the others go on.
///
/// At most [`capacity`](Self::capacity) sessions are live. With one more, the one that was used longest ago is signed out in the
/// background; not one with a call under way or one that is [kept warm](Organization::keep_warm), so that the bound is exceeded
/// where there are only such, until the next sign-in: only then is it looked at. Where sessions are kept in a store it is let go and not signed out, for others may be using it.
#[derive(Clone)]
pub struct Organizations(Arc<Shared>);

type Open = dyn Fn(&str) -> Result<Organization, Error> + Send + Sync;

struct Shared {
    open: Box<Open>,
    pool: Pool,
    members: Mutex<Members>,
}

struct Members {
    by_id: HashMap<Box<str>, Organization>,
    /// How many there are when those that are gone are looked for.
    look_at: usize,
}

/// How many sessions are live at most unless told otherwise. A live session costs two KiB, a sign-in a two-hundredth of an hour's: so
/// none is ended that calls could still keep alive. 20,000 calls an hour keep alive 10,500 sessions of 35 minutes, and 200 sign-ins an
/// hour make 9,600 sessions of 48 hours.
const CAPACITY: usize = 10_000;

/// How many are signed out at one time.
const SIGN_OUTS: usize = 8;

impl Organizations {
    /// Organizations that are opened by `open`, which is given the id. It may be called for one that is there already.
    ///
    /// [`Bill::organizations`](super::Bill::organizations) and [`Partner::organizations`](super::Partner::organizations) are this for
    /// the common cases; here is one more, with the v2 call and a remembered MFA device:
    ///
    /// ```
    /// use ledgerkey::bill::mfa::Remembered;
    /// use ledgerkey::bill::{Bill, DeveloperKey, Organizations};
    ///
    /// # fn run(remembered: Remembered) -> Result<(), ledgerkey::Error> {
    /// let bill = Bill::sandbox()?;
    /// let pool = Organizations::new(move |id| {
    ///     let organization = bill.session_by_v2(DeveloperKey {
    ///         username: "user@example.com".into(),
    ///         password: "example".into(),
    ///         organization_id: id.into(),
    ///         dev_key: "example".into(),
    ///     })?;
    ///     organization.remember(remembered.clone());
    ///     Ok(organization)
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(open: impl Fn(&str) -> Result<Organization, Error> + Send + Sync + 'static) -> Self {
        let members = Members { by_id: HashMap::new(), look_at: 64 };
        Self(Arc::new(Shared { open: Box::new(open), pool: Pool::new(CAPACITY), members: Mutex::new(members) }))
    }

    /// Sets how many sessions are live at most, from the next sign-in on; at least one, 10,000 by default.
    #[must_use]
    pub fn capacity(self, most: usize) -> Self {
        self.0.pool.set_capacity(most);
        self
    }

    /// The organization with this id. Nothing is sent: the first call signs in.
    ///
    /// # Errors
    /// `config` if a credential is empty or cannot be sent, or is for another organization.
    pub fn organization(&self, id: impl AsRef<str>) -> Result<Organization, Error> {
        let id = id.as_ref();
        if let Some(member) = self.members().by_id.get(id) {
            return Ok(member.clone());
        }
        let opened = (self.0.open)(id)?;
        let named = opened.session().status().organization;
        if named.as_deref() != Some(id) {
            return Err(Error::config(format!(
                "asked for the organization {id}, and was given the credential of {}",
                named.as_deref().unwrap_or("none")
            )));
        }
        let mut members = self.members();
        if let Some(member) = members.by_id.get(id) {
            return Ok(member.clone());
        }
        self.0.pool.seat(opened.session());
        members.make_room();
        members.by_id.insert(id.into(), opened.clone());
        Ok(opened)
    }

    /// How the members that are remembered stand; in no order.
    pub fn statuses(&self) -> Vec<Status> {
        self.each().iter().map(|member| member.session().status()).collect()
    }

    /// How many members are remembered, live and refused.
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        self.each().iter().for_each(|member| census.count(&member.session().status()));
        census
    }

    /// Ends the session of each member that is remembered at BILL, a few at a time, and forgets the refusals. The value stays usable. Where sessions are
    /// kept in a store, those are ended that others have made or use as well.
    ///
    /// # Errors
    /// The first that a sign-out met; the others have been tried all the same.
    pub async fn sign_out(&self) -> Result<(), Error> {
        let members = self.each();
        let sign_outs = members.iter().map(Organization::sign_out);
        let outcomes: Vec<Result<(), Error>> = stream::iter(sign_outs).buffer_unordered(SIGN_OUTS).collect().await;
        outcomes.into_iter().collect()
    }

    /// Those that are remembered; taken out, so that nobody has to wait until all of them have been asked something.
    fn each(&self) -> Vec<Organization> {
        self.members().by_id.values().cloned().collect()
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.0.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    /// Now and then forgets those that nobody holds and that have nothing to lose: looking costs as much as has been added since.
    fn make_room(&mut self) {
        if self.by_id.len() < self.look_at {
            return;
        }
        self.by_id.retain(|_, member| {
            member.is_held() || member.session().has_something_to_lose() || member.remembered().is_some()
        });
        self.by_id.shrink_to(self.by_id.len() * 2);
        self.look_at = (self.by_id.len() * 2).max(64);
    }
}

impl fmt::Debug for Organizations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Organizations").field(&self.census()).finish()
    }
}

#[cfg(test)]
mod tests {
    //! The reckoning of `docs/pools.md`, by the spec's numbers and the pacing's own windows.

    use std::cmp::Reverse;
    use std::collections::{BTreeMap, BinaryHeap};
    use std::time::Duration;

    use super::super::api;
    use crate::table::Quota;
    use crate::transport::window::Window;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 3600;

    /// Organizations under one developer key; times in seconds.
    struct Fleet {
        organizations: u64,
        /// Each is visited once in this time, with so many calls.
        every: u64,
        calls: u32,
        idle: u64,
        /// Kept warm by a touch after so much idle time.
        touch: Option<u64>,
        /// All sessions are there at the start, their last use spread over the time of a touch.
        live: bool,
    }

    #[derive(Debug, Default, Clone, Copy)]
    struct Spent {
        sign_ins: u32,
        calls: u32,
        visits: u32,
    }

    impl Fleet {
        fn run(&self, hours: u64) -> Vec<Spent> {
            let (mut sign_ins, mut calls) = (window("sign-ins an hour"), window("calls an hour"));
            let mut spent = BTreeMap::<u64, Spent>::new();
            let start = 400_000 * HOUR;
            // For each: when it was used, and when it is to be visited.
            let mut each: Vec<(Option<u64>, u64)> = (0..self.organizations)
                .map(|number| {
                    let spread = self.touch.unwrap_or(self.idle) * number / self.organizations;
                    (self.live.then(|| start - spread), start + self.every * number / self.organizations)
                })
                .collect();
            let next = |(used, visit): (Option<u64>, u64)| match used.zip(self.touch) {
                Some((used, touch)) => visit.min(used + touch),
                None => visit,
            };
            let mut events: BinaryHeap<_> =
                each.iter().enumerate().map(|(number, times)| Reverse((next(*times), number))).collect();
            while let Some(Reverse((now, number))) =
                events.pop().filter(|Reverse((now, _))| *now < start + hours * HOUR)
            {
                let (used, visit) = each[number];
                let live = used.is_some_and(|used| now - used < self.idle);
                let visits = visit <= now;
                let spent = spent.entry(now / HOUR).or_default();
                let at = now * 1000;
                let signs_in = visits && !live;
                let wait = calls.wait(at).max(if signs_in { sign_ins.wait(at) } else { Duration::ZERO }).as_secs();
                if wait > 0 {
                    events.push(Reverse((now + wait, number)));
                    continue;
                }
                spent.sign_ins += u32::from(signs_in && sign_ins.spend(at));
                let wanted = if visits { self.calls + u32::from(signs_in) } else { u32::from(live) };
                spent.calls += (0..wanted).map(|_| u32::from(calls.spend(at))).sum::<u32>();
                spent.visits += u32::from(visits);
                each[number] = match (visits, live) {
                    (true, _) => (Some(now), (visit + self.every).max(now + 1)),
                    (false, true) => (Some(now), visit),
                    // It died before its touch could be made, and stays dead until it is visited.
                    (false, false) => (None, visit),
                };
                events.push(Reverse((next(each[number]), number)));
            }
            spent.into_values().collect()
        }
    }

    fn window(name: &str) -> Window {
        match api::API.limits.iter().find(|limit| limit.name == name).map(|limit| limit.quota) {
            Some(Quota::Within { most, per, clock }) => Window::new(most, per, clock),
            _ => panic!("the spec has no {name}"),
        }
    }

    const DEVELOPER_KEY: u64 = 35 * MINUTE;
    const SYNC_TOKEN: u64 = 48 * HOUR;

    #[test]
    fn a_full_round_of_ten_thousand_takes_fifty_hours() {
        let fleet =
            Fleet { organizations: 10_000, every: 50 * HOUR, calls: 10, idle: DEVELOPER_KEY, touch: None, live: false };
        let hours = fleet.run(100);
        assert!(hours.iter().all(|hour| (hour.sign_ins, hour.calls) == (200, 2200)), "{hours:?}");
        assert_eq!(hours.iter().map(|hour| hour.visits).sum::<u32>(), 2 * 10_000);
    }

    #[test]
    fn a_daily_visit_fits_four_thousand_eight_hundred() {
        let of = |organizations| Fleet {
            organizations,
            every: 24 * HOUR,
            calls: 10,
            idle: DEVELOPER_KEY,
            touch: None,
            live: false,
        };
        let visits = |fleet: Fleet| fleet.run(72).iter().skip(24).map(|hour| hour.visits).sum::<u32>();
        assert_eq!(visits(of(4800)), 2 * 4800);
        assert_eq!(visits(of(6000)), 2 * 4800, "the rest is late, and later each day");
    }

    #[test]
    fn ten_thousand_kept_warm_leave_a_twentieth_of_the_calls() {
        let of = |organizations| Fleet {
            organizations,
            every: 1000 * HOUR,
            calls: 0,
            idle: DEVELOPER_KEY,
            touch: Some(1890),
            live: true,
        };
        let calls = |hours: &[Spent]| hours.iter().map(|hour| hour.calls).sum::<u32>() / hours.len() as u32;
        let warm = of(10_000).run(24);
        assert!((18_990..=19_060).contains(&calls(&warm)), "{}", calls(&warm));
        let over = of(12_000).run(24);
        assert!(over.iter().all(|hour| hour.calls <= 20_000));
        assert!(calls(&over[12..]) < 12_000 * 40 / 21, "some have died");
    }

    #[test]
    fn sync_tokens_keep_ten_thousand_for_a_hundredth_of_the_calls() {
        let fleet = Fleet {
            organizations: 10_000,
            every: 60 * HOUR,
            calls: 1,
            idle: SYNC_TOKEN,
            touch: Some(155_520),
            live: false,
        };
        let hours = fleet.run(240);
        assert_eq!(hours.iter().map(|hour| hour.sign_ins).sum::<u32>(), 10_000, "one each, and never again");
        assert!(hours.iter().all(|hour| hour.sign_ins <= 200 && hour.calls <= 800), "{hours:?}");
        assert!(hours[70..].iter().all(|hour| hour.sign_ins == 0));
    }
}
