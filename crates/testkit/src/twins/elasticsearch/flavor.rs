//! In what the products and versions differ, as their nodes were recorded.

use serde_json::{Value, json};

use crate::{Answer, Request};

/// Which product answers, and which of its versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flavor {
    /// Elasticsearch 8.19.
    Elasticsearch8,
    /// Elasticsearch 9.1.
    #[default]
    Elasticsearch9,
    /// OpenSearch 2.19.
    OpenSearch2,
    /// OpenSearch 3.4.
    OpenSearch3,
}

/// What a query of `_bulk` may hold; anything else is refused.
const PARAMETERS: &[&str] = &[
    "_source",
    "_source_excludes",
    "_source_includes",
    "error_trace",
    "filter_path",
    "human",
    "pipeline",
    "pretty",
    "refresh",
    "require_alias",
    "routing",
    "timeout",
    "wait_for_active_shards",
];

/// What Elasticsearch knows beside that.
const ITS_OWN: &[&str] =
    &["include_source_on_error", "list_executed_pipelines", "require_data_stream"];

impl Flavor {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Elasticsearch8, Self::Elasticsearch9, Self::OpenSearch2, Self::OpenSearch3];

    pub(super) fn is_elasticsearch(self) -> bool {
        matches!(self, Self::Elasticsearch8 | Self::Elasticsearch9)
    }

    pub(super) fn knows(self, parameter: &str) -> bool {
        PARAMETERS.contains(&parameter) || (self.is_elasticsearch() && ITS_OWN.contains(&parameter))
    }

    /// Only Elasticsearch 9 minds what follows an action on its line, or an action left open.
    pub(super) fn minds_actions(self) -> bool {
        self == Self::Elasticsearch9
    }

    /// The error of a document that cannot be stored as it is.
    pub(super) fn unparsed(self) -> &'static str {
        if self.is_elasticsearch() {
            "document_parsing_exception"
        } else {
            "mapper_parsing_exception"
        }
    }

    pub(super) fn rejected(self) -> &'static str {
        if self.is_elasticsearch() {
            "es_rejected_execution_exception"
        } else {
            "rejected_execution_exception"
        }
    }

    /// The error of a text that ends too early.
    pub(super) fn early_end(self) -> &'static str {
        if self.is_elasticsearch() { "x_content_e_o_f_exception" } else { "json_e_o_f_exception" }
    }

    /// The error of a text that is no JSON.
    pub(super) fn no_json(self) -> &'static str {
        if self.is_elasticsearch() { "x_content_parse_exception" } else { "json_parse_exception" }
    }

    /// The index behind a data stream.
    pub(super) fn backing(self, stream: &str, generation: usize) -> String {
        if self.is_elasticsearch() {
            format!(".ds-{stream}-2026.11.24-{generation:06}")
        } else {
            format!(".ds-{stream}-{generation:06}")
        }
    }

    /// An answer of the product, with the header by which it is known.
    pub(super) fn json(self, status: u16, body: &Value) -> Answer {
        let answer = self.plain(status, body);
        match self {
            Self::Elasticsearch8 | Self::Elasticsearch9 => {
                answer.header("x-elastic-product", "Elasticsearch")
            }
            Self::OpenSearch2 | Self::OpenSearch3 => answer,
        }
    }

    /// The same as a refusal that Elasticsearch gives without its header.
    pub(super) fn plain(self, status: u16, body: &Value) -> Answer {
        if self.is_elasticsearch() {
            return Answer::json(status, body);
        }
        let answer = Answer::new(status);
        self.version(answer.body("application/json; charset=UTF-8", body.to_string()))
    }

    fn version(self, answer: Answer) -> Answer {
        if self == Self::OpenSearch3 {
            return answer.header("x-opensearch-version", "OpenSearch/3.4.0 (opensearch)");
        }
        answer
    }

    pub(super) fn refused(self, status: u16, kind: &str, reason: &str) -> Answer {
        let error = json!({ "type": kind, "reason": reason });
        self.json(status, &failure(status, &error))
    }

    /// A refusal of the security layer: it names no product.
    pub(super) fn unauthorized(self, request: &Request) -> Answer {
        if !self.is_elasticsearch() {
            let answer = Answer::new(401).body("text/plain; charset=UTF-8", "Unauthorized");
            return self
                .version(answer.header("www-authenticate", "Basic realm=\"OpenSearch Security\""));
        }
        const ANONYMOUS: &str = "unable to authenticate with provided credentials and anonymous \
                                 access is not allowed for this request";
        let given = request.header("authorization").unwrap_or_default();
        let scheme = given.split(' ').next().unwrap_or_default().to_ascii_lowercase();
        let path = &request.path;
        let (reason, more) = match scheme.as_str() {
            "apikey" => (ANONYMOUS.to_owned(), Some("API key: unable to find apikey with id x")),
            "bearer" => (ANONYMOUS.to_owned(), Some("oauth2 token: invalid token")),
            "basic" => (format!("unable to authenticate user [x] for REST request [{path}]"), None),
            _ => (format!("missing authentication credentials for REST request [{path}]"), None),
        };
        let schemes =
            ["Basic realm=\"security\", charset=\"UTF-8\"", "Bearer realm=\"security\"", "ApiKey"];
        let mut error = json!({
            "type": "security_exception",
            "reason": reason,
            "header": { "WWW-Authenticate": schemes },
        });
        if let Some(more) = more {
            error["additional_unsuccessful_credentials"] = json!(more);
        }
        let answer = Answer::json(401, &failure(401, &error));
        schemes.iter().fold(answer, |a, s| a.header("www-authenticate", s))
    }

    /// `GET /`.
    pub(super) fn info(self) -> Answer {
        let (number, lucene) = match self {
            Self::Elasticsearch8 => ("8.19.0", "9.12.1"),
            Self::Elasticsearch9 => ("9.1.0", "10.2.2"),
            Self::OpenSearch2 => ("2.19.0", "9.12.1"),
            Self::OpenSearch3 => ("3.4.0", "10.3.2"),
        };
        let mut version = json!({
            "number": number, "build_type": "zip", "build_hash": "0", "build_snapshot": false,
            "build_date": "2025-01-01T00:00:00Z", "lucene_version": lucene,
            "minimum_wire_compatibility_version": "7.10.0",
            "minimum_index_compatibility_version": "7.0.0",
        });
        let tagline = if self.is_elasticsearch() {
            version["build_flavor"] = json!("default");
            "You Know, for Search"
        } else {
            version["distribution"] = json!("opensearch");
            "The OpenSearch Project: https://opensearch.org/"
        };
        let body = json!({
            "name": "twin", "cluster_name": "twin", "cluster_uuid": "twinTWINtwinTWINtwinTW",
            "version": version, "tagline": tagline,
        });
        self.json(200, &body)
    }
}

/// The body of a refusal: its error, which is its own root cause.
pub(super) fn failure(status: u16, error: &Value) -> Value {
    let mut whole = error.clone();
    let mut root = error.clone();
    if let Some(root) = root.as_object_mut() {
        root.remove("caused_by");
    }
    whole["root_cause"] = json!([root]);
    json!({ "error": whole, "status": status })
}
