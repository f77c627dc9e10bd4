//! The laws of lists, for each of the ways in which the vendors' pages follow each other: every row once and in order, however large the pages
//! are and whatever happens between two of them; one end; at most one page ahead; and a token that leads back to where a stream broke off.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::FusedStream as _;
use futures_util::{StreamExt as _, TryStreamExt as _};
use ledgerkey::client::{Connection, PageToken, Pages};
use ledgerkey::client::{Items, Paged};
use ledgerkey::{Error, bezala, bill};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{Received, RecordingClock, Reply, Vendor, Vendors, plain, settings};

/// How pages follow each other, and a list of the vendors' that is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// BILL v3's vendors.
    Token,
    /// BILL v2's vendors, told within a form field.
    Offset,
    /// Bezala's cost centers: a bare array.
    Bare,
    /// Bezala's time entries: `{collection, pagination}`.
    Counted,
}

const STYLES: [Style; 4] = [Style::Token, Style::Offset, Style::Bare, Style::Counted];

impl Style {
    fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Token => ("bill", "developer-key"),
            Self::Offset => ("bill-v2", "developer-key"),
            Self::Bare | Self::Counted => ("bezala", "password"),
        }
    }
}

/// What befalls a request for a page.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Served,
    /// Served, but in a page that has fewer rows than were asked for, or none: only where that is no end.
    Short(usize),
    /// The session has died.
    Dead,
    /// A fault of the vendor's that passes.
    Passing,
    /// The connection breaks in the midst of the answer.
    Cut,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        4 => Just(Fate::Served),
        3 => (0_usize..4).prop_map(Fate::Short),
        1 => Just(Fate::Dead),
        1 => Just(Fate::Passing),
        1 => Just(Fate::Cut),
    ];
    proptest::collection::vec(fate, 0..40)
}

/// A vendor with so many rows.
struct Books {
    style: Style,
    rows: usize,
    fates: Mutex<VecDeque<Fate>>,
}

