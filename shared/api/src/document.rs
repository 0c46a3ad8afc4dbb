//! The text of a route for the OpenAPI document, beside what its row says already.
//!
//! The text stands in the file of the route, so that text and code change together.
//! Only the gateway on one machine makes the document. Functions are built without
//! the feature `openapi`; without it a [`Shape`] is empty.

/// The text of a route for the OpenAPI document.
#[derive(Clone, Copy, Debug)]
pub struct Doc {
    /// The heading under which the route stands.
    pub tag: &'static str,
    /// A headline.
    pub summary: &'static str,
    /// Its row in the READMEs' tables of routes.
    pub readme: Readme,
    /// What the headline does not say, in Markdown; may be empty.
    pub text: &'static str,
    /// What `{id}` in the path is.
    pub id: Option<Id>,
    /// The query parameters that it reads, `pretty` apart.
    pub query: &'static [Query],
    /// The body that it reads.
    pub body: Option<Body>,
    /// The answer of status 200.
    pub answer: Answer,
    /// The index headers of its answer.
    pub headers: Headers,
    /// Texts of 400, beside those that parameters and Nomad bring along.
    pub bad: &'static [&'static str],
    /// Texts of 404.
    pub missing: &'static [&'static str],
    /// Texts of 500, beside those that Nomad brings along.
    pub refused: &'static [&'static str],
    /// Texts of 501.
    pub unsupported: &'static [&'static str],
    /// Whether Nomad is asked.
    pub source: Source,
}

impl Doc {
    /// A route that asks Nomad, about which nothing has been said yet.
    pub const NOMAD: Self = Self {
        tag: "",
        summary: "",
        readme: Readme {
            vendor: false,
            english: "",
            chinese: "",
        },
        text: "",
        id: None,
        query: &[],
        body: None,
        answer: Answer::Nothing,
        headers: Headers::None,
        bad: &[],
        missing: &[],
        refused: &[],
        unsupported: &[],
        source: Source::Nomad,
    };
}

/// What the READMEs' tables say of a route beside its methods and paths.
#[derive(Clone, Copy, Debug)]
pub struct Readme {
    /// Whether the vendor's page on the 2.x API describes the route.
    pub vendor: bool,
    /// What it answers, in a few words of Markdown.
    pub english: &'static str,
    /// The same in Chinese.
    pub chinese: &'static str,
}

/// What the `{id}` of a path is.
#[derive(Clone, Copy, Debug)]
pub enum Id {
    /// A job's.
    Job,
    /// An allocation's.
    Allocation,
    /// An evaluation's.
    Evaluation,
    /// A node's.
    Node,
    /// An order's.
    Order,
}

/// Query parameters; `pretty` is everywhere.
#[derive(Clone, Copy, Debug)]
pub enum Query {
    /// `index`, `wait` and `stale`.
    Blocking,
    /// `prefix`.
    Prefix,
    /// `region`.
    Region,
    /// `all`, of a job's allocations.
    All,
    /// `task`, of statistics.
    Task,
    /// `forget`, of a delete.
    Forget,
    /// `fresh`, of a create.
    Fresh,
    /// `paused`, of a create.
    Paused,
    /// `progress`, of jobs.
    Progress,
    /// One `address`, needed unless there is an `id`.
    Address,
    /// One `address` or several, needed.
    Addresses,
    /// `id` of a Raft peer.
    PeerId,
    /// `node`, a server's name.
    Node,
}

/// The body of a request.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// A bare 2.x job.
    Job,
    /// A 2.x job, bare or wrapped, or a Nomad job.
    JobInAnyForm,
}

/// The answer of status 200.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// A JSON value of a type.
    Json(Shape),
    /// Text in Prometheus's format.
    Text,
    /// A page, or the OpenAPI document.
    Page,
    /// No body, and so no content type.
    Empty,
    /// There is none.
    Nothing,
}

/// Which of 2.x's headers an answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headers {
    /// None of them.
    None,
    /// All three, on 200; on 404 where Nomad was asked.
    Read,
    /// As `Read`, and on 200 perhaps warnings.
    Jobs,
    /// The index alone, on 200.
    Write,
    /// As `Write`, and on 200 perhaps warnings, and where the job is.
    Registration,
    /// Perhaps warnings, on 200.
    Warnings,
    /// As `Write`, and on 200 perhaps a warning.
    Deletion,
}

/// Who has to be there for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nomad is asked.
    Nomad,
    /// The gateway alone.
    Gateway,
}

/// The schema of a type, once somebody makes the document.
#[derive(Clone, Copy, Debug)]
pub struct Shape(
    /// Makes the schema.
    #[cfg(feature = "openapi")]
    pub fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
);

/// The schema of a type, as it is written.
#[cfg(feature = "openapi")]
#[must_use]
pub const fn shape<T: schemars::JsonSchema>() -> Shape {
    Shape(schemars::SchemaGenerator::subschema_for::<T>)
}

/// Nothing: functions make no document.
#[cfg(not(feature = "openapi"))]
#[must_use]
pub const fn shape<T>() -> Shape {
    Shape()
}
