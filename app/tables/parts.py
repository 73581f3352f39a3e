"""What tables have in common."""

from datetime import date
from decimal import Decimal
from typing import Any, Final

import pandas as pd

from engine.domain.identifiers import SecurityId
from engine.domain.market import MarketSnapshot

_NEARLY: Final = 0.9995  # $999,600 is $1.0M, and never $1,000k


def usd(amount: Decimal | float) -> str:
    """Return an amount in whole dollars, the sign before the dollar sign."""
    whole = f"{abs(amount):,.0f}"
    return f"{'-' if amount < 0 and whole != '0' else ''}${whole}"


def short_usd(amount: float) -> str:
    """Return an amount as people say it: $950, $12k, $3.4M, $1.20B."""
    sign, size = "-" if amount < 0 else "", abs(amount)
    for least, unit, decimals in ((1e9, "B", 2), (1e6, "M", 1), (1e3, "k", 0)):
        if size >= _NEARLY * least:
            return f"{sign}${size / least:,.{decimals}f}{unit}"
    return usd(amount)


def rate(of_one: Decimal) -> str:
    """Return a rate in per cent with the decimals that it has, one at least: 0.2375 is 23.75%, 0.2 is 20.0%."""
    per_cent = (100 * of_one).normalize()
    return f"{per_cent:.{max(1, -int(per_cent.as_tuple().exponent))}f}%"


def literal(text: str) -> str:
    """Return text to be shown as Markdown in which no dollar sign begins a formula: of two, what is between is lost."""
    return text.replace("$", r"\$")


def table_of(rows: list[dict[str, Any]], columns: str) -> pd.DataFrame:
    """Return rows with these columns, named in one string, also where there is no row."""
    return pd.DataFrame(rows, columns=columns.split())


def named(market: MarketSnapshot, security_id: str) -> dict[str, str]:
    """Return what a security is called; an id that the market does not know stands for itself."""
    known = market.securities.get(SecurityId(security_id))
    if known is None:
        return {"ticker": security_id, "name": "", "sector": ""}
    return {"ticker": known.ticker, "name": known.name, "sector": known.sector}


def day(on: date) -> str:
    """Return a date as people write it."""
    return f"{on.day} {on:%B %Y}"
