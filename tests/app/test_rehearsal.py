"""Rehearsals over the firm of hand_firm/ on a day on which AAA rose by 30 %, to 130 USD.

T1 holds 250 AAA (150 at 60 from 2025, 100 at 140 from March) and pays 32 % and 20 %; T2 holds 505 AAA at 60 from 2025
and pays 20 % on it. T1 follows four names at 25 % each, T2 two at 50 %. I1 holds no AAA and needs nothing.
"""

import json
import re
import zipfile
from contextlib import contextmanager
from decimal import Decimal

import pandas as pd
import pytest
from sqlalchemy import func, select, update

from app.steps import plan, review
from app.steps.background import Stopped
from app.steps.firm import export_firm, import_firm
from app.steps.monitor import scan_firm
from app.steps.nightly import run_night
from app.steps.policy import Asked, adoption_files, adoption_words, change_from, change_of
from app.steps.rehearsal import Sample, chosen, is_current, opened, rehearse
from app.steps.workers import Workers, local
from data import tables
from engine.domain.errors import DataError, NotAllowed
from engine.domain.jobs import JobKind
from engine.domain.lifecycle import PlanState
from tests.app.test_nightly import dearer, hands, prepare

WHOLE = Sample()
FREE = {"max_active_weight": "none", "max_sector_active": "none"}
NO_AAA = Asked(settings=FREE, restrict=(("firm", "AAA", "do_not_hold"),))
RISK = """security_id,MARKET\nAAA,1\nBBB,1\nCCC,1\nDDD,1\nEEE,1\nFFF,1\n"""


@pytest.fixture
def services(services):
    prepare(services)
    return services


@pytest.fixture
def rehearsed(services, person):
    """rehearsed(asked) is what a rehearsal by maya finds."""

    def run(asked, *, sample=WHOLE, by="maya", workers=None, **how):
        change = change_of(services, asked)
        return rehearse(services, change, sample, actor=person(by), workers=workers or hands(), **how)

    return run


@pytest.fixture
def quieter_risk(tmp_path):
    """A folder with a risk model of half the specific volatility: tracking errors halve."""
    folder = tmp_path / "quieter"
    folder.mkdir()
    (folder / "exposures.csv").write_text(RISK)
    (folder / "factor_covariance.csv").write_text("factor,MARKET\nMARKET,0\n")
    lines = (f"{name},0.1\n" for name in ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF"))
    (folder / "specific.csv").write_text("security_id,specific_volatility\n" + "".join(lines))
    return folder


@contextmanager
def nobody():
    raise AssertionError("work was handed out that is known already")
    yield


IDLE = Workers(open=nobody, many=lambda _: 1)


def by_account(side):
    return {each.account_id: each for each in side}


def rows_of(services):
    """Return how many rows each table has."""
    with services.database.read() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table))
            for table in tables.metadata.sorted_tables
        }


def test_a_change_to_what_a_setting_is_already_changes_nothing_account_by_account(rehearsed):
    found = rehearsed(Asked(settings={"tax_weight": "1"}))

    assert [each.account_id for each in found.now] == ["I1", "T1", "T2"]
    assert found.now == found.then
    assert found.totals[0] == found.totals[1]
    assert [pair.changed_usd for pair in found.pairs] == [0.0, 0.0, 0.0]


def test_what_may_not_be_held_is_sold_by_every_holder_with_the_tax_worked_out_by_hand(rehearsed):
    found = rehearsed(NO_AAA)

    now, then = by_account(found.now), by_account(found.then)
    assert {name: dict(each.trades).get("AAA") for name, each in then.items()} == {
        "T1": -250 * 130.0, "T2": -505 * 130.0, "I1": None,
    }  # fmt: skip
    t1 = then["T1"]
    assert (t1.st_gain, t1.lt_gain) == (100 * (130 - 140), 150 * (130 - 60))
    assert t1.liability == 10_500 * 0.20 - 1_000 * 0.32
    assert t1.harvested == 1_000
    assert then["T2"].liability == 505 * (130 - 60) * 0.20
    assert then["I1"] == now["I1"]
    assert found.totals[1].tax == 1_780 + 7_070
    assert found.totals[1].would_trade == 2


