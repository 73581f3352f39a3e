"""Corporate actions on screen: what happened, who has not booked it, what models change to."""

from datetime import timedelta
from typing import Final

import streamlit as st

from app.panels import frame
from app.ports import Services
from app.session import memory
from app.steps import corporate_actions, monitor
from app.tables.corporate_actions import action_table, reconstitution_table, unbooked_table
from engine.domain.lifecycle import User

_LOOK_BACK: Final = timedelta(days=180)


def actions(services: Services, user: User) -> None:
    """Show corporate actions of half a year and to come, accounts that lack one, and models that change."""
    if services.firm.is_empty():
        st.caption("No firm yet.")
        return
    scanned = monitor.queue_at(services)
    documents = memory.shared(("documents", scanned), lambda: monitor.documents(services))
    st.subheader("Not booked in the accounts")
    if scanned is None:
        st.caption(frame.NOT_SCANNED)
    else:
        st.caption(f"Scanned {scanned:%d %b %Y %H:%M} UTC. Such accounts are fenced off until the custodian shows the "
                   "action or it is booked here.")  # fmt: skip
        frame.table(unbooked_table(documents), key="unbooked", file="actions-not-booked", height=260,
                    empty="Every account has booked what issuers did.")  # fmt: skip
    _offer(services, user)
    st.subheader("Models that change")
    frame.table(reconstitution_table(corporate_actions.reconstitutions(services)), key="reconstitutions",
                empty="No model has another version to come.")  # fmt: skip
    for sentence in corporate_actions.ended_in_models(services):
        st.caption(sentence)
    st.subheader("What issuers did")
    since = services.firm.firm().as_of - _LOOK_BACK
    frame.table(action_table(corporate_actions.told(services, since=since)), key="actions", file="corporate-actions",
                empty="Nothing but dividends in the last half year.", height=320)  # fmt: skip


def _offer(services: Services, user: User) -> None:
    if not user.roles & corporate_actions.BOOKERS:
        st.caption("A portfolio manager or compliance books them.")
        return
    if not st.button("Book what is missing", key="book_actions", icon=":material/library_add_check:"):
        return
    with frame.progress("Booking") as progress:
        done = frame.attempt(lambda: corporate_actions.book_all(services, actor=user, progress=progress))
    if done:
        st.success("Done; what could not be booked stands under Data quality. Scan again to lift the fences.")
