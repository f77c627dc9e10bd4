//! The calls of the tour, through the generated clients.

use ledgerkey::bill::Organization;
use ledgerkey::{bezala, bill};
use ledgerkey_cli::doors::Door;

use super::{Outcome, Tour};

/// A call of a generated client.
#[derive(Debug, Clone, Copy)]
pub(super) enum Typed {
    /// BILL v3: `listVendors`.
    V3Vendors,
    /// BILL v2: `listVendors`.
    V2Vendors,
    /// Spend & Expense: `listBudgets`.
    Budgets,
    /// Partner: `listOrganizations`.
    Organizations,
    /// Bezala: `listAccounts`.
    Accounts,
}

impl Tour {
    /// Makes a call. How many rows it answered with.
    pub(super) async fn call(&self, door: &Door, typed: Typed) -> Outcome<usize> {
        match typed {
            Typed::V3Vendors => {
                let client = organization(door)?.api();
                Ok(self.count(client.list_vendors().max(5).send()).await?.results.len())
            }
            Typed::V2Vendors => {
                let client = organization(door)?.v2();
                let data = r#"{"start":0,"max":5}"#.to_owned();
                let asked = bill::v2::types::ListRequest { data: Some(data) };
                Ok(self.count(client.list_vendors().body(asked).send()).await?.response_data.len())
            }
            Typed::Budgets => {
                let Door::Spend(spend) = door else { return Err(elsewhere()) };
                Ok(self.count(spend.api().list_budgets().max(5).send()).await?.results.len())
            }
            Typed::Organizations => {
                let (Door::Partner(partner) | Door::PartnerUser { partner, .. }) = door else {
                    return Err(elsewhere());
                };
                Ok(self.count(partner.api().list_organizations().max(5).send()).await?.results.len())
            }
            Typed::Accounts => Ok(self.count(user(door)?.api().list_accounts().send()).await?.len()),
        }
    }
}

/// The organization that a door leads to.
pub(super) fn organization(door: &Door) -> Outcome<&Organization> {
    match door {
        Door::Organization(organization) | Door::PartnerUser { organization, .. } => Ok(organization),
        _ => Err(elsewhere()),
    }
}

/// The Bezala user that a door leads to.
pub(super) fn user(door: &Door) -> Outcome<&bezala::Access> {
    match door {
        Door::Bezala(access) => Ok(access),
        _ => Err(elsewhere()),
    }
}

fn elsewhere() -> String {
    "the way does not lead to the row's calls".to_owned()
}