def test_the_account_with_most_dollars_of_other_trades_comes_first(rehearsed):
    found = rehearsed(NO_AAA)

    t2 = by_account(found.now)["T2"], by_account(found.then)["T2"]
    names = {name for side in t2 for name, _ in side.trades}
    by_hand = sum(abs(dict(t2[1].trades).get(name, 0) - dict(t2[0].trades).get(name, 0)) for name in names)
    assert [pair.now.account_id for pair in found.pairs] == ["T2", "T1", "I1"]
    assert found.pairs[0].changed_usd == by_hand


def test_an_account_that_no_plan_fits_any_more_is_newly_not_planned_with_its_cause(rehearsed):
    """T2 must hold BBB within 1 % of its 50 %, may hold no AAA, and may keep 1 % in cash."""
    found = rehearsed(Asked(restrict=(("firm", "AAA", "do_not_hold"),)))

    t2 = next(pair for pair in found.pairs if pair.now.account_id == "T2")
    assert (t2.now.outcome, t2.then.outcome, t2.newly_not_planned) == ("proposed", "exception", True)
    assert t2.then.cause.startswith("No plan meets every rule: ")
    assert t2.then.trades == ()
    assert t2.then.te_after == t2.then.te_before
    assert "out of balance" in t2.new_breaches


def test_under_half_the_risk_every_tracking_error_of_today_is_half(rehearsed, quieter_risk):
    found = rehearsed(Asked(risk=str(quieter_risk)))

    for pair in found.pairs:
        assert pair.then.te_before == pytest.approx(pair.now.te_before / 2, abs=2e-8)
    assert found.record.words == ("risk model: quieter",)


def test_a_name_dropped_from_the_index_leaves_its_followers_alone_with_the_others(rehearsed):
    """FOUR without DDD is a third each of AAA, BBB and CCC; T1's DDD is 25,000 of 107,500 USD over its target of 0."""
    found = rehearsed(Asked(weights=(("FOUR", "DDD", "0"),)))

    t1 = next(pair for pair in found.pairs if pair.now.account_id == "T1")
    third = 1 / 3
    active = [32_500 / 107_500 - third, *[25_000 / 107_500 - third] * 2, 25_000 / 107_500]
    assert t1.then.te_before == pytest.approx(0.2 * sum(each**2 for each in active) ** 0.5, abs=1e-8)
    assert dict(t1.then.trades)["DDD"] < -20_000
    assert {pair.now.account_id for pair in found.pairs if pair.same} == {"T2", "I1"}


def test_only_the_settings_file_that_is_named_changes(rehearsed):
    found = rehearsed(Asked(settings={"max_turnover": "0"}, files=("fully_invested",)))

    assert {pair.now.account_id for pair in found.pairs if not pair.same} == {"T1"}


def adopt_and_run(services, person, asked, tmp_path):
    """Bring in the firm with the change in its folder, run a night; return what it came to for each account."""
    change, folder = change_of(services, asked), tmp_path / "firm"
    files = adoption_files(services, change)
    export_firm(services, folder)
    for path, content in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)
    if asked.risk:
        for file in (tmp_path / "quieter").iterdir():
            (folder / "risk" / file.name).write_bytes(file.read_bytes())
    if "settings/default.toml" in files:
        accounts = pd.read_csv(folder / "accounts.csv", dtype=str)
        accounts["settings"] = accounts["settings"].fillna("default")
        accounts.to_csv(folder / "accounts.csv", index=False)
    import_firm(services, folder, actor="maya")
    night = run_night(services, actor=person("maya"), workers=hands(), settings={})
    found = {}
    for each in services.runs.accounts(night.run.run_id):
        document = services.plans.get(each.plan_id).document if each.outcome == "proposed" else None
        found[each.account_id] = (
            each.outcome,
            {} if document is None else {
                trade["security_id"]: trade["amount"] * (1 if trade["side"] == "buy" else -1)
                for trade in document["trades"]
            },
            0.0 if document is None else document["tax"]["liability"],
            None if document is None else document["after"]["tracking_error"],
        )  # fmt: skip
    return found


