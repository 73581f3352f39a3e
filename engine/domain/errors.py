"""What can go wrong?

LotsmithError
├── DataError          bad input: names the thing, what was found, what was expected; nothing was changed  (exit 2)
├── SolverFailed       no solver met its tolerance; never raised for an infeasible account, which is a plan's status
├── NotAllowed         this person may not do this (role, or maker-checker)                                (exit 1)
├── IllegalMove        the life cycle has no such step from the plan's present state                       (exit 1)
├── CheckFailed        a stored thing does not verify: audit chain, replay, second checker                  (exit 1)
└── ExternalRefusal    an outside system refused or could not be reached                                    (exit 3)
"""

from dataclasses import dataclass


class LotsmithError(Exception):
    """Root of every error that Lotsmith raises on purpose; its text is fit for a user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with the input, placed so that a person can find and mend it.

    row is the line of the file as an editor counts it (the header is line 1); None where the whole file is meant.
    """

    file: str
    row: int | None
    column: str | None
    found: str
    expected: str

    def __str__(self) -> str:
        place = self.file + (f", line {self.row}" if self.row is not None else "")
        column = f", {self.column}" if self.column else ""
        return f"{place}{column}: found {self.found}; expected {self.expected}"


class DataError(LotsmithError):
    """Bad input. problems holds every fault found, not just the first; it is empty for a single-sentence error."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class SolverFailed(LotsmithError):
    """No solver reached its tolerance on a feasible problem; the message gives each solver's status."""


class NotAllowed(LotsmithError):
    """The person lacks the role, or made, edited or proposed what they now want to approve."""


class IllegalMove(LotsmithError):
    """The plan's present state has no such step."""


class CheckFailed(LotsmithError):
    """Something stored does not verify."""


class ExternalRefusal(LotsmithError):
    """An outside system refused a request or could not be reached; nothing was assumed to have happened."""
