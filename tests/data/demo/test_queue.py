"""The demo firm gives a portfolio manager every kind of work, and not every account the same."""

from collections import Counter, defaultdict
from statistics import median, quantiles

import pytest

from data.demo.dirt import Dirt, dirty_accounts
from engine.domain.accounts import AccountSnapshot, Registration
from engine.domain.market import Mark, MarketSnapshot
from engine.domain.policy import restrictions_in_force
from engine.domain.settings import PlanSettings, settings_from_toml
from engine.monitor.account_scan import Reason
from engine.monitor.scan import scan_account
from engine.risk.estimate import estimate_risk

FENCED = {Dirt.NO_BASIS: 1, Dirt.LOTS_DIFFER: 1, Dirt.SHARED_NUMBER: 2}


def marks(demo, *, days_ago):
    """The last close of each security, of a number of sessions before its last."""
    return {h.security_id: Mark(price=h.closes[-1 - days_ago], on=h.dates[-1 - days_ago]) for h in demo.prices}


@pytest.fixture(scope="module")
def scans(demo, demo_accounts):
    """The scan of every account, on the day after a scan of the day before."""
    market = MarketSnapshot(
        as_of=demo.as_of,
        securities={security.security_id: security for security in demo.securities},
        marks=marks(demo, days_ago=0),
        models={model.model_id: model for model in demo.models},
        substitutes=demo.substitutes,
        risk=estimate_risk(demo.prices, demo.securities, as_of=demo.as_of),
    )
    households = {household.household_id: household for household in demo.households}
    settings = {name: settings_from_toml(text, source=name) for name, text in demo.settings.items()}
    family = defaultdict(list)
    for book in demo_accounts:
        family[book.account.household_id].append(book)
    yesterday = marks(demo, days_ago=1)
    return [
        scan_account(
            AccountSnapshot(
                as_of=demo.as_of,
                household=households[book.account.household_id],
                book=book,
                household_books=tuple(family[book.account.household_id]),
                restrictions=restrictions_in_force(demo.restrictions, book.account, demo.as_of),
            ),
            market,
            settings.get(book.account.settings, PlanSettings()),
            last_marks=yesterday,
        )
        for book in demo_accounts
    ]


def test_each_reason_to_look_at_an_account_occurs(scans):
    reasons = Counter(reason for scan in scans for reason in scan.reasons)

    assert set(reasons) == set(Reason)
    assert all(count < 0.6 * len(scans) for count in reasons.values())
    assert 2 <= reasons[Reason.MARKET_MOVE] <= 20


def test_some_accounts_need_nothing(scans):
    assert 0.1 * len(scans) < sum(not scan.reasons for scan in scans) < 0.4 * len(scans)


def test_tracking_errors_are_those_of_direct_indexing_with_legacy_positions(scans):
    """Accounts that sample their model lie below 1 %, those in transition at a few per cent."""
    errors = sorted(scan.tracking_error for scan in scans)
    tenths = quantiles(errors, n=10)

    assert 0.0005 < tenths[0] < 0.003
    assert 0.003 < median(errors) < 0.012
    assert 0.015 < tenths[-1] < 0.05
    assert errors[-1] < 0.08


def test_losses_worth_taking_lie_in_half_of_the_taxable_accounts_and_in_no_ira(scans):
    taxable = [scan for scan in scans if scan.account.registration is Registration.TAXABLE]
    others = [scan for scan in scans if scan.account.registration is not Registration.TAXABLE]
    waiting = [scan for scan in taxable if Reason.HARVESTABLE in scan.reasons]

    assert 0.3 < len(waiting) / len(taxable) < 0.7
    assert not any(scan.harvest.tax_saved for scan in others)
    assert max(scan.harvest.tax_saved for scan in waiting) > 20 * min(scan.harvest.tax_saved for scan in waiting)


def test_iras_have_work_too(scans):
    others = [scan for scan in scans if scan.account.registration is not Registration.TAXABLE]

    assert 5 <= sum(Reason.OUT_OF_BALANCE in scan.reasons for scan in others) < 0.7 * len(others)


def test_the_faults_that_make_numbers_wrong_fence_their_accounts_and_no_others(scans):
    dirty = dirty_accounts(len(scans))
    fenced = {scan.account.account_id for scan in scans if scan.fenced}

    # The account whose number is borrowed is fenced together with the borrower.
    assert len(fenced) == sum(FENCED.values())
    assert {account_id for account_id, dirt in dirty.items() if dirt in FENCED} <= fenced
    overdrawn = next(account_id for account_id, dirt in dirty.items() if dirt is Dirt.OVERDRAWN)
    [seen] = [scan for scan in scans if scan.account.account_id == overdrawn]
    assert Reason.DATA_PROBLEM in seen.reasons
    assert not seen.fenced
