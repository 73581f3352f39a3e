"""The demo firm gives a portfolio manager every kind of work, and not every account the same."""

from collections import Counter
from statistics import median, quantiles

import pytest

from data.demo.dirt import Dirt, dirty_accounts
from engine.domain.accounts import Registration
from engine.monitor.account_scan import Reason
from engine.monitor.scan import scan_account

FENCED = {Dirt.NO_BASIS: 1, Dirt.LOTS_DIFFER: 1, Dirt.SHARED_NUMBER: 2}


@pytest.fixture(scope="module")
def scans(demo_market, demo_marks, demo_snapshots, demo_settings):
    """The scan of every account, on the day after a scan of the day before."""
    yesterday = demo_marks(1)
    return [
        scan_account(snapshot, demo_market, demo_settings(snapshot), last_marks=yesterday)
        for snapshot in demo_snapshots
    ]


def test_each_reason_to_look_at_an_account_occurs(scans):
    reasons = Counter(reason for scan in scans for reason in scan.reasons)

    assert set(reasons) == set(Reason) - {Reason.EXCEPTION}  # which a night alone finds
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
