//! What is there at the start: logins, organizations, and a few neutral rows.

use std::collections::BTreeMap;

use serde_json::json;

use super::books::{Books, Shelf};
use super::sessions::{Kind, Login};
use super::{Bill, Organization, mfa, partner, spend};
use crate::Options;
use crate::log::Under;
use crate::secrets::Secrets;
use crate::time::{self, DAY, HOUR, Millis};
use crate::wire::{Row, amount};

impl Bill {
    /// A BILL with one person, one sync token, one console, one partner, and their organizations.
    pub(crate) fn new(
        options: &Options,
        secrets: &mut Secrets,
        credentials: &mut BTreeMap<String, String>,
        now: Millis,
    ) -> Self {
        let mark = secrets.text(6);
        let organizations: BTreeMap<String, Organization> = (1..=options.organizations)
            .map(|number| {
                let organization = Organization {
                    number,
                    name: format!("Example Organization {number}"),
                    locked: false,
                    opened: now - 30 * DAY,
                    books: None,
                };
                (organization_id(number), organization)
            })
            .collect();
        let first = organization_id(1);
        let dev_keys = vec![format!("01DEV{}", secrets.text(20)), format!("01DEV{}", secrets.text(20))];
        let app_key = format!("01APP{}", secrets.text(20));
        let spend_token = format!("se-{}", secrets.text(32));
        let user = "00601000010000000001".to_owned();
        let logins = [
            (format!("user-{mark}@example.com"), Kind::User, user.clone(), None),
            // A token's session belongs to a system user, `syu0...` (observed by integrators).
            (format!("sync-token-{mark}"), Kind::Sync, "syu01000010000000001".to_owned(), Some(first.clone())),
            (format!("console-{mark}@example.com"), Kind::Console, "00601000010000000002".to_owned(), None),
            (format!("partner-{mark}"), Kind::Partner, "00601000010000000003".to_owned(), None),
        ];
        let mut say = |name: &str, value: &str| credentials.insert(name.to_owned(), value.to_owned());
        let mut known = BTreeMap::new();
        for (name, kind, user, only) in logins {
            let (name_as, secret_as) = match kind {
                Kind::User | Kind::AsUser => ("BILL_USERNAME", "BILL_PASSWORD"),
                Kind::Sync => ("BILL_SYNC_TOKEN_NAME", "BILL_SYNC_TOKEN"),
                Kind::Console => ("BILL_CONSOLE_EMAIL", "BILL_CONSOLE_TOKEN"),
                Kind::Partner => ("BILL_PARTNER_USERNAME", "BILL_PARTNER_PASSWORD"),
            };
            let secret = format!("{}-{}", kind_word(kind), secrets.text(20));
            say(name_as, &name);
            say(secret_as, &secret);
            known.insert(name, Login { kind, secret, user, only, failures: 0, locked: false });
        }
        let mut phones = mfa::Mfa::default();
        let partner = partner::Partner::new(organizations.keys().cloned(), now);
        let partner_user = partner.first_user(&first);
        for user in [user.as_str(), "00601000010000000002", partner_user.as_str()] {
            phones.add_phone(user, "+10000000000", "TEXT");
        }
        for (name, value) in [
            ("BILL_ORGANIZATION_ID", &first),
            ("BILL_DEV_KEY", &dev_keys[0]),
            ("BILL_SECOND_DEV_KEY", &dev_keys[1]),
            ("BILL_SPEND_TOKEN", &spend_token),
            ("BILL_APP_KEY", &app_key),
            ("BILL_PARTNER_USER_ID", &partner_user),
        ] {
            say(name, value);
        }
        Self {
            options: options.clone(),
            secrets: Secrets::default(),
            dev_keys,
            app_key,
            spend_token,
            logins: known,
            organizations,
            sessions: BTreeMap::new(),
            mfa: phones,
            spend: spend::Spend::new(now),
            partner,
            counts: BTreeMap::new(),
            at_once: BTreeMap::new(),
            made_sessions: 0,
            texts: Vec::new(),
            under: Under::default(),
        }
    }
}

/// An organization's id begins with `008`.
pub(super) fn organization_id(number: usize) -> String {
    format!("00801{number:015}")
}

/// Books with enough vendors that a list has pages, and one or a few of everything else.
pub(super) fn books(number: usize, opened: Millis) -> Books {
    let mut books = Books::new(number);
    let mut at = opened;
    let mut add = |books: &mut Books, shelf: Shelf, row: serde_json::Value| -> Row {
        at += HOUR;
        // The rows below have all that a row needs: a refusal here would be a row that is not there.
        books.create(shelf, row.as_object().cloned().unwrap_or_default(), at).unwrap_or_default()
    };
    let mut vendors = Vec::new();
    for i in 1..=27 {
        let kind = if i % 9 == 0 { "PERSON" } else { "BUSINESS" };
        let row = json!({
            "name": format!("Example Vendor {i:02}"),
            "accountType": kind,
            "email": format!("vendor{i:02}@example.com"),
            "address": {"line1": format!("{i} Example Street"), "city": "Exampleville", "stateOrProvince": "CA", "zipOrPostalCode": "00000", "country": "US"},
        });
        vendors.push(add(&mut books, Shelf::Vendors, row));
    }
    for i in 1..=5_u32 {
        let due = time::date(opened + i64::from(30 + i) * DAY);
        let row = json!({
            "vendorId": vendors[i as usize]["id"],
            "dueDate": due,
            "invoice": {"invoiceNumber": format!("EXAMPLE-{i}"), "invoiceDate": time::date(opened)},
            "billLineItems": [{"amount": amount(i64::from(i) * 10_025), "description": "Example goods"}, {"quantity": i, "price": 10.1}],
        });
        add(&mut books, Shelf::Bills, row);
    }
    for i in 1..=3 {
        let row = json!({"name": format!("Example Customer {i}"), "email": format!("customer{i}@example.com"), "accountType": "BUSINESS"});
        let customer = add(&mut books, Shelf::Customers, row);
        let row = json!({"customer": {"id": customer["id"]}, "invoiceLineItems": [{"quantity": i, "price": 250.75, "description": "Example services"}]});
        add(&mut books, Shelf::Invoices, row);
    }
    for (name, status) in [("Example Bank", "VERIFIED"), ("Other Example Bank", "PENDING")] {
        let row = json!({
            "nameOnAccount": "Example Organization", "bankName": name, "type": "CHECKING", "ownerType": "BUSINESS",
            "routingNumber": "000000000", "accountNumber": "******0000", "status": status,
        });
        add(&mut books, Shelf::BankAccounts, row);
    }
    books
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::User | Kind::AsUser => "password",
        Kind::Sync => "sync",
        Kind::Console => "console",
        Kind::Partner => "partner",
    }
}
