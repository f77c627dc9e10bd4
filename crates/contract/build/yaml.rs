//! Reads a spec with the digits of its numbers.

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};

use crate::json::Json;

/// The document as JSON. It has passed the generator's reader already, which leaves no tags, anchors and aliases.
pub(crate) fn read(text: &str) -> Json {
    let mut events = Events(Parser::new_from_str(text));
    loop {
        match events.next() {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            event => return events.node(event),
        }
    }
}

struct Events<'t>(Parser<'t, StrInput<'t>>);

impl<'t> Events<'t> {
    fn next(&mut self) -> Event<'t> {
        let next = self.0.next_event().expect("the document goes on");
        next.expect("the generator could read it").0
    }

    fn node(&mut self, event: Event<'t>) -> Json {
        match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => plain(&text),
            Event::Scalar(text, ..) => Json::Text(text.into_owned()),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.next() {
                        Event::SequenceEnd => return Json::List(items),
                        event => items.push(self.node(event)),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut fields = Vec::new();
                loop {
                    match self.next() {
                        Event::MappingEnd => return Json::Object(fields),
                        Event::Scalar(key, ..) => {
                            let value = self.next();
                            fields.push((key.into_owned(), self.node(value)));
                        }
                        event => panic!("a key is {event:?}"),
                    }
                }
            }
            event => panic!("a value is {event:?}"),
        }
    }
}

/// By the core schema of YAML, as far as its forms are those of JSON too. Where they are not, the build fails: the generator reads another value.
fn plain(text: &str) -> Json {
    match text {
        "" | "~" | "null" => Json::Null,
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        _ if serde_json::from_str::<serde_json::Number>(text).is_ok() => Json::Number(text.to_owned()),
        _ => Json::Text(text.to_owned()),
    }
}
