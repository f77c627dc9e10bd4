//! A proxy that the environment names does not see what goes to loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use std::io::ErrorKind;
use std::net::TcpListener;

use support::Vendors;

#[test]
fn plain_http_does_not_leave_by_a_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let mut vendors = Vendors::start();
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        vendors = vendors.with(name, &address);
    }
    vendors.run(&["call", "bill", "listVendors"]).json();
    assert_eq!(proxy.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "somebody came by");
}
