"""One plan on screen: its figures, its trades with their reasons, what it leaves and what holds it back."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from app.charts.drift import sector_figure
from app.panels import frame
from app.steps.plan import WhatIf
from app.tables.plan import (
    binding_table,
    not_harvested_table,
    rule_text,
    sale_table,
    setting_text,
    trade_table,
    wash_table,
)
from engine.domain.meanings import MEANINGS
from engine.domain.plans import Check, PlanStatus, Verdict
from engine.plan.run import FALLBACK_SOLVER

BP: Final = 1e4
_VERDICT_ICONS: Final = {Verdict.PASS: ":green[✓]", Verdict.WARN: ":orange[!]", Verdict.FAIL: ":red[✗]"}


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
            help=f"No plan under these settings can be better than this one by more than the gap: {_gap_usd(found)}",
        )  # fmt: skip


def proof(found: WhatIf) -> None:
    """Say how the plan was solved, what is proven of it, what whole shares cost, and whether the fast way failed."""
    plan, run = found.plan, found.run
    objective = plan.objective
    bound = f"no plan can be below {objective.lower_bound:.2f} bp (gap {objective.gap:.3f} bp, {_gap_usd(found)})"
    parts = [
        f"Solved in {run.solve_ms:.0f} ms, {run.total_ms:.0f} ms with reasons and checks, by {run.solver}.",
        f"Objective {objective.total:.2f} bp; {bound}.",
    ]
    if objective.rounding is not None and plan.settings.whole_shares:
        parts.append(f"Whole shares cost {objective.rounding:.3f} bp of the gap.")
    st.caption(" ".join(parts))
    if run.fallback:
        why = run.solver.removeprefix(FALLBACK_SOLVER).removeprefix(", ") or "the fast one did not meet its tolerance"
        st.caption(f":material/swap_horiz: The general solver, not the fast one: {why}. The certificate is as good.")
    if plan.status is PlanStatus.FEASIBLE and not plan.edited:
        st.caption(
            f":material/info: The gap is above the {plan.settings.gap_tolerance_bp:g} bp that the settings ask for: "
            "the search ended at its limit, or whole shares cost more."
        )


def _gap_usd(found: WhatIf) -> str:
    settings = found.plan.settings
    value = float(found.plan.before.nav + settings.deposit - settings.withdrawal)
    return f"${found.plan.objective.gap / BP * value:,.2f}"


def infeasible(found: WhatIf) -> bool:
    """Show which rules conflict where no plan obeys them all; say whether that is so."""
    if found.plan.status is not PlanStatus.INFEASIBLE:
        return False
    plan = found.plan
    with st.container(border=True):
        st.error("These rules cannot all be obeyed. Without any one of them there is a plan:", icon=":material/block:",
                 title="No plan")  # fmt: skip
        st.markdown("\n".join(f"- {rule_words(rule, found)}" for rule in plan.conflicts))
        if plan.repair:
            st.markdown(f"**Cheapest way out:** {plan.repair}")
    return True


def rule_words(rule: str, found: WhatIf) -> str:
    """Return a rule of a conflict in words: a setting with its value and what it means, a restriction by its target."""
    meaning = MEANINGS.get(rule)
    if meaning is None or rule == "wash_sales":  # a lock, not the setting of that name
        return (
            f"**{rule_text(rule, found.market)}**" if rule != "wash_sales" else "**Wash-sale locks** of the household"
        )
    value = setting_text(rule, getattr(found.plan.settings, rule))
    return f"**{meaning.label}**, `{rule}` = {value}: {meaning.text}"


def details(found: WhatIf, *, key: str) -> None:
    """Show trades, lots sold, wash sales, sectors, losses left, binding rules and the planner's checks, in tabs."""
    plan, market = found.plan, found.market
    trades, lots, washes, sectors, left, binding, checks = st.tabs(
        ["Trades", "Lots sold", "Wash sales", "Sectors", "Losses left", "Binding rules", "Checks"]
    )
    with trades:
        frame.table(trade_table(plan, market), key=f"{key}:trades", empty="No trade improves this account.")
    with lots:
        frame.table(sale_table(plan, market), key=f"{key}:sales", empty="Nothing is sold.")
    with washes:
        st.caption(
            "Each loss that the plan takes: what purchases of the household within 30 days, made or arranged, take "
            "away of it, and from which day on the household may buy it again."
        )
        frame.table(wash_table(plan, market), key=f"{key}:washes", empty="No loss is taken.")
    with sectors:
        frame.chart(
            sector_figure(
                [("before", plan.before.sectors), ("after", plan.after.sectors)], band=plan.settings.max_sector_active
            ),
            key=f"{key}:sectors",
            alt="Weight less target by sector, before and after the plan",
        )
    with left:
        frame.table(not_harvested_table(plan, market), key=f"{key}:left", empty="No loss is left.")
    with binding:
        st.caption("What each rule at its limit costs: its price is what a little more room would save.")
        frame.table(binding_table(plan, market), key=f"{key}:binding", empty="No rule is at its limit.")
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
