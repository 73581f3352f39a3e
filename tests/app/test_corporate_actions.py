"""A merger and a spin-off from the folder to the booked account: the firm of hand_firm/, its day 20 November 2026.

T1 has CCC and AAA, T2 has AAA; the merger of CCC and the spin-off of AAA are of the 16th.
"""

import shutil
from datetime import date
from decimal import Decimal as D

import pytest

from app.steps import corporate_actions, monitor
from engine.domain.errors import NotAllowed
from engine.domain.lifecycle import Role, User
from engine.tax.history import read_history

ACTIONS = (
    "security_id,ex_date,kind,value,successor,cash,price,basis_fraction,taxable,ticker\n"
    "CCC,2026-11-16,merger,0.5,BBB,10,80,,false,\n"
    "AAA,2026-11-16,spin_off,0.25,FFF,,50,0.1,,\n"
    "FFF,2026-11-17,ticker_change,1,,,,,,FRESH\n"
    "EEE,2026-12-01,merger,1,FFF,,,,false,\n"
)


@pytest.fixture
def folder(tmp_path, hand_firm):
    hand_folder = tmp_path / "firm"
    shutil.copytree(hand_firm, hand_folder)
    (hand_folder / "corporate_actions.csv").write_text(ACTIONS)
    models = (hand_folder / "models.csv").read_text().splitlines()
    rows = [models[0] + ",effective", *(row + "," for row in models[1:])]
    rows += ["FOUR,AAA,0.5,2026-12-21", "FOUR,BBB,0.5,2026-12-21"]
    (hand_folder / "models.csv").write_text("\n".join(rows) + "\n")
    return hand_folder


@pytest.fixture
def services(desk, folder):
    assert desk.run("import", str(folder), "--as", "maya").code == 0
    found = desk.services()
    yield found
    found.database.close()


def manager(services):
    return services.users.user("maya")


def codes(services):
    return sorted(
        (scan.account.account_id, problem.code)
        for scan in monitor.scan_firm(services, actor="maya")
        for problem in scan.problems
        if problem.code.endswith("_not_booked")
    )


def lots(services, name):
    return {
        (book.account.account_id, lot.lot_id): (lot.quantity, lot.basis)
        for book in services.firm.books()
        for lot in book.lots
        if lot.security_id == name
    }


def in_order(services):
    return [
        (book.account, sorted(book.lots, key=lambda lot: lot.lot_id), list(book.transactions))
        for book in services.firm.books()
    ]


def test_what_is_not_booked_fences_until_it_is_booked_once(services):
    held = {name: lots(services, name) for name in ("AAA", "BBB", "CCC")}
    cash = {book.account.account_id: book.account.cash for book in services.firm.books()}
    owners = {account for account, _ in held["CCC"]}
    expected = sorted(
        [(account, "merger_not_booked") for account in owners]
        + [(account, "spin_off_not_booked") for account in {account for account, _ in held["AAA"]}]
    )
    assert expected
    assert codes(services) == expected

    done = corporate_actions.book_all(services, actor=manager(services))
    again = corporate_actions.book_all(services, actor=manager(services))

    assert (done.actions, done.findings) == (len(expected), ())
    assert (again.accounts, again.actions) == (0, 0)
    assert codes(services) == []
    assert lots(services, "CCC") == {}
    for key, (shares, _) in held["CCC"].items():
        assert lots(services, "BBB")[key][0] == shares / 2
    for key, (shares, basis) in held["AAA"].items():
        assert lots(services, "AAA")[key] == (shares, basis * D("0.9"))
        assert lots(services, "FFF")[key[0], f"{key[1]}+FFF"][1] <= basis * D("0.1")
    # T1: 10 USD for each of 500 CCC, and 50 for half a share of FFF, 250 AAA giving 62.5; T2: a quarter, of 126.25.
    came = {"T1": D(5025), "T2": D("12.50"), "I1": D(0)}
    for book in services.firm.books():
        assert book.account.cash == cash[book.account.account_id] + came[book.account.account_id]
        assert read_history([book], as_of=date(2026, 11, 20)).imbalance == {}
    told = [row for row in services.audit.rows() if row.what == "account.corporate_action"]
    assert {row.subject for row in told} == {account for account, _ in expected}
    assert all(row.actor == "maya" for row in told)


def test_models_follow_and_the_next_version_is_shown(services):
    market = services.firm.market_parts()
    weights = dict(market.models["FOUR"].weights)

    assert "CCC" not in weights
    assert sum(weights.values()) == 1
    assert market.securities["FFF"].ticker == "FRESH"
    [coming] = corporate_actions.reconstitutions(services)
    assert (coming.model_id, coming.effective, coming.accounts) == ("FOUR", date(2026, 12, 21), 1)
    assert corporate_actions.ended_in_models(services)[0].startswith("FOUR: CCC no longer trades; BBB has its weight")


def test_an_advisor_books_nothing(services):
    advisor = User(user_id="ada", name="Ada Advisor", roles=frozenset({Role.ADVISOR}))

    with pytest.raises(NotAllowed, match="Ada Advisor may not book corporate actions"):
        corporate_actions.book_all(services, actor=advisor)


def test_an_export_of_what_was_booked_is_taken_in_again(services, desk, tmp_path):
    corporate_actions.book_all(services, actor=manager(services))
    before = in_order(services)

    assert desk.run("export", str(tmp_path / "out")).code == 0
    assert desk.run("import", str(tmp_path / "out"), "--as", "maya").code == 0

    assert in_order(services) == before


def test_the_command_lists_and_books(desk, services):
    listed = desk.run("actions")

    assert "CCC was merged away on 2026-11-16 for 0.5 BBB and 10 USD a share, not booked" in listed.out
    assert "FOUR: another version in force from 2026-12-21" in listed.out
    assert desk.run("actions", "--apply").code == 2  # nobody named
    assert "could not be" in desk.run("actions", "--apply", "--as", "maya").out
    assert "not booked" not in desk.run("actions").out
