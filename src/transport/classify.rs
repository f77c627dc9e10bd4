//! Reads an answer: a success, or which kind of refusal. By status and by the body's codes, as the spec's `x-answers` says.

use std::borrow::Cow;

use serde_json::Value;

use crate::error::{Error, Mismatch, Problem, Refusal};
use crate::table::{Answer, Answers, Rule};

/// What an answer is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The call was done.
    Success,
    /// It was refused.
    Refused(Class, Refusal),
    /// Neither: the answer is not one that the vendor documents.
    Unreadable(Mismatch),
}

/// Why a call was refused, as far as it matters to what is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    DeadSession,
    Untrusted,
    LockedOut,
    RateLimited,
    Passing,
    Other,
}

impl Class {
    /// The word for logs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::DeadSession => "dead-session",
            Self::Untrusted => "untrusted",
            Self::LockedOut => "locked-out",
            Self::RateLimited => "rate-limited",
            Self::Passing => "passing",
            Self::Other => "refused",
        }
    }

    /// What a caller gets of a refusal of this class.
    pub(crate) fn error(self, operation: &'static str, refusal: Box<Refusal>) -> Error {
        match self {
            Self::Untrusted => Error::MfaRequired { operation, refusal },
            Self::LockedOut => Error::LockedOut { operation, refusal },
            Self::RateLimited => {
                Error::RateLimited { operation, limit: None, retry_after: None, until: None, refusal: Some(refusal) }
            }
            Self::DeadSession | Self::Passing | Self::Other => Error::Vendor { operation, refusal },
        }
    }
}

/// No more problems than this are kept of one answer.
const MOST_PROBLEMS: usize = 20;

/// `answer` is what the operation answers with when it was done.
pub(crate) fn classify(answers: &Answers, answer: Answer, status: u16, body: &[u8]) -> Verdict {
    let ok = (200..300).contains(&status);
    let json: Option<Value> = match answers.success {
        None if ok => return behind_success(answers, answer, status, body),
        _ => serde_json::from_slice(body).ok(),
    };
    if ok && let Some((at, expected)) = answers.success {
        // Only a word or a number is the vendor's yes or no. A refusal of a sign-in is remembered, so nothing else passes for one.
        let told = json.as_ref().and_then(|json| json.pointer(at));
        match told.filter(|told| told.is_string() || told.is_number()).map(scalar) {
            None => {
                return Verdict::Unreadable(Mismatch {
                    path: path_of(at),
                    detail: "nothing there tells whether the call was done".into(),
                });
            }
            Some(found) if found == expected => return Verdict::Success,
            Some(_) => {}
        }
    }
    let page = json.is_none() && first_byte(body) == Some(b'<');
    let problems = json.map(|json| problems(answers, &json)).unwrap_or_default();
    let refusal = Refusal { status, problems, needs_role: None, page };
    Verdict::Refused(class(answers, &refusal), refusal)
}

/// What is behind a 2xx, where no word in the body says that the call was done. A page in the answer's place is a proxy's, and says nothing of it;
/// and BILL has been seen to refuse inside a 200 (observed by integrators). Only the first byte is looked at: a body that begins as the
/// answer does is not read here, but where it is decoded.
fn behind_success(answers: &Answers, answer: Answer, status: u16, body: &[u8]) -> Verdict {
    match (first_byte(body), answer) {
        (Some(b'<'), Answer::Json(_) | Answer::None) => {
            Verdict::Unreadable(Mismatch { path: ".".into(), detail: "a page, and not JSON".into() })
        }
        (Some(b'['), answer) if answers.code.is_some() && answers.errors.is_empty() => {
            let problems = serde_json::from_slice(body).map(|json| problems(answers, &json)).unwrap_or_default();
            let refusal = Refusal { status, problems, ..Refusal::default() };
            let class = class(answers, &refusal);
            // A list of rows may have codes of its own. Whether it is one shows where it is decoded, unless the code says what to do.
            let is_one = match answer {
                Answer::None => refusal.codes().next().is_some(),
                Answer::Json(_) | Answer::Bytes => class != Class::Other,
            };
            if is_one { Verdict::Refused(class, refusal) } else { Verdict::Success }
        }
        _ => Verdict::Success,
    }
}

