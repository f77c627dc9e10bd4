//! A spec as it was written: its values, and the line and column of each of them.

use std::collections::HashMap;
use std::path::Path;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};
use serde_json::{Map, Value};

use crate::fault::{Fault, Faults};

pub(crate) use node::Node;

mod node;
mod scalar;

/// Deeper nesting than any honest spec has; short of what would overflow a stack further on.
const DEPTH: usize = 128;

/// The longest key, in characters. Every place is known by the keys that lead to it, so a key without end
/// would be kept once for each value under it.
const KEY: usize = 1024;

/// A spec that was read, but not yet linted.
#[derive(Debug, Clone)]
pub struct Source {
    file: String,
    api: String,
    value: Value,
    places: HashMap<String, Place>,
}

/// Where a value stands, and where its key does.
#[derive(Debug, Clone, Copy)]
struct Place {
    key: (usize, usize),
    node: (usize, usize),
}

impl Source {
    /// Reads a spec from a file of YAML or JSON.
    ///
    /// # Errors
    /// As [`Source::parse`], and if the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, Faults> {
        let file = path.display().to_string();
        match std::fs::read(path).map(String::from_utf8) {
            Ok(Ok(text)) => Self::parse(&file, &text),
            Ok(Err(_)) => Err(Faults::new(vec![fault(&file, (1, 1), "", "the file is not UTF-8", "save it as UTF-8")])),
            Err(error) => Err(Faults::new(vec![fault(
                &file,
                (1, 1),
                "",
                &format!("the file cannot be read ({error})"),
                "see that it is there and that the build may read it",
            )])),
        }
    }

    /// Reads a spec from a text of YAML 1.2 (core schema) or JSON. `file_name` is what faults call the file; its
    /// stem is the name of the API.
    ///
    /// # Errors
    /// If the text is not one YAML document without tags, anchors, aliases and duplicate keys, or is nested beyond
    /// 128 levels. All duplicate keys are told at once; any other fault ends the reading.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Faults> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader =
            Reader { file: file_name, parser: Parser::new_from_str(text), places: HashMap::new(), faults: Vec::new() };
        match reader.document() {
            Ok(value) if reader.faults.is_empty() => Ok(Self {
                file: file_name.to_owned(),
                api: Path::new(file_name)
                    .file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned())
                    .unwrap_or_default(),
                value,
                places: reader.places,
            }),
            Ok(_) => Err(Faults::new(reader.faults)),
            Err(stop) => {
                reader.faults.push(stop);
                Err(Faults::new(reader.faults))
            }
        }
    }

    /// The file, as it was named to the reader.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The file's own name, without the folder that it is in.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.file.rsplit(['/', '\\']).next().unwrap_or(&self.file)
    }

    /// The name of the API: the file's name without its ending.
    #[must_use]
    pub fn api(&self) -> &str {
        &self.api
    }

    /// The whole document.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The line and column, from 1, of the value at a JSON pointer.
    #[must_use]
    pub fn place(&self, pointer: &str) -> Option<(usize, usize)> {
        self.places.get(pointer).map(|place| place.node)
    }

    /// The line and column, from 1, of the key of the value at a JSON pointer; of the value itself in a list.
    #[must_use]
    pub fn key_place(&self, pointer: &str) -> Option<(usize, usize)> {
        self.places.get(pointer).map(|place| place.key)
    }

    /// A fault of the value at a JSON pointer; at the top of the file if nothing stands there.
    #[must_use]
    pub fn fault(&self, pointer: &str, message: impl Into<String>, help: impl Into<String>) -> Fault {
        let (line, column) = self.place(pointer).unwrap_or((1, 1));
        Fault {
            file: self.file.clone(),
            pointer: pointer.to_owned(),
            line,
            column,
            message: message.into(),
            help: help.into(),
        }
    }

    /// A fault of the key of the value at a JSON pointer.
    pub(crate) fn key_fault(&self, pointer: &str, message: impl Into<String>, help: impl Into<String>) -> Fault {
        let mut fault = self.fault(pointer, message, help);
        if let Some((line, column)) = self.key_place(pointer) {
            (fault.line, fault.column) = (line, column);
        }
        fault
    }
}

/// Adds a key or an index to a JSON pointer.
pub(crate) fn join(pointer: &str, token: &str) -> String {
    format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"))
}

