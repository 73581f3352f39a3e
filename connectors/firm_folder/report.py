"""What is wrong with the folder? Every problem, collected and capped, so that a person mends all in one go."""

from pathlib import Path

from connectors.firm_folder.limits import MAX_PROBLEMS_PER_FILE
from engine.domain.errors import DataError, Problem

_SHOWN_CHARS = 60


class Report:
    """Problems of one reading, by file in the order in which the files were first found wrong."""

    def __init__(self) -> None:
        self._problems: dict[str, list[Problem]] = {}
        self._counts: dict[str, int] = {}

    def add(self, file: str, row: int | None, column: str | None, *, found: str, expected: str) -> None:
        """Note one problem; row is the line as an editor counts it, the header being line 1."""
        self._counts[file] = self._counts.get(file, 0) + 1
        listed = self._problems.setdefault(file, [])
        if len(listed) < MAX_PROBLEMS_PER_FILE:
            listed.append(Problem(file=file, row=row, column=column, found=found, expected=expected))

    def problems(self) -> tuple[Problem, ...]:
        """Return the listed problems file by file in order of line, with a last one for those above the cap."""
        result: list[Problem] = []
        for file, listed in self._problems.items():
            result += sorted(listed, key=lambda problem: problem.row or 0)
            more = self._counts[file] - len(listed)
            if more:
                result.append(Problem(file=file, row=None, column=None, found=f"{more:,} more problems",
                                      expected=f"at most {MAX_PROBLEMS_PER_FILE:,} to list"))  # fmt: skip
        return tuple(result)

    def raise_if_any(self, folder: Path, *, what: str = "firm folder") -> None:
        """Raise DataError with every problem when there is one. what: the folder, or file, is."""
        count = sum(self._counts.values())
        if count:
            raise DataError(
                f"{what} {folder}: found {count:,} problem{'s' if count > 1 else ''} in "
                f"{', '.join(self._counts)}; expected none, so nothing was read",
                self.problems(),
            )


def shown(text: str) -> str:
    """Return a cell as a report shows it: quoted, control characters escaped, cut when long."""
    if not text:
        return "nothing"
    return repr(text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…")
