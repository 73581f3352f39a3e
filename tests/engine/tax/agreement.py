"""Does the ledger agree with counting share by share? One random history, or as many as are asked for.

    nice -n 10 python -m tests.engine.tax.agreement --histories 100000 --processes 2

prints every seed on which they disagree and leaves with 1 if there is one.
"""

import argparse
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from engine.tax.wash_sales import Ledger, LedgerLot, ledger
from tests.engine.tax.oracle import GROUPS, START, TAXABLE, Oracle
from tests.engine.tax.random_histories import DAYS, History, books

CLOSE = Fraction(1, 10**6)
CHUNK = 250
Table = Mapping[tuple, Sequence[Decimal | Fraction]]


def disagreements(seed: int) -> list[str]:
    """Return what the two ledgers of a random household tell differently, each with what ours and theirs says."""
    rows = History(seed).rows
    as_of = random.Random(seed).choice([DAYS, DAYS, DAYS // 2, DAYS // 3])
    oracle = Oracle(rows, as_of)
    found = ledger(books(rows, oracle.open_lots()), as_of=START + timedelta(days=as_of), groups=GROUPS)
    departed = [lot for lot in found.departed if lot.account_id in TAXABLE]
    return [
        *different("losses", losses(found), {(sale,): numbers for sale, numbers in oracle.losses.items()}),
        *different("matches", matches(found), oracle.caught),
        *different("reported gains", reported(found), oracle.reported),
        *different("lots left", lots_of(found.lots), oracle.lots(departed=False)),
        *different("lots gone", lots_of(departed), oracle.lots(departed=True)),
    ]


def different(what: str, ours: Table, theirs: Table) -> list[str]:
    return [
        f"{what} {key}: ours {ours.get(key)}, theirs {theirs.get(key)}"
        for key in [*ours, *(key for key in theirs if key not in ours)]
        if key not in ours
        or key not in theirs
        or any(abs(Fraction(our) - Fraction(their)) > CLOSE for our, their in zip(ours[key], theirs[key], strict=True))
    ]


def losses(found: Ledger) -> Table:
    return {
        (loss.transaction_id,): (loss.quantity, loss.loss, loss.disallowed, loss.permanently_disallowed)
        for loss in found.losses
    }


def matches(found: Ledger) -> Table:
    shares: dict[tuple, list[Decimal]] = defaultdict(lambda: [Decimal(0)])
    for loss in found.losses:
        for match in loss.matches:
            shares[loss.transaction_id, match.transaction_id][0] += match.quantity
    return shares


def reported(found: Ledger) -> Table:
    gains: dict[tuple, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for piece in found.realised:
        entry = gains[piece.transaction_id, piece.term.value if piece.term else ""]
        entry[0] += piece.quantity
        entry[1] += piece.gain
    return gains


def lots_of(lots: Iterable[LedgerLot]) -> Table:
    found: dict[tuple, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for lot in lots:
        held_from = lot.holding_start or lot.acquired
        entry = found[lot.account_id, lot.lot_id, None if held_from is None else (held_from - START).days]
        entry[0] += lot.quantity
        entry[1] += lot.basis
    return found


def check(seeds: range) -> list[str]:
    return [f"seed {seed}: {line}" for seed in seeds for line in disagreements(seed)]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--histories", type=int, default=100_000)
    options.add_argument("--first", type=int, default=0, help="the first seed")
    options.add_argument("--processes", type=int, default=1)
    asked = options.parse_args()

    last = asked.first + asked.histories
    chunks = [range(seed, min(seed + CHUNK, last)) for seed in range(asked.first, last, CHUNK)]
    began, done, wrong = time.monotonic(), 0, set()
    with ProcessPoolExecutor(asked.processes) as pool:
        for chunk, lines in zip(chunks, pool.map(check, chunks), strict=True):
            done += len(chunk)
            wrong |= {line.split(":")[0] for line in lines}
            if done % 5000 < CHUNK or done == asked.histories:
                lines.append(f"{done} histories, {len(wrong)} disagree, {time.monotonic() - began:.0f} s")
            sys.stdout.writelines(f"{line}\n" for line in lines)
            sys.stdout.flush()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
