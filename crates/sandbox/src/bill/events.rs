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
        // 400 where a header of the credential is not there, 401 where it is not valid (BILL's page on this API's errors). With
        // which code the former, no page says: that of a missing parameter, as on the other APIs here.
        if call.header("appkey").is_some() {
            self.recognize_partner(call)?;
            return self.of_partner(call, None);
        }
        let who = self.recognize_v3(call)?;
        self.permit(call, &who)?;
        self.of_organization(call, &who)
    }
}
