"""The parts of execution: what may be sent, what was sent, what came back."""

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from typing import Final

import pandas as pd
import streamlit as st

from app import navigation, session
from app.columns import COLUMNS
from app.panels import amending, destination, frame, signing
from app.ports import Services
from app.session import memory
from app.steps import approvals, crm, execute, realised, reconcile, splits
from app.steps.cut_off import cut_offs
from app.steps.outgoing import by_route, destinations, profiles, risk_of_plan, worth
from app.steps.reconcile import Sending
from app.tables.execute import (
    all_breaks_table,
    answer_table,
    arrival_table,
    block_table,
    break_table,
    custodian_table,
    fill_table,
    not_understood_table,
    outbox_table,
    outcome_table,
    sent_table,
)
from app.tables.parts import literal, usd
from app.tables.review import cut_off_text, plan_table
from data.outbox import OutboxRow
from data.plans import PlanHead, StoredPlan
from engine.domain.identifiers import PlanId
from engine.domain.lifecycle import Action, PlanState, User, legal_actions
from engine.domain.orders import Block
from engine.domain.plans import Side

_READY: Final = (PlanState.APPROVED, PlanState.RELEASED)
_ON_ITS_WAY: Final = (PlanState.SENT, PlanState.FILLED)
OUT: Final = frozenset({PlanState.SENT, PlanState.FILLED, PlanState.RECONCILED})
_CLOSED_SHOWN: Final = 200
_TABLE_PX: Final = 320
_EVERY_S: Final = 2.0


def to_send(services: Services, user: User) -> None:
    """Let approved plans be chosen and send them together, once, after one confirmation."""
    heads = services.plans.heads(states=_READY)
    if not heads:
        st.info("No plan is approved and waiting.", icon=":material/task_alt:")
        return
    custodians = {account.account_id: account.custodian for account in services.firm.accounts()}
    cut = cut_offs(services, {custodians[head.account_id] for head in heads if head.account_id in custodians})
    for name, at in sorted(cut.items(), key=lambda item: (item[1], item[0])):
        st.caption(f":material/schedule: {name}: cut-off {cut_off_text(at, services.now())}")
    ready = pd.DataFrame(
        {
            "send": [True] * len(heads),
            **plan_table(heads),
            "custodian": [custodians.get(head.account_id, "") for head in heads],
        }
    )
    edited = st.data_editor(
        ready,
        column_config={**COLUMNS, "send": st.column_config.CheckboxColumn("Send", pinned=True)},
        disabled=[name for name in ready.columns if name != "send"],
        hide_index=True,
        key=f"to_send:{hash(tuple(head.plan_id for head in heads))}",  # a tick belongs to a plan, never to a place
        alt="Approved plans; tick those to send",
    )
    chosen = [head for head, go in zip(heads, edited["send"], strict=True) if go]
    allowed = [head for head in chosen if _may_send(head, user)]
    if len(allowed) < len(chosen):
        left_out = {maker for head in chosen for maker in head.makers}
        names = ", ".join(one.name for one in approvals.who_may(services, Action.SEND, left_out))
        st.info(
            "It takes an approver who neither made nor edited a plan to release and send it: "
            f"{names or 'nobody here may send all of these'}.",
            icon=":material/group:",
        )
    if allowed and st.button(
        f"Release and send {len(allowed)} plans…" if len(allowed) > 1 else "Release and send this plan…",
        key="send",
        type="primary",
        icon=":material/send:",
    ):
        signing.send(services, allowed, user)


def on_its_way(services: Services) -> Sequence[Sending]:
    """Return what was sent and is not closed, breaks first, read once for each state of the firm."""
    return reconcile.sendings(services, states=_ON_ITS_WAY)


def tiles(services: Services, sendings: Sequence[Sending]) -> None:
    """Show where the orders stand, in four figures."""
    ready = services.plans.heads(states=_READY)
    waiting = len({block for one in sendings for arrival in one.arrivals for block in arrival.waiting})
    breaks = sum(len(one.breaks) for one in sendings)
    with st.grid(4, min_column_width=140, gap="small"):
        st.metric("Approved, waiting", f"{len(ready):,}", border=True, height="stretch")
        st.metric("Sent, not closed", f"{len(sendings):,}", border=True, height="stretch")
        st.metric("Blocks without an answer", f"{waiting:,}", border=True, height="stretch")
        st.metric("Breaks", f"{breaks:,}", border=True, height="stretch")


def answers(services: Services) -> None:
    """Take in what custodians put beside our files, and reconcile."""
    waiting = reconcile.inbound(services)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Take in answers and reconcile", key="reconcile", icon=":material/sync_alt:"):
            with st.spinner("Reading and booking…"):
                for file in waiting:
                    session.tell(frame.heeded(partial(reconcile.read_answers, services, file)))
                session.tell(frame.heeded(lambda: reconcile.reconcile_all(services)))
            st.rerun()
        st.caption(f"Files of answers beside our exports: {len(waiting)}.")


