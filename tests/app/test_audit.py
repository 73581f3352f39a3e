"""The log handed out: every row, its hash over what it says, provable with the standard library alone."""

import hashlib
import json

from app.steps import audit
from app.steps.audit import Search


def test_lines_handed_out_prove_themselves_and_the_chain_that_they_are_a_part_of(desk):
    services = desk.services()
    lines = [json.loads(line) for line in audit.sealed_lines(services, Search()).splitlines()]

    previous = "0" * 64
    for number, line in enumerate(lines, start=1):
        sealed = {name: value for name, value in line.items() if name != "hash"}
        text = json.dumps(sealed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert (line["seq"], line["previous"]) == (number, previous)
        assert hashlib.sha256(text.encode()).hexdigest() == line["hash"]
        previous = line["hash"]
    assert previous == audit.verify(services).head
    assert len(lines) == audit.verify(services).rows > 0


def test_a_search_finds_a_person_by_id_and_what_was_done_to_them(desk):
    services = desk.services()

    found = audit.events(services, Search(about="maya"))

    assert [(row.what, row.subject) for row in found] == [("user.save", "maya")]
    assert audit.events(services, Search(about="maya", what="plan.approve")) == ()
