"""Many accounts at once: plan them, propose the plans, see how far it is and what came of each."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from app import navigation
from app.panels import frame
from app.ports import Services
from app.session import memory
from app.steps import bulk
from app.steps.background import Work
from app.steps.bulk import Outcomes
from app.tables.book import outcome_table
from engine.domain.identifiers import AccountId
from engine.domain.lifecycle import User

_POLL_S: Final = 1.0


def watch(name: str, work: Work, *, keep: bool = False) -> None:
    """Show how far some work is and run the page again once it is finished; where it failed, show why.

    keep: whether what came of it is still wanted.
    """
    if not work.finished:
        _progress(work)
        return
    if work.failed or not keep:
        memory.forget_work(name)
    frame.attempt(work.result)


@st.fragment(run_every=_POLL_S)
def _progress(work: Work) -> None:
    if work.finished:
        st.rerun()
    doing, done = work.now
    bar, stop = st.columns([8, 1], vertical_alignment="center")
    bar.progress(done, text=f"{work.label}: {doing or 'starting'}{frame.time_left(work.passed_s, done)}")
    stop.button("Stop", key=f"stop:{work.label}", on_click=work.stop, type="tertiary", icon=":material/stop_circle:",
                help="What is done until then stays")  # fmt: skip


def actions(services: Services, user: User, accounts: Sequence[AccountId], *, are_marked: bool) -> None:
    """Show what can be done with the accounts that are marked, or else with all that are shown."""
    which = f"{len(accounts):,} {'marked' if are_marked else 'shown'}"
    work = memory.background(_name(user))
    if not bulk.may_propose(user):
        st.caption(f"{which}. Plans are made by portfolio managers and advisors.")
        return
    if st.button(
        f"Plan {which}",
        key="plan_book",
        icon=":material/playlist_play:",
        disabled=not accounts or (work is not None and not work.finished),
        help="Each with its own settings, households together; the plans are kept as drafts",
    ):
        memory.start_work(
            _name(user),
            f"Planning {len(accounts):,} accounts",
            lambda progress: bulk.plan_accounts(services, accounts, actor=user, progress=progress),
        )
        st.rerun()
    st.caption("A click opens an account; tick rows to act on them alone.")


def outcomes(services: Services, user: User) -> None:
    """Show how far this person's bulk work is, and what came of it, until it is dismissed."""
    work = memory.background(_name(user))
    if work is None:
        return
    watch(_name(user), work, keep=True)
    if not work.finished or work.failed:
        return
    found = work.result()
    assert isinstance(found, Outcomes)
    with st.container(border=True):
        _tell(services, user, found)


def _tell(services: Services, user: User, found: Outcomes) -> None:
    done, refused = found.done, found.refused
    did = (
        "proposed; send them to review on the page Review, under With their makers"
        if found.proposed
        else "kept as drafts"
    )
    said, *buttons = st.columns([5, 2, 1], vertical_alignment="center")
    said.markdown(f"**{len(done):,} plans {did}**" + (f" · {len(refused):,} refused, each said why" if refused else ""))
    if (
        not found.proposed
        and done
        and buttons[0].button(f"Propose {len(done):,} drafts", key="propose_made", type="primary", width="stretch")
    ):
        memory.start_work(
            _name(user),
            f"Proposing {len(done):,} plans",
            lambda progress: bulk.propose_plans(services, done, actor=user, progress=progress),
        )
        st.rerun()
    if buttons[1].button("Dismiss", key="dismiss_made", type="tertiary"):
        memory.forget_work(_name(user))
        st.rerun()
    row = frame.picked(outcome_table(found), key="bulk_outcomes", alt="What came of each account", height=260)
    if row is not None and (plan_id := (*refused, *done)[row].plan_id):
        navigation.go(navigation.REVIEW, plan=plan_id)


def _name(user: User) -> str:
    return f"bulk:{user.user_id}"
