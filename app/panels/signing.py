"""One confirmation before anything is approved in bulk or leaves the house: names, dollars, destinations."""

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st

from app import session
from app.panels import destination, frame
from app.ports import Services
from app.steps import approvals, execute
from app.steps.approvals import Outcome
from app.steps.exchange import next_session, settles_on
from app.steps.market import todays_market
from app.steps.outgoing import Outgoing, by_route, outgoing
from app.steps.queue import Entry, Standing
from app.tables.execute import signed_table
from app.tables.parts import literal, usd
from app.tables.review import objections
from data.plans import PlanHead
from engine.domain.identifiers import PlanId
from engine.domain.lifecycle import User
from engine.domain.plans import Side

_LISTED: Final = 10
_LISTED_PX: Final = 300
_SHARES: Final = "{:,.10g}"  # whole where they are whole


def approve(services: Services, entries: Sequence[Entry], user: User) -> None:
    """Ask once, then approve each of these plans; nothing is sent. A refusal to say what would go is shown in place."""
    stated = _built(services, [entry.head for entry in entries])
    if stated is not None:
        _approve(services, entries, stated, user)


def approve_and_send(services: Services, entries: Sequence[Entry], user: User) -> None:
    """Ask once, then approve, release and send these plans together, exactly as stated; refusals as in approve."""
    stated = _built(services, [entry.head for entry in entries])
    if stated is not None:
        _approve_and_send(services, entries, stated, user)


def send(services: Services, heads: Sequence[PlanHead], user: User) -> None:
    """Ask once, then release and send approved plans together, exactly as stated; refusals as in approve."""
    stated = _built(services, heads)
    if stated is not None:
        _send(services, heads, stated, user)


def _built(services: Services, heads: Sequence[PlanHead]) -> Outgoing | None:
    """Build what would leave the house, once, before the dialog opens; None where it cannot, with the reason shown.

    A dialog keeps the arguments that it was opened with while it runs again for every click in it. What it states is
    one of them: the seal that is confirmed is that of what was shown.
    """
    built: dict[str, Outgoing] = {}

    def build() -> None:
        built["out"] = outgoing(services, tuple(head.plan_id for head in heads))

    return built["out"] if frame.attempt(build) else None


@st.dialog("Approve", width="large", icon=":material/check_circle:")
def _approve(services: Services, entries: Sequence[Entry], stated: Outgoing, user: User) -> None:
    _statement(services, stated, [entry.head for entry in entries])
    _remarks(entries)
    st.caption("Nothing leaves the house with this: approved plans wait under Orders.")
    comment = st.text_input("Comment", key="approve_comment", placeholder="kept with each approval")
    count = len(entries)
    if _buttons(f"Approve {count} plans" if count > 1 else "Approve this plan", icon="check_circle"):
        with frame.progress("Approving") as progress:
            _report(approvals.approve_all(services, _versions(entries), actor=user, comment=comment, progress=progress))
        st.rerun()


@st.dialog("Approve and send", width="large", icon=":material/send:")
def _approve_and_send(services: Services, entries: Sequence[Entry], stated: Outgoing, user: User) -> None:
    _statement(services, stated, [entry.head for entry in entries])
    _remarks(entries)
    comment = st.text_input("Comment", key="sign_comment", placeholder="kept with the approval")
    if _buttons("Sign and send", icon="send"):
        with frame.progress("Approving and sending") as progress:
            done = frame.heeded(
                lambda: _report(
                    approvals.approve_and_send(
                        services,
                        _versions(entries),
                        actor=user,
                        comment=comment,
                        confirmed=stated.seal,
                        progress=progress,
                    )
                )
            )
        session.tell(done)
        st.rerun()


@st.dialog("Release and send", width="large", icon=":material/send:")
def _send(services: Services, heads: Sequence[PlanHead], stated: Outgoing, user: User) -> None:
    _statement(services, stated, heads)
    if _buttons("Sign and send", icon="send"):
        with st.spinner("Checking again and writing the files…"):
            done = frame.heeded(lambda: execute.send(services, stated.plan_ids, actor=user, confirmed=stated.seal))
        session.tell(done or [(f"Sent: {_accounts(heads)}.", True)])
        st.rerun()


def _statement(services: Services, stated: Outgoing, heads: Sequence[PlanHead]) -> None:
    """State exactly what would leave the house."""
    names = {side: len({block.security_id for block in stated.blocks if block.side is side}) for side in Side}
    st.markdown(
        literal(
            f"**Sells {usd(stated.usd(Side.SELL))} in {names[Side.SELL]} names and buys {usd(stated.usd(Side.BUY))} in "
            f"{names[Side.BUY]} names** for {_accounts(heads)}, at the market, at the prices of the plans."
        )
    )
    for each in stated.destinations:
        st.markdown(
            literal(
                f":material/account_balance: **{each.custodian}** ({each.comp_id}): {len(each.blocks)} blocks for "
                f"{len(each.orders)} orders, sells {usd(each.usd(Side.SELL))}, buys {usd(each.usd(Side.BUY))}, "
                f"{by_route(each.profile)}: {' with '.join(f'`{name}`' for name in each.files)}"
            )
        )
        destination.lots(each)
    table = signed_table(stated.blocks, todays_market(services).securities)
    st.table(
        table.style.format({"Shares": _SHARES, "Dollars": "${:,.2f}"}),
        hide_index=True,
        height=_LISTED_PX if len(table) > _LISTED else "content",
        alt="What is signed: every block order",
    )
    traded = next_session(services.now())
    st.caption(
        f"Orders for the session of {traded:%a %d %b %Y}; its trades settle on {settles_on(traded):%a %d %b} (T+1)."
    )
    hashes = " · ".join(f"{head.account_id} plan `{head.plan_id[:12]}`" for head in heads)
    st.caption(
        literal(f"Sent as {stated.sender}, signed with the hash of each document: {hashes}. ")
        + "If anything else would go, or go elsewhere, nothing does."
    )


def _remarks(entries: Sequence[Entry]) -> None:
    remarked = [entry for entry in entries if entry.standing is Standing.REMARKS]
    if remarked:
        st.warning(
            "\n".join(
                f"- {entry.account.account_id}, {literal(each)}"
                for entry in remarked
                for each in objections(entry.assessment)
            ),
            title="Passes with remarks" if len(entries) == 1 else f"{len(remarked)} of these pass with remarks",
            icon=":material/priority_high:",
        )


def _buttons(label: str, *, icon: str) -> bool:
    with st.container(horizontal=True):
        confirmed = st.button(label, key="confirm", type="primary", icon=f":material/{icon}:")
        if st.button("Cancel", key="cancel_confirm"):
            st.rerun()
    return confirmed


def _report(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        session.say(f"{outcome.account_id}, plan {outcome.plan_id[:12]}: {outcome.said}", done=outcome.done)


def _versions(entries: Sequence[Entry]) -> Mapping[PlanId, int]:
    return {entry.head.plan_id: entry.head.version for entry in entries}


def _accounts(heads: Sequence[PlanHead]) -> str:
    return "account " + heads[0].account_id if len(heads) == 1 else f"{len(heads)} accounts"