@pytest.mark.parametrize("kind", ["restriction", "setting", "index", "risk"])
def test_the_book_rehearsed_is_the_book_of_a_night_after_the_change_was_really_adopted(
    services, rehearsed, person, quieter_risk, tmp_path, kind
):
    with services.database.begin() as connection:  # one account names no settings, so that the default counts too
        connection.execute(update(tables.accounts).where(tables.accounts.c.account_id == "T2").values(settings=None))
    asked = {
        "restriction": NO_AAA,
        "setting": Asked(settings={"max_turnover": "0.01", "cost_bp": "7"}),
        "index": Asked(weights=(("FOUR", "DDD", "0"), ("TWO", "CCC", "0.2"))),
        "risk": Asked(risk=str(quieter_risk)),
    }[kind]
    found = rehearsed(asked)
    foreseen = {
        each.account_id: (
            each.outcome, dict(each.trades), each.liability, each.te_after if each.outcome == "proposed" else None
        )
        for each in found.then
    }  # fmt: skip

    happened = adopt_and_run(services, person, asked, tmp_path)

    assert happened == foreseen
    assert found.now != found.then


def test_nothing_is_written_but_the_rehearsal_and_its_job(services, rehearsed, person):
    scan_firm(services, actor="maya")
    run_night(services, actor=person("maya"), workers=hands(), settings={})
    rows, head = rows_of(services), services.audit.rows(limit=1)[0]
    states = {each.plan_id: (each.state, each.version) for each in services.plans.heads()}
    queue = services.scans.queue().table.to_pylist()

    rehearsed(NO_AAA)

    written = {name: count - rows[name] for name, count in rows_of(services).items() if count != rows[name]}
    assert written == {"documents": 2, "jobs": 1, "rehearsals": 1}
    assert services.audit.rows(limit=1)[0] == head
    assert {each.plan_id: (each.state, each.version) for each in services.plans.heads()} == states
    assert services.scans.queue().table.to_pylist() == queue
    assert services.jobs.newest(limit=1)[0].kind is JobKind.REHEARSAL


def test_the_present_side_is_what_tonight_comes_to(services, rehearsed, person):
    found = rehearsed(NO_AAA)

    night = run_night(services, actor=person("maya"), workers=hands(), settings={})

    assert {each.account_id: each.outcome for each in found.now} == {
        each.account_id: each.outcome for each in services.runs.accounts(night.run.run_id)
    }
    for each in services.runs.accounts(night.run.run_id, outcome="proposed"):
        amounts = {
            trade["security_id"]: trade["amount"] for trade in services.plans.get(each.plan_id).document["trades"]
        }
        assert {name: abs(usd) for name, usd in by_account(found.now)[each.account_id].trades} == amounts


def test_the_same_again_is_taken_from_the_record_and_is_equal(services, rehearsed):
    first = rehearsed(NO_AAA)

    again = rehearsed(NO_AAA, workers=IDLE)

    assert (again.record, again.now, again.then) == (first.record, first.now, first.then)
    assert opened(services, first.record.rehearsal_id[:12]).then == first.then


def test_another_change_of_the_same_book_works_out_its_own_side_alone(rehearsed):
    handed_out = []
    first = rehearsed(NO_AAA, workers=hands(then=lambda: handed_out.append("both")))

    second = rehearsed(Asked(settings={"cost_bp": "9"}), workers=hands(then=lambda: handed_out.append("one")))

    assert handed_out == ["both", "both", "one"]  # three accounts are one task a side
    assert second.now == first.now
    assert second.record.book == first.record.book


def test_a_rehearsal_is_marked_once_prices_move_or_a_person_proposes_a_plan(services, rehearsed, person):
    first = rehearsed(NO_AAA).record
    assert is_current(services, first)
    own = plan.keep(services, plan.what_if(services, "T2", plan.default_settings(services, "T2")), actor="maya")
    assert is_current(services, first)
    review.propose(services, own, actor=person("maya"))
    assert not is_current(services, first)

    second = rehearsed(NO_AAA).record
    assert second.rehearsal_id != first.rehearsal_id
    assert is_current(services, second)
    dearer(services, Decimal("1.01"))
    assert not is_current(services, second)


def test_a_nights_own_proposals_do_not_make_a_rehearsal_old(services, rehearsed, person):
    found = rehearsed(NO_AAA).record

    run_night(services, actor=person("maya"), workers=hands(), settings={})

    assert [head.state for head in services.plans.heads()] == [PlanState.PROPOSED] * 2
    assert is_current(services, found)


def test_an_account_with_a_plan_before_people_is_planned_under_neither_policy(rehearsed, in_review):
    in_review("T1")

    found = rehearsed(NO_AAA)

    t1 = next(pair for pair in found.pairs if pair.now.account_id == "T1")
    assert (t1.now.outcome, t1.then.outcome, t1.then.trades) == ("under way", "under way", ())


