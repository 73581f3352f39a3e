"""After which failures is what was read so far still good?"""

import pytest

from connectors.addepar.answers import AddeparRefusal, may_go_on
from connectors.addepar.budget import CutOff
from engine.domain.errors import ExternalRefusal


@pytest.mark.parametrize(
    ("status", "good"),
    [(400, False), (404, False), (409, False), (410, False), (401, True), (403, True), (429, True), (499, False),
     (500, True), (503, True)],
)  # fmt: skip
def test_a_refusal_of_the_question_itself_spoils_what_was_read_and_one_of_the_moment_does_not(
    status: int, good: bool
) -> None:
    assert may_go_on(AddeparRefusal("refused", status=status, detail="why")) is good


def test_a_sync_that_was_cut_off_may_go_on_and_one_that_was_not_understood_may_not() -> None:
    assert may_go_on(CutOff("later"))
    assert not may_go_on(ExternalRefusal("expected JSON"))
