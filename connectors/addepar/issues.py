"""What in Addepar's data could not be taken as it stands, and what was done about it?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from connectors.addepar import values
from engine.domain.identifiers import AccountId


class Severity(StrEnum):
    """ERROR: something was left out or left as it was. WARNING: taken, but look at it. INFO: worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataIssue:
    """One fault of the source. An ERROR with an account_id means that account keeps its present book.

    subject names the thing ("lot L7", "transaction 812"); field the mapping's setting that the value was read by.
    """

    severity: Severity
    account_id: AccountId | None
    subject: str
    field: str
    found: str
    expected: str
    effect: str

    def __str__(self) -> str:
        account = f"account {self.account_id}: " if self.account_id else ""
        return (f"{self.severity}: {account}{self.subject}, {self.field}: found {self.found}; "
                f"expected {self.expected}; {self.effect}")  # fmt: skip


UNCHANGED = "account left unchanged"
"""The effect of every fault that fences an account."""


class Faults:
    """Collects what is wrong with one account while it is read, so that every fault is found, not just the first."""

    def __init__(self, account_id: AccountId, *, currency: str) -> None:
        self._account_id, self._currency = account_id, currency
        self.issues: list[DataIssue] = []

    @property
    def fenced(self) -> bool:
        """Whether anything found so far forbids taking this account."""
        return any(issue.severity is Severity.ERROR for issue in self.issues)

    def error(self, subject: str, field: str, *, found: str, expected: str) -> None:
        """Note a fault that leaves the account unchanged."""
        self._add(Severity.ERROR, subject, field, found, expected, UNCHANGED)

    def warn(self, subject: str, field: str, *, found: str, expected: str, effect: str) -> None:
        """Note a fault that the account can be taken with."""
        self._add(Severity.WARNING, subject, field, found, expected, effect)

    def amount(self, sent: Mapping[str, Any], name: str, subject: str, section: str) -> Decimal | None:
        """Return a number as values.amount does; None with an error noted where it is not one."""
        try:
            return values.amount(sent.get(name), currency=self._currency)
        except ValueError as error:
            self.error(subject, f"{section}.{name}", found=repr(sent[name]), expected=str(error))
            return None

    def needed(self, sent: Mapping[str, Any], name: str, subject: str, section: str) -> Decimal | None:
        """Return a number that must be there; None with an error noted where it is not."""
        before = len(self.issues)
        number = self.amount(sent, name, subject, section)
        if number is None and len(self.issues) == before:
            self.error(subject, f"{section}.{name}", found="nothing", expected="a number")
        return number

    def past_day(self, sent: Mapping[str, Any], name: str, subject: str, section: str, *, as_of: date) -> date | None:
        """Return a date not after as_of; None where there is none, with an error noted where it is not one."""
        try:
            found = values.day(sent.get(name))
        except ValueError as error:
            self.error(subject, f"{section}.{name}", found=repr(sent[name]), expected=str(error))
            return None
        if found is not None and found > as_of:
            self.error(subject, f"{section}.{name}", found=str(found), expected=f"a date not after {as_of}")
            return None
        return found

    def _add(self, severity: Severity, subject: str, field: str, found: str, expected: str, effect: str) -> None:
        self.issues.append(DataIssue(severity=severity, account_id=self._account_id, subject=subject, field=field,
                                     found=found, expected=expected, effect=effect))  # fmt: skip
