"""The book: what a scan keeps of its queue, what is chosen of it, saved views, and many accounts at once."""

from datetime import date
from threading import Event

import pandas as pd
import pytest

from app.charts.book import heat_figure
from app.steps import bulk, monitor, people, plan, views
from app.steps.background import Stopped, Work
from app.steps.views import BookView
from app.tables.book import (
    DRIFTS,
    IN_LINE,
    REASONS,
    SAVINGS,
    Book,
    book_of,
    chosen,
    columns_of,
    heat,
    outcome_table,
    queue_table,
    tiles,
)
from engine.domain.errors import DataError
from engine.domain.lifecycle import PlanState


def row(account, at_stake, reasons=(), *, drift=0.001, saved=0.0, household="Moss Family", advisor="Ada",
        custodian="North", nav=1000.0):  # fmt: skip
    return {
        "account_id": account, "household": household, "advisor": advisor, "registration": "taxable",
        "custodian": custodian, "model_id": "M", "at_stake": at_stake, "risk_at_stake": at_stake - saved,
        "tax_at_stake": saved, "reasons": list(reasons), "fenced": False, "nav": nav, "cash_weight": 0.01,
        "tracking_error": 0.02, "max_active_weight": drift, "st_loss": 0.0, "lt_loss": 0.0, "tax_saved": saved,
        "locks": 0, "data_age_days": 0, "gains_left": None,
    }  # fmt: skip


ROWS = pd.DataFrame(
    [
        row("A1", 500.0, ["out_of_balance", "harvestable"], drift=0.03, saved=200.0),
        row("A2", 300.0, ["harvestable"], drift=0.012, saved=4000.0, advisor="Bea", custodian="South"),
        row("B1", 100.0, ["cash_high", "harvestable"], drift=0.03, saved=200.0, household="Reed Trust"),
        row("C1", 0.0, drift=0.004, household="Reed Trust", advisor="Bea"),
    ]
)


@pytest.fixture
def book():
    return book_of(ROWS, [(date(2026, 11, 20), ROWS)])


def shown(book, **parts):
    return list(book.frame["account"][chosen(book, BookView(**parts))])


def test_no_filter_shows_the_whole_queue_in_its_order(book):
    assert shown(book) == ["A1", "A2", "B1", "C1"]


def test_a_search_finds_accounts_households_and_advisors_whatever_their_case(book):
    assert shown(book, search="b1") == ["B1"]
    assert shown(book, search="moss") == ["A1", "A2"]
    assert shown(book, search=" ADA ") == ["A1", "B1"]
    assert shown(book, search=".") == []  # text, and no pattern


def test_any_of_the_chosen_reasons_will_do_and_filters_narrow_one_another(book):
    assert shown(book, reasons=("cash high", "market move")) == ["B1"]
    assert shown(book, reasons=("harvestable",), custodians=("North",)) == ["A1", "B1"]
    assert shown(book, reasons=("harvestable",), custodians=("North",), search="moss") == ["A1"]
    assert shown(book, reasons=(IN_LINE,)) == ["C1"]
    assert shown(book, drifts=("2% to 4%",), savings=("below $1k",)) == ["A1", "B1"]


def test_a_reason_that_no_longer_exists_filters_nothing(book):
    assert shown(book, reasons=("spilled coffee",)) == ["A1", "A2", "B1", "C1"]


def test_tiles_count_what_the_other_filters_leave_whichever_reasons_are_chosen(book):
    def told(**parts):
        return {tile.reason: (tile.accounts, tile.at_stake) for tile in tiles(book, BookView(**parts)) if tile.accounts}

    everything = {"out of balance": (1, 500.0), "cash high": (1, 100.0), "harvestable": (3, 900.0), IN_LINE: (1, 0.0)}
    assert [tile.reason for tile in tiles(book, BookView())] == list(REASONS)
    assert told() == everything
    assert told(reasons=("cash high",)) == everything
    assert told(advisors=("Bea",)) == {"harvestable": (1, 300.0), IN_LINE: (1, 0.0)}


