//! The objects of OpenAPI 3.0.3, as a table: the keys of each, and which of them this project refuses.

use super::shape::Form::{Any, Count, Elsewhere, Flag, FlagOr, List, Map, Named, Number, One, Refused, Text, Texts};
use super::shape::{Form, Object};

/// Every extension, and where it belongs.
pub(super) const EXTENSIONS: &[(&str, &str)] = &[
    ("x-sign-in", "the root"),
    ("x-answers", "the root"),
    ("x-limits", "the root"),
    ("x-company", "the root"),
    ("x-form-field", "a security scheme"),
    ("x-source", "an operation"),
    ("x-replay", "an operation"),
    ("x-trust", "an operation"),
    ("x-role", "an operation"),
    ("x-paging", "an operation"),
    ("x-search", "an operation"),
];

/// What most objects have: no extensions, and no `$ref` in their place.
const fn plain(name: &'static str, keys: &'static [(&'static str, Form)], required: &'static [&'static str]) -> Object {
    Object { name, keys, required, extensions: &[], section: None }
}

/// An object whose place a `$ref` may take.
const fn component(
    name: &'static str,
    section: &'static str,
    keys: &'static [(&'static str, Form)],
    required: &'static [&'static str],
) -> Object {
    Object { name, keys, required, extensions: &[], section: Some(section) }
}

const NO_CALLBACKS: Form = Refused("callbacks are not generated", "leave them out");
const NO_LINKS: Form = Refused("links are not generated", "leave them out");
const NO_METHOD: Form = Refused("the HTTP client has no call for this method", "leave the operation out");
const NO_SERVERS: Form =
    Refused("`servers` below the root would be ignored", "write the whole path, and `servers` at the root");

pub(super) static ROOT: Object = Object {
    name: "the document",
    keys: &[
        ("openapi", Text),
        ("info", One(&INFO)),
        ("servers", List(&SERVER)),
        ("paths", Map(&PATH_ITEM)),
        ("components", One(&COMPONENTS)),
        ("security", Refused("`security` at the root would decide nothing", "write it on each operation")),
        ("tags", List(&TAG)),
        ("externalDocs", One(&EXTERNAL_DOCS)),
    ],
    required: &["info", "paths"],
    extensions: &["x-sign-in", "x-answers", "x-limits", "x-company"],
    section: None,
};

static INFO: Object = plain(
    "`info`",
    &[
        ("title", Text),
        ("description", Text),
        ("termsOfService", Text),
        ("contact", One(&CONTACT)),
        ("license", One(&LICENSE)),
        ("version", Text),
    ],
    &["title", "version"],
);

static CONTACT: Object = plain("a contact", &[("name", Text), ("url", Text), ("email", Text)], &[]);

static LICENSE: Object = plain("a license", &[("name", Text), ("url", Text)], &["name"]);

static SERVER: Object = plain(
    "a server",
    &[
        ("url", Text),
        ("description", Text),
        ("variables", Refused("variables of a server are not generated", "write the address out")),
    ],
    &["url"],
);

static TAG: Object =
    plain("a tag", &[("name", Text), ("description", Text), ("externalDocs", One(&EXTERNAL_DOCS))], &["name"]);

static EXTERNAL_DOCS: Object = plain("`externalDocs`", &[("description", Text), ("url", Text)], &["url"]);

static COMPONENTS: Object = plain(
    "`components`",
    &[
        ("schemas", Named(&SCHEMA)),
        ("responses", Named(&RESPONSE)),
        ("parameters", Named(&PARAMETER)),
        ("examples", Named(&EXAMPLE)),
        ("requestBodies", Named(&REQUEST_BODY)),
        ("headers", Named(&HEADER)),
        ("securitySchemes", Named(&SECURITY_SCHEME)),
        ("links", NO_LINKS),
        ("callbacks", NO_CALLBACKS),
    ],
    &[],
);

static PATH_ITEM: Object = plain(
    "a path",
    &[
        ("$ref", Refused("a path cannot be a `$ref`", "write its operations here")),
        ("summary", Text),
        ("description", Text),
        ("get", One(&OPERATION)),
        ("put", One(&OPERATION)),
        ("post", One(&OPERATION)),
        ("delete", One(&OPERATION)),
        ("options", NO_METHOD),
        ("head", One(&OPERATION)),
        ("patch", One(&OPERATION)),
        ("trace", NO_METHOD),
        ("servers", NO_SERVERS),
        ("parameters", List(&PARAMETER)),
    ],
    &[],
);

