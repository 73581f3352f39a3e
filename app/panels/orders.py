"""The parts of execution: what may be sent, what was sent, what came back."""

from collections.abc import Sequence
from importlib.util import find_spec

import pandas as pd
import streamlit as st

from app.columns import COLUMNS
from app.panels import frame
from app.ports import Services
from app.steps import execute, reconcile
from app.tables.execute import answer_table, block_table, break_table, fill_table, outbox_table
from app.tables.review import plan_table
from data.outbox import OutboxRow
from data.plans import PlanHead
from engine.domain.lifecycle import Action, PlanState, User, legal_actions

_READY = (PlanState.APPROVED, PlanState.RELEASED)
_OUT = (PlanState.SENT, PlanState.FILLED, PlanState.RECONCILED)


def to_send(services: Services, user: User) -> None:
    """Let approved plans be chosen, show whether they may go, and send them together, once."""
    heads = services.plans.heads(states=_READY)
    st.subheader("Approved")
    if not heads:
        st.caption("No plan is approved and waiting.")
        return
    ready = pd.DataFrame({"send": [True] * len(heads), **plan_table(heads)})
    edited = st.data_editor(
        ready,
        column_config={**COLUMNS, "send": st.column_config.CheckboxColumn("Send", pinned=True)},
        disabled=[name for name in ready.columns if name != "send"],
        hide_index=True,
        key="to_send",
    )
    chosen = [head for head, go in zip(heads, edited["send"], strict=True) if go]
    allowed = [head for head in chosen if _may_send(head, user)]
    if len(allowed) < len(chosen):
        st.info(
            "It takes an approver who neither made nor edited a plan to release and send it.", icon=":material/group:"
        )
    if allowed and st.button(
        f"Release and send {len(allowed)} plans" if len(allowed) > 1 else "Release and send this plan",
        key="send",
        type="primary",
        icon=":material/send:",
    ):
        with st.spinner("Checking again and writing the files…"):
            done = frame.attempt(lambda: execute.send(services, [head.plan_id for head in allowed], actor=user))
        if done:
            st.rerun()


def answers(services: Services) -> None:
    """Take in what custodians put beside our files, or what a person uploads, and reconcile."""
    st.subheader("Answers from custodians")
    waiting = reconcile.inbound(services)
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Take in answers and reconcile", key="reconcile", icon=":material/sync_alt:"):
            with st.spinner("Reading and booking…"):
                for file in waiting:
                    frame.attempt(lambda file=file: reconcile.read_answers(services, file))  # type: ignore[misc]
                frame.attempt(lambda: reconcile.reconcile_all(services))
            st.rerun()
        st.caption(f"Files of answers beside our exports: {len(waiting)}.")


def sent(services: Services) -> None:
    """Show each plan that left the house: its blocks, files, answers, fills and breaks."""
    st.subheader("Sent")
    heads = services.plans.heads(states=_OUT)
    row = frame.picked(plan_table(heads), key="sent_plans", empty="Nothing was sent yet.")
    if not heads:
        return
    head = heads[row or 0]
    st.markdown(f"**{head.account_id}**, plan {head.plan_id[:12]}…: {head.state.value}")
    blocks = services.orders.blocks(head.plan_id)
    files, ordered, filled, said, breaks = st.tabs(["Files", "Blocks", "Fills", "Answers", "Breaks"])
    with files:
        _files(services, head)
    with ordered:
        frame.table(block_table(blocks), key="blocks")
    with filled:
        frame.table(fill_table(reconcile.filled_orders(services, head.plan_id)), key="fills")
    with said:
        frame.table(answer_table(services.orders.acknowledgements(head.plan_id)), key="said", empty="No answer yet.")
    with breaks:
        found = reconcile.breaks_of(services, head.plan_id).breaks
        frame.table(break_table(found), key="breaks", empty="No break: what was executed is what was ordered.")


def outbox(rows: Sequence[OutboxRow]) -> None:
    """Show what still waits for an outside system."""
    frame.table(outbox_table(rows), key="outbox", empty="Nothing waits.")


def fix_engine() -> str:
    """Return one sentence on whether live FIX sessions are possible on this machine; files never wait for it."""
    if find_spec("quickfix") is not None:
        return "QuickFIX is ready: live FIX sessions are possible."
    return "QuickFIX is still being compiled in the background; FIX files do not need it."


def _may_send(head: PlanHead, user: User) -> bool:
    action = Action.RELEASE if head.state is PlanState.APPROVED else Action.SEND
    return action in legal_actions(head.state, user, head.makers)


def _files(services: Services, head: PlanHead) -> None:
    for file in execute.exported(services, head.plan_id):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.download_button(
                file.name, file.content, file.name, key=f"file:{head.plan_id}:{file.name}", icon=":material/download:"
            )
            st.caption(f"SHA-256 {file.sha256[:16]}… · {len(file.content):,} bytes")
