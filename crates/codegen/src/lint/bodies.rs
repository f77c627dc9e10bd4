//! What goes over the wire: the body of a request, and the answers.

use serde_json::Value;

use crate::model::{Answer, BodyKind, Method};
use crate::source::Node;

use super::Lint;
use super::refs::resolve;
use super::targets::{expand, properties};
use super::words::{did_you_mean, shown};

const MEDIA: &[(&str, BodyKind)] = &[
    ("application/json", BodyKind::Json),
    ("application/x-www-form-urlencoded", BodyKind::Form),
    ("multipart/form-data", BodyKind::Multipart),
    ("application/octet-stream", BodyKind::Binary),
];

/// The body of an operation's request and, if it is a form of either kind, the schema of its fields.
pub(super) fn request<'a>(
    lint: &mut Lint<'_>,
    operation: &Node<'a>,
    method: Method,
) -> (Option<BodyKind>, Option<Node<'a>>) {
    let Some(place) = operation.get("requestBody") else {
        return (None, None);
    };
    let Some((node, content)) = resolve(&place).and_then(|node| node.get("content").map(|content| (node, content)))
    else {
        return (None, None);
    };
    if matches!(method, Method::Get | Method::Head) {
        lint.fault(&place, format!("a {} has a body", method.as_str()), "send parameters instead");
    }
    let entries = content.entries();
    let [(media, media_type)] = entries.as_slice() else {
        lint.fault(&content, format!("the body has {} media types", entries.len()), "write exactly one");
        return (None, None);
    };
    let Some((_, kind)) = MEDIA.iter().find(|(known, _)| known == media) else {
        lint.key_fault(
            media_type,
            format!("bodies of the media type \"{media}\" are not generated"),
            did_you_mean(media, MEDIA.iter().map(|(known, _)| *known)),
        );
        return (None, None);
    };
    if node.value.get("required").and_then(Value::as_bool) != Some(true) {
        lint.fault(
            &node,
            "the body is not required, but would always be asked for",
            "write `required: true`, and make its fields optional",
        );
    }
    let schema = media_type.get("schema");
    if let Some(schema) = &schema {
        match kind {
            BodyKind::Form => form(lint, schema, false),
            BodyKind::Multipart => form(lint, schema, true),
            BodyKind::Binary => {
                let binary = expand([schema.clone()]);
                if !binary.iter().any(|node| node.text("format") == Some("binary")) {
                    lint.fault(
                        schema,
                        "the schema of a body of bytes is another",
                        "write `type: string` and `format: binary`",
                    );
                }
            }
            BodyKind::Json => {}
        }
    }
    let fields = schema.filter(|_| matches!(kind, BodyKind::Form | BodyKind::Multipart));
    (Some(*kind), fields)
}

/// A form has fields, and a field has one value: whatever is nested fails when it is sent.
fn form(lint: &mut Lint<'_>, schema: &Node<'_>, multipart: bool) {
    if !expand([schema.clone()]).iter().any(|node| node.text("type") == Some("object")) {
        lint.fault(schema, "a form is no object", "write an object of fields");
        return;
    }
    for (name, field) in properties(schema) {
        let whole = expand([field.clone()]);
        let text = |key| whole.iter().filter_map(move |node| node.text(key));
        if text("type").any(|kind| matches!(kind, "object" | "array")) {
            lint.fault(
                &field,
                format!("the field \"{name}\" of a form is no scalar"),
                "write `type: string`, and the field as text that holds JSON",
            );
        } else if !multipart && text("format").any(|format| format == "binary") {
            lint.fault(
                &field,
                format!("the field \"{name}\" of a form is bytes"),
                "write the body as `multipart/form-data`",
            );
        }
    }
}

