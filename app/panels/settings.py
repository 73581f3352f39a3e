"""Which settings can be tuned on screen, and with what? All of them."""

from collections.abc import Callable
from typing import Any, Final

import streamlit as st

from app import session
from app.panels import knobs
from app.panels.knobs import Form
from engine.domain.accounts import Account
from engine.domain.market import MarketSnapshot
from engine.domain.meanings import MEANINGS
from engine.domain.settings import LotMethod, PlanSettings, WashSalePolicy, override, settings_to_dict
from engine.plan.applies import inapplicable

_AVERSIONS: Final = (1.0, 3.0, 10.0, 20.0, 30.0, 50.0, 100.0, 200.0, 300.0, 500.0, 1000.0, 3000.0, 10000.0)
_LOT_METHODS: Final = {
    LotMethod.OPTIMAL: "Optimal",
    LotMethod.MIN_TAX: "Least tax",
    LotMethod.HIFO: "HIFO",
    LotMethod.FIFO: "FIFO",
    LotMethod.LIFO: "LIFO",
}
_WASH_SALES: Final = {
    WashSalePolicy.BLOCK: "Never sold",
    WashSalePolicy.ALLOW: "Sold, the loss deferred or lost",
}
_LIMITS: Final = ("max_active_weight", "max_sector_active", "max_factor_active", "max_tracking_error", "max_turnover",
                  "max_net_gain", "enforce", "breach_penalty")  # fmt: skip
_TAXES: Final = ("net_taxes", "wash_sales", "carryforward_value", "gains_budget", "harvest_min_loss_usd",
                 "harvest_min_loss_pct")  # fmt: skip
_HEIGHT_PX: Final = 780  # what stands on screen unopened; what is opened scrolls, so that the plan stays in sight
_TRADING: Final = ("impact_bp", "max_names")


def tune(account: Account, defaults: PlanSettings, market: MarketSnapshot) -> PlanSettings:
    """Ask for the settings of a plan, starting from how they were left; return them.

    Raises DataError for a combination that no plan can have.
    """
    account_id = account.account_id
    form = Form(
        before=session.tuned(account_id, defaults),
        key=f"{account_id}:{session.tuning_round(account_id)}",
        without_effect=lambda settings: inapplicable(settings, account, market),
    )
    with st.container(border=True, height=_HEIGHT_PX):
        _aims(form)
        _group("Limits", _LIMITS, _limits, form)
        _group("Taxes and lots", _TAXES, _taxes, form)
        _group("Trading", _TRADING, _trading, form)
        _group("Names: exclude, tilt", ("tilt",), lambda each: _names(each, market), form)
        chosen = override(form.before, form.changes, source="settings on screen")
        _changed(chosen, defaults)
        st.button(
            "Back to the account's own settings",
            key=f"untune:{account_id}",
            on_click=session.untune,
            args=[account_id],
            icon=":material/restart_alt:",
            disabled=chosen == defaults,
        )
    session.tune(account_id, chosen)
    return chosen


def _group(title: str, names: tuple[str, ...], draw: Callable[[Form], None], form: Form) -> None:
    with st.expander(title, key=f"{form.key}:group:{title}"):
        above = st.container()
        draw(form)
        with above:
            knobs.reasons(form, names)


def _aims(form: Form) -> None:
    now, aims = form.before, st.container()
    knobs.switch(form, "liquidate")  # drawn first: it puts others out of use
    with aims:
        form.changes["risk_aversion"] = st.select_slider(
            knobs.label("risk_aversion"),
            sorted({*_AVERSIONS, now.risk_aversion}),
            now.risk_aversion,
            format_func=lambda value: f"{value:,.0f}",
            **form.told("risk_aversion"),
        )
        form.changes["tax_weight"] = st.slider(
            knobs.label("tax_weight"), 0.0, max(3.0, now.tax_weight), float(now.tax_weight), 0.1,
            **form.told("tax_weight"),
        )  # fmt: skip
        band = form.told("min_cash") | {"help": "`min_cash`, `max_cash`: cash after the plan lies in this band."}
        low, high = st.slider("Cash band, %", 0.0, 10.0, (100 * now.min_cash, 100 * now.max_cash), 0.1, **band)
        form.changes.update(min_cash=round(low / 100, 8), max_cash=round(high / 100, 8))
        knobs.number(form, "deposit", most=None, step=1000.0)
        knobs.number(form, "withdrawal", most=None, step=1000.0)
        knobs.reasons(form, ("tax_weight", "min_cash", "max_cash", "deposit"))