def test_the_queue_keeps_its_order_until_another_is_asked_for(book):
    def order(**parts):
        return list(queue_table(book, BookView(**parts), plan_states={})[0]["account"])

    assert order(order="tax_saved") == ["A2", "A1", "B1", "C1"]
    assert order(order="max_active_pct", smallest_first=True) == ["C1", "A2", "A1", "B1"]
    assert order(order="no such column") == ["A1", "A2", "B1", "C1"]


def test_a_browser_gets_the_columns_asked_for_and_the_account_that_a_click_opens(book):
    table, names = queue_table(book, BookView(columns=("tax_saved", "plan_state")), plan_states={"A2": "draft"})

    assert names == ("tax_saved", "plan_state")
    assert list(table.columns) == ["account", "tax_saved", "plan_state"]
    assert list(table["plan_state"]) == ["", "draft", "", ""]


def test_one_day_is_no_trend_and_from_the_second_on_each_account_has_its_own_days():
    earlier = pd.DataFrame([row("A1", 400.0, nav=900.0), row("GONE", 1.0)])
    later = book_of(ROWS, [(date(2026, 11, 19), earlier), (date(2026, 11, 20), ROWS)])
    trends = later.frame.set_index("account")["at_stake_trend"]

    assert "at_stake_trend" not in columns_of(book_of(ROWS, [(date(2026, 11, 20), ROWS)]))
    assert "at_stake_trend" in columns_of(later)
    assert trends["A1"] == [400.0, 500.0]
    assert trends["A2"] == [300.0]  # came in on the second day
    assert later.frame["nav_trend"][0] == [900.0, 1000.0]


def test_the_map_counts_accounts_and_dollars_by_drift_and_tax_saved(book):
    cells = heat(book, BookView(drifts=("above 8%",))).set_index(["drift", "saving"])

    assert cells["accounts"].to_dict() == {
        ("below 0.5%", "nothing"): 1, ("1% to 2%", "$1k to $5k"): 1, ("2% to 4%", "below $1k"): 2,
    }  # fmt: skip
    assert cells.loc[("2% to 4%", "below $1k"), ["at_stake", "dollars", "count"]].tolist() == [600.0, "$600", "2"]
    assert heat(book, BookView(search="reed"))["accounts"].sum() == 2


def test_a_cell_of_the_map_lies_where_its_ranges_meet_and_tells_a_click_which_it_is(book):
    figure = heat_figure(
        heat(book, BookView()), drifts=DRIFTS, savings=SAVINGS, dollars=False, chosen=(("2% to 4%",), ())
    )
    [bars] = figure.data
    places = {tuple(data[:2]): (x, base) for data, x, base in zip(bars.customdata, bars.x, bars.base, strict=True)}

    assert places[("2% to 4%", "below $1k")] == (3, 0.5)
    assert places[("below 0.5%", "nothing")] == (0, -0.5)
    assert dict(zip(places, bars.text, strict=True))[("2% to 4%", "below $1k")] == "2"
    assert [width for width in bars.marker.line.width if width > 1] == [3]  # the frame of the one chosen


def test_an_empty_book_has_tiles_and_an_empty_queue():
    empty = book_of(ROWS.iloc[:0], [])

    assert [tile.accounts for tile in tiles(empty, BookView())] == [0] * len(REASONS)
    assert queue_table(empty, BookView(), plan_states={})[0].empty


def read(services) -> Book:
    queue = monitor.last_queue(services)
    return book_of(queue.table.to_pandas(), [(day, table.to_pandas()) for day, table in queue.days])


def test_the_queue_tells_what_the_scan_said_and_splits_its_stake(services):
    """T1 may save 4,000 x 0.32 = 1,280; the others need nothing, as the hand-written firm has it."""
    assert monitor.queue_at(services) is None
    scans = monitor.scan_firm(services, actor="maya")
    found = read(services).frame.set_index("account")

    assert list(found.index) == [scan.account.account_id for scan in scans]
    assert monitor.queue_at(services) == services.now()
    assert found.loc["T1", ["at_stake", "risk_at_stake", "tax_at_stake", "tax_saved"]].tolist() == [1280, 0, 1280, 1280]
    assert found.loc["T1", "reasons"] == ["harvestable"]


