"""What do the price files of a folder say? The firm folder as a source of prices and corporate actions alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Final

from connectors.firm_folder.actions import check_actions
from connectors.firm_folder.files import find_files
from connectors.firm_folder.read import read_rows
from connectors.firm_folder.reference import corporate_actions, price_histories
from connectors.firm_folder.report import Report
from connectors.firm_folder.schema import FILES
from connectors.firm_folder.table import Known
from engine.domain.market import PriceHistory, Security
from engine.domain.quotes import Quotes

_FILES: Final = ("prices", "corporate_actions")


class FolderPrices:
    """prices.csv, and corporate_actions.csv if there is one, of a folder that holds a whole firm or just these."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def name(self) -> str:
        return str(self._folder)

    def quotes(self, securities: Sequence[Security], *, since: date, until: date) -> Quotes:
        """Return the closes and actions of these days, both included. Raises DataError with every problem found."""
        report = Report()
        found = find_files(self._folder, report, needed=["prices"])
        # A vendor's file may cover more than this firm: ids that are not its own are no error here.
        rows = {name: read_rows(found[name], FILES[name], Known(), report) for name in _FILES if name in found}
        prices, told = rows["prices"], rows.get("corporate_actions")
        if told is not None:
            check_actions(found["corporate_actions"].label, told, report)
        report.raise_if_any(self._folder)
        wanted = frozenset(security.security_id for security in securities)
        histories = price_histories(prices) if prices is not None else ()
        closes = (_between(history, since, until) for history in histories if history.security_id in wanted)
        actions = (action for action in corporate_actions(told) if action.security_id in wanted)
        return Quotes(
            closes=tuple(history for history in closes if history.dates),
            actions=tuple(action for action in actions if since <= action.ex_date <= until),
        )


def _between(history: PriceHistory, since: date, until: date) -> PriceHistory:
    kept = [place for place, day in enumerate(history.dates) if since <= day <= until]
    return replace(
        history,
        dates=tuple(history.dates[place] for place in kept),
        closes=tuple(history.closes[place] for place in kept),
        adjusted=tuple(history.adjusted[place] for place in kept),
    )
