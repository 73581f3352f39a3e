"""Who must agree to a record, and what happens when they do? The approval process as the package defines it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.sandbox.org.records import Records, Row
from connectors.sandbox.org.refused import Refused
from connectors.sandbox.org.schema import PACKAGE, parse, text, texts

_CRITERIA = "entryCriteria/criteriaItems"


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One step, one queue, the first answer counts. updates: moment (submit, approve, reject) -> fields to write."""

    name: str
    object: str
    queue: str
    entry: tuple[tuple[str, str], ...]
    updates: Mapping[str, Mapping[str, str]]


def load_process(package: Path = PACKAGE) -> Process:
    """Return the approval process of the package. Raises ValueError for one that the stand-in cannot follow."""
    path = next(package.glob("force-app/main/default/approvalProcesses/*"))
    root = parse(path)
    name = path.name.split(".")[1]
    if texts(root, "approvalStep/assignedApprover/approver/type") != ("queue",):
        raise ValueError(f"{path.name}: the stand-in follows one step with one queue only")
    if set(texts(root, f"{_CRITERIA}/operation")) - {"equals"}:
        raise ValueError(f"{path.name}: the stand-in judges entry criteria with equals only")
    workflow = parse(next(package.glob("force-app/main/default/workflows/*")))
    changes = dict(
        zip(
            texts(workflow, "fieldUpdates/fullName"),
            zip(texts(workflow, "fieldUpdates/field"), texts(workflow, "fieldUpdates/literalValue"), strict=True),
            strict=True,
        )
    )
    moments = {"submit": "initialSubmission", "approve": "finalApproval", "reject": "finalRejection"}
    fields = [field.split(".")[1] for field in texts(root, f"{_CRITERIA}/field")]
    return Process(
        name=name,
        object=path.name.split(".")[0],
        queue=text(root, "approvalStep/assignedApprover/approver/name"),
        entry=tuple(zip(fields, texts(root, f"{_CRITERIA}/value"), strict=True)),
        updates={
            moment: dict(changes[action] for action in texts(root, f"{tag}Actions/action/name"))
            for moment, tag in moments.items()
        },
    )


class Approvals:
    """The running approvals. approvers: members of the process's queue; editors: who may edit a locked record."""

    def __init__(
        self, records: Records, process: Process, *, queue_id: str, approvers: frozenset[str], editors: frozenset[str]
    ) -> None:
        self.process = process
        self.decided: list[str] = []  # external ids of records, until somebody is told
        self._records = records
        self._queue_id = queue_id
        self._approvers = approvers
        self._editors = editors

    def act(self, request: Mapping[str, Any], *, user: str) -> dict[str, Any]:
        """Carry out one request of the approvals resource and return its result row. Raises Refused."""
        action, context = request.get("actionType"), request.get("contextId") or ""
        comments = request.get("comments") or ""
        if action == "Submit":
            wanted = request.get("processDefinitionNameOrId") or self.process.name
            return self._submit(context, wanted, comments, user)
        if action in ("Approve", "Reject"):
            return self._answer(context, action, comments, user)
        raise Refused("INVALID_OPERATION", f"expected actionType Submit, Approve or Reject, found {action}")

    def _submit(self, context: str, process: str, comments: str, user: str) -> dict[str, Any]:
        name = self._records.type_of(context)
        row = self._records.get(name, context)
        if any(item["TargetObjectId"] == row["Id"] for item in self._pending()):
            raise Refused("ALREADY_IN_PROCESS", "Cannot submit object already in process.")
        fits = name == self.process.object and process == self.process.name
        if not fits or any(row[field] != value for field, value in self.process.entry):
            raise Refused("NO_APPLICABLE_PROCESS", "No applicable approval process was found.")
        instance = self._records.write("ProcessInstance", {"TargetObjectId": row["Id"], "Status": "Pending"}, user=user)
        self._step(instance, "Started", comments, user)
        item = self._records.write(
            "ProcessInstanceWorkitem", {"ProcessInstanceId": instance, "ActorId": self._queue_id}, user=user
        )
        self._update(row, "submit", user)
        self._lock(row["Id"], self._editors | self._approvers)
        return _result(row["Id"], instance, "Pending", actors=[self._queue_id], items=[item])

    def _answer(self, item_id: str, action: str, comments: str, user: str) -> dict[str, Any]:
        items = {item["Id"]: item for item in self._records.rows("ProcessInstanceWorkitem")}
        item = items.get(item_id)
        if item is None:
            raise Refused("INVALID_CROSS_REFERENCE_KEY", f"invalid cross reference id: {item_id}")
        if user not in self._approvers:
            raise Refused(
                "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights: you are not an assigned approver"
            )
        instance = self._records.get("ProcessInstance", item["ProcessInstanceId"])
        row = self._records.get(self.process.object, instance["TargetObjectId"])
        status = {"Approve": "Approved", "Reject": "Rejected"}[action]
        self._step(instance["Id"], status, comments, user)
        self._records.remove("ProcessInstanceWorkitem", item["Id"])
        self._records.write("ProcessInstance", {**instance, "Status": status}, user=user)
        self._update(row, action.lower(), user)
        if action == "Approve":
            self._lock(row["Id"], self._editors)
        else:
            self._unlock(row["Id"])
        self.decided.append(row["Plan_Id__c"])
        return _result(row["Id"], instance["Id"], status, actors=[], items=[])

    def _pending(self) -> list[Row]:
        return [row for row in self._records.rows("ProcessInstance") if row["Status"] == "Pending"]

    def _step(self, instance: str, status: str, comments: str, user: str) -> None:
        step = {"ProcessInstanceId": instance, "StepStatus": status, "Comments": comments, "ActorId": user}
        self._records.write("ProcessInstanceStep", step, user=user)

    def _update(self, row: Row, moment: str, user: str) -> None:
        self._records.write(self.process.object, {**row, **self.process.updates[moment]}, user=user)

    def _lock(self, record_id: str, writers: frozenset[str]) -> None:
        self._records.locked[record_id] = writers

    def _unlock(self, record_id: str) -> None:
        self._records.locked.pop(record_id, None)


def _result(entity: str, instance: str, status: str, *, actors: list[str], items: list[str]) -> dict[str, Any]:
    return {
        "actorIds": actors,
        "entityId": entity,
        "errors": None,
        "instanceId": instance,
        "instanceStatus": status,
        "newWorkitemIds": items,
        "success": True,
    }
