"""One plan on screen: its figures, its trades with their reasons, what it leaves and what holds it back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from app.charts.drift import sector_figure
from app.panels import frame
from app.steps.plan import WhatIf
from app.steps.why import trade_reason
from app.steps.words import Names, tickers, told
from app.tables.parts import literal, named
from app.tables.plan import (
    binding_table,
    lot_choice_table,
    not_harvested_table,
    reason_table,
    rule_text,
    sale_table,
    setting_text,
    trade_table,
    trades_shown,
    wash_table,
)
from engine.domain.identifiers import SecurityId
from engine.domain.market import MarketSnapshot
from engine.domain.meanings import MEANINGS
from engine.domain.plans import Check, PlanStatus, Verdict, bp_usd
from engine.plan.run import FALLBACK_SOLVER

_VERDICT_ICONS: Final = {Verdict.PASS: ":green[✓]", Verdict.WARN: ":orange[!]", Verdict.FAIL: ":red[✗]"}


def headline(found: WhatIf) -> None:
    """Show what the plan does, in eight figures."""
    plan, summary = found.plan, found.summary
    tracking = plan.after.tracking_error - plan.before.tracking_error
    saved = plan.tax.liability < 0
    with st.grid(4, min_column_width=105, gap="small"):
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
    st.caption(literal(" ".join(parts)))
    if run.fallback:
        why = run.solver.removeprefix(FALLBACK_SOLVER).removeprefix(", ") or "the fast one did not meet its tolerance"
        st.caption(f":material/swap_horiz: The general solver, not the fast one: {why}. The certificate is as good.")
    if plan.status is PlanStatus.FEASIBLE and not plan.edited:
        st.caption(
            f":material/info: The gap is above the {plan.settings.gap_tolerance_bp:g} bp that the settings ask for: "
            "the search ended at its limit, or whole shares cost more."
        )


def _gap_usd(found: WhatIf) -> str:
    return f"${bp_usd(found.plan, found.plan.objective.gap):,.2f}"


def infeasible(found: WhatIf, *, apply: Callable[[Mapping[str, Any]], None] | None = None) -> bool:
    """Show which rules conflict where no plan obeys them all, and the cheapest way out; say whether that is so.

    apply: what changes settings, where they can be changed from here: the way out is then one click.
    """
    if found.plan.status is not PlanStatus.INFEASIBLE:
        return False
    plan = found.plan
    with st.container(border=True):
        st.error("These rules cannot all be obeyed. Without any one of them there is a plan:", icon=":material/block:",
                 title="No plan")  # fmt: skip
        st.markdown(literal("\n".join(f"- {rule_words(rule, found)}" for rule in plan.conflicts)))
        if plan.repair:
            st.markdown(f"**Cheapest way out:** {literal(plan.repair)}")
        if plan.repair_change is not None and apply is not None:
            change = plan.repair_change
            now, then = (
                setting_text(change.setting, v) for v in (getattr(plan.settings, change.setting), change.value)
            )
            st.button(
                literal(f"Apply it: {MEANINGS[change.setting].label} {now} → {then}"),
                key="apply_repair",
                type="primary",
                icon=":material/build:",
                on_click=apply,
                args=[{change.setting: change.value}],
            )
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
    """Show trades with why, lots sold, wash sales, sectors, losses left, binding rules and checks, in tabs.

    Only the tab that is open is made.
    """
    plan, market = found.plan, found.market
    file = f"{plan.account_id}-{key}"
    frame.tabs(
        {
            "Trades": lambda: _trades(found, key),
            "Lots sold": lambda: frame.table(
                sale_table(plan, market), key=f"{key}:sales", alt="Lots sold", empty="Nothing is sold.",
                file=f"{file}-lots",
            ),
            "Wash sales": lambda: _washes(found, key, file=f"{file}-wash-sales"),
            "Sectors": lambda: _sectors(found, key),
            "Losses left": lambda: frame.table(
                not_harvested_table(plan, market), key=f"{key}:left", alt="Losses left, and why",
                empty="No loss is left.", file=f"{file}-losses-left",
            ),
            "Binding rules": lambda: _binding(found, key, file=f"{file}-binding"),
            "Checks": lambda: verdicts(plan.checks, found.market),
        },
        key=f"{key}:tabs",
        in_link=False,
    )  # fmt: skip


def _washes(found: WhatIf, key: str, *, file: str) -> None:
    st.caption(
        "Each loss that the plan takes: what purchases of the household within 30 days, made or arranged, take "
        "away of it, and from which day on the household may buy it again."
    )
    frame.table(
        wash_table(found.plan, found.market), key=f"{key}:washes", alt="Wash sales of the plan",
        empty="No loss is taken.", file=file,
    )  # fmt: skip


def _sectors(found: WhatIf, key: str) -> None:
    plan = found.plan
    frame.chart(
        sector_figure(
            [("before", plan.before.sectors), ("after", plan.after.sectors)], band=plan.settings.max_sector_active
        ),
        key=f"{key}:sectors",
        alt="Weight less target by sector, before and after the plan",
    )


def _binding(found: WhatIf, key: str, *, file: str) -> None:
    st.caption("What each rule at its limit costs: its price is what a little more room would save.")
    frame.table(
        binding_table(found.plan, found.market), key=f"{key}:binding", alt="Rules at their limit",
        empty="No rule is at its limit.", file=file,
    )  # fmt: skip


@st.fragment
def _trades(found: WhatIf, key: str) -> None:
    """Show every trade; below it, why the one just clicked is made."""
    plan, market = found.plan, found.market
    rows = trade_table(plan, market)
    place = frame.picked(
        rows, key=f"{key}:trades", alt="Trades of the plan, each with its reason",
        empty="No trade improves this account.", height=300,
    )  # fmt: skip
    if rows.empty:
        return
    if place is None or place >= len(rows):
        st.caption(":material/touch_app: Click a trade to see why it is made, and why from these lots.")
    else:
        why(found, trades_shown(plan)[place].security_id, key=f"{key}:why")
    frame.downloads(rows, file=f"{plan.account_id}-{key}-trades", key=f"{key}:trades")


def why(found: WhatIf, security_id: SecurityId, *, key: str) -> None:
    """Show why one trade is made: its reason in numbers, what the plan would be without it, its lots, its rules."""
    reason = trade_reason(found, security_id)
    trade, market = reason.trade, found.market
    with st.container(border=True):
        name = named(market, security_id)
        st.markdown(f"**{trade.side.value.capitalize()} {trade.quantity:,f} {name['ticker']}** {name['name']}, "
                    + literal(f"${trade.amount:,.2f}"))  # fmt: skip
        st.markdown(literal(trade.reason.sentence))
        numbers, rules_at_work = st.columns([3, 2])
        with numbers:
            frame.table(reason_table(reason), key=f"{key}:parts", alt=f"Why {name['ticker']}, in numbers")
        with rules_at_work:
            rules = [rule_text(rule, market) for rule in trade.reason.rules]
            st.caption(f"Rules that bind on it: {', '.join(rules)}." if rules else "No rule binds on this name.")
        if reason.lots_sentence:
            frame.table(lot_choice_table(reason), key=f"{key}:lots", alt=f"Lots of {name['ticker']}", height=260)
            st.caption(literal(reason.lots_sentence))
        else:
            st.caption("A purchase closes no lot; it opens one.")


def verdicts(checks: Sequence[Check], market: MarketSnapshot) -> None:
    """Show one line a check, failures first."""
    known = Names(tickers=tickers(market), accounts={})
    st.markdown(
        "\n\n".join(
            f"{_VERDICT_ICONS[check.verdict]} **{check.rule}** {literal(check.detail)}"
            for check in sorted(
                (told(each, known) for each in checks),
                key=lambda check: list(Verdict).index(check.verdict),
                reverse=True,
            )
        )
    )
