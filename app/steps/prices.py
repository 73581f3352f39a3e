"""What is everything worth today? Closes, splits and dividends from a price source, the accounts left as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from app.ports import PriceSource, Progress, Services, no_progress
from app.steps import addepar
from app.steps.exchange import last_session
from app.steps.jobs import recorded
from app.steps.market import todays_market
from connectors.firm_folder.price_source import FolderPrices
from engine.domain.errors import DataError
from engine.domain.identifiers import SecurityId, UserId
from engine.domain.jobs import Finding, JobKind
from engine.domain.quotes import LARGEST_MOVE, HeldBack, merged, with_actions

_ADDEPAR: Final = "addepar"
_AGAIN: Final = timedelta(days=7)  # asked for once more: late corrections, and splits told after their day


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """What a price source brought. as_of: the firm's day now. held_back: closes that were not believed.

    newest: the last session that closes came of. without: securities of the firm that have no close on it, with the day
    of their own newest, None for none at all.
    """

    source: str
    as_of: date
    newest: date
    closes: int
    actions: int
    held_back: tuple[HeldBack, ...]
    without: tuple[tuple[SecurityId, date | None], ...]
    tickers: Mapping[SecurityId, str]


def source_of(services: Services, folder: Path | None = None) -> PriceSource:
    """Return the folder's files as a source, or the source that the section [prices] of the connections names.

    Raises DataError where neither is there, and for a section without a source.
    """
    if folder is not None:
        return FolderPrices(folder)
    table = services.connections.get("prices")
    if table is None:
        raise DataError("prices: expected a folder, or a section [prices] with a source in the file of LOTSMITH_CONFIG")
    source = table.get("source")
    if source == _ADDEPAR:
        return addepar.price_source(services)
    if not isinstance(source, str | Path):
        raise DataError(f'[prices] source: expected "{_ADDEPAR}" or a folder of price files, found {source!r}')
    return FolderPrices(Path(source))


def described(found: Priced) -> str:
    """Return in a few words what came."""
    return f"{found.source}: {found.closes:,} closes up to {found.newest}, {found.actions:,} corporate actions"


def findings_of(found: Priced) -> Sequence[Finding]:
    """Return each close that was not believed, then each that is missing."""
    doubted = [
        Finding(severity="error", account_id=None, place=f"close of {found.tickers[held.security_id]} on {held.on}",
                found=_plain(held.close),
                expected=f"within {LARGEST_MOVE:.0%} of {_plain(held.before)}, or a split that tells why",
                effect="not taken; the price before stays")
        for held in found.held_back
    ]  # fmt: skip
    missing = [
        Finding(severity="warning", account_id=None, place=f"close of {found.tickers[security_id]}",
                found="none" if newest is None else f"the newest is of {newest}", expected=f"a close on {found.newest}",
                effect="the price before stays" if newest else "it has no price")
        for security_id, newest in found.without
    ]  # fmt: skip
    return [*doubted, *missing]


@recorded(JobKind.PRICES, detail=described, findings=findings_of)
def take_prices(services: Services, source: PriceSource, *, actor: UserId, progress: Progress = no_progress) -> Priced:
    """Bring the firm's prices up to the last session that has closed, and its risk model with them.

    The source is asked from a week before the firm's newest day on, so that late corrections come in. A close too far
    from the one before it is held back. Whole or not at all. Raises DataError and ExternalRefusal as the source does;
    DataError also where other data came in meanwhile.
    """
    present, reference = services.firm.firm(), services.firm.reference()
    until = last_session(services.now())  # the firm's day may be a later one, which has no close yet
    progress(f"asking {source.name}", 0.1)
    quotes = source.quotes(reference.securities, since=min(present.as_of, until) - _AGAIN, until=until)
    actions = with_actions(reference.actions, quotes.actions)
    histories, held_back = merged(reference.prices, quotes, actions=actions)
    last = max((day for history in quotes.closes for day in history.dates), default=min(present.as_of, until))
    newest = {history.security_id: max(day for day in history.dates) for history in histories}
    services.firm.reprice(
        histories,
        actions,
        as_of=max(last, present.as_of),
        imported_at=present.imported_at,
        actor=actor,
        at=services.now(),
    )
    progress("estimating risk", 0.6)
    market = todays_market(services)
    progress("done", 1.0)
    names = [security.security_id for security in reference.securities]
    return Priced(
        source=source.name,
        as_of=market.as_of,
        newest=last,
        closes=sum(len(history.dates) for history in quotes.closes),
        actions=len(quotes.actions),
        held_back=held_back,
        tickers={security.security_id: security.ticker for security in reference.securities},
        without=tuple((name, newest.get(name)) for name in names if newest.get(name, date.min) < last),
    )


def _plain(price: Decimal) -> str:
    return f"{price.normalize():f}"
