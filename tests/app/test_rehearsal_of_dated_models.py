"""Rehearsals where models have versions: FOUR holds from the beginning, from 2 November and, to come, 21 December.

The firm's day is 20 November 2026; else it is the firm of test_rehearsal.py. The version in force is AAA, BBB, CCC and
DDD at 25 % each; the one before held AAA alone, and the next is AAA and BBB at 50 % each.
"""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import pytest

from app.steps.firm import export_firm, import_firm
from app.steps.policy import Asked, adoption_files, adoption_words, change_of
from app.steps.rehearsal import Sample, rehearse
from engine.domain.errors import DataError
from tests.app.conftest import AFTER_THE_CLOSE
from tests.app.test_nightly import hands, prepare
from tests.app.test_rehearsal import adopt_and_run, by_account

NOVEMBER, DECEMBER = date(2026, 11, 2), date(2026, 12, 21)
VERSIONS = (
    "FOUR,AAA,1,\n"
    + "".join(f"FOUR,{name},0.25,2026-11-02\n" for name in ("AAA", "BBB", "CCC", "DDD"))
    + "FOUR,AAA,0.5,2026-12-21\nFOUR,BBB,0.5,2026-12-21\n"
)
HEADER = "model_id,security_id,weight,effective\n"


@pytest.fixture
def services(desk, tmp_path):
    found = desk.services()
    prepare(found)
    export_firm(found, tmp_path / "dated")
    models = tmp_path / "dated" / "models.csv"
    rows = [line for line in models.read_text().splitlines()[1:] if not line.startswith("FOUR,")]
    models.write_text(HEADER + VERSIONS + "".join(f"{row},\n" for row in rows))
    before = replace(found, now=lambda: AFTER_THE_CLOSE - timedelta(hours=1))
    import_firm(before, tmp_path / "dated", actor="maya")
    yield found
    found.database.close()


@pytest.fixture
def rehearsed(services, person):
    return lambda asked: rehearse(services, change_of(services, asked), Sample(), actor=person("maya"), workers=hands())


@pytest.fixture
def file_of(tmp_path):
    def write(rows):
        file = tmp_path / "tried.csv"
        file.write_text(HEADER + rows)
        return Asked(models=(file,))

    return write


def versions(services):
    return {each.effective: dict(each.weights) for each in services.firm.models() if each.model_id == "FOUR"}


def test_adopting_another_weight_changes_the_version_in_force_and_loses_none(services, rehearsed, person, tmp_path):
    """DDD goes from the version of 2 November: a third for each of the others."""
    asked = Asked(weights=(("FOUR", "DDD", "0"),))
    found = rehearsed(asked)
    foreseen = {each.account_id: (each.outcome, dict(each.trades), each.liability) for each in found.then}

    happened = adopt_and_run(services, person, asked, tmp_path)

    assert {name: told[:3] for name, told in happened.items()} == foreseen
    assert dict(by_account(found.then)["T1"].trades)["DDD"] < -20_000
    after = versions(services)
    assert after[None] == {"AAA": D(1)}
    assert after[NOVEMBER].keys() == {"AAA", "BBB", "CCC"}
    assert after[DECEMBER] == {"AAA": D("0.5"), "BBB": D("0.5")}


def test_adopting_says_which_version_comes_later(services):
    change = change_of(services, Asked(weights=(("FOUR", "DDD", "0"),)))

    assert "From 2026-12-21 on, the version of FOUR of that day holds; it is in models.csv too." in adoption_words(
        services, change
    )


def test_a_file_without_dates_stands_for_the_version_in_force(services, rehearsed, file_of):
    asked = file_of("FOUR,AAA,0.4,\nFOUR,BBB,0.6,\n")

    found = rehearsed(asked)

    [model] = change_of(services, asked).models
    assert (model.effective, dict(model.weights)) == (NOVEMBER, {"AAA": D("0.4"), "BBB": D("0.6")})
    assert dict(by_account(found.then)["T1"].trades)["DDD"] < -20_000
    adopted = adoption_files(services, change_of(services, asked))["models.csv"].decode().splitlines()
    assert [line for line in adopted if line.startswith("FOUR,")] == [
        "FOUR,AAA,1,", "FOUR,AAA,0.4,2026-11-02", "FOUR,BBB,0.6,2026-11-02",
        "FOUR,AAA,0.5,2026-12-21", "FOUR,BBB,0.5,2026-12-21",
    ]  # fmt: skip


def test_a_version_to_come_leaves_tonights_book_as_it_is_and_is_adopted_for_its_day(services, rehearsed, file_of):
    asked = file_of("FOUR,CCC,1,2026-12-21\n")

    found = rehearsed(asked)

    assert found.now == found.then
    assert found.record.words == (
        "model FOUR effective 2026-12-21: not in force on 2026-11-20, tonight's book is the same",
    )
    adopted = adoption_files(services, change_of(services, asked))["models.csv"].decode().splitlines()
    assert [line for line in adopted if line.endswith("2026-12-21")] == ["FOUR,CCC,1,2026-12-21"]


def test_of_a_file_with_dates_the_version_of_today_is_rehearsed(rehearsed, file_of):
    """The file lets DDD go on 16 November; from 21 December on the firm's own version holds as before."""
    found = rehearsed(file_of("FOUR,AAA,0.5,2026-11-16\nFOUR,BBB,0.5,2026-11-16\nFOUR,DDD,1,2027-06-21\n"))

    assert dict(by_account(found.then)["T1"].trades)["DDD"] < -20_000


def test_one_version_in_two_files_is_refused(services, tmp_path, file_of):
    asked = file_of("FOUR,AAA,1,2026-12-21\n")

    with pytest.raises(DataError, match="model FOUR effective 2026-12-21: expected it once in the files, found it tw"):
        change_of(services, Asked(models=asked.models * 2))
