"""How does a long query become its result? Submit a job, poll it, fetch the document however it comes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests

from connectors.addepar.answers import AddeparRefusal, Document, document
from connectors.addepar.budget import CutOff
from connectors.addepar.client import AddeparClient
from engine.domain.errors import ExternalRefusal

FIRST_POLL_SECONDS: Final = 2.0
POLL_GROWTH: Final = 2.0
LONGEST_POLL_SECONDS: Final = 120.0  # every poll spends one request of the firm's allowance
_FAILED: Final = frozenset(
    {"canceled", "timed out", "failed", "rejected", "error", "error canceled", "user canceled"}
)  # in one spelling; see _status
_WORTH_ANOTHER: Final = frozenset({"timed out", "error", "error canceled"})  # the query itself was not at fault
_GONE: Final = frozenset({requests.codes.not_found, requests.codes.gone})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQueue:
    """Where jobs of one kind are submitted, and what they are called there."""

    path: str
    type: str
    job_type: str


PORTFOLIO: Final = JobQueue(path="/v1/jobs", type="jobs", job_type="PORTFOLIO_QUERY")
TRANSACTIONS: Final = JobQueue(path="/v1/transaction_jobs", type="transaction_jobs", job_type="TRANSACTION_QUERY")


class _JobLost(CutOff):
    """The job will never give its result; another one may."""


def query_by_job(client: AddeparClient, queue: JobQueue, parameters: Mapping[str, Any]) -> Document:
    """Return the result document of a query that runs as a job; the result is kept, and so is the job meanwhile.

    A job that an earlier run submitted is gone on with. One that expired, timed out or broke down is submitted once
    more; so is any that ended badly in an earlier run. parameters: the attributes of the query. Raises AddeparRefusal
    where Addepar refuses the query, and ExternalRefusal where the job fails, is cancelled, expires or takes longer than
    config.job_timeout_seconds; it is then gone on with by the next run.
    """
    result_key = client.key_of("RESULT", queue.path, parameters)
    body = client.kept.get(result_key)
    if body is None:
        try:
            body = _run(client, queue, parameters)
        except _JobLost:
            body = _run(client, queue, parameters)
        client.kept.put(result_key, body)
    return document(body, at=queue.path)


def _run(client: AddeparClient, queue: JobQueue, parameters: Mapping[str, Any]) -> bytes:
    key = client.key_of("JOB", queue.path, parameters)
    earlier = client.kept.get(key)
    job_id = _submit(client, queue, parameters) if earlier is None else earlier.decode()
    client.kept.put(key, job_id.encode())
    try:
        return _await(client, f"{queue.path}/{job_id}")
    except _Ended as ended:
        client.kept.drop(key)
        if earlier is not None or ended.status in _WORTH_ANOTHER:
            raise _JobLost(str(ended)) from ended
        raise


def _submit(client: AddeparClient, queue: JobQueue, parameters: Mapping[str, Any]) -> str:
    attributes = {"job_type": queue.job_type, "parameters": dict(parameters)}
    submitted = client.post(queue.path, {"type": queue.type, "attributes": attributes})
    job_id = (submitted.get("data") or {}).get("id")
    if not job_id:
        raise ExternalRefusal("Addepar: a submitted job came back without its id")
    return str(job_id)


class _Ended(CutOff):
    """The job ended without a result; status as _status spells it, "error" where the job or its result is gone."""

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


def _await(client: AddeparClient, job: str) -> bytes:
    deadline = client.clock() + client.config.job_timeout_seconds
    pause = FIRST_POLL_SECONDS
    while True:
        result = _poll(client, job)
        if result is not None:
            return result
        if client.clock() + pause > deadline:
            raise CutOff(f"Addepar: {job}: expected a result within {client.config.job_timeout_seconds:.0f} s, "
                         "found it still running")  # fmt: skip
        client.budget.wait(pause, reason=f"{job} is still running")
        pause = min(pause * POLL_GROWTH, LONGEST_POLL_SECONDS)


def _poll(client: AddeparClient, job: str) -> bytes | None:
    """Ask once; None while it runs. A finished job answers with a redirect, the result itself, or "Completed"."""
    try:
        response = client.get(job)
        if response.is_redirect:
            return _result(client.follow(response))
        if response.status_code == requests.codes.no_content:
            return _download(client, job)
        shown = document(response.content, at=job)
        status = _status(shown)
        if status in _FAILED:
            raise _Ended(f"Addepar: {job} ended as {status}: {_reasons(shown)}", status)
        if status == "completed":
            return _download(client, job)
    except AddeparRefusal as refusal:
        if refusal.status in _GONE:
            raise _Ended(f"Addepar: {job} or its result has expired ({refusal.detail}); run the sync again", "error"
                         ) from refusal  # fmt: skip
        raise
    return response.content if is_result(shown) else None


def _download(client: AddeparClient, job: str) -> bytes | None:
    """Fetch a finished job's result; None where Addepar has not yet put it in place."""
    try:
        response = client.get(f"{job}/download")
    except AddeparRefusal as refusal:
        if refusal.status == requests.codes.not_found:
            return None
        raise
    return _result(client.follow(response) if response.is_redirect else response)


def _result(response: requests.Response) -> bytes:
    found = document(response.content, at=response.url)
    if not is_result(found):
        raise ExternalRefusal(f"Addepar: {response.url}: expected a query's result, found {sorted(found)}")
    return response.content


def is_result(found: Document) -> bool:
    """Return whether this is a query's result rather than a job's status: rows, or a total and no status."""
    data = found.get("data")
    if isinstance(data, list):
        return True
    attributes = (data or {}).get("attributes") or {}
    return "status" not in attributes and isinstance(attributes.get("total"), dict)


def _status(found: Document) -> str:
    status = ((found.get("data") or {}).get("attributes") or {}).get("status") or ""
    return str(status).casefold().replace("_", " ").replace("cancelled", "canceled").strip()


def _reasons(found: Document) -> str:
    errors = found["data"]["attributes"].get("errors") or ()
    words = [str(error.get("detail") or error.get("title") or error) if isinstance(error, dict) else str(error)
             for error in errors]  # fmt: skip
    return "; ".join(words) or "Addepar gave no reason"
