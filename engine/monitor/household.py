"""What do the scans of one household share? Its wash-sale locks and what of its lots does not add up, found once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property

from engine.domain.accounts import AccountBook, Transaction
from engine.domain.identifiers import SecurityId
from engine.domain.plans import Lock
from engine.tax.balance import imbalances
from engine.tax.history import Place
from engine.tax.wash_sales import locks


@dataclass(frozen=True, kw_only=True)
class HouseholdFacts:
    """A household on a day. books: every account of it. groups: as wash_sales.locks is told."""

    books: Sequence[AccountBook]
    as_of: date
    groups: Mapping[SecurityId, str]
    _locks: dict[tuple[Transaction, ...], tuple[Lock, ...]] = field(default_factory=dict, init=False)

    @cached_property
    def imbalances(self) -> Mapping[Place, Decimal]:
        """The places whose lots and transactions do not add up."""
        return imbalances(self.books, as_of=self.as_of)

    def locks(self, pending: tuple[Transaction, ...]) -> tuple[Lock, ...]:
        """Return the locks in sight of trades not booked yet. Raises DataError as wash_sales.locks does."""
        if pending not in self._locks:
            self._locks[pending] = locks(self.books, as_of=self.as_of, groups=self.groups, pending=pending)
        return self._locks[pending]
