//! What a call sends: at its first try, and at each that follows.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use reqwest::Request;
use smallvec::SmallVec;
use url::Url;

use crate::error::Error;

/// What a call sends. Boxed, so that nobody who has it in hand for a while carries it about.
pub(super) enum Sending<'s> {
    /// This, which was not tried yet.
    Given(Box<Request>),
    /// The same as what was made before.
    Again(Box<Kept>),
    /// What this builds, which can be built anew for another try.
    Built { build: &'s (dyn Fn() -> Result<Request, Error> + Sync), once: bool, built: Option<Box<Request>> },
    /// Nothing: its body was a stream.
    Spent,
}

impl Sending<'_> {
    /// The request of the next try.
    pub(super) fn next(&mut self, operation: &str) -> Result<Box<Request>, Error> {
        match self {
            Self::Built { build, built, .. } => {
                return match built.take() {
                    Some(request) => Ok(request),
                    None => build().map(Box::new),
                };
            }
            Self::Again(kept) => return kept.request(operation).map(Box::new),
            Self::Given(_) | Self::Spent => {}
        }
        match std::mem::replace(self, Self::Spent) {
            Self::Given(request) => {
                if let Some(kept) = Kept::of(&request) {
                    *self = Self::Again(Box::new(kept));
                }
                Ok(request)
            }
            _ => Err(spent(operation)),
        }
    }

    /// Whether the next request would have to be built for it.
    pub(super) fn is_unbuilt(&self) -> bool {
        matches!(self, Self::Built { built: None, .. })
    }

    /// Whether there can be another try after the one whose request was taken.
    pub(super) fn can_repeat(&self) -> bool {
        match self {
            Self::Again(_) => true,
            Self::Built { once, .. } => !once,
            Self::Given(_) | Self::Spent => false,
        }
    }

    /// Takes a request back that was not tried: it has to wait. Of thousands who wait for a sign-in, each has its request all that time, so what is
    /// kept of it is small where that can be.
    pub(super) fn put_back(&mut self, request: Box<Request>) {
        match self {
            Self::Again(_) => {}
            Self::Built { once, built, .. } => match Kept::parts(&request) {
                Some(parts) if !*once => *self = Self::Again(Box::new(parts)),
                _ => *built = Some(request),
            },
            Self::Given(_) | Self::Spent => *self = Self::Given(request),
        }
    }
}

fn spent(operation: &str) -> Error {
    Error::config(format!("{operation}: its body cannot be sent twice"))
}

/// What another request is made of. Nearly every call succeeds and nothing is made of it; so it has to be cheap to keep.
pub(super) enum Kept {
    /// Of one without a body, the parts: its few headers without the table that finds them by name. They are all that a caller can set on
    /// a request; `each_further_try_sends_the_same` has to know of what reqwest adds to it.
    Parts {
        method: Method,
        url: Url,
        headers: Headers,
        version: Version,
        timeout: Option<Duration>,
    },
    Whole(Request),
}

/// A call has one before the session's are added, or an idempotent key beside it.
type Headers = SmallVec<[(HeaderName, HeaderValue); 2]>;

impl Kept {
    fn of(request: &Request) -> Option<Self> {
        Self::parts(request).or_else(|| request.try_clone().map(Self::Whole))
    }

    fn parts(request: &Request) -> Option<Self> {
        if request.body().is_some() {
            return None;
        }
        let headers = request.headers().iter().map(|(name, value)| (name.clone(), value.clone()));
        Some(Self::Parts {
            method: request.method().clone(),
            url: request.url().clone(),
            headers: headers.collect(),
            version: request.version(),
            timeout: request.timeout().copied(),
        })
    }

