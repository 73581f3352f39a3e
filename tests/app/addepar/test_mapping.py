"""Can a firm find, try and save what its Addepar calls its lots, by step and by command?"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import cli
from app.ports import Services
from app.steps import addepar
from app.steps.sync import sync_addepar
from engine.domain.errors import DataError, ExternalRefusal, NotAllowed


@pytest.fixture
def wrong(connect: Callable[..., Services]) -> Services:
    """Services whose configuration file names a lot grouping that this Addepar does not have."""
    return connect(holdings={"lot": "lot_number"})


def test_what_is_proposed_reads_every_lot_of_an_account_and_can_be_saved(wrong: Services) -> None:
    found = addepar.discover(wrong)
    changes = {one.place: one.proposed for one in found.proposals if one.exists is False}
    assert changes == {"holdings.lot": "tax_lot"}

    tested = addepar.try_mapping(wrong, "T1", changes)
    assert tested.book is not None
    assert set(tested.book.lots) == set(wrong.firm.snapshot("T1").lots)

    addepar.save_mapping(wrong, changes, user=wrong.users.user("maya"))
    assert sync_addepar(wrong, actor="maya").accounts == 3


def test_a_test_changes_nothing_and_names_what_addepar_refuses(wrong: Services) -> None:
    before = tuple(wrong.firm.books())

    with pytest.raises(ExternalRefusal, match=r"holdings.lot = 'lot_number'"):
        addepar.try_mapping(wrong, "T1", {})

    assert tuple(wrong.firm.books()) == before
    assert wrong.sources.sources() == {}


def test_a_test_shows_the_faults_that_would_fence_the_account(stand_in: Any, addepar: Services) -> None:
    stand_in.control("rows", {"grouping": "tax_lot", "name": "t1-b", "set": {"tax_lot_open_date": None}})

    tested = _tried(addepar)

    assert tested.book is None
    assert [(issue.subject, issue.field) for issue in tested.issues] == [("lot t1-b of BBB", "holdings.lot_acquired")]


def _tried(services: Services) -> Any:
    return addepar.try_mapping(services, "T1", {})


def test_the_audit_log_says_who_saved_what_and_what_was_before(wrong: Services) -> None:
    maya = wrong.users.user("maya")
    addepar.save_mapping(wrong, {"holdings.lot": "tax_lot"}, user=maya)
    addepar.save_mapping(wrong, {"holdings.price": "", "holdings.original_cost": "cost_basis a=b"}, user=maya)

    newest, first = [row for row in wrong.audit.rows() if row.what == "addepar.mapping"]
    assert (first.actor, first.before, first.after) == ("maya", None, {"holdings": {"lot": "tax_lot"}})
    assert newest.before == first.after
    assert newest.after == {
        "holdings": {"lot": "tax_lot", "price": "", "original_cost": {"key": "cost_basis", "a": "b"}}
    }


def test_what_cannot_be_is_not_saved(wrong: Services) -> None:
    with pytest.raises(DataError, match=r"unknown \[holdings\] key lots; did you mean lot"):
        addepar.save_mapping(wrong, {"holdings.lots": "x"}, user=wrong.users.user("maya"))
    with pytest.raises(DataError, match="lot_id: expected the key of an Addepar attribute, found nothing"):
        addepar.save_mapping(wrong, {"holdings.lot_id": ""}, user=wrong.users.user("maya"))

    assert wrong.addepar.mapping() is None


def test_an_advisor_may_not_save_a_mapping(wrong: Services) -> None:
    with pytest.raises(NotAllowed, match="Ada Advisor may not change the Addepar mapping"):
        addepar.save_mapping(wrong, {"holdings.lot": "tax_lot"}, user=wrong.users.user("ada"))


@pytest.fixture
def command(desk: Any, stand_in: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """command(*arguments) runs lotsmith on the desk, its Addepar named with a wrong lot grouping."""
    config = tmp_path / "lotsmith.toml"
    lines = [f"{name} = {value!r}" for name, value in stand_in.table().items()]
    config.write_text("\n".join(["[addepar]", *lines, "[addepar.holdings]", "lot = 'lot_number'"]))
    monkeypatch.setenv("LOTSMITH_DB", desk.url)
    monkeypatch.setenv("LOTSMITH_CONFIG", str(config))
    return lambda *arguments: cli.run(list(arguments))


def test_the_commands_lead_from_a_wrong_mapping_to_a_sync(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("sync", "addepar") == 3
    assert "holdings.lot = 'lot_number'" in capsys.readouterr().err
    assert command("addepar", "discover", "--view", "8") == 0
    assert "tax_lot_open_date" in capsys.readouterr().out
    right = ("--set", "holdings.lot=tax_lot")
    assert command("addepar", "test", "T1", *right) == 0
    assert "t1-a-gain" in capsys.readouterr().out
    assert command("addepar", "save", *right) == 2
    assert "who is acting?" in capsys.readouterr().err
    assert command("addepar", "save", *right, "--as", "maya") == 0
    assert command("addepar", "status") == 0
    said = capsys.readouterr().out
    assert "mapping saved by maya" in said
    assert "holdings.lot = tax_lot" in said
    assert command("sync", "addepar", "--full") == 0
    assert "3 accounts brought in, 0 kept as they were; 3 histories read" in capsys.readouterr().err
    assert command("addepar", "status", "--json") == 0
    assert '"requests": 100000' in capsys.readouterr().out


def test_a_test_of_an_account_with_a_fault_ends_with_one(command: Callable[..., int], stand_in: Any) -> None:
    stand_in.control("rows", {"grouping": "tax_lot", "name": "t1-b", "set": {"tax_lot_open_date": None}})

    assert command("addepar", "test", "T1", "--set", "holdings.lot=tax_lot") == 1
    assert command("addepar", "test", "T9", "--set", "holdings.lot=tax_lot") == 2
