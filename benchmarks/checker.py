"""How long does the second checker take for one plan? Over the plans of a firm.

python -m benchmarks.checker DATABASE [--plans N] prints JSON. DATABASE: a SQLite file with a firm in it; it is copied.
Each plan is checked with its rows still columns, as they come from the database, in milliseconds of CPU: the least of
five runs, for other processes share the machine.
"""

import argparse
import json
import pickle
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from app import wiring
from app.ports import Services
from app.settings import Settings
from app.steps.market import todays_market
from benchmarks.timing import spread, timed
from engine.domain.accounts import AccountSnapshot
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Plan, PlanStatus
from engine.domain.settings import PlanSettings, settings_from_toml
from engine.plan.household import MemberPlan, propose_each
from engine.review.checker import failures, second_opinion

_RUNS: Final = 5


def figures(database: Path, *, plans: int) -> dict[str, Any]:
    """Return the spread of the times of one check, and how large the accounts are."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "firm.db"
        shutil.copy(database, copy)
        services = wiring.connect(
            Settings(database_url=f"sqlite:///{copy}", exports=Path(scratch), user=None, connections={})
        )
        market = todays_market(services)
        found = list(islice(_plans(services, market), plans))
        services.database.close()
    return {
        "plans": len(found),
        "cpu_ms": spread([_check_ms(plan, snapshot, market) for plan, snapshot in found], 2),
        "lots": spread([len(snapshot.lots) for _, snapshot in found], 0),
        "trades": spread([len(plan.trades) for plan, _ in found], 0),
        "stopped": sum(bool(failures(second_opinion(plan, snapshot, market))) for plan, snapshot in found),
    }


def _plans(services: Services, market: MarketSnapshot) -> Iterator[tuple[Plan, AccountSnapshot]]:
    """Yield the plans with trades of each household's accounts, planned together."""
    texts = services.firm.all_settings()
    for name in dict.fromkeys(account.household_id for account in services.firm.accounts()):
        for stored in services.firm.stored_households([name]):
            snapshots = list(stored.snapshots(as_of=market.as_of))
            settings = {each.account.account_id: _settings(texts, each.account.settings) for each in snapshots}
            for made in propose_each(snapshots, market, settings, inputs_hash=lambda _: "0" * 64):
                if isinstance(made, MemberPlan) and made.plan.status is not PlanStatus.INFEASIBLE and made.plan.trades:
                    yield made.plan, made.snapshot


def _settings(texts: Any, name: str | None) -> PlanSettings:
    return PlanSettings() if name is None else settings_from_toml(texts.get(name, ""), source=name)


def _check_ms(plan: Plan, snapshot: AccountSnapshot, market: MarketSnapshot) -> float:
    least = float("inf")
    for _ in range(_RUNS):
        inputs = pickle.loads(pickle.dumps(snapshot))  # whose rows nobody has asked for yet
        least = min(least, timed(partial(second_opinion, plan, inputs, market)).cpu_ms)
    return least


def main() -> None:
    """Print the figures of a firm."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("database", type=Path)
    asked.add_argument("--plans", type=int, default=40)
    options = asked.parse_args()
    print(json.dumps(figures(options.database, plans=options.plans), indent=2))


if __name__ == "__main__":
    main()
