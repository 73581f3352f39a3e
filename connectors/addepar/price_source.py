"""What do Addepar's holdings say a share is worth? Addepar as a source of prices alone, in one query for the firm."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from connectors.addepar.answers import Document
from connectors.addepar.client import AddeparClient
from connectors.addepar.holdings import price_of
from connectors.addepar.issues import Faults
from connectors.addepar.jobs import PORTFOLIO, query_by_job
from connectors.addepar.mapping import HoldingKeys
from connectors.addepar.match import security_index
from connectors.addepar.rows import holding_rows
from connectors.addepar.values import text
from engine.domain.identifiers import AccountId, SecurityId
from engine.domain.market import PriceHistory, Security
from engine.domain.quotes import Quotes

_FIRM: Final = 1  # the portfolio_id of the firm itself
_CURRENCY: Final = "USD"


class AddeparPrices:
    """The price of the last day asked for of whatever the firm holds. Addepar has no history without a call a security.

    The mapping's own columns of securities are asked for; splits come with `lotsmith sync addepar`, as transactions.
    """

    name = "Addepar"

    def __init__(self, client: AddeparClient, keys: HoldingKeys) -> None:
        self._client = client
        self._keys = replace(keys, account="", lot="")  # by security over all accounts

    def quotes(self, securities: Sequence[Security], *, since: date, until: date) -> Quotes:
        """Return the price of `until` of each of these securities that is held. Raises ExternalRefusal."""
        document = query_by_job(self._client, PORTFOLIO, self._query(since, until))
        prices = _prices(document, self._keys, securities)
        return Quotes(
            closes=tuple(
                PriceHistory(security_id=security_id, dates=(until,), closes=(price,), adjusted=(None,))
                for security_id, price in sorted(prices.items())
            )
        )

    def _query(self, since: date, until: date) -> Mapping[str, Any]:
        return {
            "portfolio_type": "FIRM",
            "portfolio_id": _FIRM,
            "start_date": since.isoformat(),
            "end_date": until.isoformat(),
            "columns": [
                {"key": column.key, "arguments": dict(column.arguments)} if column.arguments else {"key": column.key}
                for column in self._keys.columns().values()
            ],
            "groupings": [{"key": self._keys.security}],
            "hide_previous_holdings": True,
        }


def _prices(document: Document, keys: HoldingKeys, securities: Sequence[Security]) -> Mapping[SecurityId, Decimal]:
    """Return the price of each security that the answer knows; of two rows that mean one, neither where they differ."""
    index, found = security_index(securities), dict[SecurityId, set[Decimal]]()
    for row in holding_rows(document, keys, currency=_CURRENCY):
        security_id = index.find(text(row.values.get("cusip")), text(row.values.get("ticker")))
        if security_id is not None:
            price = price_of(security_id, row, Faults(AccountId(""), currency=_CURRENCY))
            if price is not None:
                found.setdefault(security_id, set()).add(price)
    return {security_id: next(iter(prices)) for security_id, prices in found.items() if len(prices) == 1}
