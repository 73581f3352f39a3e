"""What policy does a person want to try? Words and files made into a change of this firm, and how that is adopted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from app.ports import Services
from app.steps.market import todays_market
from connectors.firm_folder.policy import read_model_file, read_risk
from connectors.firm_folder.write import models_text, restrictions_text
from data.codec import codec
from data.snapshots import risk_document
from data.suggest import unknown
from engine.domain.accounts import Restriction, Rule
from engine.domain.change import (
    DEFAULT,
    WITH_VALUE,
    Lifted,
    PolicyChange,
    PolicyScope,
    default_file,
    market_under,
    require_sense,
    restrictions_under,
    reweighted,
    settings_under,
    version_words,
    versions_under,
)
from engine.domain.errors import DataError
from engine.domain.identifiers import ModelId, SecurityId
from engine.domain.market import MarketSnapshot, Model, RiskModel
from engine.domain.succession import coming_models, endings, followed
from engine.risk.estimate import estimate_risk

ESTIMATED: Final = "estimated"
"""In the place of a folder: the risk model estimated from the firm's own prices."""
_CHANGE: Final = codec(PolicyChange)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A change as a person words it. restrict and lift: scope, target and rule, the rule of a weight as RULE=VALUE.

    risk: a folder, or ESTIMATED. models: files with the columns of models.csv. weights: a model, a security and the
    weight that it shall have there, 0 to drop it, one after the other.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    restrict: tuple[tuple[str, str, str], ...] = ()
    lift: tuple[tuple[str, str, str], ...] = ()
    risk: str | None = None
    models: tuple[Path, ...] = ()
    weights: tuple[tuple[str, str, str], ...] = ()


def change_of(services: Services, asked: Asked) -> PolicyChange:
    """Return the change that was asked for. Raises DataError for what this firm does not have or cannot be."""
    market = todays_market(services)
    risk, name = _risk(services, market, asked.risk)
    change = PolicyChange(
        settings=dict(asked.settings),
        files=asked.files,
        added=tuple(_restriction(*each) for each in asked.restrict),
        lifted=tuple(Lifted(scope=s, target=t, rule=_rule(r)) for s, t, r in asked.lift),
        risk=risk,
        risk_name=name,
        models=_models(services, market, asked),
    )
    require_sense(change, scope_of(services, market))
    return change


def change_of_uploads(
    services: Services, asked: Asked, *, risk: Mapping[str, bytes], models: Mapping[str, bytes]
) -> PolicyChange:
    """Return the change that was asked for, its files as a browser uploads them: relative paths and contents.

    Raises DataError as change_of does, and for a path that leads out of the folder.
    """
    with TemporaryDirectory(prefix="lotsmith-policy-") as scratch:
        root = Path(scratch).resolve()
        files = [_put(root, name, content) for name, content in risk.items()]
        homes = [file.parent.parent if file.parent.name == "risk" else file.parent for file in files]
        return change_of(
            services,
            replace(
                asked,
                risk=str(homes[0]) if homes else asked.risk,
                models=tuple(_put(root, f"models/{name}", content) for name, content in models.items()),
            ),
        )


