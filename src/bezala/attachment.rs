//! Uploads: the one call that the generator cannot do, a multipart form, on the same session, guard and tables as the generated ones.

use std::fmt;

use reqwest::multipart::{Form, Part};

use super::api::{self, operations::UPLOAD_ATTACHMENT, types};
use crate::client::{Connection, Contents, Response, ResponseValue};
use crate::error::Error;

/// A file to attach to a transaction (a receipt).
#[derive(Clone)]
pub struct Upload {
    /// The file's name.
    pub file_name: String,
    /// Its contents. Size and type limits are not documented.
    pub contents: Contents,
    /// Its media type, such as `application/pdf`.
    pub media_type: String,
    /// The transaction; `None` makes a draft transaction for it.
    pub transaction_id: Option<types::TransactionId>,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("file_name", &self.file_name)
            .field("media_type", &self.media_type)
            .field("transaction_id", &self.transaction_id)
            .field("contents", &self.contents)
            .finish()
    }
}

impl api::Client {
    /// Uploads a file: `POST /api/attachments`. It is never sent twice: an upload of unknown fate is `ambiguous`.
    ///
    /// # Errors
    /// As every call; `config` if the media type is not one.
    pub async fn upload_attachment(&self, upload: Upload) -> Result<ResponseValue<types::Attachment>, Error> {
        ResponseValue::from_response(self.upload_attachment_undecoded(upload).await?)
    }

    /// The same with the answer as Bezala sent it.
    ///
    /// # Errors
    /// As [`upload_attachment`](Self::upload_attachment), `decode` excepted.
    pub async fn upload_attachment_undecoded(&self, upload: Upload) -> Result<Response, Error> {
        let connection: &Connection = &self.inner;
        let build = || {
            let body = upload.contents.body()?;
            let file = match upload.contents.length() {
                Some(length) => Part::stream_with_length(body, length),
                None => Part::stream(body),
            };
            let file = file.file_name(upload.file_name.clone());
            // The key is `file` at the top level: integrators saw a nested one fail.
            let form = Form::new().part("file", file.mime_str(&upload.media_type)?);
            let form = match &upload.transaction_id {
                Some(transaction) => form.text("transaction_id", transaction.to_string()),
                None => form.text("draft", "1"),
            };
            let request = connection.http().post(format!("{}{}", self.baseurl, UPLOAD_ATTACHMENT.path));
            Ok(request.multipart(form).build()?)
        };
        connection.exec_built(&UPLOAD_ATTACHMENT, upload.contents.can_be_had_once(), &build).await
    }
}