fn first_byte(body: &[u8]) -> Option<u8> {
    body.iter().copied().find(|byte| !byte.is_ascii_whitespace())
}

/// The refusals that a body carries, in the vendor's own words, or none if it does not look like one.
pub(crate) fn problems(answers: &Answers, body: &Value) -> Vec<Problem> {
    let at = body.pointer(answers.errors);
    let entries: &[Value] = match at {
        Some(Value::Array(entries)) => entries,
        Some(entry @ Value::Object(_)) => std::slice::from_ref(entry),
        _ => &[],
    };
    entries
        .iter()
        .flat_map(|entry| problem(answers, entry).into_iter().chain(of_fields(entry)))
        .take(MOST_PROBLEMS)
        .collect()
}

fn problem(answers: &Answers, entry: &Value) -> Option<Problem> {
    let code = answers.code.and_then(|at| entry.pointer(at)).and_then(Value::as_str).map(str::to_owned);
    let message =
        answers.message.iter().find_map(|at| entry.pointer(at).filter(|message| !message.is_null())).map(scalar);
    if code.is_none() && message.is_none() {
        return None;
    }
    let message = message.unwrap_or_default().into_owned();
    // A vendor that has codes and gives none has not come to its own rules: what it says is of the form of the request.
    let field = if answers.code.is_some() && code.is_none() { leading_field(&message) } else { None };
    Some(Problem { code, message, field })
}

/// The field in `address: must not be null`, as BILL was seen to write it (observed by integrators). A sentence with a colon in it has spaces, or
/// begins with a capital.
fn leading_field(message: &str) -> Option<String> {
    let (field, _) = message.split_once(": ")?;
    let is_name = field.len() <= LONGEST_FIELD
        && field.starts_with(|c: char| c.is_ascii_lowercase())
        && field.chars().all(|c| c.is_ascii_alphanumeric() || "_-.[]".contains(c));
    is_name.then(|| field.to_owned())
}

/// The problems of an object `errors` of each field's messages, or of an array `errors` of messages. Doubt: Bezala says that most refused validations
/// carry some detail of each field, and no page that was read shows the key or the form; these are what such an API writes as a rule.
fn of_fields(entry: &Value) -> impl Iterator<Item = Problem> {
    let errors = entry.get("errors");
    let texts = errors.and_then(Value::as_array).into_iter().flatten().map(|message| (None, message));
    let fields = errors.and_then(Value::as_object).into_iter().flatten().flat_map(|(field, messages)| {
        let messages = match messages {
            Value::Array(messages) => messages.as_slice(),
            one => std::slice::from_ref(one),
        };
        messages.iter().map(move |message| (Some(field), message))
    });
    texts.chain(fields).filter_map(|(field, message)| {
        let message = message.as_str()?.to_owned();
        Some(Problem { code: None, message, field: field.cloned() })
    })
}

/// A longer name of a field is none, but somebody's text.
const LONGEST_FIELD: usize = 100;

/// Why a refusal was made, by its codes and its status.
pub(crate) fn class(answers: &Answers, refusal: &Refusal) -> Class {
    [
        (answers.dead_session, Class::DeadSession),
        (answers.untrusted, Class::Untrusted),
        (answers.locked_out, Class::LockedOut),
        (answers.rate_limited, Class::RateLimited),
        (answers.passing, Class::Passing),
    ]
    .into_iter()
    .find(|(rules, _)| rules.iter().any(|rule| holds(rule, refusal)))
    .map_or_else(|| unlisted(refusal), |(_, class)| class)
}

/// What no rule speaks of. A server or a gateway that failed, or that gave up waiting, may have acted or may not, whether or not the vendor
/// documents its status (RFC 9110, 15.5.9 and 15.6).
fn unlisted(refusal: &Refusal) -> Class {
    match refusal.status {
        500.. => Class::Passing,
        408 if refusal.codes().next().is_none() => Class::Passing,
        _ => Class::Other,
    }
}

fn holds(rule: &Rule, refusal: &Refusal) -> bool {
    let status = rule.status.is_none_or(|status| status == refusal.status);
    let code = match rule.code {
        Some(code) => refusal.codes().any(|found| found == code),
        // A code says more than a status, so a status alone is heard only where no code speaks. A server's fault is one
        // whatever it says of it.
        None => refusal.status >= 500 || refusal.codes().next().is_none(),
    };
    status && code
}

