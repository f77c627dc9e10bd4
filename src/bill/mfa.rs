//! MFA: making a session trusted. Trust belongs to the session and dies with it, unless the device is remembered; then the MFA id is good for 30
//! days and goes with each later sign-in. Source: developer.bill.com/reference/stepupsession.

#[cfg(feature = "bill-v3")]
use super::Organization;
#[cfg(feature = "bill-v3")]
use super::api::types;
#[cfg(feature = "bill-v3")]
use crate::error::Error;
use crate::secret::Secret;

/// A device that BILL remembers. It is as good as a second factor: keep it like a password.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// BILL's `rememberMeId`, good for 30 days.
    pub id: Secret,
    /// The device's name, the very one that it was remembered under: integrators saw another name lead to an untrusted session.
    pub device: String,
}

/// The steps to a trusted session.
#[cfg(feature = "bill-v3")]
#[derive(Debug)]
pub struct Mfa<'o> {
    organization: &'o Organization,
}

/// A challenge whose token is on its way to the user's phone.
#[cfg(feature = "bill-v3")]
#[derive(Debug, Clone)]
#[must_use = "the session is trusted only once the token has been validated"]
pub struct Challenge(String);

#[cfg(feature = "bill-v3")]
impl<'o> Mfa<'o> {
    pub(super) fn new(organization: &'o Organization) -> Self {
        Self { organization }
    }

    /// Has BILL send a six-digit token to the user's phone. Do not repeat it in a loop: BILL sends five messages a minute.
    ///
    /// # Errors
    /// `not-permitted` under a sync token, which can do no MFA; `decode` if BILL answers without a challenge.
    pub async fn challenge(&self) -> Result<Challenge, Error> {
        let body = types::MfaChallengeRequest { use_backup: None };
        let challenge = self.organization.api().challenge_mfa().body(body).send().await?.into_inner();
        challenge.challenge_id.map(Challenge).ok_or_else(|| Error::Decode {
            operation: "challengeMfa",
            path: "challengeId".into(),
            detail: "the answer carries no challenge".into(),
        })
    }

    /// Makes the session trusted, with the token from the phone. With `device`, BILL remembers it under that name (19 characters are known to
    /// be accepted, 49 to be refused), and every later sign-in of this value is trusted from its start.
    ///
    /// # Errors
    /// `vendor` with BILL's code if the token is wrong or too old.
    pub async fn validate(
        &self,
        challenge: &Challenge,
        token: Secret,
        device: Option<&str>,
    ) -> Result<Option<Remembered>, Error> {
        let api = self.organization.api_telling(&token);
        let body = types::MfaChallengeValidateRequest {
            challenge_id: challenge.0.clone(),
            token,
            device: device.map(str::to_owned),
            machine_name: None,
            remember_me: device.map(|_| true),
        };
        let before = self.generation();
        let trust = api.validate_mfa_challenge().body(body).send().await?.into_inner();
        self.trust(before);
        let remembered =
            trust.remember_me_id.zip(device).map(|(id, device)| Remembered { id, device: device.to_owned() });
        if let Some(remembered) = &remembered {
            self.organization.remember(remembered.clone());
        }
        Ok(remembered)
    }

    /// Makes the live session trusted by a remembered device, without a token, and presents it at every later sign-in.
    ///
    /// # Errors
    /// `vendor` if BILL does not know the pair of id and device, or no longer.
    pub async fn step_up(&self, remembered: Remembered) -> Result<(), Error> {
        let body = types::MfaStepUpRequest {
            remember_me_id: Some(remembered.id.clone()),
            device: Some(remembered.device.clone()),
        };
        let before = self.generation();
        self.organization.api_telling(&remembered.id).step_up_session().body(body).send().await?;
        self.trust(before);
        self.organization.remember(remembered);
        Ok(())
    }

    fn generation(&self) -> Option<u64> {
        self.organization.session().at_hand().map(|live| live.generation)
    }

    /// Notes that the session is trusted, unless it is another than before the call: BILL trusts the one that the call was made in, and the other
    /// may have come up beside it. Where there was none before, it is the one that the call made.
    fn trust(&self, before: Option<u64>) {
        let now = self.organization.session().at_hand();
        if let Some(live) = now.filter(|live| before.is_none_or(|before| before == live.generation)) {
            live.set_trusted(true);
        }
    }
}
