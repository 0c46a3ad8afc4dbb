"""What .ci/run has schemathesis do beyond its own checks.

IDs that are there: made-up ones only ever meet 404. Every other request gets one
that the API lists at that moment, chosen by the made-up one, so that a run with
the same seed asks the same.

Jobs that can run: a schema cannot well say "one Src and one Dest", so made-up
tasks are made so in every other body.

A check: the document has 5xx on nearly every route, since a cluster can fail in
many ways. The in-memory Nomad fails in none of them, so here a 5xx has to be one
that the request itself asked for, in the words of the contract.
"""

import json
import re
import urllib.parse
import urllib.request
import zlib

import schemathesis

LISTS = {
    "/job/": "/v1/jobs",
    "/allocation/": "/v1/allocations",
    "/evaluation/": "/v1/evaluations",
    "/node/": "/v1/nodes",
}

# What only API Gateway answers, or only a Nomad with access control.
NOT_HERE = {401, 403, 429, 502, 503}

REFUSALS = re.compile(
    r"No path to region"
    r"|Enforcing job modify index \d+: job (already exists|does not exist"
    r"|exists with conflicting job modify index: \d+)"
    r'|(address|id) ".*" was not found in the Raft configuration',
    re.DOTALL,
)


@schemathesis.hook
def before_call(context, case, kwargs):
    one_of_each(case.body)
    made_up = (case.path_parameters or {}).get("id")
    kind = next((kind for kind in LISTS if kind in case.path), None)
    number = zlib.crc32(str(made_up).encode())
    if made_up is None or kind is None or number % 2:
        return
    base = kwargs.get("base_url") or case.operation.base_url
    with urllib.request.urlopen(urllib.parse.urljoin(base, LISTS[kind])) as answer:
        ids = [item["ID"] for item in json.load(answer)]
    if ids:
        case.path_parameters["id"] = ids[number // 2 % len(ids)]


def one_of_each(body):
    job = body.get("Job", body) if isinstance(body, dict) else None
    tasks = job.get("Tasks") if isinstance(job, dict) else None
    if not isinstance(tasks, list) or len(tasks) != 2:
        return
    if all(isinstance(task, dict) for task in tasks) and zlib.crc32(str(tasks).encode()) % 2:
        for task, side in zip(tasks, ["Src", "Dest"]):
            task["Type"] = side


@schemathesis.check
def words_of_the_contract(ctx, response, case):
    status, text = response.status_code, response.text
    route = f"{case.method} {case.path}"
    if status in NOT_HERE:
        raise AssertionError(f"{route}: {status} cannot be here: {text}")
    if status == 500 and not REFUSALS.fullmatch(text):
        raise AssertionError(f"{route}: 500 that nobody asked for: {text}")
    if status == 501 and "no counterpart" not in text:
        raise AssertionError(f"{route}: 501 that is not in the contract: {text}")
    if status >= 400:
        kind = response.headers.get("content-type", [""])[0]
        if kind != "text/plain; charset=utf-8":
            raise AssertionError(f"{route}: an error of the type {kind!r}")
        if not text or text.endswith("\n") and text != "404 page not found\n":
            raise AssertionError(f"{route}: an error is one line without its end: {text!r}")
    if response.headers.get("vary") != ["Accept-Encoding"]:
        raise AssertionError(f"{route}: Vary is missing")