static OPERATION: Object = Object {
    name: "an operation",
    keys: &[
        ("tags", Texts),
        ("summary", Text),
        ("description", Text),
        ("externalDocs", One(&EXTERNAL_DOCS)),
        ("operationId", Text),
        ("parameters", List(&PARAMETER)),
        ("requestBody", One(&REQUEST_BODY)),
        ("responses", Map(&RESPONSE)),
        ("callbacks", NO_CALLBACKS),
        ("deprecated", Flag),
        ("security", Elsewhere),
        ("servers", NO_SERVERS),
    ],
    required: &["tags", "summary", "operationId", "responses", "security", "x-source"],
    extensions: &["x-source", "x-replay", "x-trust", "x-role", "x-paging", "x-search"],
    section: None,
};

static PARAMETER: Object = component(
    "a parameter",
    "parameters",
    &[
        ("name", Text),
        ("in", Text),
        ("description", Text),
        ("required", Flag),
        ("deprecated", Flag),
        ("allowEmptyValue", Refused("`allowEmptyValue` would be ignored", "leave it out")),
        ("style", Text),
        ("explode", Flag),
        ("allowReserved", Refused("`allowReserved` would be ignored", "leave it out")),
        ("schema", One(&SCHEMA)),
        ("example", Any),
        ("examples", Map(&EXAMPLE)),
        ("content", Refused("parameters with `content` are not generated", "use `schema`")),
    ],
    &["name", "in", "schema"],
);

static HEADER: Object = component(
    "a header",
    "headers",
    &[
        ("description", Text),
        ("required", Flag),
        ("deprecated", Flag),
        ("schema", One(&SCHEMA)),
        ("example", Any),
        ("examples", Map(&EXAMPLE)),
    ],
    &["schema"],
);

static REQUEST_BODY: Object = component(
    "a request body",
    "requestBodies",
    &[("description", Text), ("content", Map(&MEDIA_TYPE)), ("required", Flag)],
    &["content"],
);

static MEDIA_TYPE: Object = plain(
    "a media type",
    &[
        ("schema", One(&SCHEMA)),
        ("example", Any),
        ("examples", Map(&EXAMPLE)),
        ("encoding", Refused("`encoding` would be ignored", "leave it out")),
    ],
    &["schema"],
);

static RESPONSE: Object = component(
    "an answer",
    "responses",
    &[("description", Text), ("headers", Map(&HEADER)), ("content", Map(&MEDIA_TYPE)), ("links", NO_LINKS)],
    &["description"],
);

static EXAMPLE: Object = component(
    "an example",
    "examples",
    &[
        ("summary", Text),
        ("description", Text),
        ("value", Any),
        ("externalValue", Refused("examples elsewhere are not read", "use `value`")),
    ],
    &["value"],
);

static SECURITY_SCHEME: Object = Object {
    name: "a security scheme",
    keys: &[
        ("type", Text),
        ("description", Text),
        ("name", Text),
        ("in", Text),
        ("scheme", Text),
        ("bearerFormat", Text),
        ("flows", Elsewhere),
        ("openIdConnectUrl", Text),
    ],
    required: &["type"],
    extensions: &["x-form-field"],
    section: None,
};

static SCHEMA: Object = component(
    "a schema",
    "schemas",
    &[
        ("title", Text),
        ("multipleOf", Number),
        ("maximum", Number),
        ("exclusiveMaximum", Flag),
        ("minimum", Number),
        ("exclusiveMinimum", Flag),
        ("maxLength", Count),
        ("minLength", Count),
        ("pattern", Text),
        ("maxItems", Count),
        ("minItems", Count),
        ("uniqueItems", Flag),
        ("maxProperties", Count),
        ("minProperties", Count),
        ("required", Texts),
        ("enum", Elsewhere),
        ("type", Elsewhere),
        ("allOf", List(&SCHEMA)),
        ("oneOf", List(&SCHEMA)),
        ("anyOf", Refused("`anyOf` is not generated as it is meant", "use `oneOf`")),
        ("not", Refused("`not` is not generated", "leave it out")),
        ("items", One(&SCHEMA)),
        ("properties", Map(&SCHEMA)),
        ("additionalProperties", FlagOr(&SCHEMA)),
        ("description", Text),
        ("format", Text),
        ("default", Any),
        ("nullable", Flag),
        (
            "discriminator",
            Refused(
                "`discriminator` would be ignored",
                "give each schema of the `oneOf` a property whose `enum` has one value",
            ),
        ),
        ("readOnly", Flag),
        ("writeOnly", Flag),
        ("xml", Refused("XML is not generated", "leave it out")),
        ("externalDocs", One(&EXTERNAL_DOCS)),
        ("example", Any),
        ("deprecated", Flag),
    ],
    &[],
);
