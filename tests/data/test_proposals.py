"""Plans that are put forward together leave what one after the other leaves: rows, history, log."""

import pytest
from sqlalchemy import select

from data import tables
from data.audit import AuditLog
from data.columns import packed_json
from data.database import open_database
from data.firm import FirmStore
from data.plans import PlanStore, lock_heads
from data.proposals import NewPlan, withdraw_plans, write_plans
from engine.domain.errors import IllegalMove, NotAllowed
from engine.domain.lifecycle import Action, PlanState
from tests.data.conftest import plan_by_hand

ACCOUNTS = ("A2", "A1", "A3")
TOLD = (tables.plans, tables.plan_makers, tables.plan_moves, tables.audit)


@pytest.fixture
def put_forward(firm, risk, database, people, at):
    """put_forward(accounts, proposed=...) writes the plans by hand of some accounts at once and returns their heads."""

    def write(accounts=ACCOUNTS, *, proposed: bool = True, actor: str = "pam"):
        plans = []
        for account_id in accounts:
            document, inputs = plan_by_hand(firm, risk, account_id)
            plans.append(
                NewPlan(
                    plan_id=document["plan_id"],
                    account_id=account_id,
                    household_id=inputs["household_id"],
                    document=packed_json(document),
                    snapshot=inputs["snapshot"],
                    proposed=proposed,
                )
            )
        with database.begin() as connection:
            return write_plans(
                connection, plans, market=inputs["market"], actor=people[actor], at=at, note="night", run_id=None
            )

    return write


def rows_of(database):
    with database.read() as connection:
        return {table.name: sorted(map(repr, connection.execute(select(table)).all())) for table in TOLD}


@pytest.mark.parametrize("proposed", [True, False])
def test_plans_put_forward_together_leave_what_one_after_the_other_leaves(
    put_forward, database, firm_reference, firm_books, risk, people, at, tmp_path, proposed
):
    put_forward(proposed=proposed)

    other = open_database(f"sqlite:///{tmp_path / 'other.db'}")
    firm, store = FirmStore(other), PlanStore(other)
    firm.replace(firm_reference, firm_books, actor="ops", at=at)
    # All made before one is proposed, from where on the household's others see its trades.
    for document, inputs in [plan_by_hand(firm, risk, account_id) for account_id in ACCOUNTS]:
        plan_id = store.save(document, **inputs, actor="pam", at=at, note="night")
        if proposed:
            store.move(plan_id, Action.PROPOSE, people["pam"], at=at, comment="")

    assert rows_of(database) == rows_of(other)
    assert AuditLog(database).verify().problems == ()
    other.close()


def test_the_heads_returned_are_those_that_are_stored(put_forward, store):
    heads = put_forward()

    assert set(heads) == set(store.heads())
    assert {head.state for head in heads} == {PlanState.PROPOSED}


def test_a_plan_that_is_there_already_stays_as_it_is_and_is_not_returned(put_forward, store):
    (first,) = put_forward(["A1"], proposed=False)

    heads = put_forward(["A1", "A2"])

    assert [head.account_id for head in heads] == ["A2"]
    assert store.get(first.plan_id).state is PlanState.DRAFT


def test_where_nothing_is_put_forward_or_withdrawn_not_even_the_market_is_stored(firm, risk, database, people, at):
    _, inputs = plan_by_hand(firm, risk, "A1")
    with database.begin() as connection:
        before = connection.execute(select(tables.documents)).all()

        assert (
            write_plans(connection, [], market=inputs["market"], actor=people["pam"], at=at, note="night", run_id=None)
            == ()
        )
        withdraw_plans(connection, [], actor=people["pam"], at=at, comment="gone")

        assert connection.execute(select(tables.documents)).all() == before


def test_nobody_proposes_who_may_not_and_nothing_is_stored(put_forward, store):
    with pytest.raises(NotAllowed):
        put_forward(actor="abe")

    assert store.heads() == ()


def test_plans_withdrawn_together_leave_what_one_after_the_other_leaves(put_forward, database, store, people, at):
    *mine, theirs = put_forward(["A1", "A2", "A3"])
    with database.begin() as connection:
        locked = lock_heads(connection, ["H1"], {PlanState.PROPOSED})
        withdraw_plans(connection, locked, actor=people["pam"], at=at, comment="gone")
    store.move(theirs.plan_id, Action.CANCEL, people["pam"], at=at, comment="gone")

    def told(head):
        (cancelled,) = AuditLog(database).rows(subject=head.plan_id, what="plan.cancel")
        last = store.history(head.plan_id)[-1]
        return (store.get(head.plan_id).state, store.get(head.plan_id).version, cancelled.before, cancelled.after,
                last.action, last.source, last.target, last.comment, last.actor, last.version)  # fmt: skip

    assert [told(head) for head in mine] == [told(theirs)] * 2
    assert told(theirs)[0] is PlanState.CANCELLED
    assert AuditLog(database).verify().problems == ()


def test_a_plan_that_cannot_be_withdrawn_withdraws_none(put_forward, database, store, people, at):
    one, other = put_forward(["A1", "A2"])
    store.move(other.plan_id, Action.CANCEL, people["pam"], at=at, comment="gone")
    stale = store.heads()

    with pytest.raises(IllegalMove), database.begin() as connection:
        withdraw_plans(connection, stale, actor=people["pam"], at=at, comment="gone")

    assert store.get(one.plan_id).state is PlanState.PROPOSED
