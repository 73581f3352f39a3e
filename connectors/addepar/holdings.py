"""Which lots and how much cash does an account's row of holdings hold, and at what prices?"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from connectors.addepar.issues import Faults
from connectors.addepar.mapping import HoldingKeys
from connectors.addepar.match import SecurityIndex
from connectors.addepar.rows import HoldingRow
from connectors.addepar.values import text
from engine.domain.accounts import Lot
from engine.domain.identifiers import AccountId, LotId, SecurityId

_SECTION: Final = "holdings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """All shares of one security in one account; cost is USD for all of them, None where the source says nothing."""

    shares: Decimal
    cost: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """lots are ordered by lot_id; cash is USD, prices USD a share; cash_entities the Addepar entities taken as cash.

    positions: only where the firm has no lot view, and so no lots here.
    """

    cash: Decimal
    lots: tuple[Lot, ...]
    positions: Mapping[SecurityId, Position]
    prices: Mapping[SecurityId, Decimal]
    cash_entities: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingReader:
    """Reads the account rows of one pull. Faults go to the collector that each call is given."""

    keys: HoldingKeys
    securities: SecurityIndex
    as_of: date

    def read(self, account_id: AccountId, row: HoldingRow, faults: Faults) -> Holdings:
        """Return what the account holds, as far as it could be read; whatever could not is a fault."""
        cash = Decimal(0)
        lots: list[Lot] = []
        positions: dict[SecurityId, Position] = {}
        prices: dict[SecurityId, Decimal] = {}
        cash_entities: set[str] = set()
        for position in row.children:
            security_id = self.securities.find(text(position.values.get("cusip")), text(position.values.get("ticker")))
            if security_id is None and text(position.values.get("asset_class")) in self.keys.cash_asset_classes:
                cash += faults.needed(position.values, "value", f"cash {position.name}", _SECTION) or 0
                cash_entities.add(position.entity_id)
            elif security_id is None:
                _unknown_security(position, faults)
            else:
                if self.keys.lot:
                    lots += self._lots(account_id, security_id, position, faults)
                else:
                    positions[security_id] = _whole(security_id, position, faults)
                price = price_of(security_id, position, faults)
                if price is not None:
                    prices[security_id] = price
        for lot_id, count in Counter(lot.lot_id for lot in lots).items():
            if count > 1:
                faults.error(f"lot {lot_id}", "holdings.lot_id", found=f"{count} lots", expected="one lot of that id")
        lots.sort(key=lambda lot: lot.lot_id)
        return Holdings(
            cash=cash,
            lots=tuple(lots),
            positions=positions,
            prices=prices,
            cash_entities=frozenset(cash_entities) - {""},
        )

    def _lots(self, account_id: AccountId, security_id: SecurityId, position: HoldingRow, faults: Faults) -> list[Lot]:
        """The lots of a position; a fault where they do not add up to it."""
        subject = f"position {security_id}"
        held = faults.needed(position.values, "units", subject, _SECTION)
        rows = [row for row in position.children if row.values.get("units") != 0]
        lots = [lot for row in rows if (lot := self._lot(account_id, security_id, row, faults)) is not None]
        total = sum((lot.quantity for lot in lots), Decimal(0))
        if held is not None and len(lots) == len(rows) and abs(total - held) > self.keys.units_tolerance:
            faults.error(subject, "holdings.units", found=f"{len(lots)} lots of {total} shares together",
                         expected=f"the position's {held} shares")  # fmt: skip
        return lots

    def _lot(self, account_id: AccountId, security_id: SecurityId, row: HoldingRow, faults: Faults) -> Lot | None:
        lot_id = text(row.values.get("lot_id"))
        subject = f"lot {lot_id or row.name} of {security_id}"
        if not lot_id:
            faults.error(subject, "holdings.lot_id", found="nothing", expected="the lot's id")
        units = faults.needed(row.values, "units", subject, _SECTION)
        if units is not None and units <= 0:
            faults.error(subject, "holdings.units", found=str(units), expected="more than 0 shares")
        acquired = faults.past_day(row.values, "lot_acquired", subject, _SECTION, as_of=self.as_of)
        if not row.values.get("lot_acquired"):
            faults.error(subject, "holdings.lot_acquired", found="nothing", expected="the day the lot was acquired")
        start = faults.past_day(row.values, "lot_holding_start", subject, _SECTION, as_of=self.as_of)
        if start and acquired and start > acquired:
            faults.error(subject, "holdings.lot_holding_start", found=str(start),
                         expected=f"a day not after the lot was acquired, {acquired}")  # fmt: skip
        cost = _cost(row, subject, faults)
        if not lot_id or units is None or units <= 0 or acquired is None or cost is None:
            return None
        return Lot(
            account_id=account_id,
            lot_id=LotId(lot_id),
            security_id=security_id,
            quantity=units,
            cost_per_share=cost[0] / units,
            acquired=acquired,
            wash_adjustment=cost[1],
            holding_start=start if start != acquired else None,
        )


def _whole(security_id: SecurityId, position: HoldingRow, faults: Faults) -> Position:
    subject = f"position {security_id}"
    shares = faults.needed(position.values, "units", subject, _SECTION) or Decimal(0)
    if shares < 0:
        faults.error(subject, "holdings.units", found=str(shares), expected="0 or more shares")
    return Position(shares=shares, cost=faults.amount(position.values, "original_cost", subject, _SECTION))


def _cost(row: HoldingRow, subject: str, faults: Faults) -> tuple[Decimal, Decimal | None] | None:
    """The lot's total cost and what wash sales added to it; None with a fault noted where there is no cost.

    A basis below the original cost is returned capital, no wash sale: it lowers the cost itself.
    """
    original = faults.needed(row.values, "original_cost", subject, _SECTION)
    adjusted = faults.amount(row.values, "adjusted_cost", subject, _SECTION)
    lowest = min((cost for cost in (original, adjusted) if cost is not None), default=Decimal(0))
    if lowest < 0:
        faults.error(subject, "holdings.original_cost", found=str(lowest), expected="a cost of at least 0")
    if original is None or lowest < 0:
        return None
    if adjusted is None or adjusted == original:
        return original, None
    if adjusted > original:
        return original, adjusted - original
    faults.warn(subject, "holdings.adjusted_cost", found=f"{adjusted}, below the original cost of {original}",
                expected="at least the original cost", effect="taken as the lot's cost")  # fmt: skip
    return adjusted, None


def price_of(security_id: SecurityId, position: HoldingRow, faults: Faults) -> Decimal | None:
    """Return the price, or value over units; None with a warning where neither is one."""
    subject = f"position {security_id}"
    price = faults.amount(position.values, "price", subject, _SECTION)
    if price is None:
        value = faults.amount(position.values, "value", subject, _SECTION)
        units = faults.amount(position.values, "units", subject, _SECTION)
        price = value / units if value is not None and units else None
    if price is None or price <= 0:
        faults.warn(subject, "holdings.price", found="nothing" if price is None else str(price),
                    expected="a price above 0", effect="price left as it was")  # fmt: skip
        return None
    return price


def _unknown_security(position: HoldingRow, faults: Faults) -> None:
    codes = [f"{name} {text(position.values.get(name))}" for name in ("cusip", "ticker") if position.values.get(name)]
    found = f"{position.name} ({', '.join(codes) or 'no cusip, no ticker'})"
    faults.error(f"position {position.name}", "holdings.cusip", found=found, expected="one of the firm's securities")
