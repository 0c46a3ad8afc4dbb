//! Answers that were taken as they stand, and are read later or not at all.

use dtle_translate::wire::{AllocationStub, Job, JobStub, JobVersion};
use serde_json::{Map, Value};

use super::Error;
use super::answer::read_json;

const JOBS: &[&str] = &["v1", "jobs"];
const JOB: &[&str] = &["v1", "job"];

/// A job as Nomad sends it, or as it was written again since. Never inlined: reading a job
/// is 15 kB of code.
///
/// # Errors
/// [`Error::Unreadable`] when it is none.
#[inline(never)]
pub fn job(text: &[u8]) -> Result<Job, Error> {
    read_json(text, JOB)
}

/// The whole document of what [`Session::job_text`](super::Session::job_text) brought.
///
/// # Errors
/// [`Error::Unreadable`] when it is none.
pub fn job_document(text: &[u8]) -> Result<Map<String, Value>, Error> {
    read_json(text, JOB)
}

/// Which version [`Session::job_text`](super::Session::job_text) brought.
///
/// # Errors
/// [`Error::Unreadable`] when it is no job.
pub fn job_version(text: &[u8]) -> Result<JobVersion, Error> {
    read_json(text, JOB)
}

/// The stubs in what [`Session::job_allocations_text`](super::Session::job_allocations_text) brought.
///
/// # Errors
/// [`Error::Unreadable`] when there are none.
pub fn allocation_stubs(text: &[u8]) -> Result<Vec<AllocationStub>, Error> {
    read_json(text, &["v1", "job", "allocations"])
}

/// The stubs in what [`Session::jobs_text`](super::Session::jobs_text) brought.
///
/// # Errors
/// [`Error::Unreadable`] when there are none.
pub fn stubs(text: &[u8]) -> Result<Vec<JobStub>, Error> {
    read_json(text, JOBS)
}
