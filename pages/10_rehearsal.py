"""Rehearsal: tonight's whole book under another policy, before anybody adopts it."""

from app import session
from app.panels import rehearsal as panel

services, user = session.services(), session.user()
if panel.heading(services, user):
    panel.ask(services, user)
    found = panel.shown(services)
    if found is not None:
        panel.result(services, found)