def test_a_household_that_no_worker_survives_is_an_exception_on_both_sides(rehearsed):
    found = rehearsed(NO_AAA, workers=hands(deadly="H2"))

    t2 = next(pair for pair in found.pairs if pair.now.account_id == "T2")
    assert (t2.now.outcome, t2.then.outcome) == ("exception", "exception")
    assert t2.then.cause == "it could not be worked on: its worker was lost 3 times"
    assert by_account(found.then)["T1"].outcome == "proposed"


def test_processes_come_to_what_one_process_comes_to(services, rehearsed):
    here = rehearsed(NO_AAA, sample=Sample(advisor="Ann"))
    with services.database.begin() as connection:
        connection.execute(tables.rehearsals.delete())

    there = rehearsed(NO_AAA, workers=local(2))

    assert (there.now, there.then) == (here.now, here.then)


def test_what_was_stopped_is_not_kept_and_the_job_says_so(services, rehearsed):
    def stop(doing, done):
        if done > 0.1:
            raise Stopped("Rehearsing: stopped by hand")

    with pytest.raises(Stopped):
        rehearsed(NO_AAA, progress=stop)

    job = services.jobs.newest(limit=1)[0]
    assert rows_of(services)["rehearsals"] == 0
    assert (job.kind, job.outcome.value) == (JobKind.REHEARSAL, "failed")


def test_nothing_is_kept_where_data_came_in_meanwhile(services, rehearsed):
    left = [lambda: dearer(services, Decimal("1.01"))]

    with pytest.raises(DataError, match="came in anew meanwhile"):
        rehearsed(NO_AAA, workers=hands(then=lambda: left.pop()() if left else None))

    assert rows_of(services)["rehearsals"] == 0


def test_progress_counts_the_accounts_of_both_sides(rehearsed):
    told = []

    rehearsed(NO_AAA, progress=lambda doing, done: told.append((doing, done)))

    assert [doing for doing, _ in told] == [
        "market", "3 of 6 accounts, under both policies", "6 of 6 accounts, under both policies", "done"
    ]  # fmt: skip
    assert [done for _, done in told] == [0.0, 0.49, 0.98, 1.0]


def test_only_who_may_plan_any_account_may_rehearse(services, rehearsed):
    for who in ("ada", "alan", "cora"):
        with pytest.raises(NotAllowed, match="may not rehearse a policy on the whole book"):
            rehearsed(NO_AAA, by=who)

    assert rows_of(services)["rehearsals"] == 0


def test_a_sample_is_whole_households_and_a_larger_one_holds_every_smaller_one(services):
    one, two, all_of_them = (chosen(services, Sample(accounts=count)) for count in (1, 2, 3))

    assert all_of_them == {"H1": ["I1", "T1"], "H2": ["T2"]} == chosen(services, Sample())
    assert all(all_of_them[name] == some[name] for some in (one, two) for name in some)
    assert one.keys() <= two.keys()
    assert len(one) == 1
    assert chosen(services, Sample(accounts=1)) == one


def test_a_sample_of_nobody_is_an_error(services):
    with pytest.raises(DataError, match="unknown advisor 'Anne'; did you mean Ann"):
        chosen(services, Sample(advisor="Anne"))
    with pytest.raises(DataError, match="unknown segment 'rich'; none is known"):
        chosen(services, Sample(segment="rich"))
    with pytest.raises(DataError, match="expected 1 account or more, found 0"):
        chosen(services, Sample(accounts=0))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Asked(), "expected a setting, a restriction, a risk model or a model, found none"),
        (Asked(settings={"max_turnovr": "0.1"}), "unknown setting max_turnovr; did you mean max_turnover?"),
        (Asked(settings={"min_cash": "0.5"}), "expected 0 <= min_cash <= max_cash <= 1"),
        (Asked(restrict=(("firm", "AAA", "dont"),)), "unknown rule of a restriction 'dont'"),
        (Asked(restrict=(("firm", "AAA", "max_weight"),)), "expected a weight such as 0.02, found nothing"),
        (Asked(restrict=(("firm", "AAA", "do_not_buy=1"),)), "expected no value, found 1"),
        (Asked(lift=(("firm", "AAA", "do_not_buy"),)), "expected one that the firm has, found none such"),
        (Asked(risk="/nowhere"), "found no such folder"),
        (Asked(weights=(("FIVE", "AAA", "0.1"),)), "unknown model 'FIVE'"),
        (Asked(weights=(("FOUR", "ZZZ", "0.1"),)), "unknown security 'ZZZ'"),
        (Asked(weights=(("FOUR", "EEE", "0"),)), "expected a name of it to drop, found EEE"),
    ],
)
def test_a_change_that_this_firm_cannot_make_is_refused_by_name_and_nothing_is_kept(services, rehearsed, asked, told):
    before = rows_of(services)

    with pytest.raises(DataError, match=told):
        rehearsed(asked)

    assert rows_of(services) == before


