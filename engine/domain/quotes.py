"""What does a price source say, and what are the firm's prices once that is in them?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from engine.domain.identifiers import SecurityId
from engine.domain.market import ActionKind, CorporateAction, PriceHistory, action_key

LARGEST_MOVE: Final = Decimal("0.4")  # a day's fall or rise beyond it, without a split, is more often a fault than news

_PLACES: Final = 8  # of an adjusted close put on another basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotes:
    """Closes of some days and corporate actions, of any securities. closes: USD as traded; a later close wins."""

    closes: tuple[PriceHistory, ...]
    actions: tuple[CorporateAction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """A close that was not taken: it is too far from the one before, and no split tells why. USD a share."""

    security_id: SecurityId
    on: date
    close: Decimal
    before: Decimal


def merged(
    histories: Sequence[PriceHistory], quotes: Quotes, *, actions: Iterable[CorporateAction]
) -> tuple[tuple[PriceHistory, ...], tuple[HeldBack, ...]]:
    """Return the histories with a source's closes in them, in their order, new ones last; and what was held back.

    A close replaces that of the same day; it keeps the adjusted close where the close did not change and the source
    gives none. Adjusted closes of before are put on the source's basis, which a split or dividend since has moved, by
    the first day that both know; where there is none, the source's are left out. A close more than LARGEST_MOVE away
    from the last one before it, splits of `actions` in between allowed for, is held back, and so is all that follows it
    for the name in these quotes.
    """
    given = {history.security_id: history for history in quotes.closes}
    splits: dict[SecurityId, list[tuple[date, Decimal]]] = {}
    for action in actions:
        if action.kind is ActionKind.SPLIT:
            splits.setdefault(action.security_id, []).append((action.ex_date, action.value))
    known = {history.security_id for history in histories}
    held: list[HeldBack] = []
    found = []
    for history in (*histories, *(_empty(name) for name in sorted(given.keys() - known))):
        name = history.security_id
        found.append(_with_closes(history, given[name], splits.get(name, ()), held) if name in given else history)
    return tuple(history for history in found if history.dates), tuple(held)


def with_actions(known: Iterable[CorporateAction], told: Iterable[CorporateAction]) -> tuple[CorporateAction, ...]:
    """Return the actions, ordered by their key, with a source's in them: of two with the same key the source's."""
    kept = {action_key(action): action for action in (*known, *told)}
    return tuple(kept[key] for key in sorted(kept))


def _empty(name: SecurityId) -> PriceHistory:
    return PriceHistory(security_id=name, dates=(), closes=(), adjusted=())


def _with_closes(
    history: PriceHistory, given: PriceHistory, splits: Sequence[tuple[date, Decimal]], held: list[HeldBack]
) -> PriceHistory:
    history, given = _on_one_basis(history, given)
    rows = dict(zip(history.dates, zip(history.closes, history.adjusted, strict=True), strict=True))
    for on, close, adjusted in zip(given.dates, given.closes, given.adjusted, strict=True):
        earlier = max((day for day in rows if day < on), default=None)
        if earlier is not None:
            before = rows[earlier][0]
            for day, ratio in splits:
                before = before / ratio if earlier < day <= on else before
            if abs(close / before - 1) > LARGEST_MOVE:
                held.append(HeldBack(security_id=history.security_id, on=on, close=close, before=before))
                break
        same = on in rows and rows[on][0] == close
        rows[on] = (close, rows[on][1] if same and adjusted is None else adjusted)
    days = sorted(rows)
    return PriceHistory(
        security_id=history.security_id,
        dates=tuple(days),
        closes=tuple(rows[day][0] for day in days),
        adjusted=tuple(rows[day][1] for day in days),
    )


def _on_one_basis(history: PriceHistory, given: PriceHistory) -> tuple[PriceHistory, PriceHistory]:
    """Return a history whose adjusted closes are comparable with those given, and these."""
    if all(price is None for price in history.adjusted):
        return history, given
    known = dict(zip(history.dates, zip(history.closes, history.adjusted, strict=True), strict=True))
    for on, close, adjusted in zip(given.dates, given.closes, given.adjusted, strict=True):
        before, was = known.get(on, (None, None))
        if before == close and was is not None and adjusted is not None:
            moved = tuple(
                None if price is None else round(price * adjusted / was, _PLACES) for price in history.adjusted
            )
            return (history if was == adjusted else replace(history, adjusted=moved)), given
    return history, replace(given, adjusted=(None,) * len(given.dates))
