"""What does this installation consist of? Settings in, services out; the only place that builds adapters."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.ports import Services
from app.settings import Settings
from connectors.salesforce.config import SalesforceConfig, read_config
from data.addepar import AddeparStore
from data.audit import AuditLog
from data.crm import CrmLinks
from data.database import open_database
from data.firm import FirmStore
from data.jobs import JobStore
from data.mailbox import Inbox
from data.opinions import OpinionStore
from data.orders import OrderStore
from data.outbox import Outbox
from data.plans import PlanStore
from data.refresh import SourceStore
from data.rehearsals import RehearsalStore
from data.runs import RunStore
from data.scans import ScanStore
from data.users import UserStore
from data.views import ViewStore
from engine.domain.errors import DataError


def connect(settings: Settings) -> Services:
    """Return the services of an installation, its database opened and brought up to date.

    Raises DataError for settings that cannot work, ExternalRefusal for a database server that cannot be reached.
    """
    database = open_database(settings.database_url)
    return Services(
        database=database,
        firm=FirmStore(database),
        plans=PlanStore(database),
        opinions=OpinionStore(database),
        orders=OrderStore(database),
        outbox=Outbox(database),
        inbox=Inbox(database),
        audit=AuditLog(database),
        scans=ScanStore(database),
        runs=RunStore(database),
        rehearsals=RehearsalStore(database),
        jobs=JobStore(database),
        users=UserStore(database),
        views=ViewStore(database),
        links=CrmLinks(database),
        sources=SourceStore(database),
        addepar=AddeparStore(database),
        crm=_salesforce(settings.connections.get("salesforce")),
        connections=settings.connections,
        exports=settings.exports,
        now=lambda: datetime.now(UTC),
    )


def _salesforce(table: Mapping[str, Any] | None) -> SalesforceConfig | None:
    if table is None:
        return None
    file = table.get("config")
    if not isinstance(file, str | Path):
        raise DataError(
            f"[salesforce]: expected config, the path of a connection file, found {sorted(table) or 'nothing'}"
        )
    return read_config(Path(file))
