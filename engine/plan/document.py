"""What exactly was proposed? The plan as the one JSON document that is shown, hashed, approved and replayed."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId, LotId, PlanId, SecurityId, TransactionId
from engine.domain.plans import (
    Binding,
    Check,
    LotSale,
    Metrics,
    NotHarvested,
    Objective,
    Plan,
    PlanStatus,
    Reason,
    Run,
    SettingChange,
    Side,
    TaxSummary,
    Term,
    Trade,
    Unrealised,
    Verdict,
    Washed,
)
from engine.domain.settings import settings_from_dict, settings_to_dict

_CENT: Final = Decimal("0.01")
_BP_DECIMALS: Final = 4
_FRACTION_DECIMALS: Final = 8
QUANTITY_DECIMALS: Final = 6
_NOT_IDENTITY: Final = ("plan_id", "run")  # left out of the hash: the hash itself, and how long it took


def canonical_json(value: Any) -> bytes:
    """Return the one UTF-8 text of a JSON value: keys sorted, no blanks, no NaN. Raises ValueError for NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def plan_id(document: Mapping[str, Any]) -> PlanId:
    """Return the SHA-256 over the canonical JSON of everything in the document but its id and its run."""
    identity = {key: value for key, value in document.items() if key not in _NOT_IDENTITY}
    return PlanId(hashlib.sha256(canonical_json(identity)).hexdigest())


def plan_document(plan: Plan, run: Run) -> dict[str, Any]:
    """Return the plan as JSON values, every figure rounded here and nowhere else.

    USD to the cent, basis points to 4 decimals, weights and volatilities to 8, shares to 6 (half to even).
    """
    document: dict[str, Any] = {
        "plan_id": "",
        "account_id": plan.account_id,
        "as_of": plan.as_of.isoformat(),
        "inputs_hash": plan.inputs_hash,
        "engine_version": plan.engine_version,
        "settings": settings_to_dict(plan.settings),
        "status": plan.status.value,
        "run": {
            "solver": run.solver,
            "fallback": run.fallback,
            "solve_ms": round(run.solve_ms, 1),
            "total_ms": round(run.total_ms, 1),
        },
        "trades": [_trade(trade) for trade in plan.trades],
        "before": _metrics(plan.before),
        "after": _metrics(plan.after),
        "tax": {name: _usd(getattr(plan.tax, name)) for name in TaxSummary.__slots__},
        "objective_bp": _objective(plan.objective),
        "checks": [{"rule": c.rule, "verdict": c.verdict.value, "detail": c.detail} for c in plan.checks],
        "not_harvested": [
            {
                "lot_id": n.lot_id,
                "security_id": n.security_id,
                "loss": _usd(n.loss),
                "code": n.code,
                "sentence": n.sentence,
            }
            for n in plan.not_harvested
        ],
        "binding": [_binding(binding) for binding in plan.binding],
        "conflicts": list(plan.conflicts),
        "repair": plan.repair,
        "edited": list(plan.edited),
    }
    if plan.repair_change is not None:
        document["repair_change"] = _change(plan.repair_change)
    document["plan_id"] = plan_id(document)
    return document


def plan_from_document(document: Mapping[str, Any]) -> tuple[Plan, Run]:
    """Return the plan and run that a document states; plan_document of them gives the same document again.

    Raises DataError when the document's id is not the hash of its content, or a part is missing.
    """
    found = plan_id(document)
    if found != document.get("plan_id"):
        raise DataError(f"plan document: expected plan_id {found} from its content, found {document.get('plan_id')}")
    try:
        return _read_plan(document), Run(**document["run"])
    except KeyError as error:
        raise DataError(f"plan document {found}: part {error} is missing") from error


def _trade(trade: Trade) -> dict[str, Any]:
    """State a trade; what wash sales take of it only where they take something."""
    reason = trade.reason
    washed = {"wash_sales": [_washed(one) for one in trade.washed]} if trade.washed else {}
    return {
        "security_id": trade.security_id,
        "side": trade.side.value,
        "quantity": _shares(trade.quantity),
        "price": _number(trade.price),
        "amount": _usd(trade.amount),
        "lots": [
            {
                "lot_id": sale.lot_id,
                "quantity": _shares(sale.quantity),
                "term": sale.term.value,
                "gain": _usd(sale.gain),
            }
            for sale in trade.lots
        ],
        "reason": {
            "risk_bp": _bp(reason.risk_bp),
            "tax_bp": _bp(reason.tax_bp),
            "cost_bp": _bp(reason.cost_bp),
            "worth_bp": None if reason.worth_bp is None else _bp(reason.worth_bp),
            "rules": list(reason.rules),
            "sentence": reason.sentence,
        },
        **washed,
    }


def _washed(one: Washed) -> dict[str, Any]:
    return {
        "lot_id": one.lot_id,
        "transaction_id": one.transaction_id,
        "account_id": one.account_id,
        "on": one.on.isoformat(),
        "quantity": _shares(one.quantity),
        "disallowed": _usd(one.disallowed),
        "deferred": one.deferred,
    }