    fn request(&self, operation: &str) -> Result<Request, Error> {
        match self {
            Self::Whole(request) => request.try_clone().ok_or_else(|| spent(operation)),
            Self::Parts { method, url, headers, version, timeout } => {
                let mut request = Request::new(method.clone(), url.clone());
                // With room for the credentials.
                *request.headers_mut() = HeaderMap::with_capacity(headers.len() + 2);
                for (name, value) in headers {
                    request.headers_mut().append(name, value.clone());
                }
                (*request.version_mut(), *request.timeout_mut()) = (*version, *timeout);
                Ok(request)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, COOKIE};

    use super::*;

    fn with(body: Option<reqwest::Body>) -> Request {
        let mut request = Request::new(Method::PUT, "https://vendor.example/a?b=c".parse().unwrap());
        for value in ["one", "two"] {
            request.headers_mut().append(ACCEPT, HeaderValue::from_static(value));
        }
        let mut secret = HeaderValue::from_static("example");
        secret.set_sensitive(true);
        request.headers_mut().insert(COOKIE, secret);
        *request.version_mut() = Version::HTTP_2;
        *request.timeout_mut() = Some(Duration::from_secs(7));
        *request.body_mut() = body;
        request
    }

    fn given(body: Option<&'static str>) -> Sending<'static> {
        Sending::Given(Box::new(with(body.map(Into::into))))
    }

    fn assert_same(request: &Request, given: &Request) {
        let body = |request: &Request| request.body().and_then(reqwest::Body::as_bytes).map(<[u8]>::to_vec);
        assert_eq!((request.method(), request.url()), (given.method(), given.url()));
        assert_eq!(request.headers(), given.headers());
        assert!(request.headers()[COOKIE].is_sensitive());
        assert_eq!((request.version(), request.timeout()), (given.version(), given.timeout()));
        assert_eq!(body(request), body(given));
    }

    #[test]
    fn each_further_try_sends_the_same() {
        for body in [None, Some("text")] {
            let (same, mut sending) = (with(body.map(Into::into)), given(body));
            for _ in 0..3 {
                let request = sending.next("example").unwrap();
                assert!(sending.can_repeat());
                assert_same(&request, &same);
            }
        }
    }

    #[test]
    fn what_is_put_back_is_sent_later() {
        for body in [None, Some("text")] {
            let same = with(body.map(Into::into));
            let build = || Ok(with(body.map(Into::into)));
            for mut sending in [given(body), Sending::Built { build: &build, once: false, built: None }] {
                for _ in 0..3 {
                    let request = sending.next("example").unwrap();
                    sending.put_back(request);
                }
                let is_small = matches!(&sending, Sending::Again(kept) if matches!(**kept, Kept::Parts { .. }));
                assert_eq!(is_small, body.is_none(), "there is nothing to gain where there is a body");
                let request = sending.next("example").unwrap();
                assert!(sending.can_repeat());
                assert_same(&request, &same);
            }
        }
    }

    #[test]
    fn what_is_built_is_built_once_a_try() {
        let builds = std::sync::atomic::AtomicU32::new(0);
        let build = || {
            builds.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(with(Some("text".into())))
        };
        let mut built = 0;
        for once in [false, true] {
            let mut sending = Sending::Built { build: &build, once, built: None };
            for _ in 0..3 {
                let request = sending.next("example").unwrap();
                sending.put_back(request);
                sending.next("example").unwrap();
                assert_eq!(sending.can_repeat(), !once);
                built += 1;
                assert_eq!(builds.load(std::sync::atomic::Ordering::Relaxed), built);
            }
        }
    }

    #[test]
    fn a_stream_is_sent_once() {
        let stream = futures_util::stream::iter([Ok::<_, std::io::Error>("text")]);
        let mut sending = Sending::Given(Box::new(with(Some(reqwest::Body::wrap_stream(stream)))));
        let request = sending.next("example").unwrap();
        assert!(!sending.can_repeat());
        sending.put_back(request);
        sending.next("example").expect("it was put back");
        let error = sending.next("example").unwrap_err();
        assert!(error.to_string().contains("cannot be sent twice"), "{error}");
    }
}
