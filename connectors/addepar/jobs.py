"""How does a long query become its result? Submit a job, poll it, fetch the document however it comes."""

from collections.abc import Mapping
from typing import Any, Final

import requests

from connectors.addepar.client import AddeparClient, AddeparRefusal, Document
from engine.domain.errors import ExternalRefusal

FIRST_POLL_SECONDS: Final = 2.0
POLL_GROWTH: Final = 2.0
LONGEST_POLL_SECONDS: Final = 120.0  # every poll spends one request of the firm's allowance
_FAILED: Final = frozenset(
    {"canceled", "timed out", "failed", "rejected", "error", "error canceled", "user canceled"}
)  # in one spelling; see _status
_GONE: Final = requests.codes.gone


def portfolio_query(client: AddeparClient, parameters: Mapping[str, Any]) -> Document:
    """Return the result document of a portfolio query that runs as a job.

    parameters are the attributes of a portfolio query. Raises AddeparRefusal where Addepar refuses the query, and
    ExternalRefusal where the job fails, is cancelled, expires or takes longer than config.job_timeout_seconds.
    """
    attributes = {"job_type": "PORTFOLIO_QUERY", "parameters": dict(parameters)}
    submitted = client.post("/v1/jobs", {"type": "jobs", "attributes": attributes})
    job_id = (submitted.get("data") or {}).get("id")
    if not job_id:
        raise ExternalRefusal("Addepar: a submitted job came back without its id")
    return _await(client, f"/v1/jobs/{job_id}")


def _await(client: AddeparClient, job: str) -> Document:
    deadline = client.clock() + client.config.job_timeout_seconds
    pause = FIRST_POLL_SECONDS
    while True:
        result = _poll(client, job)
        if result is not None:
            return result
        if client.clock() + pause > deadline:
            raise ExternalRefusal(f"Addepar: {job}: expected a result within {client.config.job_timeout_seconds:.0f} s,"
                                  " found it still running")  # fmt: skip
        client.budget.wait(pause, reason=f"{job} is still running")
        pause = min(pause * POLL_GROWTH, LONGEST_POLL_SECONDS)


def _poll(client: AddeparClient, job: str) -> Document | None:
    """Ask once; None while it runs. A finished job answers with a redirect, the result itself, or "Completed"."""
    try:
        response = client.get(job)
        if response.is_redirect:
            return client.document(client.follow(response))
        if response.status_code == requests.codes.no_content:
            return _download(client, job)
        document = client.document(response)
        status = _status(document)
        if status in _FAILED:
            raise ExternalRefusal(f"Addepar: {job} ended as {status}: {_reasons(document)}")
        if status == "completed":
            return _download(client, job)
    except AddeparRefusal as refusal:
        if refusal.status == _GONE:
            raise ExternalRefusal(f"Addepar: the result of {job} has expired ({refusal.detail}); run the sync again"
                                  ) from refusal  # fmt: skip
        raise
    return document if is_result(document) else None


def _download(client: AddeparClient, job: str) -> Document | None:
    """Fetch a finished job's result; None where Addepar has not yet put it in place."""
    try:
        response = client.get(f"{job}/download")
    except AddeparRefusal as refusal:
        if refusal.status == requests.codes.not_found:
            return None
        raise
    if response.is_redirect:
        response = client.follow(response)
    return client.document(response)


def is_result(document: Document) -> bool:
    """Return whether this is a query's result rather than a job's status: it has a total, and no status."""
    attributes = (document.get("data") or {}).get("attributes") or {}
    return "status" not in attributes and isinstance(attributes.get("total"), dict)


def _status(document: Document) -> str:
    status = ((document.get("data") or {}).get("attributes") or {}).get("status") or ""
    return str(status).casefold().replace("_", " ").replace("cancelled", "canceled").strip()


def _reasons(document: Document) -> str:
    errors = document["data"]["attributes"].get("errors") or ()
    words = [str(error.get("detail") or error.get("title") or error) if isinstance(error, dict) else str(error)
             for error in errors]  # fmt: skip
    return "; ".join(words) or "Addepar gave no reason"
