"""Which settings can be tuned on screen, and with what? All of them."""

from collections.abc import Callable
from typing import Any, Final

import streamlit as st

from app.panels import knobs
from app.panels.knobs import Form
from app.session import lab_view, memory, widgets
from app.steps.inputs import PlanInputs
from engine.domain.accounts import Account
from engine.domain.market import MarketSnapshot
from engine.domain.meanings import MEANINGS
from engine.domain.settings import LotMethod, PlanSettings, WashSalePolicy, settings_to_dict
from engine.plan.applies import inapplicable

_TENTH_DECADES: Final = (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0)  # Renard's R10, ISO 3
_AVERSIONS: Final = (*(step * 10**decade for decade in range(4) for step in _TENTH_DECADES), 10_000.0)
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


def tune(form: Form, account: Account, market: MarketSnapshot) -> None:
    """Show every setting of an account as it stands; each change goes to the address line."""
    with st.container(border=True, height=_HEIGHT_PX):
        _aims(form)
        _group("Limits", _LIMITS, _limits, form)
        _group("Taxes and lots", _TAXES, _taxes, form)
        _group("Trading", _TRADING, _trading, form)
        _group("Names: exclude, tilt", ("tilt",), lambda each: _names(each, market), form)
        _changed(form.now, form.own)
        st.button(
            "Back to the account's own settings",
            key=f"untune:{account.account_id}",
            on_click=lab_view.untune,
            args=[account.account_id],
            icon=":material/restart_alt:",
            disabled=form.now == form.own,
        )


def form_of(inputs: PlanInputs) -> Form:
    """Return the settings of an account as the address line has them. Raises DataError where they make no sense."""
    account = inputs.snapshot.account
    lab_view.come_back(account.account_id, drawn=knobs.knob_key(account.account_id, "risk_aversion"))
    now = lab_view.tuned(inputs.own)
    return Form(
        account_id=account.account_id,
        own=inputs.own,
        now=now,
        reasons=inapplicable(now, account, inputs.market),
    )


def _group(title: str, names: tuple[str, ...], draw: Callable[[Form], None], form: Form) -> None:
    group = st.expander(title, key=f"group:{form.account_id}:{title}", on_change="rerun")
    if group.open:
        with group:
            knobs.reasons(form, names)
            draw(form)


def _aims(form: Form) -> None:
    now = form.now
    st.select_slider(
        knobs.label("risk_aversion"),
        sorted({*_AVERSIONS, form.own.risk_aversion, now.risk_aversion}),
        format_func=lambda value: f"{value:,.4g}",
        **form.told("risk_aversion", now.risk_aversion, lambda entered: {"risk_aversion": entered}),
    )
    st.slider(
        knobs.label("tax_weight"), 0.0, max(3.0, now.tax_weight), None, 0.1,
        **form.told("tax_weight", float(now.tax_weight), lambda entered: {"tax_weight": round(entered, 8)}),
    )  # fmt: skip
    band = form.told("min_cash", (round(100 * now.min_cash, 8), round(100 * now.max_cash, 8)), _cash_band)
    band["help"] = "`min_cash`, `max_cash`: cash after the plan lies in this band."
    st.slider("Cash band, %", 0.0, max(10.0, 100 * now.max_cash), None, 0.1, **band)
    knobs.number(form, "deposit", most=None, step=1000.0)
    knobs.number(form, "withdrawal", most=None, step=1000.0)
    knobs.reasons(form, ("tax_weight", "min_cash", "max_cash", "deposit"))
    knobs.switch(form, "liquidate")


def _cash_band(entered: tuple[float, float]) -> dict[str, float]:
    return {"min_cash": round(entered[0] / 100, 8), "max_cash": round(entered[1] / 100, 8)}


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
    now, labels = form.now, memory.remember(("targets", market.as_of, id(market)), lambda: targets(market))
    labels = labels | {name: name for name in (*now.exclude, *now.tilt) if name not in labels}
    st.multiselect(
        knobs.label("exclude"), list(labels), format_func=labels.__getitem__,
        **form.told("exclude", list(now.exclude), lambda entered: {"exclude": list(entered)}),
    )  # fmt: skip
    st.multiselect(
        knobs.label("tilt"), list(labels), format_func=labels.__getitem__,
        **form.told("tilt", list(now.tilt), lambda names: {"tilt": {name: now.tilt.get(name, 0.0) for name in names}}),
    )  # fmt: skip
    for name in now.tilt:
        _tilt(form, name, labels[name])


def _tilt(form: Form, name: str, words: str) -> None:
    key = form.key(f"tilt:{name}")
    widgets.stand(key, round(100 * form.now.tilt[name], 8))
    st.number_input(
        f"{words}, active return, % a year", -100.0, 100.0, None, 0.1, key=key, format="%.2f",
        disabled="tilt" in form.reasons, on_change=form.follow,
        args=[key, lambda entered: {"tilt": {**form.now.tilt, name: round((entered or 0.0) / 100, 8)}}],
    )  # fmt: skip


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
