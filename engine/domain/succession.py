"""What has a name become? Securities, models, substitutes and prices after mergers and changes of id."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from engine.domain.identifiers import ModelId, SecurityId
from engine.domain.market import (
    ActionKind,
    CorporateAction,
    Mark,
    Model,
    PriceHistory,
    Security,
    Substitute,
    action_key,
)

IDENTICAL_FOR: Final = timedelta(days=61)  # from the ex-date: the longest that a wash sale reaches over it

_PLACES: Final = 8  # of an adjusted close put on another basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings:
    """Names that are no more on a day, and the actions of the day and before that ended or renamed them.

    gone: each ended name with what its shares became, directly; None where they became money alone.
    """

    as_of: date
    actions: tuple[CorporateAction, ...]
    gone: Mapping[SecurityId, SecurityId | None]

    def today(self, name: SecurityId) -> SecurityId | None:
        """Return what a name is today: itself, what it became in the end, or None where it became money."""
        seen = {name}
        while name in self.gone:
            successor = self.gone[name]
            if successor is None or successor in seen:
                return None
            seen.add(successor)
            name = successor
        return name


def endings(actions: Iterable[CorporateAction], *, as_of: date) -> Endings:
    """Return which names ended up to a day."""
    past = sorted((action for action in actions if action.ex_date <= as_of), key=lambda a: (a.ex_date, action_key(a)))
    gone = {action.security_id: action.successor for action in past if action.ends_the_name}
    return Endings(as_of=as_of, actions=tuple(past), gone=gone)


def securities_today(securities: Iterable[Security], ended: Endings) -> dict[SecurityId, Security]:
    """Return the securities by id, with the tickers of today and what they were before; what ended cannot be traded.

    A name that changed its id is one security under two ids: they share a wash-sale group. Stock of a predecessor and
    of its successor in a reorganisation may be substantially identical (IRS Pub. 550): the merged name joins the
    successor's group while a wash sale can reach over the merger. Neither says anything of what happened long before.
    """
    found = {security.security_id: security for security in securities}
    for name, before in _predecessors(ended).items():
        if name in found:
            found[name] = replace(found[name], predecessors=before)
    for action in ended.actions:
        old = found.get(action.security_id)
        if old is None:
            continue
        if action.kind is ActionKind.TICKER_CHANGE and action.ticker is not None:
            found[old.security_id] = replace(old, ticker=action.ticker)
        if not action.ends_the_name:
            continue
        found[old.security_id] = replace(old, tradable=False)
        new = found.get(action.successor) if action.successor is not None else None
        if new is None or action.taxable:
            continue
        if action.kind is ActionKind.TICKER_CHANGE and new.identical_group is None:
            found[new.security_id] = replace(new, identical_group=old.group)
        elif action.kind is ActionKind.TICKER_CHANGE or ended.as_of - action.ex_date <= IDENTICAL_FOR:
            found[old.security_id] = replace(old, tradable=False, identical_group=new.group)
    return found


def lasting_groups(securities: Iterable[Security], ended: Endings) -> dict[SecurityId, str]:
    """Return each security's wash-sale group for all times, as a ledger takes it: one security under two ids is one.

    Companies that merged were two until then; what goes over the merger the ledger sees by the rows that book it.
    """
    found = securities_today(securities, replace(ended, as_of=date.max))
    return {name: security.group for name, security in found.items()}


def models_in_force(models: Iterable[Model], ended: Endings) -> dict[ModelId, Model]:
    """Return each model's version of the day, without the names that ended: see followed."""
    found: dict[ModelId, Model] = {}
    for model in sorted(models, key=lambda model: model.effective or date.min):
        if model.effective is None or model.effective <= ended.as_of:
            found[model.model_id] = model
    order = dict.fromkeys(model.model_id for model in models)
    return {model_id: followed(found[model_id], ended) for model_id in order if model_id in found}


def coming_models(models: Iterable[Model], *, as_of: date) -> tuple[Model, ...]:
    """Return the next version of each model that has one, soonest first."""
    later = [model for model in models if model.effective is not None and model.effective > as_of]
    soonest: dict[ModelId, Model] = {}
    for model in sorted(later, key=lambda model: (model.effective or date.min, model.model_id)):
        soonest.setdefault(model.model_id, model)
    return tuple(soonest.values())


