//! The webhooks' API: the calls of an organization's session, of a partner's, and of the Spend & Expense token, each with
//! subscriptions of its own.

use super::{Bill, Refusal};
use crate::log::Under;
use crate::wire::{Call, Reply};

impl Bill {
    pub(super) fn events(&mut self, call: &Call) -> Result<Reply, Refusal> {
        if call.op == "-" {
            return Err(Refusal::coded(404, "BDC_1121"));
        }
        if call.header("apitoken").is_some() {
            self.under = Under { session: Some("bill-spend-token".to_owned()), ..Under::default() };
            // No limit is documented of these calls: the one of Spend & Expense is its own API's.
            return if call.header("apitoken") == Some(&self.spend_token) {
                self.of_spend(call)
            } else {
                Err(Refusal::unauthorized())
            };
        }
        // 401 is documented for a header of the credential that is not there; its code is not.
        if call.header("sessionid").is_none() {
            return Err(Refusal::new(401, "BDC_1108", "sessionId is required."));
        }
        if call.header("appkey").is_some() {
            self.recognize_partner(call)?;
            return self.of_partner(call, None);
        }
        if call.header("devkey").is_none() {
            return Err(Refusal::new(401, "BDC_1108", "devKey is required."));
        }
        let who = self.recognize_v3(call)?;
        self.permit(call, &who)?;
        self.of_organization(call, &who)
    }
}
