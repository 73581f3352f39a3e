"""Kept plans side by side: their figures, what differs in settings and trades, their sectors, their names and notes."""

from collections.abc import Mapping, Sequence

import streamlit as st

from app import navigation, session
from app.charts.drift import sector_figure
from app.columns import money_columns, text_columns
from app.panels import frame
from app.ports import Services
from app.session import lab_view, memory, widgets
from app.steps import plan
from app.steps.plan import WhatIf
from app.tables.compare import BEST, comparison_table, differing_trades_table, settings_table
from app.tables.parts import literal
from app.tables.review import plan_table
from data.plans import PlanHead
from engine.domain.identifiers import PlanId
from engine.domain.lifecycle import PlanState, User, why_note_is_fixed
from engine.domain.market import MarketSnapshot


def under_way(heads: Sequence[PlanHead]) -> None:
    """Warn where a plan of the account is in the market: what is shown starts from holdings without its fills."""
    sent = [head for head in heads if head.state is PlanState.SENT]
    if sent:
        st.warning(
            f"Plan {sent[0].plan_id[:12]} of this account was sent and is not booked yet. What is shown here starts "
            "from the holdings before it, and cannot be approved.",
            icon=":material/hourglass_top:",
        )


def compared(services: Services, heads: Sequence[PlanHead]) -> dict[str, WhatIf]:
    """Return the kept plans that the address line lays side by side, by names of which no two are the same."""
    names = {head.plan_id: head.name or f"plan {head.plan_id[:6]}" for head in heads}
    found: dict[str, WhatIf] = {}
    for plan_id in lab_view.compared(names):
        name = names[plan_id]
        found[f"{name} {plan_id[:6]}" if name in found else name] = _kept(services, plan_id)
    return found


def kept_plans(
    services: Services, user: User, heads: Sequence[PlanHead], laid: Mapping[str, WhatIf], market: MarketSnapshot
) -> None:
    """Show every kept plan of an account, those that are chosen side by side."""
    st.subheader("Kept plans side by side")
    if not heads:
        st.caption("Nothing kept yet: keep a plan to compare it with others.")
        return
    lab_view.choose_compared({head.plan_id: f"{head.name or 'plan'} · {head.plan_id[:6]}" for head in heads})
    if laid:
        _side_by_side(laid, market)
        _notes(services, user, [head for each in laid.values() for head in heads if head.plan_id == each.plan_id])
    frame.table(plan_table(heads), key="kept_plans", alt="Kept plans of this account")


def _kept(services: Services, plan_id: PlanId) -> WhatIf:
    return memory.remember(("kept", plan_id), lambda: plan.kept(services, plan_id))


def _side_by_side(laid: Mapping[str, WhatIf], market: MarketSnapshot) -> None:
    plans, file = list(laid.items()), f"{next(iter(laid.values())).plan.account_id}-compared"
    figures, sectors = st.columns([3, 2], gap="medium")
    with figures:
        frame.table(
            comparison_table(plans), key="comparison", alt="Figures of the kept plans", columns=text_columns(laid),
            file=file, height=500,
        )  # fmt: skip
        with st.container(horizontal=True):
            for name, each in plans:
                label = f"Review {name}"
                if st.button(label, key=f"review:{each.plan_id}", icon=":material/fact_check:"):
                    navigation.go(navigation.REVIEW, plan=each.plan_id)
    with sectors:
        frame.chart(
            sector_figure([(name, each.summary.sectors) for name, each in plans], band=None),
            key="kept_sectors",
            alt="Active weight by sector of each kept plan",
        )
    if len(plans) == 1:
        return
    st.caption(f"{BEST} marks the best of those shown, where one is.")
    settings, trades = st.columns([2, 3], gap="medium")
    with settings:
        st.markdown("**Settings that differ**")
        frame.table(
            settings_table(plans), key="differing_settings", alt="Settings that differ", columns=text_columns(laid),
            empty="All settings are the same.",
        )  # fmt: skip
    with trades:
        st.markdown("**Trades that differ**")
        frame.table(
            differing_trades_table(plans, market), key="differing_trades", alt="Trades that differ",
            columns=money_columns(laid), empty="All trade alike.", height=320, file=f"{file}-trades",
        )  # fmt: skip


def _notes(services: Services, user: User, heads: Sequence[PlanHead]) -> None:
    """Show names and notes of the plans that are laid side by side, to be changed by who may."""
    notes = st.expander("Names and notes", key="notes", icon=":material/edit_note:", on_change="rerun")
    if not notes.open:
        return
    with notes, st.grid(max(2, len(heads)), min_column_width=200):
        for head in heads:
            with st.container(border=True):
                fixed = why_note_is_fixed(head.state, user.user_id, head.makers)
                if fixed:
                    st.markdown(f"**{literal(head.name or head.plan_id[:6])}**")
                    st.markdown(literal(head.remarks))
                    st.caption(f"{fixed[:1].upper()}{fixed[1:]}.")
                    continue
                keys = (f"name:{head.plan_id}", f"remarks:{head.plan_id}")
                widgets.stand(keys[0], head.name)
                widgets.stand(keys[1], head.remarks)
                who = [services, user, head.plan_id, keys]
                st.text_input(f"Name of {head.plan_id[:6]}", key=keys[0], max_chars=60, on_change=_annotate, args=who)
                st.text_area("Notes", key=keys[1], height=90, max_chars=1000, on_change=_annotate, args=who)


def _annotate(services: Services, user: User, plan_id: PlanId, keys: tuple[str, str]) -> None:
    name, remarks = (widgets.entered(key) for key in keys)
    session.tell(frame.heeded(lambda: plan.annotate(services, plan_id, name=name, remarks=remarks, actor=user.user_id)))
