"""How is a scan written down? The queue as one JSON document, and as one flat row an account."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from engine.domain.identifiers import AccountId
from engine.monitor.account_scan import AccountScan
from engine.monitor.drift import GroupDrift

_CENT: Final = Decimal("0.01")
_SHARE: Final = Decimal("0.000001")
_FRACTION_DECIMALS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """What the queue shows of an account, rounded as in its document. USD; weights and tracking_error are fractions.

    at_stake = risk_at_stake + tax_at_stake, each rounded on its own. locks: how many bind the account.
    """

    account_id: AccountId
    household: str
    advisor: str
    registration: str
    custodian: str
    model_id: str
    at_stake: float
    risk_at_stake: float
    tax_at_stake: float
    reasons: tuple[str, ...]
    fenced: bool
    nav: float
    cash_weight: float
    tracking_error: float
    max_active_weight: float
    st_loss: float
    lt_loss: float
    tax_saved: float
    locks: int
    data_age_days: int | None
    gains_left: float | None


def queue_row(scan: AccountScan) -> QueueRow:
    """Return the row of one account; its figures are those of scan_document."""
    return QueueRow(
        account_id=scan.account.account_id,
        household=scan.household.name,
        advisor=scan.household.advisor,
        registration=scan.account.registration.value,
        custodian=scan.account.custodian,
        model_id=scan.account.model_id,
        at_stake=_usd(scan.dollars_at_stake),
        risk_at_stake=_usd(scan.risk_at_stake),
        tax_at_stake=_usd(scan.dollars_at_stake - scan.risk_at_stake),
        reasons=tuple(reason.value for reason in scan.reasons),
        fenced=scan.fenced,
        nav=_usd(scan.nav),
        cash_weight=_fraction(scan.cash_weight),
        tracking_error=_fraction(scan.tracking_error),
        max_active_weight=_fraction(scan.max_active_weight),
        st_loss=_usd(scan.harvest.st_loss),
        lt_loss=_usd(scan.harvest.lt_loss),
        tax_saved=_usd(scan.harvest.tax_saved),
        locks=len(scan.locks),
        data_age_days=scan.data_age_days,
        gains_left=None if scan.gains_left is None else _usd(scan.gains_left),
    )


def scan_document(scans: Sequence[AccountScan]) -> dict[str, Any]:
    """Return scans as JSON values in their order, every figure rounded here and nowhere else (half to even).

    USD to the cent, weights, exposures and volatilities to 8 decimals, shares to 6.
    """
    return {
        "as_of": scans[0].as_of.isoformat() if scans else None,
        "accounts": [_account(scan) for scan in scans],
    }


def _account(scan: AccountScan) -> dict[str, Any]:
    return {
        "account_id": scan.account.account_id,
        "household_id": scan.household.household_id,
        "household": scan.household.name,
        "advisor": scan.household.advisor,
        "registration": scan.account.registration.value,
        "custodian": scan.account.custodian,
        "model_id": scan.account.model_id,
        "dollars_at_stake": _usd(scan.dollars_at_stake),
        "reasons": [reason.value for reason in scan.reasons],
        "fenced": scan.fenced,
        "nav": _usd(scan.nav),
        "cash": {
            "usd": _usd(scan.account.cash),
            "weight": _fraction(scan.cash_weight),
            "min": _fraction(scan.cash_band[0]),
            "max": _fraction(scan.cash_band[1]),
        },
        "tracking_error": _fraction(scan.tracking_error),
        "max_active_weight": _fraction(scan.max_active_weight),
        "drift": {
            "names": [
                {
                    "security_id": drift.security_id,
                    "weight": _fraction(drift.weight),
                    "target": _fraction(drift.target),
                    "active": _fraction(drift.active),
                    "restricted": drift.restricted,
                    "outside": drift.outside,
                }
                for drift in scan.names
            ],
            "sectors": [_group(drift) for drift in scan.sectors],
            "factors": [_group(drift) for drift in scan.factors],
        },
        "harvest": {
            "st_loss": _usd(scan.harvest.st_loss),
            "lt_loss": _usd(scan.harvest.lt_loss),
            "tax_saved": _usd(scan.harvest.tax_saved),
            "lots": [
                {
                    "lot_id": lot.lot_id,
                    "security_id": lot.security_id,
                    "quantity": float(lot.quantity.quantize(_SHARE, rounding=ROUND_HALF_EVEN)),
                    "term": lot.term.value,
                    "loss": _usd(lot.loss),
                    "tax_saved": _usd(lot.tax_saved),
                    "blocked": lot.blocked,
                    "until": lot.until.isoformat() if lot.until else None,
                }
                for lot in scan.harvest.lots
            ],
        },
        "locks": [
            {
                "identical_group": lock.identical_group,
                "rule": lock.rule.value,
                "cause": lock.cause,
                "until": lock.until.isoformat(),
            }
            for lock in scan.locks
        ],
        "moves": [
            {
                "of": move.of.value,
                "key": move.key,
                "change": _fraction(move.change),
                "sigmas": None if move.sigmas is None else _fraction(move.sigmas),
                "dollars": _usd(move.dollars),
            }
            for move in scan.moves
        ],
        "problems": [
            {
                "code": problem.code,
                "severity": problem.severity.value,
                "security_id": problem.security_id,
                "sentence": problem.sentence,
            }
            for problem in scan.problems
        ],
        "data_age_days": scan.data_age_days,
        "gains_left": None if scan.gains_left is None else _usd(scan.gains_left),
    }


def _group(drift: GroupDrift) -> dict[str, Any]:
    return {"name": drift.name, "active": _fraction(drift.active), "outside": drift.outside}


def _usd(amount: Decimal) -> float:
    return float(amount.quantize(_CENT, rounding=ROUND_HALF_EVEN)) + 0.0  # + 0.0: no -0.0


def _fraction(value: float) -> float:
    return round(value, _FRACTION_DECIMALS) + 0.0
