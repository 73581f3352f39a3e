"""How do checked rows become the nouns of the engine? Column names are field names, so mostly by themselves."""

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

from connectors.firm_folder.table import Rows
from engine.domain.accounts import Account, FirmReference, Household, Restriction
from engine.domain.identifiers import ModelId, SecurityId
from engine.domain.market import CorporateAction, Model, PriceHistory, RiskModel, Security, Substitute, action_key


def firm_reference(read: Mapping[str, Rows], risk: RiskModel | None, settings: Mapping[str, str]) -> FirmReference:
    """Return the reference of a folder without a fault; everything is ordered by key, whatever the files' order."""
    firm = next(_records(read["firm"]))
    return FirmReference(
        as_of=firm["as_of"],
        currency=firm["currency"],
        name=firm["name"],
        securities=tuple(sorted((Security(**r) for r in _records(read["securities"])), key=lambda s: s.security_id)),
        prices=price_histories(read["prices"]),
        models=models(read["models"]),
        households=tuple(sorted((Household(**r) for r in _records(read["households"])), key=lambda h: h.household_id)),
        restrictions=_restrictions(read.get("restrictions")),
        substitutes=_substitutes(read.get("substitutes")),
        risk=risk,
        settings=dict(sorted(settings.items())),
        actions=corporate_actions(read.get("corporate_actions")),
    )


def accounts(rows: Rows) -> dict[str, Account]:
    """Return the accounts by account_id."""
    return {record["account_id"]: Account(**record) for record in _records(rows)}


def _records(rows: Rows) -> Iterator[dict[str, Any]]:
    names = tuple(rows.value)
    for values in zip(*rows.value.values(), strict=True):
        yield dict(zip(names, values, strict=True))


def price_histories(rows: Rows) -> tuple[PriceHistory, ...]:
    """Return the rows of prices as one history a security, ordered by security and day."""
    columns = (rows.value[name] for name in ("security_id", "date", "close", "adjusted_close"))
    days = sorted(zip(*columns, strict=True), key=itemgetter(0, 1))
    histories = []
    for security_id, group in groupby(days, key=itemgetter(0)):
        _, dates, closes, adjusted = zip(*group, strict=True)
        histories.append(
            PriceHistory(security_id=SecurityId(security_id), dates=dates, closes=closes, adjusted=adjusted)
        )
    return tuple(histories)


def corporate_actions(rows: Rows | None) -> tuple[CorporateAction, ...]:
    """Return the rows of corporate actions, in the order of their keys; none where there is no such file."""
    found = (CorporateAction(**record) for record in _records(rows)) if rows else ()
    return tuple(sorted(found, key=action_key))


def models(rows: Rows) -> tuple[Model, ...]:
    """Return the rows of models as one model an id and day it begins, ordered by model and security."""
    columns = (rows.value[name] for name in ("model_id", "effective", "security_id", "weight"))
    weights = sorted(zip(*columns, strict=True), key=_undated_first)
    return tuple(
        Model(
            model_id=ModelId(model_id),
            weights=tuple((SecurityId(name), weight) for *_, name, weight in group),
            effective=effective,
        )
        for (model_id, effective), group in groupby(weights, key=itemgetter(0, 1))
    )


def _undated_first(row: tuple[str, date | None, str, object]) -> tuple[bool, str, date, str]:
    model_id, effective, security_id, _ = row
    return effective is not None, model_id, effective or date.min, security_id


def _restrictions(rows: Rows | None) -> tuple[Restriction, ...]:
    return tuple(Restriction(**record) for record in _records(rows)) if rows else ()


def _substitutes(rows: Rows | None) -> tuple[Substitute, ...]:
    found = (Substitute(**record) for record in _records(rows)) if rows else ()
    return tuple(sorted(found, key=lambda s: (s.security_id, s.rank, s.substitute_id)))
