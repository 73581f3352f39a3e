"""What is it worth? Positions, market values and net asset value, in exact decimals."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine.domain.accounts import AccountSnapshot, Lot
from engine.domain.errors import DataError
from engine.domain.identifiers import SecurityId
from engine.domain.market import MarketSnapshot


def positions(lots: Iterable[Lot]) -> Mapping[SecurityId, Decimal]:
    """Return the shares held of each security, ordered by security_id."""
    shares: dict[SecurityId, Decimal] = {}
    for lot in lots:
        shares[lot.security_id] = shares.get(lot.security_id, Decimal(0)) + lot.quantity
    return dict(sorted(shares.items()))


def market_values(snapshot: AccountSnapshot, market: MarketSnapshot) -> Mapping[SecurityId, Decimal]:
    """Return the USD value of each position. Raises DataError when a held security has no mark."""
    held = positions(snapshot.lots)
    unpriced = [security_id for security_id in held if security_id not in market.marks]
    if unpriced:
        raise DataError(
            f"account {snapshot.account.account_id}: expected a price on or before {market.as_of} for every holding, "
            f"found none for {', '.join(unpriced)}"
        )
    return {security_id: shares * market.marks[security_id].price for security_id, shares in held.items()}


def net_asset_value(snapshot: AccountSnapshot, market: MarketSnapshot) -> Decimal:
    """Return cash plus the market value of all lots, USD. Raises DataError as market_values does."""
    return snapshot.account.cash + sum(market_values(snapshot, market).values(), Decimal(0))