def test_what_is_kept_of_a_change_is_enough_to_adopt_it(services, rehearsed):
    asked = Asked(settings={"cost_bp": "9"}, restrict=(("H1", "sector:Energy", "max_weight=0.05"),),
                  weights=(("TWO", "CCC", "0.25"),))  # fmt: skip
    change = change_of(services, asked)

    kept = change_from(rehearsed(asked).record.change)

    assert kept == change
    files = adoption_files(services, kept)
    assert sorted(files) == ["models.csv", "restrictions.csv", "settings/any_cash.toml", "settings/default.toml",
                             "settings/fully_invested.toml", "settings/withdrawal.toml"]  # fmt: skip
    assert files["restrictions.csv"].decode().splitlines()[1] == "H1,sector:Energy,max_weight,0.05,,rehearsed"
    assert [line for line in files["models.csv"].decode().splitlines() if line.startswith("TWO,")] == [
        "TWO,AAA,0.375000000000", "TWO,BBB,0.375000000000", "TWO,CCC,0.25"
    ]  # fmt: skip
    assert adoption_words(services, kept)[-1].startswith("Bring the folder in")


def test_the_command_says_what_the_page_shows_and_writes_files_that_read_back(desk, tmp_path):
    services = desk.services()
    prepare(services)
    csv, xlsx = tmp_path / "book.csv", tmp_path / "book.xlsx"
    how = ["--set", "max_active_weight=none", "--set", "max_sector_active=none", "--restrict", "firm", "AAA",
           "do_not_hold", "--workers", "1", "--as", "maya"]  # fmt: skip

    said = desk.run("rehearse", *how, "--json", "--to", str(csv))
    again = desk.run("rehearse", *how, "--to", str(xlsx), "--adopt", str(tmp_path / "adopt"))

    document = json.loads(said.out)
    assert (said.code, again.code) == (0, 0), said.err + again.err
    assert document["totals"]["then"]["tax"] == 8_850
    assert [each["account_id"] for each in document["accounts"]] == ["T2", "T1", "I1"]
    table = pd.read_csv(csv)
    row = table.set_index("account").loc["T1"]
    assert (row["tax_then"], row["net_gain_then"], row["outcome_then"]) == (1_780, 9_500, "proposed")
    assert list(table["account"]) == ["T2", "T1", "I1"]
    with zipfile.ZipFile(xlsx) as parts:
        texts = parts.read("xl/sharedStrings.xml").decode()
        cells = parts.read("xl/worksheets/sheet1.xml").decode()
    assert all(f">{name}<" in texts for name in ("account", "tax_then", "T1", "T2", "I1"))
    assert cells.count("<row ") == 4
    assert {"<v>1780</v>", "<v>7070</v>"} <= set(re.findall(r"<v>[^<]*</v>", cells))
    assert "Tax (below zero: saved)" in again.out
    assert "firm AAA do_not_hold" in again.out
    assert (tmp_path / "adopt" / "restrictions.csv").is_file()
    services.database.close()


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (["--set", "cost_bp"], "expected KEY=VALUE"),
        ([], "found none"),
        (["--set", "cost_bp=1", "--to", "book.txt"], "expected a name that ends in .csv or .xlsx, found .txt"),
        (["--set", "cost_bp=1", "--to", "/nowhere/book.csv"], "expected a folder that is there"),
        (["--model", "/nowhere.csv"], "expected a file that ends in .csv or .parquet"),
        (["--set", "cost_bp=1", "--advisor", "Zoe"], "unknown advisor 'Zoe'"),
    ],
)
def test_bad_input_ends_the_command_with_2_and_a_sentence(desk, how, told):
    said = desk.run("rehearse", *how, "--as", "maya", "--workers", "1")

    assert (said.code, said.out) == (2, "")
    assert told in said.err