/// What a success carries, and its schema.
pub(super) fn answers<'a>(lint: &mut Lint<'_>, operation: &Node<'a>) -> (Answer, Option<Node<'a>>) {
    let Some(answers) = operation.get("responses") else {
        return (Answer::None, None);
    };
    let mut success: Option<(Answer, Option<Node<'a>>)> = None;
    let mut refusal: Option<Node<'a>> = None;
    for (status, place) in answers.entries() {
        let Some(number) = self::status(status) else {
            let (message, help) = if status == "default" {
                ("an answer `default` is a success and an error at once", "write `4XX` and `5XX`")
            } else {
                ("this is no status", "write one such as 200, 4XX or 5XX")
            };
            lint.key_fault(&place, message, help);
            continue;
        };
        match number / 100 {
            2 => {
                let found = answer(lint, &place);
                match &success {
                    None => success = Some(found),
                    Some((answer, schema)) => {
                        let same = |schema: &Option<Node<'a>>| schema.as_ref().map(|node| node.value.clone());
                        if *answer != found.0 || same(schema) != same(&found.1) {
                            lint.key_fault(
                                &place,
                                "the successes of the operation carry different things",
                                "give them one schema, or none",
                            );
                        }
                    }
                }
            }
            4 | 5 => error(lint, &place, &mut refusal),
            _ => lint.key_fault(
                &place,
                format!("an answer with the status {status} is neither success nor error"),
                "leave it out: redirects are not followed",
            ),
        }
    }
    for status in ["4XX", "5XX"] {
        if !answers.has(status) {
            lint.fault(
                &answers,
                format!("there is no answer `{status}`"),
                "write it, with the schema of the vendor's errors",
            );
        }
    }
    success.unwrap_or_else(|| {
        lint.fault(&answers, "there is no success among the answers", "write one such as 200");
        (Answer::None, None)
    })
}

/// The status that a key stands for; the first one of a range.
fn status(key: &str) -> Option<u16> {
    let bytes = key.as_bytes();
    let [b'1'..=b'5', rest @ ..] = bytes else {
        return None;
    };
    match rest {
        b"XX" => Some(u16::from(bytes[0] - b'0') * 100),
        [b'0'..=b'9', b'0'..=b'9'] => key.parse().ok(),
        _ => None,
    }
}

fn answer<'a>(lint: &mut Lint<'_>, place: &Node<'a>) -> (Answer, Option<Node<'a>>) {
    let Some((media, media_type)) = media(lint, place) else {
        return (Answer::None, None);
    };
    if !is_json(media) {
        if media.ends_with("+json") {
            lint.key_fault(
                &media_type,
                format!("an answer of the media type \"{media}\" would be read as bytes"),
                "write `application/json`",
            );
        }
        return (Answer::Bytes, media_type.get("schema"));
    }
    let schema = media_type.get("schema");
    let examples = media_type.get("examples").map(|node| node.entries().len());
    let in_schema = schema.as_ref().and_then(resolve).is_some_and(|schema| schema.has("example"));
    if !media_type.has("example") && examples.unwrap_or_default() == 0 && !in_schema {
        lint.fault(&media_type, "the answer has no example", "write one as `example`, as the vendor would send it");
    }
    (Answer::Json, schema)
}

fn error<'a>(lint: &mut Lint<'_>, place: &Node<'a>, first: &mut Option<Node<'a>>) {
    let json = media(lint, place).filter(|(media, _)| is_json(media));
    let Some(schema) = json.and_then(|(_, media_type)| media_type.get("schema")) else {
        lint.fault(
            place,
            "the error answer carries no JSON",
            "write `application/json` with the schema of the vendor's errors",
        );
        return;
    };
    match first {
        None => *first = Some(schema),
        Some(first) if first.value != schema.value => lint.fault(
            &schema,
            "the error answers of the operation have different schemas",
            "give them one, with fields that may be absent",
        ),
        Some(_) => {}
    }
}

/// The one media type of an answer; none where it carries nothing.
fn media<'a>(lint: &mut Lint<'_>, place: &Node<'a>) -> Option<(&'a str, Node<'a>)> {
    let content = resolve(place)?.get("content")?;
    let entries = content.entries();
    if entries.len() > 1 {
        lint.fault(&content, format!("the answer has {} media types", entries.len()), "write exactly one");
    }
    if let Some((media, node)) = entries.iter().find(|(media, _)| !media.contains('/')) {
        lint.key_fault(
            node,
            format!("{} is no media type", shown(&Value::from(*media))),
            "write one such as application/json",
        );
    }
    entries.into_iter().next()
}

fn is_json(media: &str) -> bool {
    media == "application/json" || media.starts_with("application/json;")
}
