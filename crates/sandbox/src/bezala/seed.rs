//! What is there at the start: a service user in two companies, a regular user in one, and a few neutral rows.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use serde_json::{Value, json};

use super::company::{Company, Ids, account, cost_center};
use super::{Bezala, Caller, Sso, User, bills};
use crate::log::Under;
use crate::secrets::Secrets;
use crate::spec::Api;
use crate::time::{self, DAY, HOUR, Millis};
use crate::wire::{Call, Row};

/// The service user's two companies, and one that it does not belong to.
const COMPANIES: [i64; 3] = [101, 102, 103];

impl Bezala {
    pub(crate) fn new(mut secrets: Secrets, credentials: &mut BTreeMap<String, String>, now: Millis) -> Self {
        let mark = secrets.text(6);
        let (service_email, regular_email) =
            (format!("service-{mark}@example.com"), format!("regular-{mark}@example.com"));
        let (service_password, regular_password) =
            (format!("password-{}", secrets.text(16)), format!("password-{}", secrets.text(16)));
        let okta_url = format!("https://example-{mark}.okta.com/oauth2/default");
        let okta_company = "Example Company 1".to_owned();
        let sso = Sso {
            token: format!("sso-{}", secrets.text(24)),
            email: service_email.clone(),
            okta_company,
            okta_url: okta_url.clone(),
        };
        for (name, value) in [
            ("BEZALA_EMAIL", &service_email),
            ("BEZALA_PASSWORD", &service_password),
            ("BEZALA_SSO_TOKEN", &sso.token),
            ("BEZALA_OKTA_COMPANY", &sso.okta_company),
            ("BEZALA_OKTA_URL", &sso.okta_url),
            ("BEZALA_COMPANY_ID", &COMPANIES[0].to_string()),
            ("BEZALA_OTHER_COMPANY_ID", &COMPANIES[1].to_string()),
            ("BEZALA_REGULAR_EMAIL", &regular_email),
            ("BEZALA_REGULAR_PASSWORD", &regular_password),
        ] {
            credentials.insert(name.to_owned(), value.clone());
        }
        let all = vec!["employee", "manager", "accountant"];
        let mut user =
            |id: i64, name: &str, email: String, password: String, memberships: BTreeMap<i64, Vec<&'static str>>| {
                User {
                    id,
                    name: name.to_owned(),
                    email,
                    password,
                    receipts_email: format!("{}@bezala.com", secrets.uuid()),
                    company: COMPANIES[0],
                    memberships,
                    sign_ins: 0,
                    last_sign_in: None,
                }
            };
        let both = BTreeMap::from([(COMPANIES[0], all.clone()), (COMPANIES[1], all)]);
        let one = BTreeMap::from([(COMPANIES[0], vec!["employee"])]);
        let users = BTreeMap::from([
            (11, user(11, "Service User", service_email, service_password, both)),
            (12, user(12, "Regular User", regular_email, regular_password, one)),
        ]);
        let mut ids = Ids { last: 1000 };
        let companies = COMPANIES
            .iter()
            .enumerate()
            .map(|(at, id)| {
                let name = format!("Example Company {}", at + 1);
                let mut company =
                    Company { id: *id, name, uuid: secrets.uuid(), okta_url: okta_url.clone(), ..Company::default() };
                fill(&mut company, &mut ids, now - 30 * DAY);
                (*id, company)
            })
            .collect();
        Self {
            secrets,
            users,
            companies,
            tokens: BTreeMap::new(),
            made_tokens: 0,
            ids,
            sso,
            service_user: 11,
            under: Under::default(),
        }
    }
}

