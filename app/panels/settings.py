"""Which settings can be tuned on screen, and with what?"""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from app import session
from engine.domain.identifiers import AccountId
from engine.domain.market import MarketSnapshot
from engine.domain.settings import LotMethod, PlanSettings, override

_AVERSIONS: Final = (1.0, 3.0, 10.0, 20.0, 30.0, 50.0, 100.0, 200.0, 300.0, 500.0, 1000.0, 3000.0, 10000.0)
_LOT_METHODS: Final = {
    LotMethod.OPTIMAL: "Optimal",
    LotMethod.MIN_TAX: "Least tax",
    LotMethod.HIFO: "HIFO",
    LotMethod.FIFO: "FIFO",
    LotMethod.LIFO: "LIFO",
}


def tune(account_id: AccountId, defaults: PlanSettings, market: MarketSnapshot) -> PlanSettings:
    """Ask for the settings of a plan, starting from how they were left; return them.

    Raises DataError for a combination that no plan can have.
    """
    now = session.tuned(account_id, defaults)
    key = f"{account_id}:{session.tuning_round(account_id)}"
    with st.container(border=True):
        changes = {**_aims(now, key), **_cash(now, key), **_limits(now, key), **_tax(now, key)}
        changes |= _exclusions(now, key, market)
        st.button(
            "Back to the account's own settings",
            key=f"untune:{account_id}",
            on_click=session.untune,
            args=[account_id],
            icon=":material/restart_alt:",
        )
    chosen = override(now, changes, source="settings on screen")
    session.tune(account_id, chosen)
    return chosen


def _aims(now: PlanSettings, key: str) -> dict[str, Any]:
    aversions = sorted({*_AVERSIONS, now.risk_aversion})
    return {
        "risk_aversion": st.select_slider(
            "Follow the target more closely",
            aversions,
            now.risk_aversion,
            key=f"{key}:risk_aversion",
            format_func=lambda value: f"{value:,.0f}",
            help="Risk aversion λ: how much a unit of tracking-error variance weighs against tax and cost",
        ),
        "tax_weight": st.slider(
            "Weight of tax", 0.0, 3.0, float(now.tax_weight), 0.1, key=f"{key}:tax_weight",
            help="1 is a dollar of tax for a dollar; 0 ignores tax",
        ),
    }  # fmt: skip


def _cash(now: PlanSettings, key: str) -> dict[str, Any]:
    low, high = st.slider(
        "Cash band, % of value", 0.0, 10.0, (100 * now.min_cash, 100 * now.max_cash), 0.1, key=f"{key}:cash"
    )
    deposit, withdrawal = st.columns(2)
    return {
        "min_cash": _fraction(low),
        "max_cash": _fraction(high),
        "deposit": _dollars(deposit, "Deposit, $", now.deposit, f"{key}:deposit") or 0,
        "withdrawal": _dollars(withdrawal, "Withdrawal, $", now.withdrawal, f"{key}:withdrawal") or 0,
    }


def _limits(now: PlanSettings, key: str) -> dict[str, Any]:
    with st.expander("Limits", expanded=False):
        one, two = st.columns(2)
        return {
            "max_active_weight": _percent(one, "Drift of a name, %", now.max_active_weight, f"{key}:name"),
            "max_sector_active": _percent(two, "Drift of a sector, %", now.max_sector_active, f"{key}:sector"),
            "max_turnover": _percent(one, "Turnover one-way, %", now.max_turnover, f"{key}:turnover"),
            "max_net_gain": _dollars(two, "Net gain realised, $", now.max_net_gain, f"{key}:gain"),
            "min_trade_usd": _dollars(one, "Smallest trade, $", now.min_trade_usd, f"{key}:trade") or 0,
            "cost_bp": two.number_input("Trading cost, bp", 0.0, 500.0, float(now.cost_bp), 1.0, key=f"{key}:cost"),
        }


def _tax(now: PlanSettings, key: str) -> dict[str, Any]:
    with st.expander("Tax lots and harvesting", expanded=False):
        one, two = st.columns(2)
        return {
            "lot_method": one.selectbox(
                "Lots to sell", list(_LOT_METHODS), list(_LOT_METHODS).index(now.lot_method),
                key=f"{key}:lots", format_func=_LOT_METHODS.__getitem__,
            ),
            "harvest_min_loss_usd": _dollars(one, "Harvest losses from, $", now.harvest_min_loss_usd, f"{key}:loss")
            or 0,
            "harvest_min_loss_pct": _percent(two, "… and from, % of cost", now.harvest_min_loss_pct, f"{key}:pct")
            or 0.0,
        }  # fmt: skip


def _exclusions(now: PlanSettings, key: str, market: MarketSnapshot) -> Mapping[str, Any]:
    labels = {
        f"sector:{sector}": f"Sector {sector}" for sector in sorted({s.sector for s in market.securities.values()})
    }
    labels |= {
        str(name): f"{security.ticker} {security.name}"
        for name, security in sorted(market.securities.items(), key=lambda pair: pair[1].ticker)
    }
    labels |= {name: name for name in now.exclude if name not in labels}
    chosen = st.multiselect(
        "Do not hold", list(labels), list(now.exclude), key=f"{key}:exclude", format_func=labels.__getitem__
    )
    return {"exclude": chosen}


def _percent(place: Any, label: str, value: float | None, key: str) -> float | None:
    entered = place.number_input(
        label, 0.0, 100.0, None if value is None else 100 * value, 0.1, key=key, placeholder="no limit", format="%.2f"
    )
    return None if entered is None else _fraction(entered)


def _dollars(place: Any, label: str, value: Any, key: str) -> float | None:
    start = None if value is None or not value else float(value)
    entered: float | None = place.number_input(
        label, 0.0, None, start, 1000.0, key=key, placeholder="none", format="%.2f"
    )
    return entered


def _fraction(percent: float) -> float:
    return round(percent / 100, 8)  # 0.1 % steps come back exactly
