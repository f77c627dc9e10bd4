//! What of a vendor's words is kept: no secret that the vendor was told, and no page of HTML.

use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;

use crate::error::Refusal;
use crate::secret::{Secret, scrub};
use crate::session::InHand;

/// The vendor's words are kept to this length, in characters: enough for every documented one, and no room for a page of HTML.
const LONGEST: usize = 300;

/// The secrets that a vendor knows and may quote, beside a session. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Told(Arc<Mutex<SmallVec<[Secret; 2]>>>);

/// What is taken out of a vendor's words: these, and what a session presents.
pub(crate) struct Hide {
    told: Told,
    live: Option<InHand>,
}

impl Told {
    pub(crate) fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        Self(Arc::new(Mutex::new(secrets.into_iter().collect())))
    }

    /// These and more.
    pub(crate) fn and(&self, secrets: impl IntoIterator<Item = Secret>) -> Self {
        Self::new(self.secrets().into_iter().chain(secrets))
    }

    /// These and what a session presents.
    pub(crate) fn with(&self, live: Option<InHand>) -> Hide {
        Hide { told: self.clone(), live }
    }

    /// One more, from now on, for every clone.
    pub(crate) fn learn(&self, secret: &Secret) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.iter().any(|known| known.expose() == secret.expose()) {
            told.push(secret.clone());
        }
    }

    pub(crate) fn secrets(&self) -> Vec<Secret> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).to_vec()
    }
}

impl Hide {
    pub(crate) fn in_refusal(&self, refusal: &mut Refusal) {
        for problem in &mut refusal.problems {
            problem.message = self.in_text(std::mem::take(&mut problem.message));
            problem.code = problem.code.take().map(|code| self.in_text(code));
            problem.field = problem.field.take().map(|field| self.in_text(field));
        }
    }

    pub(crate) fn in_text(&self, text: String) -> String {
        let told = self.told.secrets();
        let presented = self.live.iter().flat_map(|live| live.grant.secrets());
        let secrets: Vec<&Secret> = told.iter().chain(presented).collect();
        // Cut last: of a secret that is cut in two the first half would not be known again. What is cut before, of a body of megabytes, lies
        // beyond all that can be kept: there is room for 37 of what stands for a secret, and no encoding is longer than twelve times its text.
        let longest = secrets.iter().map(|secret| secret.expose().len()).max().unwrap_or_default();
        let text = text.chars().take(2 * LONGEST * (1 + longest)).collect();
        let text = scrub(text, secrets);
        text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}
