//! What a list of a million vendors costs as a stream of rows, over bare reqwest and serde_json into the same types; and that it takes no more memory
//! for more rows.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot run says so by panicking")]
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

mod support;

use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use ledgerkey::bill::api::types::VendorList;
use ledgerkey::bill::{Bill, Organization};
use ledgerkey::client::Settings;

use self::support::{Pairs, Shifted, developer_key, on_one_thread, timed, times};

/// The largest page of BILL's.
const ROWS_A_PAGE: usize = 100;

fn main() {
    let turns = times(10, 1);
    let pages = times(1000, 3);
    let url = serve(pages);
    on_one_thread(async {
        let clock = Arc::new(Shifted::default());
        let organization = organization(&url, &clock);
        let http = reqwest::Client::new();
        let pairs = Pairs::measure(
            turns,
            async || {
                // BILL allows 20,000 calls an hour. An hour later the session is gone; the sign-in is not measured.
                clock.advance(Duration::from_secs(3600));
                organization.api().list_vendors().max(1).send().await.unwrap();
                timed(async { assert_eq!(by_ledgerkey(&organization).await, pages * ROWS_A_PAGE) }).await
            },
            async || timed(async { assert_eq!(by_hand(&http, &url).await, pages * ROWS_A_PAGE) }).await,
        );
        let pairs = pairs.await;
        println!("{} rows a turn, {turns} turns:", pages * ROWS_A_PAGE);
        println!("  ledgerkey  {:.1} ms", pairs.subject().times(1e3));
        println!("  bare       {:.1} ms", pairs.baseline().times(1e3));
        println!("  bare takes {:.2} times what ledgerkey takes; aim: at least 0.9", pairs.ratio().inverse());

        let mut resident = Vec::new();
        for _ in 0..turns {
            clock.advance(Duration::from_secs(3600));
            by_ledgerkey(&organization).await;
            resident.push(resident_kib());
        }
        println!("memory after each {} rows, KiB: {resident:?}", pages * ROWS_A_PAGE);
    });
}

async fn by_ledgerkey(organization: &Organization) -> usize {
    let mut rows = 0;
    let api = organization.api();
    let mut items = api.list_vendors().max(100).items();
    while let Some(vendor) = items.try_next().await.unwrap() {
        black_box(vendor);
        rows += 1;
    }
    rows
}

/// As one writes it by hand: page after page.
async fn by_hand(http: &reqwest::Client, url: &str) -> usize {
    let (mut rows, mut page) = (0, None::<String>);
    loop {
        let request = http.get(format!("{url}/connect/v3/vendors")).query(&[("max", "100")]);
        let request = request.query(&page.iter().map(|page| ("page", page)).collect::<Vec<_>>());
        let request = request.header("sessionId", "example").header("devKey", "example-developer-key");
        let body = request.send().await.unwrap().bytes().await.unwrap();
        let list: VendorList = serde_json::from_slice(&body).unwrap();
        for vendor in list.results {
            black_box(vendor);
            rows += 1;
        }
        page = list.next_page;
        if page.is_none() {
            return rows;
        }
    }
}

fn organization(url: &str, clock: &Arc<Shifted>) -> Organization {
    let mut settings = Settings::default();
    settings.clock = clock.clone();
    let bill = Bill::at(&format!("{url}/connect"), &format!("{url}/api/v2"), settings).unwrap();
    bill.session(developer_key("example")).unwrap()
}

/// Sends prepared bytes, on threads of its own: what a vendor takes is not what is measured.
fn serve(pages: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let row = r#"{"id":"00900000000000000001","archived":false,"name":"Example Supplies","shortName":"Example","accountNumber":"0000","accountType":"BUSINESS","email":"vendor@example.com","phone":"000","address":{"line1":"1 Example Street","city":"Exampleton","stateOrProvince":"CA","zipOrPostalCode":"00000","country":"US"},"balance":{"amount":1234.56,"lastUpdatedDate":"2026-12-30"},"billCurrency":"USD","createdTime":"2026-12-30T23:15:23.127+00:00","updatedTime":"2026-12-30T23:15:23.127+00:00"}"#;
    let rows: Arc<str> = vec![row; ROWS_A_PAGE].join(",").into();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let rows = rows.clone();
            std::thread::spawn(move || answer(&stream, &rows, pages));
        }
    });
    url
}

fn answer(mut stream: &TcpStream, rows: &str, pages: usize) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let (mut first, mut length) = (String::new(), 0);
        reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            length = line.strip_prefix("content-length:").map_or(length, |length| length.trim().parse().unwrap());
        }
        std::io::copy(&mut std::io::Read::take(&mut reader, length), &mut std::io::sink()).ok()?;
        let body = if first.starts_with("POST") {
            r#"{"sessionId":"example","organizationId":"008","userId":"006","trusted":false}"#.to_owned()
        } else {
            let page = first.split_once("page=").map_or("1", |(_, rest)| &rest[..rest.find([' ', '&']).unwrap()]);
            let page: usize = page.parse().unwrap();
            let next = if page < pages { format!("\"{}\"", page + 1) } else { "null".to_owned() };
            format!(r#"{{"results":[{rows}],"nextPage":{next}}}"#)
        };
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).ok()?;
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
