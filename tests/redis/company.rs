//! Bezala's company, and the lock on it that a fleet shares.

use std::time::{Duration, Instant};

use ledgerkey::redis::Redis;
use ledgerkey::session::company::Standing;
use ledgerkey_sandbox::Fault;

use super::support_redis::{Process, Server, until};
use super::{fleet, sandbox};

#[test]
fn two_processes_write_in_two_companies_and_none_in_the_wrong_one() {
    let (server, sandbox) = (Server::start(), sandbox());
    let companies = ["BEZALA_COMPANY_ID", "BEZALA_OTHER_COMPANY_ID"].map(|name| sandbox.credentials()[name].clone());
    let mut processes = fleet(&server, &sandbox, 2);
    for _ in 0..4 {
        processes.iter_mut().zip(&companies).zip([12, 18]).for_each(|((process, company), calls)| {
            process.order(&format!("write {company} {calls}"));
        });
        for (process, calls) in processes.iter_mut().zip([12, 18]) {
            let told = process.told();
            assert_eq!((told.ok, told.warnings.len()), (calls, 0), "{told:?}");
        }
    }
    for (company, writes) in companies.iter().zip([32, 48]) {
        let company: i64 = company.parse().unwrap();
        let log = sandbox.log();
        let written = log.iter().filter(|served| served.operation == "createCostCenter" && served.acted);
        assert_eq!(written.filter(|served| served.company == Some(company)).count(), writes);
    }
    assert_eq!(sandbox.sign_ins(), 1);
}

#[test]
fn without_redis_nothing_is_written_and_reads_go_on_where_they_are() {
    let (mut server, sandbox) = (Server::start(), sandbox());
    let companies = ["BEZALA_COMPANY_ID", "BEZALA_OTHER_COMPANY_ID"].map(|name| sandbox.credentials()[name].clone());
    let mut process = Process::start(&server, &sandbox);
    assert_eq!(process.run(&format!("write {} 2", companies[0])).ok, 2);
    server.stop();
    std::thread::sleep(Duration::from_secs(7));
    let acted = sandbox.acted("createCostCenter");
    let told = process.run(&format!("write {} 2", companies[0]));
    assert_eq!(told.failed.get("store"), Some(&2), "{told:?}");
    let told = process.run(&format!("read {} 3", companies[0]));
    assert_eq!(told.ok, 3, "{told:?}");
    let told = process.run(&format!("read {} 3", companies[1]));
    assert_eq!(told.failed.get("wrong-company"), Some(&3), "{told:?}");
    assert_eq!(sandbox.acted("createCostCenter"), acted);
    server.run();
    std::thread::sleep(Duration::from_millis(1500));
    let told = process.run(&format!("write {} 2", companies[1]));
    assert_eq!(told.ok, 2, "{told:?}");
}

/// A turn costs three requests, which take longer here than it takes a process to learn that the other wants its company.
#[test]
fn two_processes_at_a_slow_bezala_both_get_on() {
    let server = Server::start();
    let sandbox = sandbox();
    sandbox.order(Fault::delay("*", Duration::from_millis(300)).of_api("bezala").always());
    let companies = ["BEZALA_COMPANY_ID", "BEZALA_OTHER_COMPANY_ID"].map(|name| sandbox.credentials()[name].clone());
    let mut processes = fleet(&server, &sandbox, 2);
    for _ in 0..2 {
        processes.iter_mut().zip(&companies).for_each(|(process, company)| {
            process.order(&format!("write {company} 9"));
        });
        for process in &mut processes {
            let told = process.told();
            assert_eq!((told.ok, told.warnings.len()), (9, 0), "{told:?}");
        }
    }
    for company in companies {
        let company = company.parse().unwrap();
        let log = sandbox.log();
        let written = log.iter().filter(|served| served.operation == "createCostCenter" && served.acted);
        assert_eq!(written.filter(|served| served.company == Some(company)).count(), 12);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_company_of_a_killed_process_comes_free() {
    let (server, sandbox) = (Server::start(), sandbox());
    let companies = ["BEZALA_COMPANY_ID", "BEZALA_OTHER_COMPANY_ID"].map(|name| sandbox.credentials()[name].clone());
    let [mut killed, mut other] = [(); 2].map(|()| Process::start(&server, &sandbox));
    sandbox.order(Fault::delay("createCostCenter", Duration::from_secs(120)).times(1));
    killed.order(&format!("write {} 1", companies[0]));
    until("it has written", Duration::from_secs(20), || sandbox.acted("createCostCenter") == 1).await;
    killed.kill();
    let since = Instant::now();
    let told = other.run(&format!("write {} 3", companies[1]));
    assert_eq!((told.ok, told.warnings.len()), (3, 0), "{told:?}");
    // 20 s since it was last kept up, and what a busy machine takes.
    assert!(since.elapsed() < Duration::from_secs(24), "{:?}", since.elapsed());
    let written = sandbox.log().into_iter().filter(|served| served.operation == "createCostCenter" && served.acted);
    let elsewhere = written.filter(|served| served.company != companies[1].parse().ok());
    assert_eq!(elsewhere.count(), 1, "all but that of the killed are in their company");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_that_is_waited_for_is_not_overtaken() {
    let server = Server::start();
    let fleet: Vec<Redis> = (0..3).map(|_| Redis::connect(&server.url()).unwrap()).collect();
    let locks: Vec<_> = fleet.iter().map(Redis::companies).collect();
    let one = locks[0].enter("user", 1).await.unwrap();
    let also = locks[1].enter("user", 1).await.unwrap();
    let lock = locks[2].clone();
    let mut other = tokio::spawn(async move { lock.enter("user", 2).await.unwrap() });
    tokio::time::timeout(Duration::from_secs(2), one.changed()).await.expect("told that it is wanted");
    assert_eq!(one.standing(), Standing::Wanted);
    let newcomer = tokio::time::timeout(Duration::from_millis(500), locks[1].enter("user", 1)).await;
    assert!(newcomer.is_err(), "a newcomer does not overtake");
    one.leave();
    assert!(tokio::time::timeout(Duration::from_millis(500), &mut other).await.is_err(), "one still runs");
    drop(also);
    let two = tokio::time::timeout(Duration::from_secs(3), other).await.unwrap().unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(300), locks[0].enter("user", 1)).await.is_err());
    fleet[2].close().await;
    tokio::time::timeout(Duration::from_secs(3), locks[0].enter("user", 1)).await.unwrap().unwrap();
    until("the lost lease is known to be", Duration::from_secs(2), || two.standing() == Standing::Lost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_fleet_knows_that_its_leases_are_lost_before_others_can_have_them() {
    let server = Server::start();
    let redis = Redis::connect(&server.url()).unwrap();
    let lease = redis.companies().enter("user", 1).await.unwrap();
    assert_eq!(lease.standing(), Standing::Held);
    // From the first moment on, however soon Redis gives the company to others.
    let _ = futures_util::poll!(std::pin::pin!(redis.close()));
    assert_eq!(lease.standing(), Standing::Lost);
    redis.close().await;
    tokio::time::timeout(Duration::from_secs(1), lease.changed()).await.unwrap();
    let other = Redis::connect(&server.url()).unwrap();
    tokio::time::timeout(Duration::from_secs(3), other.companies().enter("user", 2)).await.unwrap().unwrap();
    assert_eq!(lease.standing(), Standing::Lost);
}
