"""The scan document, field by field, on the account worked by hand in conftest.py."""

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D
from math import sqrt

from engine.domain.accounts import AccountBook, Transaction, TransactionType
from engine.domain.market import Mark
from engine.domain.settings import PlanSettings
from engine.monitor.document import queue_row, scan_document
from engine.monitor.scan import scan_account

SETTINGS = PlanSettings(max_active_weight=0.045, max_sector_active=None, min_cash=0.0, gains_budget=D(2000))


def scanned(snapshot, market):
    """A sibling account bought GAMA on 13 November; ALFA stood at 80 the day before; the mark of BETA is a week old."""
    row = Transaction(
        transaction_id="t1",
        account_id="B",
        trade_date=date(2026, 11, 13),
        security_id="GAMA",
        type=TransactionType.BUY,
        quantity=D(1),
        price=D(20),
    )
    sibling = replace(snapshot.account, account_id="B", account_number="2")
    books = (snapshot.book, AccountBook(account=sibling, lots=(), transactions=(row,)))
    marks = {**market.marks, "BETA": Mark(price=D(50), on=date(2026, 11, 13))}
    yesterday = market.as_of - timedelta(days=1)
    return scan_account(
        replace(snapshot, household_books=books),
        replace(market, marks=marks),
        SETTINGS,
        last_marks={"ALFA": Mark(price=D(80), on=yesterday)},
    )


def test_the_document_says_all_that_the_scan_found_with_every_figure_rounded_once(snapshot, market):
    """Tracking error sqrt(0.00055376); ALFA +25 %: 0.25 / sqrt(0.05 / 365) = 21.36 sigmas; at stake 5,537.60 + 250.

    Before that ALFA was worth 32,000 of 92,000 USD, and of 57,000 in Tech. Market exposure of the account
    (32 + 1.2 x 25 + 0.8 x 30) / 92 = 86/92, oil 30/92; of Tech 62/57.
    """
    whole = (0.04 * 86**2 + 0.02 * 86 * 30 + 0.09 * 30**2 + 0.01 * 32**2 + 0.04 * 25**2 + 0.09 * 30**2) / 92**2
    tech = (0.04 * 62**2 + 0.01 * 32**2 + 0.04 * 25**2) / 57**2
    account_sigmas, sector_sigmas = 8 / 92 / sqrt(whole / 365), 8 / 57 / sqrt(tech / 365)
    document = scan_document([scanned(snapshot, market)])

    assert document["as_of"] == "2026-11-20"
    [account] = document["accounts"]
    assert account == {
        "account_id": "A",
        "household_id": "H",
        "household": "Hand",
        "advisor": "Ann",
        "registration": "taxable",
        "custodian": "One",
        "model_id": "M",
        "dollars_at_stake": 5787.60,
        "reasons": ["data_problem", "out_of_balance", "cash_high", "harvestable", "market_move"],
        "fenced": False,
        "nav": 100000.0,
        "cash": {"usd": 5000.0, "weight": 0.05, "min": 0.0, "max": 0.01},
        "tracking_error": 0.02353211,
        "max_active_weight": 0.05,
        "drift": {
            "names": [
                {
                    "security_id": name,
                    "weight": weight,
                    "target": target,
                    "active": active,
                    "restricted": False,
                    "outside": outside,
                }
                for name, weight, target, active, outside in [
                    ("BETA", 0.25, 0.3, -0.05, True),
                    ("ALFA", 0.4, 0.36, 0.04, False),
                    ("GAMA", 0.3, 0.34, -0.04, False),
                ]
            ],
            "sectors": [
                {"name": "Fuel", "active": -0.04, "outside": False},
                {"name": "Tech", "active": -0.01, "outside": False},
            ],
            "factors": [
                {"name": "market", "active": -0.052, "outside": False},
                {"name": "oil", "active": -0.04, "outside": False},
            ],
        },
        "harvest": {
            "st_loss": 0.0,
            "lt_loss": 1000.0,
            "tax_saved": 250.0,
            "lots": [
                {
                    "lot_id": "g1",
                    "security_id": "GAMA",
                    "quantity": 1500.0,
                    "term": "ST",
                    "loss": 3000.0,
                    "tax_saved": 1200.0,
                    "blocked": "wash_sale_lock",
                    "until": "2026-12-14",
                },
                {
                    "lot_id": "a1",
                    "security_id": "ALFA",
                    "quantity": 100.0,
                    "term": "LT",
                    "loss": 1000.0,
                    "tax_saved": 250.0,
                    "blocked": None,
                    "until": None,
                },
            ],
        },
        "locks": [{"identical_group": "GAMA", "rule": "no_loss_sale", "cause": "t1", "until": "2026-12-14"}],
        "moves": [
            {"of": "account", "key": "A", "change": 0.08695652, "sigmas": round(account_sigmas, 8), "dollars": 8000.0},
            {"of": "sector", "key": "Tech", "change": 0.14035088, "sigmas": round(sector_sigmas, 8), "dollars": 8000.0},
            {"of": "name", "key": "ALFA", "change": 0.25, "sigmas": 21.36000936, "dollars": 8000.0},
        ],
        "problems": [
            {
                "code": "stale_mark",
                "severity": "warn",
                "security_id": "BETA",
                "sentence": "The price of BETA is 7 days old, from 2026-11-13.",
            }
        ],
        "data_age_days": 0,
        "gains_left": 2000.0,
    }


def test_the_document_is_plain_json(snapshot, market):
    document = scan_document([scanned(snapshot, market)])

    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_scans_keep_their_order(snapshot, market):
    first = scanned(snapshot, market)
    second = replace(first, account=replace(first.account, account_id="0"))

    assert [account["account_id"] for account in scan_document([first, second])["accounts"]] == ["A", "0"]


def test_no_scan_is_an_empty_document():
    assert scan_document([]) == {"as_of": None, "accounts": []}


def test_a_brief_scan_keeps_every_sum_and_no_single_lot(snapshot, market):
    scan = scanned(snapshot, market)
    [whole], [brief] = (scan_document([each])["accounts"] for each in (scan, scan.brief()))

    assert len(whole["drift"]["names"]) > 1
    assert whole["harvest"]["lots"]
    assert brief["drift"] == {"names": whole["drift"]["names"][:1], "sectors": [], "factors": []}
    assert brief["harvest"] == {**whole["harvest"], "lots": []}
    assert {**brief, "drift": 0, "harvest": 0} == {**whole, "drift": 0, "harvest": 0}


def test_a_row_of_the_queue_tells_the_documents_figures_and_splits_what_is_at_stake(snapshot, market):
    """At stake 5,537.60 of risk and 250 of tax, as in the document."""
    scan = scanned(snapshot, market)
    row, [told] = queue_row(scan), scan_document([scan])["accounts"]

    assert (row.at_stake, row.risk_at_stake, row.tax_at_stake) == (5787.60, 5537.60, 250.0)
    same = "household advisor registration custodian model_id fenced nav tracking_error max_active_weight gains_left"
    assert [getattr(row, name) for name in same.split()] == [told[name] for name in same.split()]
    assert list(row.reasons) == told["reasons"]
    assert (row.tax_saved, row.st_loss, row.lt_loss) == tuple(
        told["harvest"][name] for name in ("tax_saved", "st_loss", "lt_loss")
    )
    assert (row.cash_weight, row.locks) == (told["cash"]["weight"], len(told["locks"]))
