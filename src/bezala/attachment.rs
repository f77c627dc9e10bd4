//! Uploads: the one call that the generator cannot do, a multipart form, on the same session, guard and tables as the generated ones.

use reqwest::multipart::{Form, Part};

use super::api::{self, operations::UPLOAD_ATTACHMENT, types};
use crate::client::{Connection, ResponseValue};
use crate::error::Error;

/// A file to attach to a transaction (a receipt).
#[derive(Debug, Clone)]
pub struct Upload {
    /// The file's name.
    pub file_name: String,
    /// Its contents. Size and type limits are not documented.
    pub contents: Vec<u8>,
    /// Its media type, such as `application/pdf`.
    pub media_type: String,
    /// The transaction; `None` makes a draft transaction for it.
    pub transaction_id: Option<types::TransactionId>,
}

impl api::Client {
    /// Uploads a file: `POST /api/attachments`. It is never sent twice: an upload of unknown fate is `ambiguous`.
    ///
    /// # Errors
    /// As every call; `config` if the media type is not one.
    pub async fn upload_attachment(&self, upload: Upload) -> Result<ResponseValue<types::Attachment>, Error> {
        let connection: &Connection = &self.inner;
        let build = || {
            let file = Part::bytes(upload.contents.clone()).file_name(upload.file_name.clone());
            // The key is `file` at the top level: integrators saw a nested one fail.
            let form = Form::new().part("file", file.mime_str(&upload.media_type)?);
            let form = match &upload.transaction_id {
                Some(transaction) => form.text("transaction_id", transaction.to_string()),
                None => form.text("draft", "1"),
            };
            let request = connection.http().post(format!("{}{}", self.baseurl, UPLOAD_ATTACHMENT.path));
            Ok(request.multipart(form).build()?)
        };
        ResponseValue::from_response(connection.exec_built(&UPLOAD_ATTACHMENT, &build).await?).await
    }
}
