//! What a call has to have before it is sent: a session, a place among those under way, a share of each count.

use std::pin::pin;
use std::time::Duration;

use reqwest::Request;
use smallvec::SmallVec;

use super::budget::{Claim, Taken};
use super::call::Call;
use super::observe::Waited;
use super::pace::{HeldPlace, Meter, Turn};
use super::sending::Sending;
use crate::error::Error;
use crate::session::clock::Wait;
use crate::session::store::Lease;
use crate::session::{InHand, Live, Session, Turn as LineTurn};

/// What a call holds while it is under way.
pub(super) struct Admitted {
    pub(super) live: Option<InHand>,
    pub(super) share: Share,
}

/// Its share of the limits, given back when it is dropped.
pub(super) struct Share {
    #[expect(dead_code, reason = "held for its drop")]
    places: Places,
    #[expect(dead_code, reason = "held for its drop, after the places: the next in line finds one")]
    turn: Option<LineTurn>,
    #[expect(dead_code, reason = "held for its drop")]
    lease: Option<Lease>,
}

/// No vendor counts more than one kind of calls at once.
type Places = SmallVec<[HeldPlace; 1]>;

/// The head of the line for each window that was spent: whoever comes meanwhile comes after.
type Turns<'t> = SmallVec<[Turn<'t>; 1]>;

