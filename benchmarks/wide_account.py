"""A firm of one account with thousands of names, as a firm folder: for looking at pages that have a lot to show.

python -m benchmarks.wide_account FOLDER [--names 3000]
"""

import argparse
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Final

from benchmarks.families import FAMILIES, instances
from connectors.firm_folder.write import write_firm
from data.demo.reference import DEMO_NAME
from engine.domain.accounts import AccountBook, FirmReference
from engine.domain.market import PriceHistory

_CENT: Final = Decimal("0.01")


def write(folder: Path, *, names: int) -> None:
    """Write the firm of one account of the transition family: a legacy portfolio and its target of so many names."""
    family = next(each for each in FAMILIES if each.name == "transition")
    made = instances(family, names=names, factors=70, count=1)[0]
    market, snapshot = made.market, made.snapshot
    account = replace(snapshot.account, settings=None, cash=snapshot.account.cash.quantize(_CENT))
    reference = FirmReference(
        as_of=snapshot.as_of,
        currency="USD",
        name=DEMO_NAME,
        securities=tuple(market.securities.values()),
        prices=tuple(
            PriceHistory(security_id=name, dates=(mark.on,), closes=(mark.price,), adjusted=(None,))
            for name, mark in market.marks.items()
        ),
        models=tuple(market.models.values()),
        households=(snapshot.household,),
        risk=market.risk,
    )
    write_firm(folder, reference, [AccountBook(account=account, lots=snapshot.lots, transactions=())])


def main() -> None:
    """Write the folder asked for."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--names", type=int, default=3000)
    options = asked.parse_args()
    write(options.folder, names=options.names)


if __name__ == "__main__":
    main()
