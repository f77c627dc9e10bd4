//! What the ways to sign in have in common.

use std::sync::Arc;

use crate::client::Connection;
use crate::client::dynamic::Arguments;
use crate::session::warm::Touch;
use crate::table::Operation;

/// The call that keeps a session warm.
pub(super) fn touch(connection: &Connection, operation: &'static Operation, arguments: Arguments) -> Touch {
    let (connection, arguments) = (connection.clone(), Arc::new(arguments));
    Box::new(move |session| {
        let (connection, arguments) = (connection.with_session(session), arguments.clone());
        Box::pin(async move { connection.call(operation, &arguments).await.map(drop) })
    })
}
