"""What if the firm's policy were another? A change of settings, restrictions, risk model or models, and what it makes.

Applying a change is pure: settings texts, restrictions, accounts and market in, changed ones out.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from engine.domain.accounts import Account, Restriction, Rule
from engine.domain.errors import DataError
from engine.domain.identifiers import SecurityId
from engine.domain.market import MarketSnapshot, Model, RiskModel
from engine.domain.policy import FIRM_SCOPE, words_for
from engine.domain.settings import override, settings_from_toml, settings_to_toml
from engine.domain.succession import endings, models_in_force

DEFAULT: Final = "default"
"""Stands, among the names of settings files, for the accounts that name none."""
WITH_VALUE: Final = frozenset({Rule.MIN_WEIGHT, Rule.MAX_WEIGHT})
_WEIGHT_DECIMALS: Final = Decimal("1e-12")
_LISTED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """A restriction that is to be taken away: all of this scope, target and rule."""

    scope: str
    target: str
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """What is to be other than it is. An empty part changes nothing.

    settings: values by name, as TOML or a command line has them. files: the settings files that they go into, DEFAULT
    among them for accounts that name none; empty: all of them. risk: in the place of the model in use; risk_name says
    where it is from. models: versions, each in the place of the one of the same model and date, or beside the others.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    added: tuple[Restriction, ...] = ()
    lifted: tuple[Lifted, ...] = ()
    risk: RiskModel | None = None
    risk_name: str = ""
    models: tuple[Model, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.settings or self.added or self.lifted or self.risk is not None or self.models)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyScope:
    """What a firm has that a change can speak of. settings: TOML texts by name."""

    market: MarketSnapshot
    settings: Mapping[str, str]
    restrictions: tuple[Restriction, ...]
    households: frozenset[str]
    accounts: frozenset[str]


def require_sense(change: PolicyChange, scope: PolicyScope) -> None:
    """Raise DataError, naming what was found and what was expected, for a change that this firm cannot make."""
    if change.files and not change.settings:
        raise DataError(f"policy change: expected settings to change in {', '.join(change.files)}, found none")
    if change.is_empty:
        raise DataError("policy change: expected a setting, a restriction, a risk model or a model, found none")
    for name in change.files:
        _require(name, (DEFAULT, *scope.settings), "settings file")
    settings_under(change, scope.settings)
    targets = {word for each in scope.market.securities.values() for word in words_for(each)}
    for restriction in change.added:
        _require_restriction(restriction, scope, targets)
    for gone in change.lifted:
        if not any(_is_lifted(each, (gone,)) for each in scope.restrictions):
            raise DataError(f"restriction {_words(gone)}: expected one that the firm has, found none such")
    seen: set[tuple[str, date | None]] = set()
    for model in change.models:
        _require(model.model_id, scope.market.models, "model")
        _require_model(model, scope.market)
        if (model.model_id, model.effective) in seen:
            raise DataError(f"model {version_words(model)}: expected one change of it, found two")
        seen.add((model.model_id, model.effective))


def settings_under(change: PolicyChange, texts: Mapping[str, str]) -> dict[str, str]:
    """Return the firm's settings texts with the change in them, and one under default_file() where it speaks of those.

    Files that the change leaves alone stay as they were written. Raises DataError for an unknown setting or bad value.
    """
    changed = dict(texts)
    if not change.settings:
        return changed
    for name, text in texts.items():
        if not change.files or name in change.files:
            changed[name] = _changed(change, name, text)
    if not change.files or DEFAULT in change.files:
        changed[default_file(texts)] = _changed(change, DEFAULT, "")
    return changed


def default_file(texts: Collection[str]) -> str:
    """Return the name of the settings file for accounts that name none: DEFAULT, or one like it that is free."""
    name = DEFAULT
    while name in texts:
        name += "_"
    return name


def account_under(change: PolicyChange, account: Account, texts: Collection[str]) -> Account:
    """Return an account under the change: one that names no settings names those that the change gives it.

    texts: the firm's settings files as they are now, by name.
    """
    if account.settings is not None or not change.settings or (change.files and DEFAULT not in change.files):
        return account
    return replace(account, settings=default_file(texts))


def restrictions_under(
    change: PolicyChange, restrictions: Iterable[Restriction], scopes: Collection[str]
) -> tuple[Restriction, ...]:
    """Return restrictions without those lifted, and after them those added of these scopes."""
    kept = tuple(each for each in restrictions if not _is_lifted(each, change.lifted))
    return (*kept, *(each for each in change.added if each.scope in scopes))


def market_under(change: PolicyChange, market: MarketSnapshot) -> MarketSnapshot:
    """Return the market with the change's risk model and models; the same value where it has neither."""
    if change.risk is None and not change.models:
        return market
    versions = versions_under(change, market.models.values())
    models = models_in_force(versions, endings((), as_of=market.as_of))  # ended names are followed where they are read
    return replace(market, risk=market.risk if change.risk is None else change.risk, models=models)


def versions_under(change: PolicyChange, versions: Iterable[Model]) -> tuple[Model, ...]:
    """Return versions of models, those of the change in their places; what it does not speak of stays."""
    return tuple({(model.model_id, model.effective): model for model in (*versions, *change.models)}.values())


def version_words(model: Model) -> str:
    """Return which version of which model this is."""
    return model.model_id if model.effective is None else f"{model.model_id} effective {model.effective}"