def _put(root: Path, name: str, content: bytes) -> Path:
    name = name if "/" in name else f"uploaded/{name}"
    target = (root / name).resolve()
    if not target.is_relative_to(root):
        raise DataError(f"{name}: expected a path inside the folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return target


def scope_of(services: Services, market: MarketSnapshot) -> PolicyScope:
    """Return what a change can speak of in this firm."""
    return PolicyScope(
        market=market,
        settings=services.firm.all_settings(),
        restrictions=services.firm.restrictions(),
        households=frozenset(household.household_id for household in services.firm.households()),
        accounts=frozenset(account.account_id for account in services.firm.accounts()),
    )


def change_document(change: PolicyChange) -> dict[str, Any]:
    """Return a change as JSON values, its risk model by the hash of its document."""
    values: dict[str, Any] = _CHANGE.write(replace(change, risk=None))
    return {**values, "risk": None if change.risk is None else risk_document(change.risk).hash}


def change_from(document: Mapping[str, Any]) -> PolicyChange:
    """Return the change that change_document wrote, without its risk model, of which risk_name still tells."""
    change: PolicyChange = _CHANGE.read({**document, "risk": None})
    return change


def adoption_files(services: Services, change: PolicyChange) -> Mapping[str, bytes]:
    """Return the files of the firm folder that adopting a change replaces, by their path in it, as the firm stands now.

    A risk model is not among them: its files came in the folder that was tried.
    """
    texts = services.firm.all_settings()
    files: dict[str, str] = {}
    changed = settings_under(change, texts)
    files |= {f"settings/{name}.toml": text for name, text in changed.items() if text != texts.get(name)}
    if change.added or change.lifted:
        present = services.firm.restrictions()
        scopes = {each.scope for each in change.added}
        files["restrictions.csv"] = restrictions_text(restrictions_under(change, present, scopes))
    if change.models:
        files["models.csv"] = models_text(versions_under(change, services.firm.models()))
    return {path: text.encode() for path, text in files.items()}


def adoption_words(services: Services, change: PolicyChange) -> tuple[str, ...]:
    """Return what a person does to adopt a change, a sentence a step."""
    steps = []
    texts = services.firm.all_settings()
    without = sum(account.settings is None for account in services.firm.accounts())
    if change.settings and (not change.files or DEFAULT in change.files) and without:
        steps.append(
            f"In accounts.csv let the {without:,} accounts that name no settings name {default_file(texts)}: the file "
            f"settings/{default_file(texts)}.toml is made for them."
        )
    if change.settings:
        steps.append("Put the changed files into the folder settings/. Comments of the present files are not in them.")
    if change.added or change.lifted:
        steps.append("Put restrictions.csv in the place of the firm folder's.")
    if change.models:
        steps.append("Put models.csv in the place of the firm folder's.")
        rehearsed = {model.model_id for model in change.models}
        versions = versions_under(change, services.firm.models())
        steps += [
            f"From {model.effective} on, the version of {model.model_id} of that day holds; it is in models.csv too."
            for model in coming_models(versions, as_of=services.firm.firm().as_of)
            if model.model_id in rehearsed
        ]
    if change.risk_name == ESTIMATED:
        steps.append("Take the folder risk/ out of the firm folder, so that the model is estimated from its prices.")
    elif change.risk_name:
        steps.append(f"Put the files of {change.risk_name} into the firm folder's risk/.")
    return (*steps, "Bring the folder in (page Firm data, or lotsmith import); the audit log then says who did.")


def _risk(services: Services, market: MarketSnapshot, asked: str | None) -> tuple[RiskModel | None, str]:
    if asked is None:
        return None, ""
    if asked != ESTIMATED:
        return read_risk(Path(asked), market.securities), Path(asked).name or str(asked)
    if not services.firm.has_risk():
        raise DataError("risk model: expected another one, found the estimated one, which is in use already")
    securities = tuple(market.securities.values())
    prices, actions = services.firm.prices(), services.firm.actions()
    return estimate_risk(prices, securities, as_of=market.as_of, actions=actions), ESTIMATED


def _restriction(scope: str, target: str, written: str) -> Restriction:
    name, _, amount = written.partition("=")
    rule, value = _rule(name), None
    if amount or rule in WITH_VALUE:
        value = _weight(amount, f"restriction {scope} {target} {name}")
    return Restriction(scope=scope, target=target, rule=rule, value=value, until=None, reason="rehearsed")


def _rule(name: str) -> Rule:
    if name not in set(Rule):
        raise unknown("rule of a restriction", name, set(Rule))
    return Rule(name)


def _weight(text: str, what: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise DataError(f"{what}: expected a weight such as 0.02, found {text or 'nothing'}")
    return value


def _models(services: Services, market: MarketSnapshot, asked: Asked) -> tuple[Model, ...]:
    ended = endings(services.firm.actions(), as_of=market.as_of)
    read = [model for file in asked.models for model in read_model_file(file, market.securities)]
    models: dict[tuple[ModelId, date | None], Model] = {}
    for model in (_of_a_version(each, read, market) for each in read):
        key = model.model_id, model.effective
        if key in models:
            raise DataError(f"model {version_words(model)}: expected it once in the files, found it twice")
        models[key] = followed(model, ended)
    for name, security_id, weight in asked.weights:
        model_id = ModelId(name)
        if model_id not in market.models:
            raise unknown("model", name, market.models)
        if security_id not in market.securities:
            raise unknown("security", security_id, market.securities)
        tonight = market_under(PolicyChange(models=tuple(models.values())), market).models[model_id]
        changed = reweighted(tonight, SecurityId(security_id), _weight(weight, f"model {name} {security_id}"))
        models[model_id, changed.effective] = changed
    return tuple(models.values())


def _of_a_version(model: Model, read: Sequence[Model], market: MarketSnapshot) -> Model:
    """Return a model of a file as the version that it stands for.

    Where the file has it without dates, that is the one in force; dates say themselves which version is which.
    """
    present = market.models.get(model.model_id)
    dated = any(each.model_id == model.model_id and each.effective is not None for each in read)
    return model if dated or present is None else replace(model, effective=present.effective)