def _limits(form: Form) -> None:
    knobs.number(form, "max_active_weight", most=100.0, step=0.1)
    knobs.number(form, "max_sector_active", most=100.0, step=0.1)
    knobs.number(form, "max_factor_active", most=5.0, step=0.05)
    knobs.number(form, "max_tracking_error", most=50.0, step=0.1)
    knobs.number(form, "max_turnover", most=100.0, step=1.0)
    knobs.number(form, "max_net_gain", most=None, step=1000.0, least=None)
    knobs.switch(form, "enforce")
    knobs.number(form, "breach_penalty", most=10_000.0, step=1.0)


def _taxes(form: Form) -> None:
    knobs.switch(form, "net_taxes")
    knobs.choice(form, "wash_sales", _WASH_SALES)
    knobs.number(form, "carryforward_value", most=100.0, step=5.0)
    knobs.number(form, "gains_budget", most=None, step=1000.0, least=None)
    knobs.choice(form, "lot_method", _LOT_METHODS)
    knobs.number(form, "harvest_min_loss_usd", most=None, step=100.0)
    knobs.number(form, "harvest_min_loss_pct", most=100.0, step=1.0)


def _trading(form: Form) -> None:
    knobs.number(form, "cost_bp", most=500.0, step=1.0)
    knobs.number(form, "impact_bp", most=10_000.0, step=10.0)
    knobs.number(form, "min_trade_usd", most=None, step=100.0)
    knobs.count(form, "max_trades")
    knobs.count(form, "max_names")
    knobs.switch(form, "whole_shares")
    knobs.number(form, "gap_tolerance_bp", most=100.0, step=0.05)


def _names(form: Form, market: MarketSnapshot) -> None:
    labels = targets(market)
    labels |= {name: name for name in (*form.before.exclude, *form.before.tilt) if name not in labels}
    form.changes["exclude"] = st.multiselect(
        knobs.label("exclude"), list(labels), list(form.before.exclude), format_func=labels.__getitem__,
        **form.told("exclude"),
    )  # fmt: skip
    tilted = st.multiselect(
        knobs.label("tilt"), list(labels), list(form.before.tilt), format_func=labels.__getitem__, **form.told("tilt")
    )
    form.changes["tilt"] = {name: _tilt(form, name, labels[name]) for name in tilted}


def _tilt(form: Form, name: str, words: str) -> float:
    entered: float = st.number_input(
        f"{words}, active return, % a year", -100.0, 100.0, 100 * form.before.tilt.get(name, 0.0), 0.1,
        key=f"{form.key}:tilt:{name}", format="%.2f", disabled=form.reason("tilt") is not None,
    )  # fmt: skip
    return round(entered / 100, 8)


def targets(market: MarketSnapshot) -> dict[str, str]:
    """Return what a setting can name: sectors, tags and securities, with their words."""
    securities = market.securities.values()
    labels = {f"sector:{sector}": f"Sector {sector}" for sector in sorted({each.sector for each in securities})}
    labels |= {f"tag:{tag}": f"Tag {tag}" for tag in sorted({tag for each in securities for tag in each.tags})}
    by_ticker = sorted(market.securities.items(), key=lambda pair: pair[1].ticker)
    return labels | {str(name): f"{security.ticker} {security.name}" for name, security in by_ticker}


def _changed(chosen: PlanSettings, defaults: PlanSettings) -> None:
    """Say what differs from the account's own settings."""
    own, now = settings_to_dict(defaults), settings_to_dict(chosen)
    different = [name for name in MEANINGS if getattr(chosen, name) != getattr(defaults, name)]
    if different:
        st.caption("Changed: " + "; ".join(f"`{name}` {_short(own[name])} → {_short(now[name])}" for name in different))


def _short(value: Any) -> str:
    if value is None or value == [] or value == {}:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | dict) else f"{value}"
