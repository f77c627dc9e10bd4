//! A sandbox with clients that live by its clock.
#![allow(dead_code, unreachable_pub, reason = "each test takes a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::sync::Arc;
use std::time::Duration;

use ledgerkey::bezala::{self, Bezala};
use ledgerkey::bill::{self, Bill, Organizations};
use ledgerkey::client::Settings;
use ledgerkey_cli::sandbox_clock::SandboxClock;
use ledgerkey_sandbox::{Builder, Sandbox, Served};

/// The sandbox, and the settings of whoever calls it.
pub struct Stage {
    pub sandbox: Sandbox,
    pub settings: Settings,
}

impl Stage {
    pub fn set(builder: Builder) -> Self {
        let sandbox = builder.start().unwrap();
        let mut settings = Settings::default();
        settings.clock = Arc::new(SandboxClock::new(sandbox.clock()));
        Self { sandbox, settings }
    }

    pub fn get(&self, name: &str) -> String {
        self.sandbox.credentials()[name].clone()
    }

    pub fn bill(&self) -> Bill {
        let url = self.sandbox.url();
        Bill::at(&format!("{url}/connect"), &format!("{url}/api/v2"), self.settings.clone()).unwrap()
    }

    /// The pool of one user's organizations.
    pub fn pool(&self) -> Organizations {
        let (username, password) = (self.get("BILL_USERNAME"), ledgerkey::Secret::from(self.get("BILL_PASSWORD")));
        let dev_key = ledgerkey::Secret::from(self.get("BILL_DEV_KEY"));
        self.bill().organizations(move |id| bill::DeveloperKey {
            username: username.clone(),
            password: password.clone(),
            organization_id: id.into(),
            dev_key: dev_key.clone(),
        })
    }

    pub fn log(&self, operation: &str) -> Vec<Served> {
        self.sandbox.log().into_iter().filter(|served| served.operation == operation).collect()
    }

    /// Waits, in real time, for what happens in the background.
    pub async fn until(&self, operation: &str, times: usize) {
        for _ in 0..2000 {
            if self.log(operation).len() >= times {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("{operation} came {} times, not {times}", self.log(operation).len());
    }

    pub fn developer_key(&self) -> bill::DeveloperKey {
        bill::DeveloperKey {
            username: self.get("BILL_USERNAME"),
            password: self.get("BILL_PASSWORD").into(),
            organization_id: self.get("BILL_ORGANIZATION_ID"),
            dev_key: self.get("BILL_DEV_KEY").into(),
        }
    }

    pub fn partner(&self) -> bill::Partner {
        let partner = bill::PartnerKey {
            username: self.get("BILL_PARTNER_USERNAME"),
            password: self.get("BILL_PARTNER_PASSWORD").into(),
            app_key: self.get("BILL_APP_KEY").into(),
        };
        self.bill().session(partner).unwrap()
    }

    pub fn bezala(&self, email: &str, password: &str) -> bezala::Access {
        let bezala = Bezala::at(self.sandbox.url(), self.settings.clone()).unwrap();
        bezala.session(bezala::Password { email: self.get(email), password: self.get(password).into() }).unwrap()
    }

    pub fn token_on_the_phone(&self) -> ledgerkey::Secret {
        self.sandbox.phone().last().expect("a message").token.clone().into()
    }
}
