"""How does a custodian that trades files answer? It watches the folders of exports and puts its fills beside them."""

import argparse
import time
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final

from connectors.sandbox.custodian import fill_file, read_closes

_POLL_S: Final = 1.0


def answer_new_files(exports: Path, closes: Mapping[str, Decimal], *, day: date | None = None) -> int:
    """Write fills-NAME.fix beside each orders-NAME.fix that has none yet; return how many were written.

    closes: USD a share by ticker, on that day; None for the day of the orders. An export is complete, and answered,
    once its manifest is there.
    """
    written = 0
    for manifest in sorted(exports.glob("*/manifest.json")):
        for orders in sorted(manifest.parent.glob("orders-*.fix")):
            fills = orders.with_name(orders.name.replace("orders-", "fills-", 1))
            if not fills.exists():
                fill_file(orders, closes, fills, day=day)
                written += 1
    return written


def main() -> None:
    """Watch a folder of exports until interrupted."""
    parser = argparse.ArgumentParser(description="A custodian by files, to practise with; it holds nobody's money.")
    parser.add_argument("--dir", type=Path, required=True, help="the folder that holds the exports")
    parser.add_argument("--prices", type=Path, required=True, help="a CSV of ticker, close")
    parser.add_argument("--day", type=date.fromisoformat, help="of the prices and the fills; else that of the orders")
    arguments = parser.parse_args()
    while True:
        if arguments.prices.exists():
            answer_new_files(arguments.dir, read_closes(arguments.prices), day=arguments.day)
        time.sleep(_POLL_S)


if __name__ == "__main__":
    main()
