"""What are the firm's price histories once Addepar's prices of a day are in them?"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from connectors.addepar.issues import DataIssue, Severity
from engine.domain.identifiers import SecurityId
from engine.domain.market import PriceHistory

UNMOVED_CLOSES: Final = 5  # closes before the day's own: a listed share does not stand still for a week


def agreed_prices(
    seen: Iterable[Mapping[SecurityId, Decimal]],
) -> tuple[Mapping[SecurityId, Decimal], tuple[DataIssue, ...]]:
    """Return the price of each security on which all accounts agree, and an issue for each on which they do not."""
    found: dict[SecurityId, set[Decimal]] = {}
    for prices in seen:
        for security_id, price in prices.items():
            found.setdefault(security_id, set()).add(price)
    agreed = {security_id: next(iter(prices)) for security_id, prices in found.items() if len(prices) == 1}
    issues = tuple(
        DataIssue(severity=Severity.WARNING, account_id=None, subject=f"price of {security_id}", field="holdings.price",
                  found=", ".join(str(price) for price in sorted(prices)), expected="one price in every account",
                  effect="price left as it was")
        for security_id, prices in sorted(found.items())
        if len(prices) > 1
    )  # fmt: skip
    return agreed, issues


def unmoved_prices(
    histories: Iterable[PriceHistory], prices: Mapping[SecurityId, Decimal], *, on: date
) -> tuple[DataIssue, ...]:
    """Return an issue for each price that has been the same to the last digit for UNMOVED_CLOSES days or more."""
    issues = []
    for history in histories:
        price = prices.get(history.security_id)
        end = bisect_left(history.dates, on)
        start = end
        while start and history.closes[start - 1] == price:
            start -= 1
        if end - start >= UNMOVED_CLOSES:
            issues.append(
                DataIssue(severity=Severity.WARNING, account_id=None, subject=f"price of {history.security_id}",
                          field="holdings.price", found=f"{price}, unchanged since {history.dates[start]}",
                          expected="a price that moves", effect="taken; it may be stale")
            )  # fmt: skip
    return tuple(issues)


def with_prices(
    histories: tuple[PriceHistory, ...], prices: Mapping[SecurityId, Decimal], *, on: date
) -> tuple[PriceHistory, ...]:
    """Return the histories with these closes of one day, in their order; a security without a history gets one.

    A close that the history has already keeps its adjusted close; a new or changed one has none, since Addepar
    gives no prices adjusted for dividends and splits.
    """
    known = {history.security_id for history in histories}
    first = tuple(
        PriceHistory(security_id=security_id, dates=(on,), closes=(price,), adjusted=(None,))
        for security_id, price in sorted(prices.items())
        if security_id not in known
    )
    return (
        tuple(
            _with_close(history, prices[history.security_id], on) if history.security_id in prices else history
            for history in histories
        )
        + first
    )


def _with_close(history: PriceHistory, close: Decimal, on: date) -> PriceHistory:
    at = bisect_left(history.dates, on)
    present = at < len(history.dates) and history.dates[at] == on
    if present and history.closes[at] == close:
        return history
    after = at + 1 if present else at
    return replace(
        history,
        dates=(*history.dates[:at], on, *history.dates[after:]),
        closes=(*history.closes[:at], close, *history.closes[after:]),
        adjusted=(*history.adjusted[:at], None, *history.adjusted[after:]),
    )
