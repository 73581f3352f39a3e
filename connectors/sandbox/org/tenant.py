"""Who and what is in the org? Users, the reviewers' queue, records and approvals, put together and kept on disk."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors.sandbox.org.approvals import Approvals, load_process
from connectors.sandbox.org.faults import Faults
from connectors.sandbox.org.records import Records
from connectors.sandbox.org.schema import ObjectType, load_schema


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgUser:
    """integration: has "Modify All" on plans and trades. reviewer: member of the queue that approvals go to."""

    username: str
    name: str
    integration: bool = False
    reviewer: bool = False


USERS = (
    OrgUser(username="lotsmith@lotsmith.example", name="Lotsmith Integration", integration=True),
    OrgUser(username="advisor@lotsmith.example", name="Ada Advisor", reviewer=True),
    OrgUser(username="approver@lotsmith.example", name="Alan Approver", reviewer=True),
    OrgUser(username="visitor@lotsmith.example", name="Vera Visitor"),
)


class Org:
    """One org in memory. state_file: where it is kept between runs, None for nowhere. calls: told of each record that
    was decided, by its external id.

    Whoever reads or changes it holds `lock`: the interface and the page for people run in threads of their own.
    """

    def __init__(
        self,
        *,
        users: tuple[OrgUser, ...] = USERS,
        schema: Mapping[str, ObjectType] | None = None,
        state_file: Path | None = None,
        calls: Callable[[str], None] | None = None,
    ) -> None:
        self.calls = calls
        self.lock = threading.RLock()
        self.faults = Faults()
        self.records = Records(schema or load_schema(), self.faults)
        self._state_file = state_file
        process = load_process()
        if state_file and state_file.exists():
            self.records.load(json.loads(state_file.read_text(encoding="utf-8")))
        ids = {row["Username"]: row["Id"] for row in self.records.rows("User")}
        for user in users:
            if user.username not in ids:
                row = {"Username": user.username, "Name": user.name}
                ids[user.username] = self.records.write("User", row, user="")
        queues = [row["Id"] for row in self.records.rows("Group") if row["DeveloperName"] == process.queue]
        queue = {"DeveloperName": process.queue, "Name": process.queue.replace("_", " ")}
        self.users: Mapping[str, str] = ids
        self.reviewers = tuple(user for user in users if user.reviewer)
        self.approvals = Approvals(
            self.records,
            process,
            queue_id=queues[0] if queues else self.records.write("Group", queue, user=""),
            approvers=frozenset(ids[user.username] for user in users if user.reviewer),
            editors=frozenset(ids[user.username] for user in users if user.integration),
        )

    def save(self) -> None:
        """Keep the org's records on disk, whole or not at all, and call about what was decided since."""
        if self._state_file:
            draft = self._state_file.with_suffix(".new")
            draft.write_text(json.dumps(self.records.dump()), encoding="utf-8")
            draft.replace(self._state_file)
        decided, self.approvals.decided = self.approvals.decided, []
        if self.calls:
            for key in decided:
                self.calls(key)