def test_a_saved_view_comes_back_and_is_its_owners_alone(services):
    view = BookView(search="moss", reasons=("harvestable",), columns=("account", "nav"), order="nav")

    assert views.save_view(services, "maya", "  big   losses ", view) == "big losses"
    views.save_view(services, "maya", "all", BookView())
    views.save_view(services, "maya", "all", BookView(smallest_first=True))

    assert views.saved_views(services, "maya") == {"all": BookView(smallest_first=True), "big losses": view}
    assert views.saved_views(services, "ada") == {}
    views.delete_view(services, "maya", "big losses")
    views.delete_view(services, "maya", "never there")
    assert list(views.saved_views(services, "maya")) == ["all"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 41])
def test_a_view_needs_a_name_that_fits(services, name):
    with pytest.raises(DataError, match="expected a name of 1 to 40 characters"):
        views.save_view(services, "maya", name, BookView())


def test_views_have_a_limit_but_one_that_is_there_can_be_replaced(services):
    for number in range(views.MOST_VIEWS):
        views.save_view(services, "maya", f"v{number}", BookView())

    with pytest.raises(DataError, match="delete one first"):
        views.save_view(services, "maya", "one more", BookView())
    assert views.save_view(services, "maya", "v3", BookView(search="x")) == "v3"


def test_a_view_saved_by_another_version_shows_what_this_one_knows(services):
    state = {"search": "moss", "mood": "blue", "order": 7, "reasons": ["harvestable"]}
    services.views.save("maya", views.BOOK, "old", state)

    assert views.saved_views(services, "maya")["old"] == BookView(search="moss", reasons=("harvestable",))


def test_many_are_planned_and_proposed_and_each_refusal_is_told_by_its_account(services):
    maya = people.acting(services, "maya")
    seen = []

    planned = bulk.plan_accounts(services, ["T1", "NOBODY", "I1"], actor=maya)
    proposed = bulk.propose_plans(services, planned.done, actor=maya, progress=lambda name, part: seen.append(part))

    assert [(each.account_id, each.plan_id is None) for each in planned.each] == [
        ("T1", False), ("NOBODY", True), ("I1", False),
    ]  # fmt: skip
    assert "NOBODY" in planned.refused[0].refused
    assert seen == [0.5, 1.0]
    t1 = next(each for each in proposed.each if each.account_id == "T1")
    assert (t1.refused, services.plans.get(t1.plan_id).state) == ("", PlanState.PROPOSED)
    table = outcome_table(planned)
    assert table[["account", "state"]].values.tolist() == [["NOBODY", "refused"], ["T1", "draft"], ["I1", "draft"]]
    assert plan.newest_states(services)["T1"] == "proposed"


def test_who_may_not_propose_is_told_so_for_every_plan_and_nothing_moves(services):
    planned = bulk.plan_accounts(services, ["T1"], actor=people.acting(services, "maya"))
    alan = people.acting(services, "alan")

    refused = bulk.propose_plans(services, planned.done, actor=alan).refused

    assert [each.account_id for each in refused] == ["T1"]
    assert "may not propose" in refused[0].refused
    assert services.plans.get(planned.done[0].plan_id).state is PlanState.DRAFT
    assert (bulk.may_propose(people.acting(services, "maya")), bulk.may_propose(alan)) == (True, False)


def test_work_goes_on_by_itself_tells_how_far_it_is_and_gives_its_result():
    gate, reached = Event(), Event()

    def count(progress):
        progress("half", 0.5)
        reached.set()
        assert gate.wait(10)
        return "done"

    work = Work("Counting", count)
    assert reached.wait(10)
    assert (work.finished, work.now) == (False, ("half", 0.5))
    gate.set()
    assert (work.result(), work.finished, work.failed) == ("done", True, False)


def test_work_that_is_stopped_ends_at_its_next_step_and_work_that_fails_says_why():
    reached, gate = Event(), Event()

    def endless(progress):
        reached.set()
        assert gate.wait(10)
        progress("more", 0.25)

    work = Work("Counting", endless)
    assert reached.wait(10)
    work.stop()
    gate.set()
    with pytest.raises(Stopped, match="Counting: stopped by hand at 25%"):
        work.result()
    assert work.failed

    def broken(progress):
        raise DataError("no such thing")

    with pytest.raises(DataError, match="no such thing"):
        Work("Breaking", broken).result()