def sent(services: Services, sendings: Sequence[Sending]) -> None:
    """Show what is on its way, breaks first, and what is closed; a click opens one plan."""
    answers(services)
    _open_clicked(sendings, key="sent_plans", empty="Nothing is on its way.")
    st.subheader("Closed")
    closed = services.plans.heads(states=[PlanState.RECONCILED])
    row = frame.picked(
        plan_table(closed[:_CLOSED_SHOWN]), key="closed_orders", alt="Plans that are reconciled",
        empty="Nothing is reconciled yet.", height=_TABLE_PX,
    )  # fmt: skip
    if row is not None:
        navigation.go(navigation.ORDERS, plan=closed[row].plan_id)
    if len(closed) > _CLOSED_SHOWN:
        st.caption(f"The newest {_CLOSED_SHOWN} of {len(closed):,}; each account lists all of its plans.")


def breaks(services: Services, sendings: Sequence[Sending]) -> None:
    """Show every break of what is not closed, by how much it is off, and what custodians said of nothing of ours."""
    tolerance = reconcile.price_tolerance(services).normalize()
    st.caption(
        "Shares: every share ordered must be filled, and no other; no tolerance. Price: the average may be "
        f"{tolerance:%} from the plan's price. Shares that may still be filled are no break yet."
    )
    frame.table(
        all_breaks_table(sendings), key="breaks_queue", alt="Breaks", file="breaks", height=_TABLE_PX,
        empty="No break: what was executed is what was ordered.",
    )  # fmt: skip
    unknown = services.inbox.not_understood()
    if unknown:
        st.subheader("Messages that belong to no order of ours, or make no sense")
        frame.table(
            not_understood_table(unknown), key="not_understood", alt="Messages not taken in", file="unknown-messages"
        )


def custodians(services: Services, sendings: Sequence[Sending]) -> None:
    """Show how each custodian takes orders, what it was sent and what it said, and one custodian's plans."""
    names = {arrival.custodian for one in sendings for arrival in one.arrivals}
    table = custodian_table(sendings, profiles(services, names))
    frame.table(table, key="by_custodian", alt="What each custodian was sent", empty="Nothing is on its way.")
    if table.empty:
        return
    chosen = st.selectbox("Custodian", list(table["custodian"]), key="held_at", bind="query-params", width=300)
    own = [one for one in sendings if any(arrival.custodian == chosen for arrival in one.arrivals)]
    _open_clicked(own, key=f"plans_of:{chosen}", empty="Nothing is on its way there.")


def one_plan(services: Services, plan_id: PlanId, user: User) -> None:
    """Show one plan that left the house: its answers as they come in, files, blocks, fills and breaks."""
    stored = services.plans.get(plan_id)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(f"{stored.account_id}, plan {plan_id[:12]}", width="content")
        st.badge(stored.state.value.replace("_", " "), color="blue")
        if st.button("All orders", key="all_orders", icon=":material/arrow_back:"):
            navigation.go(navigation.ORDERS)
        if st.button("Open the plan", key="open_plan", icon=":material/fact_check:"):
            navigation.go(navigation.REVIEW, plan=plan_id)
    if stored.state not in OUT:
        st.info("This plan was not sent.", icon=":material/outbox:")
        return
    arriving(services, stored)
    blocks = services.orders.blocks(plan_id)
    short = plan_id[:12]
    frame.tabs(
        {
            "Files": lambda: _left_as(services, stored, blocks),
            "Outcome": lambda: _outcome(services, plan_id),
            "Blocks": lambda: frame.table(
                block_table(blocks), key="blocks", alt="Block orders", file=f"blocks-{short}"
            ),
            "Fills": lambda: frame.table(
                fill_table(reconcile.filled_orders(services, plan_id)), key="fills", alt="Orders and their fills",
                file=f"fills-{short}",
            ),
            "Answers": lambda: frame.table(
                answer_table(services.orders.acknowledgements(plan_id)), key="said", alt="Custodians' answers",
                empty="No answer yet.", file=f"answers-{short}",
            ),
            "Breaks": lambda: frame.table(
                break_table(reconcile.present_breaks(services, stored)), key="breaks", alt="Breaks of this plan",
                empty="No break: what was executed is what was ordered.",
            ),
            "Changes": lambda: amending.changes(services, plan_id, user),
        },
        key="orders_part",
    )  # fmt: skip


