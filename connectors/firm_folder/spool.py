"""Where do the rows of millions of lots wait until their account's turn? In a temporary file, found by account.

A foreign file need not be grouped by account. Spooling what was checked also means that what is handed out later is
what was checked, even if the folder changes in between.
"""

import tempfile
import weakref
from array import array
from collections.abc import Iterator

from connectors.firm_folder.limits import SPOOL_MEMORY_BYTES


class Spool:
    """Pieces of bytes under keys, each key's in the order of adding. Lives in memory while small. Not thread-safe."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=SPOOL_MEMORY_BYTES)  # noqa: SIM115  closed by the finalizer
        self._close = weakref.finalize(self, self._file.close)
        self._places: dict[str, array[int]] = {}  # offset, length, offset, length, ...

    def add(self, key: str, piece: bytes) -> None:
        offset = self._file.seek(0, 2)
        self._places.setdefault(key, array("q")).extend((offset, self._file.write(piece)))

    def ordered(self) -> list[str]:
        """Return the keys in ascending order."""
        return sorted(self._places)

    def pieces(self, key: str) -> Iterator[bytes]:
        """Yield the pieces added under a key; none for an unknown key."""
        places = self._places.get(key, array("q"))
        for offset, length in zip(places[::2], places[1::2], strict=True):
            self._file.seek(offset)
            yield self._file.read(length)