impl Books {
    fn answer(&self, request: &Received) -> Reply {
        let fate = self.fates.lock().unwrap().pop_front().unwrap_or(Fate::Served);
        match fate {
            Fate::Dead if self.style == Style::Offset => {
                let refused = json!({"error_code": "BDC_1109", "error_message": "Session is invalid."});
                Reply::json(
                    200,
                    json!({"response_status": 1, "response_message": "Error", "response_data": refused}).to_string(),
                )
            }
            Fate::Dead if self.style == Style::Token => {
                Reply::json(401, r#"[{"code":"BDC_1109","message":"no session"}]"#)
            }
            Fate::Dead => Reply::json(401, r#"{"error":"not signed in"}"#),
            Fate::Passing => Reply::json(503, "[]"),
            Fate::Cut => Reply::Cut(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()),
            Fate::Served => self.page(request, usize::MAX),
            Fate::Short(most) => self.page(request, most),
        }
    }

    fn page(&self, request: &Received, most: usize) -> Reply {
        let query = |name: &str| {
            let (_, query) = request.target.split_once('?').unwrap_or_default();
            url::form_urlencoded::parse(query.as_bytes())
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        let number = |name: &str| query(name).map(|text| text.parse::<usize>().unwrap());
        let rows = |from: usize, size: usize| -> Vec<Value> {
            (from..self.rows.min(from + size)).map(|number| self.row(number)).collect()
        };
        let body = match self.style {
            Style::Token => {
                let size = number("max").expect("asked for").min(most);
                let from = query("page").map_or(0, |token| token.strip_prefix("row ").unwrap().trim().parse().unwrap());
                let end = self.rows.min(from + size);
                let next = (end < self.rows).then(|| format!("row {end}"));
                // A page that moves nowhere would give its own token again, so an empty one gives the next one another name.
                let next = next.map(|next| if size == 0 { format!("{next} ") } else { next });
                json!({"results": rows(from, size), "nextPage": next})
            }
            Style::Offset => {
                let form = request.form();
                let data = form.iter().find(|(name, _)| name == "data").map(|(_, data)| data.as_str()).unwrap();
                let data: Value = serde_json::from_str(data).unwrap();
                assert_eq!(data["nested"], true, "what the caller gave beside it stays");
                let number = |name: &str| usize::try_from(data[name].as_u64().unwrap()).unwrap();
                json!({"response_status": 0, "response_message": "Success", "response_data": rows(number("start"), number("max"))})
            }
            Style::Bare | Style::Counted => {
                let (page, size) = (number("page").unwrap(), number("per_page").unwrap());
                let rows = rows((page - 1) * size, size);
                match self.style {
                    Style::Counted => {
                        let total = self.rows.div_ceil(size);
                        let pages = json!({"current_page": page, "total_pages": total, "total_count": self.rows});
                        json!({"collection": rows, "pagination": pages})
                    }
                    _ => Value::Array(rows),
                }
            }
        };
        Reply::json(200, body.to_string())
    }

    fn row(&self, number: usize) -> Value {
        match self.style {
            Style::Token | Style::Offset => json!({"id": number.to_string(), "name": "example"}),
            Style::Bare | Style::Counted => json!({"id": number}),
        }
    }
}

struct Stage {
    vendor: Vendor,
    clock: Arc<RecordingClock>,
    connection: Connection,
    style: Style,
    size: u32,
}

impl Stage {
    fn set(style: Style, rows: usize, size: u32, fates: Vec<Fate>) -> Self {
        let books = Books { style, rows, fates: Mutex::new(fates.into()) };
        let vendor = Vendor::granting("example-session", move |request| books.answer(request));
        let clock = RecordingClock::new();
        let connection = Vendors::at(&vendor.url(), &settings(&clock)).open(style.row(), &plain).unwrap();
        Self { vendor, clock, connection, style, size }
    }

    /// The ids of a list's rows, by its items.
    async fn ids(&self, from: Option<PageToken>) -> (Vec<usize>, Result<(), Error>, Option<PageToken>) {
        match self.style {
            Style::Token => {
                drain(
                    at(
                        bill::api::Client::new(self.connection.clone()).list_vendors().max(self.size as i32).items(),
                        from,
                    ),
                    |row| row.id.parse().unwrap(),
                )
                .await
            }
            Style::Offset => drain(at(self.v2().items(), from), |row| row.id.expect("an id").parse().unwrap()).await,
            Style::Bare => {
                drain(at(self.bezala().list_cost_centers().per_page(self.size as i32).items(), from), |row| {
                    row.id.0 as usize
                })
                .await
            }
            Style::Counted => {
                drain(at(self.bezala().list_time_entries().per_page(self.size as i32).items(), from), |row| {
                    row.id.0 as usize
                })
                .await
            }
        }
    }

    fn v2(&self) -> bill::v2::builder::ListVendors<'static> {
        let client: &'static bill::v2::Client = Box::leak(Box::new(bill::v2::Client::new(self.connection.clone())));
        let data = json!({"max": self.size, "nested": true}).to_string();
        client.list_vendors().body(bill::v2::types::ListRequest { data: Some(data) })
    }

    fn bezala(&self) -> bezala::api::Client {
        bezala::api::Client::new(self.connection.clone())
    }

    /// How many of this size there are: a list by short pages shows its end only by one more where the last is full.
    fn pages(&self, rows: usize) -> usize {
        let size = self.size as usize;
        match self.style {
            Style::Token | Style::Counted => rows.div_ceil(size).max(1),
            Style::Offset | Style::Bare => rows / size + 1,
        }
    }
}

fn at<T: Paged>(items: Items<T>, from: Option<PageToken>) -> Items<T> {
    match from {
        Some(token) => items.from(token),
        None => items,
    }
}

/// All rows up to the end or the first error; and that it ends once.
async fn drain<T: Paged>(
    mut items: Items<T>,
    id: impl Fn(T::Row) -> usize,
) -> (Vec<usize>, Result<(), Error>, Option<PageToken>) {
    let (mut ids, mut outcome) = (Vec::new(), Ok(()));
    while let Some(row) = items.next().await {
        match row {
            Ok(row) => ids.push(id(row)),
            Err(error) => outcome = Err(error),
        }
    }
    assert!(items.is_terminated() && items.next().await.is_none(), "it ends once");
    (ids, outcome, items.token().cloned())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever the pages' size and whatever befalls them: each row once, in order. Where a page cannot be had at all, those before it, an
    /// error, and a token from which the rest follows.
    #[test]
    fn every_row_comes_once_and_in_order(style in 0_usize..4, rows in 0_usize..60, size in 1_u32..12, fates in fates()) {
        block_on(async {
            let stage = Stage::set(STYLES[style], rows, size, fates);
            let (mut seen, mut from) = (Vec::new(), None);
            // Each time that it breaks off, a later run goes on. Fates end, so it does not do so for ever.
            for _ in 0..50 {
                let (ids, outcome, token) = stage.ids(from).await;
                seen.extend(ids);
                from = token;
                if outcome.is_ok() {
                    prop_assert!(from.is_none(), "after the last page there is none");
                    prop_assert_eq!(&seen, &(0..rows).collect::<Vec<_>>());
                    return Ok(());
                }
                // The session idles out between the two runs.
                stage.clock.advance(Duration::from_secs(36 * 60));
            }
            prop_assert!(false, "it never came to its end");
            Ok(())
        })?;
    }

    /// Without anything that befalls it, a list costs its pages and no more.
    #[test]
    fn a_list_costs_its_pages(style in 0_usize..4, rows in 0_usize..60, size in 1_u32..12) {
        block_on(async {
            let stage = Stage::set(STYLES[style], rows, size, Vec::new());
            let (ids, outcome, _) = stage.ids(None).await;
            prop_assert!(outcome.is_ok());
            prop_assert_eq!(ids.len(), rows);
            prop_assert_eq!(stage.vendor.calls().len(), stage.pages(rows));
            Ok(())
        })?;
    }
}

/// While a page is in use the next one is on its way, and not the one after that; one by one, none is.
#[tokio::test]
async fn one_page_ahead_and_no_more() {
    for (is_ahead, expected) in [(true, 2), (false, 1)] {
        let stage = Stage::set(Style::Token, 100, 10, Vec::new());
        let client = bill::api::Client::new(stage.connection.clone());
        let pages = client.list_vendors().max(10).pages();
        let mut pages = if is_ahead { pages } else { pages.one_by_one() };
        assert_eq!(stage.vendor.calls().len(), 0, "nothing is sent until it is asked for");
        let first = pages.try_next().await.unwrap().unwrap();
        assert_eq!((first.value.results.len(), first.next.as_ref().map(PageToken::as_str)), (10, Some("row 10")));
        // The sign-in counts too.
        stage.vendor.arrived(1 + expected).await;
        // Whatever there is to do has been done, and nobody asked for a third.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert_eq!(stage.vendor.calls().len(), expected);
        assert_eq!(pages.try_next().await.unwrap().unwrap().value.results[0].id.as_str(), "10");
    }
}

/// The parameter that takes the page's token is where a list begins, as the token given to the stream is.
#[tokio::test]
async fn a_list_begins_where_it_is_asked_to() {
    let stage = Stage::set(Style::Token, 30, 10, Vec::new());
    let client = bill::api::Client::new(stage.connection.clone());
    let rest: Vec<_> = client.list_vendors().max(10).page("row 20").items().try_collect().await.unwrap();
    assert_eq!(rest.len(), 10);
    let kept = serde_json::to_string(&PageToken::from("row 20")).unwrap();
    let token: PageToken = serde_json::from_str(&kept).unwrap();
    let rest: Vec<_> = client.list_vendors().max(10).items().from(token).try_collect().await.unwrap();
    assert_eq!(rest[0].id.as_str(), "20");

    // One that has begun would go on where it is.
    let mut begun = client.list_vendors().max(10).items();
    begun.try_next().await.unwrap().unwrap();
    assert_eq!(begun.from("row 20".into()).try_collect::<Vec<_>>().await.unwrap_err().kind(), "config");

    let numbered = Stage::set(Style::Bare, 30, 10, Vec::new());
    let error = numbered.bezala().list_cost_centers().items().from("no number".into()).try_next().await.unwrap_err();
    assert_eq!(error.kind(), "config");
    assert_eq!(numbered.vendor.received().len(), 0, "nothing is sent");
}

/// What cannot be asked for is told by the stream, once.
#[tokio::test]
async fn an_argument_that_cannot_be_sent_is_the_streams_first_and_last_word() {
    use bill::api::search::ListVendorsFilter as By;
    use ledgerkey::client::FilterField as _;
    let stage = Stage::set(Style::Token, 30, 10, Vec::new());
    let client = bill::api::Client::new(stage.connection.clone());
    let mut items = client.list_vendors().filter(By::Name.eq("\"")).items();
    assert_eq!(items.try_next().await.unwrap_err().kind(), "config");
    assert!(items.try_next().await.unwrap().is_none() && stage.vendor.received().is_empty());
}

/// A stream that is dropped gives up the page that it was fetching, and leaves its place to others.
#[tokio::test]
async fn a_dropped_stream_leaves_nothing_behind() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let vendor = Vendor::granting("example-session", move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::json(200, r#"{"results":[{"id":"009"}],"nextPage":"more"}"#),
        1 => Reply::Silence,
        _ => Reply::json(200, r#"{"results":[]}"#),
    });
    let clock = RecordingClock::new();
    let organization = Vendors::at(&vendor.url(), &settings(&clock)).organization(Style::Token.row(), &plain).unwrap();
    let api = organization.api();
    // BILL lets three calls go at a time.
    for _ in 0..3 {
        asked.store(0, Ordering::SeqCst);
        let mut pages: Pages<_> = api.list_vendors().pages();
        pages.try_next().await.unwrap().unwrap();
        drop(pages);
    }
    asked.store(2, Ordering::SeqCst);
    assert!(api.list_vendors().send().await.unwrap().results.is_empty());
}