def _objective(objective: Objective) -> dict[str, Any]:
    """State the parts; one that is not known is left out, as documents older than it have it."""
    parts = {name: getattr(objective, name) for name in Objective.__slots__}
    return {name: _bp(part) for name, part in parts.items() if part is not None}


def _change(change: SettingChange) -> dict[str, Any]:
    value = change.value
    return {"setting": change.setting, "value": str(value) if isinstance(value, Decimal) else value}


def _binding(binding: Binding) -> dict[str, Any]:
    stated = {"rule": binding.rule, "price_bp": _bp(binding.price_bp), "detail": binding.detail}
    return stated if binding.price_usd is None else {**stated, "price_usd": _usd(binding.price_usd)}


def _metrics(metrics: Metrics) -> dict[str, Any]:
    return {
        "nav": _usd(metrics.nav),
        "cash": _usd(metrics.cash),
        "tracking_error": _fraction(metrics.tracking_error),
        "active_share": _fraction(metrics.active_share),
        "sectors": {sector: _fraction(active) for sector, active in metrics.sectors},
        "unrealised": {name: _usd(getattr(metrics.unrealised, name)) for name in Unrealised.__slots__},
    }


def _read_plan(document: Mapping[str, Any]) -> Plan:
    return Plan(
        account_id=AccountId(document["account_id"]),
        as_of=date.fromisoformat(document["as_of"]),
        inputs_hash=document["inputs_hash"],
        engine_version=document["engine_version"],
        settings=settings_from_dict(document["settings"]),
        status=PlanStatus(document["status"]),
        trades=tuple(_read_trade(trade) for trade in document["trades"]),
        before=_read_metrics(document["before"]),
        after=_read_metrics(document["after"]),
        tax=TaxSummary(**{name: _decimal(value) for name, value in document["tax"].items()}),
        objective=Objective(**document["objective_bp"]),
        checks=tuple(
            Check(rule=c["rule"], verdict=Verdict(c["verdict"]), detail=c["detail"]) for c in document["checks"]
        ),
        not_harvested=tuple(
            NotHarvested(
                lot_id=LotId(n["lot_id"]),
                security_id=SecurityId(n["security_id"]),
                loss=_decimal(n["loss"]),
                code=n["code"],
                sentence=n["sentence"],
            )
            for n in document["not_harvested"]
        ),
        binding=tuple(_read_binding(b) for b in document["binding"]),
        conflicts=tuple(document["conflicts"]),
        repair=document["repair"],
        repair_change=_read_change(document.get("repair_change")),
        edited=tuple(SecurityId(name) for name in document["edited"]),
    )


def _read_change(change: Mapping[str, Any] | None) -> SettingChange | None:
    if change is None:
        return None
    value = change["value"]
    return SettingChange(setting=change["setting"], value=Decimal(value) if isinstance(value, str) else value)


def _read_binding(binding: Mapping[str, Any]) -> Binding:
    price = binding.get("price_usd")
    return Binding(
        rule=binding["rule"],
        price_bp=binding["price_bp"],
        detail=binding["detail"],
        price_usd=None if price is None else _decimal(price),
    )


def _read_trade(trade: Mapping[str, Any]) -> Trade:
    return Trade(
        security_id=SecurityId(trade["security_id"]),
        side=Side(trade["side"]),
        quantity=_decimal(trade["quantity"]),
        price=_decimal(trade["price"]),
        amount=_decimal(trade["amount"]),
        lots=tuple(
            LotSale(
                lot_id=LotId(sale["lot_id"]),
                quantity=_decimal(sale["quantity"]),
                term=Term(sale["term"]),
                gain=_decimal(sale["gain"]),
            )
            for sale in trade["lots"]
        ),
        reason=Reason(**{**trade["reason"], "rules": tuple(trade["reason"]["rules"])}),
        washed=tuple(_read_washed(one) for one in trade.get("wash_sales", ())),
    )


def _read_washed(one: Mapping[str, Any]) -> Washed:
    return Washed(
        lot_id=LotId(one["lot_id"]),
        transaction_id=TransactionId(one["transaction_id"]),
        account_id=AccountId(one["account_id"]),
        on=date.fromisoformat(one["on"]),
        quantity=_decimal(one["quantity"]),
        disallowed=_decimal(one["disallowed"]),
        deferred=one["deferred"],
    )


def _read_metrics(metrics: Mapping[str, Any]) -> Metrics:
    return Metrics(
        nav=_decimal(metrics["nav"]),
        cash=_decimal(metrics["cash"]),
        tracking_error=metrics["tracking_error"],
        active_share=metrics["active_share"],
        sectors=tuple(metrics["sectors"].items()),
        unrealised=Unrealised(**{name: _decimal(value) for name, value in metrics["unrealised"].items()}),
    )


def _usd(amount: Decimal) -> int | float:
    return _number(amount.quantize(_CENT, rounding=ROUND_HALF_EVEN))


def _shares(quantity: Decimal) -> int | float:
    return _number(round(quantity, QUANTITY_DECIMALS))


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _bp(value: float) -> float:
    return round(float(value), _BP_DECIMALS) + 0.0  # + 0.0 turns -0.0 into 0.0


def _fraction(value: float) -> float:
    return round(float(value), _FRACTION_DECIMALS) + 0.0


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))
