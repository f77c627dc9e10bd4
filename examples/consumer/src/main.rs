//! Prints a user's orders at Acme.

use std::env;
use std::process::ExitCode;

use ledgerkey::Error;
use ledgerkey::client::Settings;

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
    let mut orders = client.list_orders().items();
    while let Some(order) = orders.try_next().await? {
        println!("{order:?}");
    }

    match connection.session() {
        Some(session) => session.sign_out().await,
        None => Ok(()),
    }
}