def reweighted(model: Model, security_id: SecurityId, weight: Decimal) -> Model:
    """Return a model in which one name has this weight, and all others share the rest as they did before.

    A weight of 0 drops the name. Raises DataError for a weight that is not from 0 up to below 1, for a name to drop
    that the model does not have, and where no other name is left.
    """
    before = dict(model.weights)
    if not 0 <= weight < 1:
        raise DataError(
            f"model {model.model_id}, {security_id}: expected a weight from 0 up to below 1, found {weight}"
        )
    if weight == 0 and security_id not in before:
        raise DataError(f"model {model.model_id}: expected a name of it to drop, found {security_id}")
    others = {name: part for name, part in before.items() if name != security_id}
    rest = sum(others.values(), Decimal(0))
    if not rest > 0:
        raise DataError(f"model {model.model_id}: expected another name that takes up the rest, found none")
    shared = {name: (part * (1 - weight) / rest).quantize(_WEIGHT_DECIMALS) for name, part in others.items()}
    largest = max(shared, key=lambda name: (shared[name], name))
    shared[largest] += 1 - weight - sum(shared.values(), Decimal(0))  # what rounding left over
    if weight:
        shared[security_id] = weight
    order = {name: place for place, name in enumerate(before)}
    return replace(
        model, weights=tuple(sorted(shared.items(), key=lambda pair: (order.get(pair[0], len(order)), pair[0])))
    )


def described(change: PolicyChange, market: MarketSnapshot) -> tuple[str, ...]:
    """Return the change in a sentence a part. market: as it is before it."""
    where = f"in {', '.join(change.files)}" if change.files else "in all settings"
    told = [f"{name} = {_plain(value)} {where}" for name, value in change.settings.items()]
    told += [f"new: {_words(each)}" + (f" {each.value}" if each.value is not None else "") for each in change.added]
    told += [f"lifted: {_words(each)}" for each in change.lifted]
    if change.risk is not None:
        told.append(f"risk model: {change.risk_name}")
    under = market_under(change, market).models
    for model in change.models:
        if model.model_id in market.models and under[model.model_id] is model:
            told.append(_moved(market.models[model.model_id], model))
        else:
            told.append(f"model {version_words(model)}: not in force on {market.as_of}, tonight's book is the same")
    return tuple(told)


def _changed(change: PolicyChange, name: str, text: str) -> str:
    source = f"settings {name}, changed"
    try:
        present = settings_from_toml(text, source=name)
        return settings_to_toml(override(present, change.settings, source=source))
    except DataError as error:
        told = str(error)
        raise DataError(told if name in told else f"{source}: {told}") from error


def _require_restriction(restriction: Restriction, scope: PolicyScope, targets: Collection[str]) -> None:
    known = scope.households | scope.accounts | {FIRM_SCOPE}
    if restriction.scope not in known:
        raise DataError(
            f"restriction {_words(restriction)}: expected firm, a household or an account to hold for, "
            f"found {restriction.scope}"
        )
    if restriction.target not in targets:
        raise DataError(
            f"restriction {_words(restriction)}: expected a security, sector:NAME or tag:NAME of the firm, found "
            f"{restriction.target}"
        )
    value = restriction.value
    if restriction.rule in WITH_VALUE and (value is None or not 0 <= value <= 1):
        raise DataError(f"restriction {_words(restriction)}: expected a weight from 0 to 1, found {value}")
    if restriction.rule not in WITH_VALUE and value is not None:
        raise DataError(f"restriction {_words(restriction)}: expected no value, found {value}")


def _require_model(model: Model, market: MarketSnapshot) -> None:
    unknown = [name for name, _ in model.weights if name not in market.securities]
    if unknown:
        raise DataError(
            f"model {model.model_id}: expected securities of the firm, found {', '.join(unknown[:_LISTED])}"
        )
    total = sum((weight for _, weight in model.weights), Decimal(0))
    if abs(total - 1) > Decimal("1e-6"):
        raise DataError(f"model {model.model_id}: expected weights that sum to 1 within 0.000001, found {total}")


def _require(name: str, known: Collection[str], kind: str) -> None:
    if name not in known:
        listed = ", ".join(sorted(known)[:_LISTED]) + (", ..." if len(known) > _LISTED else "")
        raise DataError(f"policy change: expected a {kind} of the firm ({listed}), found {name}")


def _is_lifted(restriction: Restriction, lifted: Sequence[Lifted]) -> bool:
    return any((restriction.scope, restriction.target, restriction.rule) == (g.scope, g.target, g.rule) for g in lifted)


def _words(restriction: Restriction | Lifted) -> str:
    return f"{restriction.scope} {restriction.target} {restriction.rule.value}"


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _moved(before: Model, after: Model) -> str:
    old, new = dict(before.weights), dict(after.weights)
    moves = {name: new.get(name, Decimal(0)) - old.get(name, Decimal(0)) for name in {*old, *new}}
    largest = sorted((name for name in moves if moves[name]), key=lambda name: (-abs(moves[name]), name))
    listed = ", ".join(f"{name} {float(old.get(name, 0)):.2%} → {float(new.get(name, 0)):.2%}" for name in largest[:3])
    one_way = float(sum(map(abs, moves.values()), Decimal(0)) / 2)
    return f"model {after.model_id}: {listed or 'the same'}; {len(largest)} names change, {one_way:.2%} one way"
