//! What of a vendor's words is kept: no secret that the vendor was told, and no page of HTML.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Refusal;
use crate::secret::{Secret, scrub};
use crate::session::InHand;

/// The vendor's words are kept to this length, in characters: enough for every documented one, and no room for a page of HTML.
const LONGEST: usize = 300;

/// The secrets that a vendor knows and may quote.
#[derive(Clone)]
pub(crate) struct Hide {
    told: Arc<Mutex<Vec<Secret>>>,
    live: Option<InHand>,
}

impl Hide {
    pub(crate) fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        Self { told: Arc::new(Mutex::new(secrets.into_iter().collect())), live: None }
    }

    /// These and more.
    pub(crate) fn and(&self, secrets: impl IntoIterator<Item = Secret>) -> Self {
        Self::new(self.told().into_iter().chain(secrets))
    }

    /// These and what a session presents.
    pub(crate) fn with(&self, live: Option<InHand>) -> Self {
        Self { told: self.told.clone(), live }
    }

    /// One more, from now on, for every clone.
    pub(crate) fn learn(&self, secret: &Secret) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.iter().any(|known| known.expose() == secret.expose()) {
            told.push(secret.clone());
        }
    }

    pub(crate) fn in_refusal(&self, refusal: &mut Refusal) {
        for problem in &mut refusal.problems {
            problem.message = self.in_text(std::mem::take(&mut problem.message));
            problem.code = problem.code.take().map(|code| self.in_text(code));
            problem.field = problem.field.take().map(|field| self.in_text(field));
        }
    }

    pub(crate) fn in_text(&self, text: String) -> String {
        let told = self.told();
        let presented = self.live.iter().flat_map(|live| live.grant.secrets());
        let secrets: Vec<&Secret> = told.iter().chain(presented).collect();
        // Cut last: of a secret that is cut in two the first half would not be known again. What is cut before, of a body of megabytes, lies
        // beyond all that can be kept: there is room for 37 of what stands for a secret, and no encoding is longer than twelve times its text.
        let longest = secrets.iter().map(|secret| secret.expose().len()).max().unwrap_or_default();
        let text = text.chars().take(2 * LONGEST * (1 + longest)).collect();
        let text = scrub(text, secrets);
        text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    pub(crate) fn told(&self) -> Vec<Secret> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
