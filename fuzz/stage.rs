//! What the targets share: how a secret is planted in a body, and how it is looked for in what comes out.

use ledgerkey::Secret;
use ledgerkey::table::Answers;
use serde_json::Value;

/// An input of the targets that plant a secret, in its parts: four bytes that choose, the secret, the end of its line, and the body, with a
/// `@` wherever the vendor quotes the secret.
pub struct Case {
    /// The first two bytes, for the target.
    pub choose: [u8; 2],
    /// The secret.
    pub secret: String,
    /// The body, with the secret in it.
    pub body: Vec<u8>,
    quoted: String,
}

impl Case {
    /// The parts, if the input has them and the secret is one that could be hidden. `before` stands before every secret.
    pub fn read(data: &[u8], before: &str) -> Option<Self> {
        let (&[one, two, how, with], rest) = data.split_first_chunk()?;
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (secret, body) = (rest.get(..end)?, rest.get(end + 1..)?);
        let secret = format!("{before}{}", std::str::from_utf8(secret).ok()?);
        // What is as short as that is in everything; and what is a part of the word that takes a secret's place is in that.
        let short = secret.trim().len() <= 2;
        if short || secret.contains(['[', ']']) || "secret".contains(&secret.trim().to_ascii_lowercase()) {
            return None;
        }
        let quoted = quote(&secret, how, with);
        let planted = if with & BARE == 0 { json(&quoted) } else { quoted.clone() };
        let body = body.iter().fold(Vec::new(), |mut body, byte| {
            match byte {
                b'@' => body.extend_from_slice(planted.as_bytes()),
                byte => body.push(*byte),
            }
            body
        });
        Some(Self { choose: [one, two], secret, body, quoted })
    }

    /// What the vendor was told.
    pub fn told(&self) -> [Secret; 1] {
        [Secret::from(self.secret.as_str())]
    }

    /// Panics if the secret is in these words: as it is, or as the body quotes it.
    #[track_caller]
    pub fn assert_hidden(&self, words: &str) {
        let folded = words.to_ascii_lowercase();
        for form in [&self.secret, self.secret.trim(), &self.quoted] {
            assert!(!folded.contains(&form.to_ascii_lowercase()), "{form:?} is in {words:?}");
        }
    }
}

/// How the secret is quoted, by the bits of `with`; the writings by the two halves of `how`.
const TRIMMED: u8 = 1;
const SHOUTED: u8 = 2;
const MURMURED: u8 = 4;
/// Put into the body as it is, not as the inside of a JSON string.
const BARE: u8 = 8;
/// With its spaces as line ends, as a text is that was wrapped.
const WRAPPED: u8 = 16;

fn quote(secret: &str, how: u8, with: u8) -> String {
    let plain = if with & TRIMMED == 0 { secret } else { secret.trim() };
    if with & WRAPPED != 0 {
        return plain.replace(' ', "\n");
    }
    let quoted = write(&write(plain, how & 15), how >> 4);
    match with {
        _ if with & SHOUTED != 0 => quoted.to_ascii_uppercase(),
        _ if with & MURMURED != 0 => quoted.to_ascii_lowercase(),
        _ => quoted,
    }
}

/// The writings that `src/secret.rs` promises to know, made anew so that a mistake there is not made here too.
fn write(text: &str, how: u8) -> String {
    let html = || text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    match how {
        1 => json(text),
        2 => json(text).replace('/', r"\/"),
        3 => {
            let units = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!(r"\u{unit:04X}")).collect();
            json(text).chars().map(|c| if c.is_ascii() { c.to_string() } else { units(c) }).collect()
        }
        4 => url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        5 => url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20"),
        6 => percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string(),
        7 => html(),
        8 => html().replace('\'', "&#39;"),
        9 => html().replace('\'', "&#x27;"),
        _ => text.to_owned(),
    }
}

/// As the inside of a JSON string.
fn json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The codes in a body: those of the first twenty problems at `errors`, each at `code` within it.
pub fn codes(answers: &Answers, body: &[u8]) -> Vec<String> {
    let Some(member) = answers.code.map(|code| &code[1..]) else { return Vec::new() };
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return Vec::new() };
    let problems = if answers.errors.is_empty() { Some(&body) } else { body.get(&answers.errors[1..]) };
    let problems = match problems {
        Some(Value::Array(problems)) => &problems[..problems.len().min(20)],
        Some(problem @ Value::Object(_)) => std::slice::from_ref(problem),
        _ => &[],
    };
    problems.iter().filter_map(|problem| problem.get(member)?.as_str().map(str::to_owned)).collect()
}

/// What a vendor's documentation says that a refusal means, in the words of the library's log. A status counts where no code speaks; a fault of
/// the server's always.
pub fn meaning(status: u16, codes: &[String], dead: &[u16], limited: &[u16], knows_sessions: bool) -> &'static str {
    let said = |known: &[&str]| codes.iter().any(|code| known.contains(&code.as_str()));
    let told = |known: &[u16]| codes.is_empty() && known.contains(&status);
    match () {
        () if knows_sessions && said(&["BDC_1109"]) || told(dead) => "dead-session",
        () if knows_sessions && said(&["BDC_1361"]) => "untrusted",
        () if said(&["BDC_1107", "BDC_1110"]) => "locked-out",
        () if said(&["BDC_1144", "BDC_1322"]) || told(limited) => "rate-limited",
        () if status >= 500 || told(&[408]) => "passing",
        () => "refused",
    }
}

/// Statuses that a vendor or what stands before it answers with.
pub const STATUSES: [u16; 16] = [400, 401, 403, 404, 408, 422, 429, 500, 502, 503, 524, 200, 201, 204, 302, 304];
