"""Rehearsals over the firm of hand_firm/ on a day on which AAA rose by 30 %, to 130 USD.

T1 holds 250 AAA (150 at 60 from 2025, 100 at 140 from March), T2 505 AAA at 60; I1 holds none and needs nothing.
"""

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from app.steps import plan, review
from app.steps.monitor import scan_firm
from app.steps.nightly import run_night
from app.steps.policy import Asked, adoption_files, change_of
from app.steps.rehearsal import Sample, chosen, is_current, opened, rehearse
from data.tables import metadata
from engine.domain.errors import DataError, NotAllowed
from engine.review.rehearsed import compared
from tests.app.test_nightly import dearer, hands, prepare

NO_AAA = Asked(restrict=(("firm", "AAA", "do_not_hold"),))


@pytest.fixture
def services(desk):
    found = desk.services()
    prepare(found)
    yield found
    found.database.close()


@pytest.fixture
def rehearsed(services, person):
    """rehearsed(asked) is what a rehearsal by maya finds."""

    def run(asked, sample=Sample(), by="maya", workers=None, **how):
        change = change_of(services, asked)
        return rehearse(services, change, sample, actor=person(by), workers=workers or hands(), **how)

    return run


def by_account(side):
    return {each.account_id: each for each in side}


def test_smoke(rehearsed):
    found = rehearsed(NO_AAA)
    for p in found.pairs: print(p)
    print(found.totals)
    print(found.record)
    assert 0