impl Call<'_> {
    /// Gets everything that a try needs: a request, a session, a place, a share of each budget.
    pub(super) async fn admit(&self, sending: &mut Sending<'_>) -> Result<(Box<Request>, Admitted), Error> {
        let mut timer = None;
        loop {
            // Boxed, as whatever few calls come to: else every call would carry the room for it about. Two boxes, for thousands can be
            // in line, and only a few have their turn.
            let turn = Box::pin(self.turn(&mut timer)).await?;
            // Before anything is counted for a call that cannot be sent.
            self.check_time("waiting for a place", self.left())?;
            let request = self.request(sending)?;
            let turn = match self.admit_with(turn, self.shared.wire.clock().now_millis()) {
                Ok(admitted) => return Ok((request, admitted)),
                Err(turn) => turn,
            };
            sending.put_back(request);
            if let Some(admitted) = Box::pin(self.admit_in_turn(turn, &mut timer)).await? {
                return Ok((self.request(sending)?, admitted));
            }
        }
    }

    /// Whether others stand in line for the session: who comes now comes after them.
    pub(super) fn has_a_line(&self) -> bool {
        self.session().is_some_and(Session::has_a_line)
    }

    /// All but the request, for one who has just come, if none of it has to be waited for. That is how it mostly is.
    pub(super) fn admit_at_once(&self, now: u64) -> Option<Admitted> {
        if self.has_a_line() { None } else { self.admit_with(None, now).ok() }
    }

    /// The same for one who has a turn, or needs none. Gives it back if something has to be waited for.
    fn admit_with(&self, turn: Option<LineTurn>, now: u64) -> Result<Admitted, Option<LineTurn>> {
        let taken = || {
            if self.shared.wire.budget().is_some() {
                return None;
            }
            let live = match self.session() {
                Some(session) => Some(session.at_hand_at(now)?),
                None => None,
            };
            Some((live, self.take(now)?))
        };
        let Some((live, (places, mut counted))) = taken() else { return Err(turn) };
        counted.is_final = true;
        Ok(Admitted { live, share: Share { places, turn, lease: None } })
    }

    /// The same, waiting for what is not there. In the order of session, window, place, count, and again from the start when waiting for one
    /// has cost the other: a session must not be waited for with a place in hand, which the sign-in may need. `None` if it has cost the turn.
    async fn admit_in_turn(
        &self,
        mut turn: Option<LineTurn>,
        timer: &mut Option<Wait>,
    ) -> Result<Option<Admitted>, Error> {
        let now = || self.shared.wire.clock().now_millis();
        loop {
            let live = self.live(turn.as_ref(), timer).await?;
            let (places, mut counted) = match self.take(now()) {
                Some(taken) => taken,
                None => match self.wait_to_take(live.as_deref(), &mut turn, timer).await? {
                    Some(taken) => taken,
                    None if turn.is_some() => continue,
                    None => return Ok(None),
                },
            };
            match self.ask().await? {
                Asked::Granted(lease) => {
                    counted.is_final = true;
                    return Ok(Some(Admitted { live, share: Share { places, turn, lease } }));
                }
                Asked::Wait(meter, wait) => {
                    drop((counted, places));
                    // Whoever is behind wants such a place too, and comes after. For a window it can take long, and others may have something else to
                    // do: one's place in line is at the end then.
                    if meter.at_once().is_none() {
                        turn = None;
                    }
                    self.wait_out(wait, meter).await?;
                    if turn.is_none() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Takes a place and counts the call, if both can be had at once and nobody waits for the next window.
    fn take(&self, now: u64) -> Option<(Places, Counted<'_>)> {
        if self.meters().any(|meter| meter.gauge().has_a_line()) {
            return None;
        }
        self.take_at_head(now)
    }

    /// The same for the head of the line. By the order of the meters a place comes first, and is given back where a count cannot be had.
    fn take_at_head(&self, now: u64) -> Option<(Places, Counted<'_>)> {
        let (mut places, mut counted) = (Places::new(), Counted::none(self));
        for meter in self.meters() {
            if let Some(place) = meter.try_place()? {
                places.push(place);
            }
            counted.count(meter.gauge().spend(now))?;
        }
        Some((places, counted))
    }

    /// The same, waiting; `None` if the session was lost meanwhile, or the window was spent.
    async fn wait_to_take(
        &self,
        live: Option<&Live>,
        turn: &mut Option<LineTurn>,
        timer: &mut Option<Wait>,
    ) -> Result<Option<(Places, Counted<'_>)>, Error> {
        let now = || self.shared.wire.clock().now_millis();
        if !self.windows_are_open(now()) {
            // It can take long, and those behind may have something else to do.
            *turn = None;
            // What else is waited for is not at the head of this line: behind it are calls that need nothing more.
            let _turns = self.wait_for_windows(timer).await?;
            if !self.is_at_hand(live) {
                return Ok(None);
            }
            if let Some(taken) = self.take_at_head(now()) {
                return Ok(Some(taken));
            }
        }
        let places = self.places(timer).await?;
        if !self.is_at_hand(live) {
            return Ok(None);
        }
        Ok(self.spend(now()).map(|counted| (places, counted)))
    }

    /// Whether the session has not been replaced while something else was waited for.
    fn is_at_hand(&self, live: Option<&Live>) -> bool {
        match (self.connection.session(), live) {
            (Some(session), Some(live)) => session.at_hand().is_some_and(|now| now.generation == live.generation),
            _ => true,
        }
    }

    /// The session that the call presents, if it presents one.
    fn session(&self) -> Option<&Session> {
        self.connection.session().filter(|_| !self.schemes.is_empty())
    }

    /// Waits in line with those who want the same session and a place. `None` where all that want the session can go at once.
    async fn turn(&self, timer: &mut Option<Wait>) -> Result<Option<LineTurn>, Error> {
        let at_once = self.meters().filter_map(Meter::at_once).min();
        let (Some(session), Some(at_once)) = (self.session(), at_once) else { return Ok(None) };
        // Whoever has to wait for a window waits for it in its own line, and is told at once if that takes too long.
        if session.at_hand().is_some() && !self.windows_are_open(self.shared.wire.clock().now_millis()) {
            return Ok(None);
        }
        match self.bound_by(timer, "waiting for a place", pin!(session.turn(at_once))).await {
            Err(Error::Timeout { operation, limit, .. }) if session.at_hand().is_none() => {
                Err(Error::Timeout { operation, what: "waiting for the sign-in", limit })
            }
            turn => turn.map(Some),
        }
    }

    async fn live(&self, turn: Option<&LineTurn>, timer: &mut Option<Wait>) -> Result<Option<InHand>, Error> {
        let Some(session) = self.session() else { return Ok(None) };
        if let Some(live) = session.at_hand() {
            // It is held while something else is waited for, for who knows how long.
            return Ok(Some(live.counted()));
        }
        let acquired = async {
            match turn {
                Some(turn) => turn.acquire().await,
                None => session.acquire().await,
            }
        };
        self.bound_by(timer, "waiting for the sign-in", pin!(acquired)).await?.map(Some)
    }

    fn windows_are_open(&self, now: u64) -> bool {
        self.meters().all(|meter| meter.gauge().is_open(now))
    }

    /// Waits until no window is spent, in line with the others who wait for it.
    async fn wait_for_windows(&self, timer: &mut Option<Wait>) -> Result<Turns<'_>, Error> {
        let mut turns = Turns::new();
        for meter in self.meters() {
            let now = || self.shared.wire.clock().now_millis();
            if meter.gauge().is_open(now()) {
                continue;
            }
            match self.bound_by(timer, "waiting for a limit", pin!(meter.gauge().turn())).await {
                Ok(turn) => turns.extend(turn),
                Err(Error::Timeout { .. }) => return Err(self.spent(meter, meter.gauge().wait(now()))),
                Err(other) => return Err(other),
            }
            // More than once where the clock is behind the timer that ended the wait.
            loop {
                let wait = meter.gauge().wait(now());
                if wait.is_zero() {
                    break;
                }
                self.wait_out(wait, meter).await?;
            }
        }
        Ok(turns)
    }

    async fn wait_out(&self, wait: Duration, meter: &Meter) -> Result<(), Error> {
        if wait + self.shortest() > self.left() {
            return Err(self.spent(meter, wait));
        }
        self.sleep(Waited::Limit, wait).await;
        Ok(())
    }

    /// The limit is spent for longer than the call has time.
    fn spent(&self, meter: &Meter, wait: Duration) -> Error {
        Error::RateLimited {
            operation: self.operation.id,
            limit: Some(meter.limit.name),
            retry_after: Some(wait),
            until: self.shared.wire.clock().now().checked_add(wait),
            refusal: self.limited.clone(),
        }
    }

    async fn places(&self, timer: &mut Option<Wait>) -> Result<Places, Error> {
        let mut places = Places::new();
        for meter in self.meters() {
            let place = match meter.try_place() {
                Some(place) => place,
                None => self.bound_by(timer, "waiting for a place", pin!(meter.place())).await?,
            };
            places.extend(place);
        }
        Ok(places)
    }

    /// Counts the call into every window, or into none.
    fn spend(&self, now: u64) -> Option<Counted<'_>> {
        let mut counted = Counted::none(self);
        for meter in self.meters() {
            counted.count(meter.gauge().spend(now))?;
        }
        Some(counted)
    }

    /// Takes the call's share of what all processes may do together.
    async fn ask(&self) -> Result<Asked<'_>, Error> {
        let Some(budget) = self.shared.wire.budget() else { return Ok(Asked::Granted(None)) };
        let claimed = || self.meters().filter_map(|meter| Some((meter, meter.claim()?)));
        let claims: Vec<Claim> = claimed().map(|(_, claim)| claim.clone()).collect();
        if claims.is_empty() {
            return Ok(Asked::Granted(None));
        }
        match self.bound("asking for a share of the limits", budget.take(&claims)).await? {
            Ok(Taken::Granted(lease)) => {
                self.shared.wire.budget_away().note_back();
                Ok(Asked::Granted(Some(lease)))
            }
            Ok(Taken::Wait { claim, wait }) => match claimed().nth(claim) {
                Some((meter, _)) => Ok(Asked::Wait(meter, wait.max(SHORTEST_WAIT))),
                None => {
                    Err(Error::config(format!("the shared budget was asked for {} claims, not {claim}", claims.len())))
                }
            },
            Err(error) => {
                // Our own count goes on, and the vendor's refusals correct it.
                self.shared.wire.budget_away().note_failed(&error);
                Ok(Asked::Granted(None))
            }
        }
    }
}

/// A shared budget that says to ask again at once is not asked in a circle.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// What came of asking for a share of the budget.
enum Asked<'m> {
    /// It is there; without a budget nothing has to be held.
    Granted(Option<Lease>),
    /// It is not there, for want of this and for as long.
    Wait(&'m Meter, Duration),
}

/// A call that has been counted and not yet sent: counted out again if it is dropped, unless the count is final.
struct Counted<'c> {
    call: &'c Call<'c>,
    meters: usize,
    is_final: bool,
}

impl<'c> Counted<'c> {
    fn none(call: &'c Call<'c>) -> Self {
        Self { call, meters: 0, is_final: false }
    }

    /// One meter more, the next in their order; `None` if it has nothing left.
    fn count(&mut self, is_spent: bool) -> Option<()> {
        is_spent.then(|| self.meters += 1)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if !self.is_final {
            self.call.meters().take(self.meters).for_each(|meter| meter.gauge().refund());
        }
    }
}
