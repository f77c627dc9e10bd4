//! Many organizations and many companies: what the vendors see of a pool.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

#[path = "support/stage.rs"]
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ledgerkey::bezala::{self, Bezala};
use ledgerkey::bill::{self, Organization};
use ledgerkey_sandbox::{Lock, Sandbox, Served};
use stage::Stage;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The id of the sandbox's organization of this number.
fn id(number: usize) -> String {
    format!("00801{number:015}")
}

async fn call(organization: &Organization) {
    organization.api().get_session_info().send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tasks_over_fifty_organizations_make_one_sign_in_each() {
    let stage = Stage::set(Sandbox::builder().organizations(50));
    let pool = stage.pool();
    let tasks: Vec<_> = (0..1000)
        .map(|task| {
            let pool = pool.clone();
            tokio::spawn(async move { call(&pool.organization(id(task % 50 + 1)).unwrap()).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(stage.sandbox.sign_ins(), 50);
    let log = stage.log("getSessionInfo");
    let organizations: BTreeSet<_> = log.iter().filter_map(|served| served.organization.clone()).collect();
    assert_eq!((log.len(), organizations.len()), (1000, 50));
    assert!(log.iter().all(|served| served.code.is_none()), "no call met a limit");
    assert_eq!((pool.census().members, pool.census().live), (50, 50));

    pool.sign_out().await.unwrap();
    assert_eq!((stage.log("logout").len(), pool.census().live), (50, 0));
}

#[tokio::test]
async fn the_one_used_longest_ago_is_signed_out_when_there_are_too_many() {
    let stage = Stage::set(Sandbox::builder().organizations(5));
    let pool = stage.pool().capacity(3);
    for number in [1, 2, 3, 1] {
        call(&pool.organization(id(number)).unwrap()).await;
        stage.sandbox.clock().advance(MINUTE);
    }
    call(&pool.organization(id(4)).unwrap()).await;
    stage.until("logout", 1).await;
    call(&pool.organization(id(5)).unwrap()).await;
    stage.until("logout", 2).await;
    let out: Vec<_> = stage.log("logout").into_iter().filter_map(|served| served.organization).collect();
    assert_eq!(out, [id(2), id(3)]);
    assert_eq!(pool.census().live, 3);
    // It is back when it is wanted.
    call(&pool.organization(id(2)).unwrap()).await;
    assert_eq!(stage.sandbox.sign_ins(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_call_under_way_or_is_kept_warm_is_not_signed_out() {
    let stage = Stage::set(Sandbox::builder().organizations(4).latency(Duration::from_millis(200)));
    let pool = stage.pool().capacity(1);
    let one = pool.organization(id(1)).unwrap();
    call(&one).await;
    stage.sandbox.clock().advance(MINUTE);
    // BILL lets three go at once: the last of these ends after five times as long as one takes.
    let busy: Vec<_> = (0..15)
        .map(|_| {
            let one = one.clone();
            tokio::spawn(async move { call(&one).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(20)).await;
    call(&pool.organization(id(2)).unwrap()).await;
    for call in busy {
        call.await.unwrap();
    }
    assert_eq!((stage.sandbox.served("logout"), stage.sandbox.sign_ins()), (0, 2));

    let three = pool.organization(id(3)).unwrap();
    call(&three).await;
    stage.until("logout", 2).await;
    let warm = three.keep_warm();
    tokio::time::sleep(Duration::from_millis(20)).await;
    stage.sandbox.clock().advance(MINUTE);
    call(&pool.organization(id(4)).unwrap()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(stage.sandbox.served("logout"), 2);
    assert!(three.session().status().live);
    drop(warm);
}

#[tokio::test]
async fn a_refused_member_is_remembered_and_the_others_go_on() {
    let stage = Stage::set(Sandbox::builder().organizations(3));
    let pool = stage.pool();
    assert!(stage.sandbox.lock(&Lock::Organization(id(2))));
    for _ in 0..20 {
        let organization = pool.organization(id(2)).unwrap();
        assert_eq!(organization.api().get_session_info().send().await.unwrap_err().kind(), "locked-out");
        call(&pool.organization(id(1)).unwrap()).await;
    }
    assert_eq!(stage.sandbox.sign_ins(), 2);
    assert_eq!((pool.census().members, pool.census().live, pool.census().refused), (2, 1, 1));
    // Not even when the members that are gone are looked for.
    for number in 1000..1200 {
        pool.organization(id(number)).unwrap();
    }
    let error = pool.organization(id(2)).unwrap().api().get_session_info().send().await.unwrap_err();
    assert_eq!((error.kind(), stage.sandbox.sign_ins()), ("locked-out", 2));
    assert!(stage.sandbox.unlock(&Lock::Organization(id(2))));
    pool.organization(id(2)).unwrap().session().forget_refusal();
    call(&pool.organization(id(2)).unwrap()).await;
}

#[tokio::test]
async fn members_that_nobody_holds_and_whose_session_is_gone_are_forgotten() {
    let stage = Stage::set(Sandbox::builder().organizations(5));
    let pool = stage.pool();
    for number in 1..=5 {
        call(&pool.organization(id(number)).unwrap()).await;
    }
    let held = (pool.organization(id(900)).unwrap().api(), pool.organization(id(901)).unwrap().v2());
    for number in 1000..3000 {
        pool.organization(id(number)).unwrap();
    }
    let census = pool.census();
    assert!(census.members < 130 && census.live == 5, "{census:?}");
    stage.sandbox.clock().advance(36 * MINUTE);
    for number in 1000..3000 {
        pool.organization(id(number)).unwrap();
    }
    assert!(pool.census().members < 130 && pool.census().live == 0);
    let is_remembered = |number| pool.statuses().iter().any(|status| status.organization == Some(id(number)));
    assert!(is_remembered(900) && is_remembered(901), "a client of each is held");
    drop(held);
    for number in 1000..3000 {
        pool.organization(id(number)).unwrap();
    }
    assert!(!is_remembered(900) && !is_remembered(901));
}

#[tokio::test]
async fn a_partner_acts_in_many_organizations() {
    let stage = Stage::set(Sandbox::builder());
    let partner = stage.bill().session(bill::PartnerKey {
        username: stage.get("BILL_PARTNER_USERNAME"),
        password: stage.get("BILL_PARTNER_PASSWORD").into(),
        app_key: stage.get("BILL_APP_KEY").into(),
    });
    let (user, dev_key) = (stage.get("BILL_PARTNER_USER_ID"), stage.get("BILL_DEV_KEY"));
    let pool = partner.unwrap().organizations(move |id| bill::PartnerUser {
        user_id: user.clone(),
        organization_id: id.into(),
        dev_key: dev_key.as_str().into(),
    });
    call(&pool.organization(id(1)).unwrap()).await;
    call(&pool.organization(id(1)).unwrap()).await;
    assert_eq!(stage.sandbox.sign_ins(), 2, "the partner's own, and one as the user");
}

#[tokio::test]
async fn a_credential_for_another_organization_is_refused() {
    let stage = Stage::set(Sandbox::builder());
    let bill = stage.bill();
    let pool = bill.organizations(|_| bill::ConsoleToken {
        email: "console@example.com".into(),
        token: "example".into(),
        organization_id: id(1),
        dev_key: "example".into(),
    });
    assert!(pool.organization(id(1)).is_ok());
    assert_eq!(pool.organization(id(2)).unwrap_err().kind(), "config");
}

#[tokio::test]
async fn kept_warm_one_session_lasts_ten_hours_and_then_it_is_let_go() {
    let stage = Stage::set(Sandbox::builder());
    let organization = stage.pool().organization(id(1)).unwrap();
    let warm = organization.keep_warm_for(11 * HOUR);
    call(&organization).await;
    for touches in 1..=19 {
        assert!(!warm.is_over());
        tokio::time::sleep(Duration::from_millis(5)).await;
        stage.sandbox.clock().advance(Duration::from_secs(1895));
        stage.until("getSessionInfo", 1 + touches).await;
        // The client has the answer a moment later than the sandbox has it in its log.
        while organization.session().status().idle != Some(Duration::ZERO) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let status = organization.session().status();
    assert!(status.live && status.age > Some(Duration::from_secs(35_900)), "{status:?}");
    stage.sandbox.clock().advance(MINUTE);
    call(&organization).await;
    assert_eq!(stage.sandbox.sign_ins(), 1);

    // Eleven hours without a call of ours: it stops by itself, and the session idles out.
    let mut steps = 0;
    while !warm.is_over() {
        tokio::time::sleep(Duration::from_millis(5)).await;
        stage.sandbox.clock().advance(3 * MINUTE);
        steps += 1;
        assert!(steps < 3000, "it does not stop");
    }
    assert!((215..=232).contains(&steps), "{steps} times three minutes");
    stage.sandbox.clock().advance(36 * MINUTE);
    assert!(!organization.session().status().live);
    assert_eq!(stage.sandbox.sign_ins(), 1);
}

/// How many requests the sandbox served in each hour of its clock.
fn by_the_hour(log: &[Served], of: impl Fn(&Served) -> bool) -> BTreeMap<u64, usize> {
    let hour = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 3600;
    let mut hours = BTreeMap::new();
    log.iter().filter(|served| of(served)).for_each(|served| *hours.entry(hour(served.at)).or_default() += 1);
    hours
}

/// So many organizations are visited in turn for six hours, one each time that `every` has passed or the limits let.
async fn rotate(organizations: usize, every: Duration) -> (usize, Vec<usize>) {
    let mut stage = Stage::set(Sandbox::builder().organizations(organizations).latency(Duration::ZERO));
    // A visit may wait for the next hour of sign-ins.
    stage.settings.policy.call = 2 * HOUR;
    let pool = stage.pool();
    let end = stage.sandbox.clock().now() + 6 * HOUR;
    let mut visits = 0;
    while stage.sandbox.clock().now() < end {
        let organization = pool.organization(id(visits % organizations + 1)).unwrap();
        call(&organization).await;
        call(&organization).await;
        visits += 1;
        stage.sandbox.clock().advance(every);
    }
    let log = stage.sandbox.log();
    let refused: Vec<_> = log.iter().filter(|served| served.code.is_some()).collect();
    assert!(refused.is_empty(), "the vendor had to refuse: {refused:?}");
    (visits, by_the_hour(&log, |served| served.operation == "login").into_values().collect())
}

#[tokio::test]
async fn a_fleet_in_rotation_is_never_refused() {
    // 200 an hour, one every 18 seconds: a round of 300 takes an hour and a half, and each visit finds its session idled out.
    let (visits, sign_ins) = rotate(300, Duration::from_secs(18)).await;
    assert!((1190..=1201).contains(&visits), "{visits} visits");
    assert!(sign_ins.iter().all(|hour| *hour <= 200), "{sign_ins:?}");
    // In a hurry, and too many to keep alive: the pacing holds them to the same number.
    let (visits, sign_ins) = rotate(1000, Duration::from_secs(1)).await;
    assert!((1000..=1500).contains(&visits), "{visits} visits");
    assert!(sign_ins.iter().all(|hour| *hour <= 200), "{sign_ins:?}");
    println!("in a hurry: {visits} visits, sign-ins by the hour {sign_ins:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn companies_take_turns_and_switches_are_few() {
    let stage = Stage::set(Sandbox::builder());
    let user = Bezala::at(stage.sandbox.url(), stage.settings.clone()).unwrap();
    let user = user
        .session(bezala::Password { email: stage.get("BEZALA_EMAIL"), password: stage.get("BEZALA_PASSWORD").into() })
        .unwrap();
    let ids = ["BEZALA_COMPANY_ID", "BEZALA_OTHER_COMPANY_ID"].map(|name| stage.get(name).parse::<i64>().unwrap());
    let companies = user.companies();
    let tasks: Vec<_> = (0..200)
        .map(|task| {
            let company = companies.company(ids[task % 2]);
            tokio::spawn(async move { company.api().list_accounts().send().await.map(drop) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let log = stage.log("listAccounts");
    assert_eq!(log.len(), 200);
    for id in ids {
        assert_eq!(log.iter().filter(|served| served.company == Some(id)).count(), 100);
    }
    let switches = stage.sandbox.acted("changeCompany");
    println!("{switches} switches for 200 calls of two companies in turn");
    assert!(switches <= 6, "{switches} switches");
}
