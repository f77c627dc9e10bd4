//! Prints a user's orders at Acme.

use std::env;
use std::process::ExitCode;

use acme::api::operations::LIST_ORDERS;
use acme::api::types::Order;
use ledgerkey::Error;
use ledgerkey::client::Settings;
use ledgerkey::client::dynamic::Arguments;

#[tokio::main]
async fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let (Some(address), Some(email), Ok(password)) = (args.next(), args.next(), env::var("ACME_PASSWORD")) else {
        eprintln!("usage: ACME_PASSWORD=... acme ADDRESS EMAIL");
        return ExitCode::from(2);
    };
    match run(&address, &email, password).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", error.kind());
            ExitCode::FAILURE
        }
    }
}

async fn run(address: &str, email: &str, password: String) -> Result<(), Error> {
    let (client, connection) = acme::open(address, Settings::default(), email, password.into())?;

    // A typed call. It signs in, as it is the first.
    let newest = client.list_orders().limit(1).send().await?;
    if let Some(order) = newest.orders.first() {
        println!("the newest order is {}, of {}", order.id, order.total);
    }

    // A list to its end, in the same session.
    let mut pages = connection.pages(&LIST_ORDERS, Arguments::default())?;
    while let Some(page) = pages.next().await? {
        for row in &page.rows {
            match serde_json::from_str::<Order>(row.get()) {
                Ok(order) => println!("{order:?}"),
                Err(error) => eprintln!("an order that the spec does not describe: {error}"),
            }
        }
    }

    match connection.session() {
        Some(session) => session.sign_out().await,
        None => Ok(()),
    }
}
