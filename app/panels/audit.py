"""The parts of the audit log: the search, its events, one event, and the proof of the chain."""

from collections.abc import Sequence

import streamlit as st

from app import navigation
from app.panels import frame
from app.ports import Services
from app.steps import audit
from app.steps.audit import Search
from app.tables.oversight import audit_table
from data.audit import AuditRow


def search(services: Services) -> Search:
    """Ask what to look for; the link keeps it."""
    people = {person.user_id: person.name for person in services.users.users()}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        about = st.text_input(
            "Of one plan, account or person", key="about", bind="query-params",
            placeholder="its id, or how it begins", width=300,
        )  # fmt: skip
        what = st.selectbox(
            "What happened", services.audit.verbs(), None, key="what", bind="query-params", placeholder="anything",
            width=200,
        )  # fmt: skip
        who = st.selectbox(
            "Who did it", list(people), None, key="who", bind="query-params", format_func=people.__getitem__,
            placeholder="anybody", width=200,
        )  # fmt: skip
        since = st.date_input("From", None, key="since", bind="query-params", width=140)
        until = st.date_input("To", None, key="until", bind="query-params", width=140)
    return Search(about=about.strip() or None, actor=who, what=what, since=since, until=until)


def events(services: Services, wanted: Search) -> None:
    """Show the events found, the newest first; one that is clicked is told whole."""
    found = audit.events(services, wanted)
    table = audit_table(found)
    row = frame.picked(table, key="audit", alt="Events, newest first", empty="No such event.", height=430)
    if found:
        most = f"The newest {len(found):,} are shown; the file has all of them." if len(found) == audit.SHOWN else ""
        st.caption(f"{len(found):,} events. {most} Click one to see what changed.")
        _files(services, wanted, found)
    if row is not None:
        _event(found[row])


def proof(services: Services) -> None:
    """Verify the whole chain on request, against a head noted elsewhere where one is given."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        witness = st.text_input(
            "Head noted earlier", key="witness", placeholder="a hash kept outside the database, if there is one",
            width=420,
        )  # fmt: skip
        asked = st.button("Verify the whole chain", key="verify", type="primary", icon=":material/verified:")
    if not asked:
        return
    with st.spinner("Verifying every row…", show_time=True):
        report = audit.verify(services, witness=witness.strip() or None)
    if report.problems:
        st.error("\n".join(f"- {each}" for each in report.problems), title="The log is not as it was written")
    else:
        st.success(
            f"{report.rows:,} rows, each sealed by the next. Note this head outside the database: `{report.head}`"
        )


def _files(services: Services, wanted: Search, found: Sequence[AuditRow]) -> None:
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "All of them, sealed", lambda: audit.sealed_lines(services, wanted), "audit.jsonl", "application/jsonl",
            key="audit:jsonl", type="tertiary", icon=":material/download:", on_click="ignore",
            help="Lines of JSON, oldest first, with every hash: an unbroken stretch proves itself",
        )  # fmt: skip
        frame.downloads(audit_table(found), file="audit", key="audit")


def _event(row: AuditRow) -> None:
    with st.container(border=True):
        st.markdown(f"**{row.what}** of `{row.subject}` by {row.actor}, {row.at:%d %b %Y %H:%M:%S} UTC")
        before, after = st.columns(2)
        for column, label, value in ((before, "Before", row.before), (after, "After", row.after)):
            with column:
                st.caption(label)
                if value is None:
                    st.caption("Nothing.")
                else:
                    st.json(value, expanded=2)
        st.caption(f"Sealed as {row.hash} after {row.previous}")
        if row.what.startswith("plan.") and st.button("Open the plan", key="audit_plan", icon=":material/fact_check:"):
            navigation.go(navigation.REVIEW, plan=row.subject)
