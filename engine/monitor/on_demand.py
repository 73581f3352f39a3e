"""How is a long list kept that few look at? Its length is known, and its items are made when they are asked for."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class OnDemand(Sequence[T], Generic[T]):
    """A sequence of values that are made once they are looked at; equal to any sequence of equal values."""

    def __init__(self, size: int, make: Callable[[slice], tuple[T, ...]]) -> None:
        """Hold size values; make returns those of a slice."""
        self._size = size
        self._make = make

    @cached_property
    def _all(self) -> tuple[T, ...]:
        return self._make(slice(None))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        return iter(self._all)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[T, ...]: ...
    def __getitem__(self, place: int | slice) -> T | tuple[T, ...]:
        if "_all" in self.__dict__ or isinstance(place, int):
            return self._all[place]
        return self._make(place)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OnDemand | tuple):
            return NotImplemented
        return self is other or tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(self._all)

    def __repr__(self) -> str:
        return repr(self._all)

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (self._all,)
