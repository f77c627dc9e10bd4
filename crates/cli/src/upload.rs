//! The one operation that takes a file within a multipart form, which the library has a method of its own for.

use bytes::Bytes;
use ledgerkey::bezala::Upload;
use ledgerkey::bezala::api::{Client, types::TransactionId};
use ledgerkey::client::Connection;
use ledgerkey::table::{Body, Operation};

use crate::arguments::Call;
use crate::failure::Failure;

/// Whether this operation is the one.
pub(crate) fn is_upload(operation: &Operation) -> bool {
    operation.body == Body::Multipart && operation.id == "uploadAttachment"
}

/// Uploads `--param file=@PATH`.
///
/// # Errors
/// Usage, if the file is not named or cannot be read; else those of the call.
pub(crate) async fn send(call: &Call, connection: &Connection) -> Result<Bytes, Failure> {
    let upload = read(call)?;
    Ok(Client::new(connection.clone()).upload_attachment_undecoded(upload).await?.bytes().await?)
}

fn read(call: &Call) -> Result<Upload, Failure> {
    let usage = || {
        Failure::config(format!(
            "{} takes --param file=@PATH, and perhaps transaction_id and media_type",
            call.operation
        ))
    };
    if call.body.is_some() || call.all {
        return Err(usage());
    }
    let (mut path, mut media_type, mut transaction_id) = (None, None, None);
    for (name, value) in &call.params {
        match name.as_str() {
            "file" => path = Some(value.strip_prefix('@').ok_or_else(usage)?),
            "media_type" => media_type = Some(value.clone()),
            "transaction_id" => transaction_id = Some(value.parse::<TransactionId>().map_err(|_| usage())?),
            _ => return Err(usage()),
        }
    }
    let path = std::path::Path::new(path.ok_or_else(usage)?);
    let contents = std::fs::read(path)
        .map_err(|error| Failure::config(format!("the file {} cannot be read: {error}", path.display())))?;
    let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned()).ok_or_else(usage)?;
    let media_type = media_type.unwrap_or_else(|| by_ending(path).to_owned());
    Ok(Upload { file_name, contents: contents.into(), media_type, transaction_id })
}

/// The kinds of file that a receipt comes as.
fn by_ending(path: &std::path::Path) -> &'static str {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        _ => "application/octet-stream",
    }
}
