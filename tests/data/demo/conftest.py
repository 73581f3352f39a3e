"""The demo firm as `lotsmith demo` makes it when nothing is said, made once."""

from collections import defaultdict

import pytest

from data.demo.books import demo_books
from data.demo.reference import demo_reference
from engine.domain.accounts import AccountSnapshot
from engine.domain.market import Mark, MarketSnapshot
from engine.domain.policy import restrictions_in_force
from engine.domain.settings import PlanSettings, settings_from_toml
from engine.risk.estimate import estimate_risk

SEED = 1
ACCOUNTS = 120


@pytest.fixture(scope="session")
def demo():
    return demo_reference(SEED, ACCOUNTS)


@pytest.fixture(scope="session")
def demo_accounts():
    return tuple(demo_books(SEED, ACCOUNTS))


@pytest.fixture(scope="session")
def demo_marks(demo):
    """demo_marks(days_ago): the last close of each security, of a number of sessions before its last."""

    def marks(days_ago):
        return {h.security_id: Mark(price=h.closes[-1 - days_ago], on=h.dates[-1 - days_ago]) for h in demo.prices}

    return marks


@pytest.fixture(scope="session")
def demo_market(demo, demo_marks):
    return MarketSnapshot(
        as_of=demo.as_of,
        securities={security.security_id: security for security in demo.securities},
        marks=demo_marks(0),
        models={model.model_id: model for model in demo.models if model.effective is None},
        substitutes=demo.substitutes,
        risk=estimate_risk(demo.prices, demo.securities, as_of=demo.as_of),
    )


@pytest.fixture(scope="session")
def demo_snapshots(demo, demo_accounts):
    """Every account with its household and what restricts it."""
    households = {household.household_id: household for household in demo.households}
    family = defaultdict(list)
    for book in demo_accounts:
        family[book.account.household_id].append(book)
    return tuple(
        AccountSnapshot(
            as_of=demo.as_of,
            household=households[book.account.household_id],
            book=book,
            household_books=tuple(family[book.account.household_id]),
            restrictions=restrictions_in_force(demo.restrictions, book.account, demo.as_of),
        )
        for book in demo_accounts
    )


@pytest.fixture(scope="session")
def demo_settings(demo):
    """demo_settings(snapshot): the settings that its account names, else the defaults."""
    named = {name: settings_from_toml(text, source=name) for name, text in demo.settings.items()}
    return lambda snapshot: named.get(snapshot.account.settings, PlanSettings())
