"""What issuers of the demo world did, and who has not booked it."""

from decimal import Decimal

from data.demo.sessions import AS_OF
from engine.domain.market import ActionKind
from engine.domain.succession import coming_models
from engine.tax.corporate_actions import book_action
from engine.tax.unbooked import unbooked


def test_a_merger_and_a_spin_off_are_not_booked_in_a_few_accounts_and_can_be(demo, demo_accounts):
    waiting = [(book, unbooked(book, demo.actions, as_of=AS_OF)) for book in demo_accounts]
    kinds = [action.kind for _, actions in waiting for action in actions]

    assert {ActionKind.MERGER, ActionKind.SPIN_OFF} == set(kinds)
    assert 2 <= len(kinds) <= 6
    for book, actions in waiting:
        for action in actions:
            done = book_action(book, action, price=Decimal(50), as_of=AS_OF)
            assert unbooked(done, demo.actions, as_of=AS_OF) == ()


def test_one_model_changes_a_dozen_names_in_december(demo):
    [coming] = coming_models(demo.models, as_of=AS_OF)
    [today] = [model for model in demo.models if model.model_id == coming.model_id and model.effective is None]
    before, after = {name for name, _ in today.weights}, {name for name, _ in coming.weights}

    assert (len(before - after), len(after - before), len(after)) == (6, 6, 250)
    assert sum(weight for _, weight in coming.weights) == 1
