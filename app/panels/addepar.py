"""Addepar on screen: what was asked of it, a sync, and the mapping: discovered, tested on one account, saved."""

from collections.abc import Mapping
from typing import Final

import pandas as pd
import streamlit as st

from app.columns import COLUMNS
from app.panels import bulk, frame
from app.ports import Services
from app.session import memory
from app.steps import addepar, firm, sync
from app.steps.addepar import Discovered, Tested
from app.tables.addepar import issue_table, lots_table, notes, proposal_table, trial_words
from app.tables.parts import literal
from connectors.addepar.budget import in_words
from engine.domain.lifecycle import User

_SYNC: Final = "addepar"
_FOUND: Final = "addepar found"
_TESTED: Final = "addepar tested"
_HEIGHT: Final = 460


def connection(services: Services, user: User) -> None:
    """Show how the connection stands, start a sync, and set the mapping."""
    if not addepar.is_connected(services):
        st.caption(
            "Addepar is not connected. docs/addepar.md says how: its address and key go into a file of settings."
        )
        return
    _standing(services, user)
    _mapping(services, user)


def _standing(services: Services, user: User) -> None:
    st.subheader("Addepar")
    standing = addepar.standing(services)
    with st.grid(3, min_column_width=160, gap="small"):
        for allowance, used in standing.used:
            st.metric(f"Requests in {in_words(allowance.seconds)}", f"{used:,} of {allowance.requests:,}", border=True)
        last = "never" if standing.synced is None else f"{standing.synced:%d %b %H:%M} UTC"
        st.metric("Last good sync", last, border=True)
    for sentence in notes(standing):
        st.caption(literal(f"{sentence[:1].upper()}{sentence[1:]}."))
    work = memory.background(_SYNC)
    if user.roles & addepar.MAPPERS:
        with st.container(horizontal=True, vertical_alignment="center"):
            whole = st.checkbox("Read every history", key="addepar_whole", help="Not only those that changed since")
            if st.button(
                "Sync now",
                key="addepar_sync",
                type="primary",
                icon=":material/sync:",
                disabled=work is not None and not work.finished,
                help="Bring in lots, cash, transactions and prices; you can go on meanwhile",
            ):
                memory.start_work(
                    _SYNC,
                    "Addepar",
                    lambda progress: sync.sync_addepar(services, actor=user.user_id, whole=whole, progress=progress),
                )
                st.rerun()
    if work is not None:
        bulk.watch(_SYNC, work)


def _mapping(services: Services, user: User) -> None:
    st.subheader("Which attribute holds what")
    st.caption(
        "Addepar does not publish the keys of tax lots, and firms name their own. Discover reads the firm's attributes "
        "and proposes a key for each setting by its name on screen. Test a change on one account before it is saved."
    )
    found: Discovered | None = memory.remembered().get(_FOUND)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        views = {} if found is None else {view.view_id: view.name for view in found.views}
        view_id = st.selectbox(
            "Saved view by tax lot",
            list(views),
            None,
            key="addepar_view",
            format_func=lambda view: f"{views[view]} ({view})",
            placeholder="none" if views else "discover first",
            help="A view of the firm that shows lots: its columns and groupings come before all else",
            width=300,
        )
        if st.button("Discover", key="addepar_discover", icon=":material/travel_explore:",
                     help="Some three requests of the firm's allowance"):  # fmt: skip
            with st.spinner("Reading the firm's attributes"):
                asked = frame.attempt(lambda: memory.remember_last(_FOUND, addepar.discover(services, view_id=view_id)))
            if asked:
                st.rerun()
    changes = _edited(services, found)
    _try(services, changes)
    _save(services, user, changes)


def _edited(services: Services, found: Discovered | None) -> Mapping[str, str]:
    """Show the settings as they would be, proposals in place; return those that differ from the present ones."""
    shown = addepar.present(services) if found is None else found.proposals
    table = proposal_table(shown)
    # A key that exists stays as it is; where nothing is alike, what is there now is still better than nothing.
    table["proposed"] = table["proposed"].where(table["proposed"] != "", table["now"])
    edited: pd.DataFrame = st.data_editor(
        table,
        column_config={
            **{name: COLUMNS[name] for name in table.columns if name in COLUMNS},
            "setting": st.column_config.TextColumn("Setting", pinned=True, width=190),
            "proposed": st.column_config.TextColumn(
                "Key", width="medium", help="With arguments: cost_basis cost_basis_type=ORIGINAL"
            ),
        },
        column_order=["setting", "meaning", "proposed", "display_name", "now", "exists"],
        disabled=["setting", "meaning", "now", "exists", "display_name"],
        hide_index=True,
        key=f"addepar_keys:{hash(tuple(shown))}",
        height=_HEIGHT,
    )
    lines = zip(edited["setting"], edited["now"], edited["proposed"], strict=True)
    return {place: (line or "").strip() for place, now, line in lines if (line or "").strip() != now}


def _try(services: Services, changes: Mapping[str, str]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        labels = firm.account_labels(services)
        account_id = st.selectbox("Account to test on", list(labels), key="addepar_account",
                                  format_func=lambda account: labels[account], width=340)  # fmt: skip
        if account_id and st.button("Test", key="addepar_test", icon=":material/science:",
                                    help="Read this account as the keys above say; nothing is changed"):  # fmt: skip
            with st.spinner("Asking Addepar"):
                frame.attempt(lambda: memory.remember_last(_TESTED, addepar.try_mapping(services, account_id, changes)))
    tested: Tested | None = memory.remembered().get(_TESTED)
    if tested is None:
        return
    st.markdown(literal(f"**{trial_words(tested)}**"))
    if tested.book is not None:
        frame.table(lots_table(tested.book), key="addepar_lots", empty="No lots.", height=300)
    frame.table(issue_table(tested.issues), key="addepar_faults", empty="No fault.", height=240)


def _save(services: Services, user: User, changes: Mapping[str, str]) -> None:
    if not user.roles & addepar.MAPPERS:
        st.caption("A portfolio manager or compliance saves the mapping.")
        return
    if not changes:
        st.caption("The keys are those that are in use.")
        return
    changed = "; ".join(f"{place} = {line or 'nothing'}" for place, line in changes.items())
    st.caption(literal(f"To be changed: {changed}. The next sync then reads every history again."))
    if st.button(f"Save {len(changes)} changed", key="addepar_save", type="primary", icon=":material/save:") and (
        frame.attempt(lambda: addepar.save_mapping(services, changes, user=user))
    ):
        memory.remember_last(_FOUND, None)
        st.rerun()
