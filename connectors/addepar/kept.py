"""What has Addepar answered in this sync already? Kept answers, so that a sync that was cut off asks nothing twice."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Protocol


class KeptAnswers(Protocol):
    """Bodies of answers, and ids of submitted jobs, by what was asked."""

    def get(self, key: str) -> bytes | None:
        """Return what was kept, None where nothing was."""

    def put(self, key: str, body: bytes) -> None:
        """Keep a body, for good as soon as this returns; over what was there."""

    def drop(self, key: str) -> None:
        """Forget what was kept."""


class NothingKept:
    """For who wants every answer fresh."""

    def get(self, key: str) -> bytes | None:  # noqa: ARG002  the port's signature
        return None

    def put(self, key: str, body: bytes) -> None:
        """Keep nothing."""

    def drop(self, key: str) -> None:
        """There is nothing to forget."""


def asked(*what: str | Mapping[str, Any]) -> str:
    """Return the key of a question: a hash of the whole of it."""
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
