"""What lies beside a plan's record? A file and a task on it, and an activity on the household: each made once."""

import base64
from collections.abc import Mapping
from typing import Any, Final

from connectors.salesforce.client import SalesforceClient, quoted

_TASK_TEXT_LENGTH: Final = 32_000


def ensure_file(client: SalesforceClient, record_id: str, *, title: str, name: str, content: bytes) -> None:
    """Attach a file to a record under a title, where none of that title is attached. Raises SalesforceRefusal."""
    key = {"FirstPublishLocationId": record_id, "Title": title}
    values = {"PathOnClient": name, "VersionData": base64.b64encode(content).decode("ascii")}
    _ensure(client, "ContentVersion", key, values)


def ensure_task(client: SalesforceClient, record_id: str, *, subject: str, text: str) -> None:
    """Ask for work on a record, where it was not asked for under that subject. Raises SalesforceRefusal."""
    key = {"WhatId": record_id, "Subject": subject}
    _ensure(client, "Task", key, {"Status": "Not Started", "Description": text[:_TASK_TEXT_LENGTH]})


def ensure_activity(client: SalesforceClient, record_id: str, *, subject: str, text: str, day: str) -> None:
    """Note on a record what was done, as a completed task of that subject. Raises SalesforceRefusal."""
    key = {"WhatId": record_id, "Subject": subject}
    values = {"Status": "Completed", "ActivityDate": day, "Description": text[:_TASK_TEXT_LENGTH]}
    _ensure(client, "Task", key, values)


def _ensure(client: SalesforceClient, name: str, key: Mapping[str, str], values: Mapping[str, Any]) -> None:
    where = " AND ".join(f"{field} = {quoted(value)}" for field, value in key.items())

    def find() -> str | None:
        rows = client.rows(f"SELECT Id FROM {name} WHERE {where} LIMIT 1")  # noqa: S608
        return rows[0]["Id"] if rows else None

    def create() -> str:
        return str(client.call("POST", f"sobjects/{name}", {**key, **values}, repeatable=False)["id"])

    if find() is None:
        client.once(find, create)