def followed(model: Model, ended: Endings) -> Model:
    """Return a model whose ended names gave their weight to what they became.

    The weight of one that became money goes to all others in proportion. The weights then sum to exactly 1, the largest
    taking up the rounding. A model without an ended name is returned as it is.
    """
    if not any(name in ended.gone for name, _ in model.weights):
        return model
    weights: dict[SecurityId, Decimal] = {}
    for name, weight in model.weights:
        today = ended.today(name)
        if today is not None:
            weights[today] = weights.get(today, Decimal(0)) + weight
    total = sum(weights.values(), Decimal(0))
    if not total:
        return model
    whole = sum((weight for _, weight in model.weights), Decimal(0))
    if total != whole:
        weights = {name: (weight / total).quantize(Decimal("1e-12")) for name, weight in weights.items()}
    largest = max(weights, key=lambda name: weights[name])
    weights[largest] += 1 - sum(weights.values(), Decimal(0))
    return replace(model, weights=tuple(weights.items()))


def substitutes_today(substitutes: Iterable[Substitute], ended: Endings) -> tuple[Substitute, ...]:
    """Return the substitutes as they are today; none stands in for itself, none twice for the same name."""
    if not ended.gone:
        return tuple(substitutes)
    found: dict[tuple[SecurityId, SecurityId], Substitute] = {}
    for each in substitutes:
        old, new = ended.today(each.security_id), ended.today(each.substitute_id)
        if old is not None and new is not None and old != new:
            found.setdefault((old, new), replace(each, security_id=old, substitute_id=new))
    return tuple(found.values())


def one_history(
    histories: Iterable[PriceHistory], actions: Sequence[CorporateAction], ended: Endings
) -> tuple[tuple[PriceHistory, ...], tuple[CorporateAction, ...]]:
    """Return prices and actions in which a name that changed its id has the past of the id before, up to its own.

    Only for returns: one share is one share, so that the step between the two is no jump.
    """
    known = {history.security_id: history for history in histories}
    told = list(actions)
    for change in ended.actions:
        new_id = change.successor
        if change.kind is not ActionKind.TICKER_CHANGE or new_id is None or change.security_id not in known:
            continue
        known[new_id] = _joined(known[change.security_id], known.get(new_id), new_id)
        told += [
            replace(action, security_id=new_id)
            for action in actions
            if action.security_id == change.security_id
            and action.kind in (ActionKind.SPLIT, ActionKind.DIVIDEND)
            and action.ex_date < change.ex_date
        ]
    return tuple(known.values()), tuple(told)


def marks_followed(marks: Mapping[SecurityId, Mark], ended: Endings) -> dict[SecurityId, Mark]:
    """Return marks in which a name that changed its id has that of the id before, where it has none of its own."""
    found = dict(marks)
    for change in ended.actions:
        if change.kind is ActionKind.TICKER_CHANGE and change.successor is not None and change.security_id in found:
            found.setdefault(change.successor, found[change.security_id])
    return found


def _predecessors(ended: Endings) -> dict[SecurityId, tuple[SecurityId, ...]]:
    """Return the names that each name of today was before, the last to end first."""
    found: dict[SecurityId, tuple[SecurityId, ...]] = {}
    for action in reversed(ended.actions):
        today = ended.today(action.security_id) if action.security_id in ended.gone else None
        if today is not None and action.security_id not in found.get(today, ()):
            found[today] = (*found.get(today, ()), action.security_id)
    return found


def _joined(old: PriceHistory, new: PriceHistory | None, name: SecurityId) -> PriceHistory:
    if new is None or not new.dates:
        return replace(old, security_id=name)
    count = sum(day < new.dates[0] for day in old.dates)
    if not count:
        return new
    return PriceHistory(
        security_id=name,
        dates=old.dates[:count] + new.dates,
        closes=old.closes[:count] + new.closes,
        adjusted=_on_the_basis_of(new, old, count) + new.adjusted,
    )


def _on_the_basis_of(new: PriceHistory, old: PriceHistory, count: int) -> tuple[Decimal | None, ...]:
    """Return the first adjusted closes of a history so that the step to the next one's first is that of the closes."""
    first, last = new.adjusted[0], old.adjusted[count - 1]
    if first is None or last is None:
        return (None,) * count
    factor = old.closes[count - 1] / last * first / new.closes[0]
    return tuple(None if price is None else round(price * factor, _PLACES) for price in old.adjusted[:count])