def _outcome(services: Services, plan_id: PlanId) -> None:
    """Show what the plan said it would do, and what its fills did."""
    frame.table(
        outcome_table(realised.outcome(services, plan_id)), key="outcome", alt="Predicted and realised figures",
        file=f"outcome-{plan_id[:12]}",
    )  # fmt: skip
    st.caption(
        "Tax at the account's own rates. Cost: how much worse than the plan's prices the fills were; predicted from "
        "the settings. Tracking error: at the plan's prices, with what was filled."
    )


def _left_as(services: Services, stored: StoredPlan, blocks: Sequence[Block]) -> None:
    """Show what went to whom of this plan, and the files, which hold what was sent with it too."""
    own = [order for block in blocks for order in block.allocations if order.plan_id == stored.plan_id]
    risk = risk_of_plan(services, stored.plan_id, own)
    for each in destinations(services, blocks, {order.custodian: risk for order in own}):
        st.markdown(
            f"**{each.custodian}** ({each.comp_id}), {by_route(each.profile)}: in {len(each.blocks)} blocks this plan "
            + literal(f"sells {usd(worth(own, Side.SELL))} and buys {usd(worth(own, Side.BUY))}")
        )
        destination.lots(each)
    _files(services, stored)


def arriving(services: Services, stored: StoredPlan) -> None:
    """Show what custodians said about a sent plan; while answers are to come, look for them and show them at once."""
    st.subheader("What came back")
    told = stored.state is PlanState.FILLED and splits.unanswered(services, stored.plan_id)
    if stored.state is not PlanState.SENT and not told:
        _arrivals(services, stored.plan_id)
        return

    @st.fragment(run_every=_EVERY_S)
    def look() -> None:
        plan_id = stored.plan_id
        frame.attempt(
            lambda: memory.remember(
                ("answers", plan_id, reconcile.answers_so_far(services, plan_id)),
                lambda: reconcile.take_in(services, plan_id),
            )
        )
        state = services.plans.get(plan_id).state
        if state is not stored.state:
            session.say(f"The custodians answered: plan {plan_id[:12]} is {state}.", done=True)
            st.rerun()
        _arrivals(services, plan_id)
        st.caption(":material/autorenew: Waiting for answers; this looks for them by itself.")

    look()


def outbox(services: Services) -> None:
    """Show what still waits for an outside system, and try again on request."""
    rows: Sequence[OutboxRow] = crm.undelivered(services)
    frame.table(
        outbox_table(rows), key="outbox", alt="Messages that wait for an outside system", empty="Nothing waits."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Try again now", key="deliver", icon=":material/refresh:") and frame.attempt(
            partial(_deliver, services)
        ):
            st.rerun()
        st.caption(fix_engine())


def _deliver(services: Services) -> None:
    crm.deliver(services)
    execute.deliver(services)


def fix_engine() -> str:
    """Return one sentence on whether live FIX sessions are possible on this machine; files never wait for it."""
    if find_spec("quickfix") is not None:
        return "QuickFIX is ready: live FIX sessions are possible."
    return "QuickFIX is still being compiled in the background; FIX files do not need it."


def _arrivals(services: Services, plan_id: PlanId) -> None:
    back = reconcile.arrivals(services, plan_id)
    frame.table(arrival_table(back), key=f"arrivals:{plan_id}", alt="Answers by custodian", empty="Nothing was sent.")
    waiting = sum(len(one.waiting) for one in back)
    rejected = sum(len(one.rejected) for one in back)
    blocks = sum(len(one.blocks) for one in back)
    said = f"{sum(len(one.acknowledged) for one in back)} of {blocks} blocks acknowledged"
    st.markdown(
        said
        + (f", {rejected} rejected" if rejected else "")
        + (f", {waiting} without an answer yet." if waiting else ".")
    )


def _open_clicked(sendings: Sequence[Sending], *, key: str, empty: str) -> None:
    row = frame.picked(sent_table(sendings), key=key, alt="Plans that were sent", empty=empty, height=_TABLE_PX)
    if row is not None:
        navigation.go(navigation.ORDERS, plan=sendings[row].head.plan_id)


def _may_send(head: PlanHead, user: User) -> bool:
    action = Action.RELEASE if head.state is PlanState.APPROVED else Action.SEND
    return action in legal_actions(head.state, user, head.makers)


def _files(services: Services, head: PlanHead) -> None:
    written = execute.exported(services, head.plan_id)
    if not written:
        st.warning("The files are not written yet, or were moved away.", icon=":material/folder_off:")
    for file in written:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.download_button(
                file.name, file.content, file.name, key=f"file:{head.plan_id}:{file.name}", icon=":material/download:",
                on_click="ignore",
            )  # fmt: skip
            st.caption(f"SHA-256 {file.sha256[:16]}… · {len(file.content):,} bytes")