fn fill(company: &mut Company, ids: &mut Ids, opened: Millis) {
    let mark = company.id;
    for (position, (code, kind, name)) in [
        ("1900", "AssetAccount", "Company card"),
        ("2900", "AssetAccount", "Own money"),
        ("7800", "ExpenseAccount", "Travel"),
        ("8500", "ExpenseAccount", "Office"),
    ]
    .into_iter()
    .enumerate()
    {
        let fields = row(&json!({"code": code, "accountable_type": kind, "name": format!("{name} {mark}")}));
        company.accounts.push(account(ids.next(), position + 1, &fields));
    }
    for name in ["Sales", "Service", "Administration"] {
        let fields = row(
            &json!({"name": name, "dimension_name": "Department", "external_id": format!("{name}-{mark}"), "send_to_accounting": 1}),
        );
        company.cost_centers.push(cost_center(ids.next(), &fields));
    }
    let (asset, expense) = (company.accounts.rows[0]["id"].clone(), company.accounts.rows[2]["id"].clone());
    let center = company.cost_centers.rows[0]["id"].clone();
    let mut call = Call {
        api: Api::Bezala,
        op: String::new(),
        method: Method::POST,
        path: String::new(),
        slots: BTreeMap::new(),
        query: Vec::new(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        now: opened,
    };
    for (user, name) in [(11, "Service User"), (12, "Regular User")] {
        // The regular user belongs to the first company only.
        if user == 12 && mark != COMPANIES[0] {
            continue;
        }
        let who = Caller {
            user,
            name: name.to_owned(),
            email: "user@example.com".to_owned(),
            company: mark,
            roles: Vec::new(),
        };
        for i in 1..=12_i64 {
            call.now = opened + i * HOUR;
            let date = time::date(call.now);
            let fields = row(&json!({
                "description": format!("Example receipt {i}"), "date": date, "credit_account_id": asset,
                "vat_lines_attributes": [{"taxable": format!("{i}0.10"), "tax_percentage": "0.14", "currency": "EUR", "expense_account_id": expense, "cost_center_ids": [center]}],
            }));
            company.add_transaction(&call, &who, ids, &fields, if i % 2 == 0 { "reviewing" } else { "queue" });
            let fields = row(&json!({
                "description": format!("Example trip {i}"), "date": date, "mileage_vehicle_id": 1, "cost_center_ids": [center],
                "entries_attributes": [{"number_of_people": "1", "distance": format!("{i}0.5")}],
            }));
            company.add_trip(&call, &who, ids, &fields, if i % 3 == 0 { "reviewing" } else { "queue" });
        }
        for i in 0..3_i64 {
            let start = opened + i * 7 * DAY;
            company.absences.push(row(&json!({
                "id": ids.next(), "user_id": user, "type": if i == 0 { "SickLeave" } else { "Vacation" }, "subtype_id": null, "state": if i == 2 { "pending" } else { "approved" },
                "start_date": time::date(start), "end_date": time::date(start + 2 * DAY), "description": "Example absence", "external_id": null,
                "updated_at": time::zulu(start),
            })));
        }
        for i in 0..60_i64 {
            let start = opened + i * 8 * HOUR;
            company.time_entries.push(row(&json!({
                "id": ids.next(), "entry_type": "work_time", "start_time": time::zulu(start), "date": time::date(start), "description": format!("Example work {i}"),
                "task_id": null, "external_id": format!("ext-{mark}-{i}"), "task_name": null, "is_task_billable": false, "task_notes": null, "cost_center_id": center,
                "cost_center_name": "Sales", "user_id": user, "user_name": name, "user_email": "user@example.com", "minutes": 60, "billable_minutes": 0,
                "invoiced_at": null, "reported_at": null, "is_locked": false, "updated_at": start / 1000,
            })));
        }
    }
    for i in 1..=3_i64 {
        let id = ids.next();
        let date = time::date(opened + i * DAY);
        company.bills.push(row(&json!({
            "id": id, "date": date, "number": format!("{mark}-{i}"), "user_name": "Service User", "state": "Processed", "asset_account_id": asset,
            "asset_account_name": format!("Company card {mark}"), "totals": "72.00 EUR", "receipt_totals": "0.00 EUR (0/2)", "credit_card_id": i, "credit_cards": null,
            "user_id": 11, "is_travel_account_bill": false, "card_number": "**** **** **** 0000", "cardholder_name": "SERVICE USER", "type": "credit_card",
            "scope": {"company_currency": "EUR"},
        })));
        for cents in [2200, 5000] {
            let fields =
                row(&json!({"name": "EXAMPLE SHOP", "date": date, "amount_cents": cents, "amount_currency": "EUR"}));
            company.bill_lines.push(bills::line(ids.next(), id, &fields, opened + i * DAY));
        }
        company.batch_documents.push(row(&json!({
            "id": ids.next(), "description": format!("Example batch {i}"), "created_at": date, "reference_number": format!("RF{mark}{i}"), "pdf_file_url": null,
            "external_id": null, "show_resend_sepa_link": false, "accounting_integration_documents": [], "other_integration_documents": [],
        })));
    }
}

fn row(value: &Value) -> Row {
    value.as_object().cloned().unwrap_or_default()
}
