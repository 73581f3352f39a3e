"""One plan on screen: its figures, its trades with their reasons, what it leaves and what holds it back."""

from collections.abc import Sequence

import streamlit as st

from app.charts.drift import sector_figure
from app.panels import frame
from app.steps.plan import WhatIf
from app.tables import (
    binding_table,
    not_harvested_table,
    sale_table,
    trade_table,
)
from engine.domain.plans import Check, PlanStatus, Verdict

_VERDICT_ICONS = {Verdict.PASS: ":green[✓]", Verdict.WARN: ":orange[!]", Verdict.FAIL: ":red[✗]"}


def headline(found: WhatIf) -> None:
    """Show what the plan does, in eight figures."""
    plan, summary = found.plan, found.summary
    tracking = plan.after.tracking_error - plan.before.tracking_error
    saved = plan.tax.liability < 0
    with st.grid(4, min_column_width=120, gap="small"):
        st.metric("Trades", f"{len(plan.trades):,}", border=True, height="stretch")
        st.metric(
            "Tracking error",
            f"{plan.after.tracking_error:.2%}",
            f"{100 * tracking:+.2f} pp",
            delta_color="inverse",
            border=True,
            height="stretch",
            help="Predicted, a year, after the plan's trades",
        )
        st.metric(
            "Tax saved now" if saved else "Tax now", f"${abs(plan.tax.liability):,.0f}", border=True, height="stretch"
        )
        st.metric("Losses harvested", f"${plan.tax.harvested_loss:,.0f}", border=True, height="stretch")
        st.metric("Turnover", f"{summary.turnover:.1%}", border=True, height="stretch", help="One-way")
        st.metric("Trading cost", f"{plan.objective.cost:.2f} bp", border=True, height="stretch")
        st.metric("Cash after", f"{summary.cash_weight:.2%}", border=True, height="stretch")
        st.metric(
            "Certified gap", f"{plan.objective.gap:.2f} bp", border=True, height="stretch",
            help="No plan under these settings can be better than this one by more than the gap",
        )  # fmt: skip


def infeasible(found: WhatIf) -> bool:
    """Show which rules conflict where no plan obeys them all; say whether that is so."""
    if found.plan.status is not PlanStatus.INFEASIBLE:
        return False
    st.error("No plan obeys every rule. These conflict:", icon=":material/block:")
    st.markdown("\n".join(f"- {rule}" for rule in found.plan.conflicts))
    if found.plan.repair:
        st.markdown(f"**Cheapest way out:** {found.plan.repair}")
    return True


def details(found: WhatIf, *, key: str) -> None:
    """Show trades, lots sold, sectors, unharvested losses, binding rules and the planner's checks, in tabs."""
    plan, market = found.plan, found.market
    trades, lots, sectors, left, binding, checks = st.tabs(
        ["Trades", "Lots sold", "Sectors", "Losses left", "Binding rules", "Checks"]
    )
    with trades:
        frame.table(trade_table(plan, market), key=f"{key}:trades", empty="No trade improves this account.")
    with lots:
        frame.table(sale_table(plan, market), key=f"{key}:sales", empty="Nothing is sold.")
    with sectors:
        st.plotly_chart(
            sector_figure(
                [("before", plan.before.sectors), ("after", plan.after.sectors)], band=plan.settings.max_sector_active
            ),
            key=f"{key}:sectors",
        )
    with left:
        frame.table(not_harvested_table(plan, market), key=f"{key}:left", empty="No loss is left.")
    with binding:
        frame.table(binding_table(plan), key=f"{key}:binding", empty="No rule is at its limit.")
    with checks:
        verdicts(plan.checks)


def verdicts(checks: Sequence[Check]) -> None:
    """Show one line a check, failures first."""
    st.markdown(
        "\n\n".join(
            f"{_VERDICT_ICONS[check.verdict]} **{check.rule}** {check.detail}"
            for check in sorted(checks, key=lambda check: list(Verdict).index(check.verdict), reverse=True)
        )
    )