/// A JSON scalar as text: without the quotation marks that a string has.
pub(crate) fn scalar(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// A JSON pointer in the form that errors have.
pub(crate) fn path_of(pointer: &str) -> String {
    match pointer.trim_start_matches('/') {
        "" => ".".to_owned(),
        path => path.replace('/', "."),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn code(code: &'static str) -> Rule {
        Rule { status: None, code: Some(code) }
    }
    const fn status(status: u16) -> Rule {
        Rule { status: Some(status), code: None }
    }

    const ARRAY: Answers = Answers {
        success: None,
        errors: "",
        code: Some("/code"),
        message: &["/message"],
        dead_session: &[code("BDC_1109"), status(401)],
        untrusted: &[code("BDC_1361")],
        locked_out: &[code("BDC_1107")],
        rate_limited: &[code("BDC_1144"), status(429)],
        passing: &[status(500), status(503)],
    };
    const ENVELOPE: Answers = Answers {
        success: Some(("/response_status", "0")),
        errors: "/response_data",
        code: Some("/error_code"),
        message: &["/error_message"],
        ..ARRAY
    };

    fn class_of(answers: &Answers, status: u16, body: &str) -> Class {
        match classify(answers, Answer::None, status, body.as_bytes()) {
            Verdict::Refused(class, _) => class,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_code_speaks_louder_than_a_status() {
        assert_eq!(class_of(&ARRAY, 401, r#"[{"code":"BDC_1109"}]"#), Class::DeadSession);
        assert_eq!(class_of(&ARRAY, 401, r#"[{"code":"BDC_1102"}]"#), Class::Other);
        assert_eq!(class_of(&ARRAY, 401, ""), Class::DeadSession);
        assert_eq!(class_of(&ARRAY, 422, r#"[{"code":"BDC_1144"}]"#), Class::RateLimited);
        assert_eq!(class_of(&ARRAY, 503, "<html>"), Class::Passing);
        assert_eq!(class_of(&ARRAY, 500, r#"[{"code":"BDC_1001"}]"#), Class::Passing);
    }

    #[test]
    fn an_envelope_fails_inside_a_200() {
        let refused =
            r#"{"response_status":1,"response_data":{"error_code":"BDC_1109","error_message":"Session is invalid."}}"#;
        assert_eq!(class_of(&ENVELOPE, 200, refused), Class::DeadSession);
        assert_eq!(classify(&ENVELOPE, Answer::None, 200, br#"{"response_status":0}"#), Verdict::Success);
        assert!(matches!(classify(&ENVELOPE, Answer::None, 200, b"<html>"), Verdict::Unreadable(_)));
        assert!(matches!(classify(&ENVELOPE, Answer::None, 200, b""), Verdict::Unreadable(_)));
        for no_word in ["null", "{}", "[0]", "true"] {
            let answer = format!(r#"{{"response_status":{no_word}}}"#);
            assert!(
                matches!(classify(&ENVELOPE, Answer::None, 200, answer.as_bytes()), Verdict::Unreadable(_)),
                "{answer}"
            );
        }
    }

    #[test]
    fn a_gateways_refusal_may_pass_whether_or_not_it_is_documented() {
        for (status, class) in
            [(507, Class::Passing), (520, Class::Passing), (524, Class::Passing), (408, Class::Passing)]
        {
            assert_eq!(class_of(&ARRAY, status, "error code: 1"), class, "{status}");
        }
        assert_eq!(class_of(&ARRAY, 408, r#"[{"code":"BDC_1118"}]"#), Class::Other);
        assert_eq!(class_of(&ARRAY, 409, ""), Class::Other);
    }

    #[test]
    fn a_success_that_is_none_is_told() {
        let json = Answer::Json(|_| Ok(()));
        let read = |answer, body: &str| classify(&ARRAY, answer, 200, body.as_bytes());
        for page in ["<html>", "\r\n <!doctype html>"] {
            for answer in [json, Answer::None] {
                assert!(matches!(read(answer, page), Verdict::Unreadable(_)), "{page}");
            }
            assert_eq!(read(Answer::Bytes, page), Verdict::Success, "a file may be a page");
        }
        for answer in [json, Answer::None, Answer::Bytes] {
            let dead = read(answer, r#"[{"code":"BDC_1109","message":"Session is invalid."}]"#);
            assert!(matches!(dead, Verdict::Refused(Class::DeadSession, _)), "{dead:?}");
            for rows in ["", "[]", "[{", r#"[{"id":"1"}]"#, r#"{"code":"BDC_1109"}"#] {
                assert_eq!(read(answer, rows), Verdict::Success, "{rows}");
            }
        }
        let of_its_own = r#"[{"code":"BDC_1118"}]"#;
        assert_eq!(read(json, of_its_own), Verdict::Success, "rows may have codes: told where it is decoded");
        assert!(matches!(read(Answer::None, of_its_own), Verdict::Refused(Class::Other, _)));
    }

    #[test]
    fn one_answer_can_hold_several_problems() {
        let Verdict::Refused(_, refusal) = classify(
            &ARRAY,
            Answer::None,
            400,
            br#"[{"message":"address: must not be null"},{"code":"BDC_1108","message":"a\nb"},7]"#,
        ) else {
            panic!("refused");
        };
        assert_eq!(refusal.to_string(), "HTTP 400; address: must not be null; BDC_1108 a\nb");
    }

    #[test]
    fn a_problem_keeps_the_field_that_it_is_about() {
        let told = |answers: &Answers, body: &str| -> Vec<(Option<String>, String)> {
            let Verdict::Refused(_, refusal) = classify(answers, Answer::None, 422, body.as_bytes()) else {
                panic!("refused")
            };
            refusal.problems.into_iter().map(|problem| (problem.field.clone(), problem.to_string())).collect()
        };
        let field = |name: &str, words: &str| (Some(name.to_owned()), words.to_owned());
        assert_eq!(
            told(&ARRAY, r#"[{"message":"address: must not be null"},{"message":"bills[0].amount: must be > 0"}]"#),
            [field("address", "address: must not be null"), field("bills[0].amount", "bills[0].amount: must be > 0")]
        );
        for none in [
            r#"[{"code":"BDC_1118","message":"name: is bad"}]"#,
            r#"[{"message":"Your user is not of the company: Example"}]"#,
            r#"[{"message":"Error: bad"}]"#,
            r#"[{"message":"https://example.com: bad"}]"#,
            r#"[{"message":"address:"}]"#,
            r#"[{"message":": bad"}]"#,
            r#"[{"message":7}]"#,
        ] {
            assert!(matches!(&told(&ARRAY, none)[..], [(None, _)]), "{none}");
        }
        let without_codes = Answers { code: None, message: &["/error", "/message"], ..ARRAY };
        let fields = r#"{"error":"Validation failed","errors":{"email":["is bad","is taken"],"name":"can't be blank","x":7,"y":[{}],"z":null}}"#;
        assert_eq!(
            told(&without_codes, fields),
            [
                (None, "Validation failed".to_owned()),
                field("email", "email: is bad"),
                field("email", "email: is taken"),
                field("name", "name: can't be blank"),
            ]
        );
        assert_eq!(
            told(&without_codes, r#"{"error":"Validation failed","errors":["name can't be blank",7,{"a":"b"}]}"#),
            [(None, "Validation failed".to_owned()), (None, "name can't be blank".to_owned())]
        );
        for nothing in [r#"{"errors":[]}"#, r#"{"errors":"bad"}"#, r#"{"errors":{}}"#] {
            assert!(told(&without_codes, nothing).is_empty(), "{nothing}");
        }
        let many: String = (0..100).map(|at| format!(r#""f{at}":["a","b"],"#)).collect();
        assert_eq!(
            told(&without_codes, &format!(r#"{{"errors":{{{}}}}}"#, many.trim_end_matches(','))).len(),
            MOST_PROBLEMS
        );
    }

    proptest! {
        #[test]
        fn nothing_that_a_vendor_sends_makes_it_panic(status in 100_u16..600, body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = classify(&ARRAY, Answer::None, status, &body);
            let _ = classify(&ENVELOPE, Answer::None, status, &body);
        }
    }
}