struct Reader<'a> {
    file: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    places: HashMap<String, Place>,
    /// Faults that do not keep the rest from being read.
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Value, Fault> {
        loop {
            match self.next("")? {
                (Event::StreamEnd, span) => return Err(self.empty(span)),
                (Event::DocumentStart(_), _) => break,
                _ => {}
            }
        }
        let (event, span) = self.next("")?;
        if matches!(&event, Event::Scalar(text, ScalarStyle::Plain, 0, None) if text.is_empty()) {
            return Err(self.empty(span));
        }
        let value = self.node(event, span, None, "", 0)?;
        loop {
            match self.next("")? {
                (Event::StreamEnd, _) => return Ok(value),
                (Event::DocumentStart(_), span) => {
                    return Err(self.at(span, "", "the file holds a second document", "keep one document a file"));
                }
                _ => {}
            }
        }
    }

    fn node(
        &mut self,
        event: Event<'a>,
        span: Span,
        key: Option<Span>,
        pointer: &str,
        depth: usize,
    ) -> Result<Value, Fault> {
        if depth > DEPTH {
            return Err(self.at(
                span,
                "",
                &format!("the file is nested beyond {DEPTH} levels"),
                "move the inner parts to components",
            ));
        }
        self.places
            .insert(pointer.to_owned(), Place { key: place(key.unwrap_or(span).start), node: place(span.start) });
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.plain_yaml(span, pointer, anchor, tag.is_some())?;
                if style == ScalarStyle::Plain {
                    scalar::plain(&text)
                        .map_err(|scalar::Unreadable { message, help }| self.at(span, pointer, &message, help))
                } else {
                    Ok(Value::String(text.into_owned()))
                }
            }
            Event::SequenceStart(anchor, tag) => {
                self.plain_yaml(span, pointer, anchor, tag.is_some())?;
                self.list(pointer, depth)
            }
            Event::MappingStart(anchor, tag) => {
                self.plain_yaml(span, pointer, anchor, tag.is_some())?;
                self.map(pointer, depth)
            }
            Event::Alias(_) => {
                Err(self.at(span, pointer, "the value is an alias", "write it out, or use `$ref` to components"))
            }
            _ => Err(self.at(span, pointer, "a value is missing", "write one")),
        }
    }

    fn list(&mut self, pointer: &str, depth: usize) -> Result<Value, Fault> {
        let mut list = Vec::new();
        loop {
            let (event, span) = self.next(pointer)?;
            if event == Event::SequenceEnd {
                return Ok(Value::Array(list));
            }
            let item = join(pointer, &list.len().to_string());
            list.push(self.node(event, span, None, &item, depth + 1)?);
        }
    }

    fn map(&mut self, pointer: &str, depth: usize) -> Result<Value, Fault> {
        let mut map = Map::new();
        loop {
            let (event, key_span) = self.next(pointer)?;
            let key = match event {
                Event::MappingEnd => return Ok(Value::Object(map)),
                Event::Scalar(text, _, anchor, tag) => {
                    self.plain_yaml(key_span, pointer, anchor, tag.is_some())?;
                    text.into_owned()
                }
                _ => {
                    return Err(self.at(key_span, pointer, "a key is not plain text", "write text"));
                }
            };
            if key.chars().nth(KEY).is_some() {
                return Err(self.at(
                    key_span,
                    pointer,
                    &format!("a key is longer than {KEY} characters"),
                    "shorten it",
                ));
            }
            let mut at = join(pointer, &key);
            if map.contains_key(&key) {
                let fault = self.at(key_span, &at, &format!("\"{key}\" is there twice"), "keep one of the two");
                self.faults.push(fault);
                // The second value is still read, so that its own faults are told too, but at a place that
                // cannot be mistaken for the first's.
                at = join(&at, "(again)");
            }
            let (event, span) = self.next(&at)?;
            let value = self.node(event, span, Some(key_span), &at, depth + 1)?;
            map.entry(key).or_insert(value);
        }
    }

    /// Refuses what YAML has and JSON has not: a spec must mean the same to every reader.
    fn plain_yaml(&self, span: Span, at: &str, anchor: usize, tag: bool) -> Result<(), Fault> {
        if tag {
            Err(self.at(span, at, "the value has a YAML tag", "leave the tag out; quote the value if it is text"))
        } else if anchor > 0 {
            Err(self.at(span, at, "the value has a YAML anchor", "leave the anchor out; use `$ref` to components"))
        } else {
            Ok(())
        }
    }

    fn next(&mut self, pointer: &str) -> Result<(Event<'a>, Span), Fault> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(fault(
                self.file,
                place(*error.marker()),
                pointer,
                &format!("this is not YAML ({})", error.info()),
                "mend the syntax at this place, or just before it",
            )),
            None => Err(fault(self.file, (1, 1), pointer, "the file ends too early", "write the rest of it")),
        }
    }

    fn empty(&self, span: Span) -> Fault {
        self.at(span, "", "the file is empty", "write what belongs into it")
    }

    fn at(&self, span: Span, pointer: &str, message: &str, help: &str) -> Fault {
        fault(self.file, place(span.start), pointer, message, help)
    }
}

fn place(marker: Marker) -> (usize, usize) {
    (marker.line(), marker.col() + 1)
}

fn fault(file: &str, at: (usize, usize), pointer: &str, message: &str, help: &str) -> Fault {
    Fault {
        file: file.to_owned(),
        pointer: pointer.to_owned(),
        line: at.0,
        column: at.1,
        message: message.to_owned(),
        help: help.to_owned(),
    }
}
