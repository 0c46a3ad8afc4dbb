//! `GET /v1/job/{id}/allocations`: the allocations of a job. An unknown job has
//! none [016].

use std::sync::Arc;

use dtle_nomad::{Read, allocation_stubs};
use dtle_translate::JobView;
use dtle_translate::allocation::to_v2_list;
use dtle_translate::v2::{self, AllocationStub};

use crate::clock::now;
use crate::cluster::allocations::stays;
use crate::cluster::jobs;
use crate::cluster::lists::{Kept, Question};
use crate::context::Context;
use crate::document::{Answer, Doc, Headers, Id, Query, Readme, shape};
use crate::reply::{Error, Rendered, Reply, text};
use crate::route::{Handled, Passwords, Route};

/// The route.
pub const ROUTE: Route = Route {
    function: "job-allocations",
    methods: &["GET"],
    // The vendor's page writes the path both ways.
    paths: &["/v1/job/{id}/allocations", "/job/{id}/allocations"],
    passwords: Passwords::None,
    handler: |context| -> Handled<'_> { Box::pin(handle(context)) },
    doc: Doc {
        tag: "Jobs",
        summary: "The allocations of a job",
        readme: Readme {
            vendor: true,
            english: "allocation stubs; `?all=true`",
            chinese: "分配摘要；`?all=true`",
        },
        text: "Sorted by ID. An unknown job has none.",
        id: Some(Id::Job),
        query: &[Query::Blocking, Query::Region, Query::All],
        answer: Answer::Json(shape::<Vec<v2::AllocationStub>>()),
        headers: Headers::Read,
        ..Doc::NOMAD
    },
};

async fn handle(context: &Context<'_>) -> Result<Reply, Error> {
    let id = context.call.id();
    let query = &context.call.query;
    let mut options = query.read_options()?;
    options.all = query.flag("all");
    let plain = options.plain();
    let allocations = context.nomad.job_allocations_text(id, &options);
    let job = jobs::without_status(context.reader(), id, &plain);
    let (allocations, job) = if options.index.is_some() {
        // The job must not be older than what the caller waited for.
        (allocations.await, job.await)
    } else {
        tokio::join!(allocations, job)
    };
    let Read { value: nomad, meta } = allocations?;
    let job = match job {
        Ok(job) => Some(job),
        // Unknown, or another tenant's.
        Err(error) if error.status() == 404 => None,
        Err(error) => return Err(error),
    };
    let list = || -> Result<Vec<AllocationStub>, Error> {
        let Some(job) = &job else {
            return Ok(Vec::new());
        };
        let mut allocations = allocation_stubs(&nomad)?;
        context.app.events.complete_all(&mut allocations);
        let job = job.read()?;
        Ok(to_v2_list(&JobView::new(&job), &allocations, now()))
    };
    if query.pretty() {
        let value = list()?;
        return Reply::read(context.call.style(), &Read { value, meta });
    }
    let Some(job) = &job else {
        let value = Arc::new(Rendered::new("[]".to_owned()));
        return Ok(Reply::kept(Read { value, meta }));
    };
    // While nothing changes Nomad's answer is not even looked into.
    let lists = &context.app.lists;
    let question = Question {
        all: options.all,
        ..context.question(ROUTE.function, id).await?
    };
    let made_of = lists.hash(&(&nomad, job.version()));
    let value = match lists.made_of(&question, made_of) {
        Some(known) => Arc::clone(&known.text),
        None => {
            let list = list()?;
            let text = Arc::new(Rendered::new(text(&list)?));
            if stays(&list) {
                let kept = Kept::new(Arc::clone(&text), made_of);
                lists.insert(&question, Arc::new(kept));
            }
            text
        }
    };
    Ok(Reply::kept(Read { value, meta }))
}
