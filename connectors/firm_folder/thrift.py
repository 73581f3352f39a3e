"""What numbers stand in a Parquet file's footer and page headers? Thrift's compact protocol, read with suspicion.

Only numbers and the structs and lists that lead to them are kept; texts are passed over. Source: Apache Thrift,
doc/specs/thrift-compact-protocol.md.
"""

from typing import Any, Final

_BOOLEANS, _BYTE, _INTEGERS, _DOUBLE, _BINARY, _LISTS, _STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, (9, 10), 12
_DEEPEST: Final = 12  # structs and lists within each other; Parquet's go no deeper than 8
_INTEGER_BITS: Final = 64
_LONG_LIST: Final = 15  # the length of a list of 15 elements or more follows in bytes of its own


class Compact:
    """Bytes that begin with a struct. length: how many of them have been read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.length = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Return the fields of the struct by their ids. Raises ValueError for what is none.

        A field that comes twice is refused: another reader might believe the other one.
        """
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            if number in fields:
                raise ValueError(f"field {number} comes twice")
            fields[number] = self._value(head & 15, depth + 1)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ValueError("structs too deep in each other")
        if kind in _INTEGERS:
            return self._integer()
        if kind == _STRUCT:
            return self.struct(depth)
        if kind in _LISTS:
            return self._list(depth)
        if kind in (_BYTE, _DOUBLE, _BINARY):
            self._pass({_BYTE: 1, _DOUBLE: 8}.get(kind) or self._varint())
        elif kind not in _BOOLEANS:  # their value is in the kind
            raise ValueError(f"a field of type {kind}")
        return None

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        size = head >> 4 if head >> 4 < _LONG_LIST else self._varint()
        if head & 15 in _BOOLEANS:
            raise ValueError("a list of booleans")
        return [self._value(head & 15, depth + 1) for _ in range(size)]

    def _integer(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > _INTEGER_BITS:
                raise ValueError("an integer of more than 64 bits")
        return value | byte << shift

    def _byte(self) -> int:
        self._pass(1)
        return self._data[self.length - 1]

    def _pass(self, count: int) -> None:
        self.length += count
        if self.length > len(self._data):
            raise ValueError("it breaks off")
