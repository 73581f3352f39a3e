"""What may have been meant by a name that nobody knows?"""

import difflib
from collections.abc import Iterable

from engine.domain.errors import DataError


def unknown(kind: str, name: str, known: Iterable[str]) -> DataError:
    """Return the error for a name that is not known, with the nearest one that is."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1) or [other for other in names if other.startswith(name)][:1]
    hint = f"did you mean {near[0]}?" if near else f"{len(names)} are known" if names else "none is known"
    return DataError(f"unknown {kind} {name!r}; {hint}")
