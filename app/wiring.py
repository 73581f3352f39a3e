"""What does this installation consist of? Settings in, services out; the only place that builds adapters."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.ports import PriceSource, Services
from app.settings import Settings
from connectors.firm_folder.price_source import FolderPrices
from connectors.salesforce.config import SalesforceConfig, read_config
from data.audit import AuditLog
from data.crm import CrmLinks
from data.database import open_database
from data.firm import FirmStore
from data.jobs import JobStore
from data.opinions import OpinionStore
from data.orders import OrderStore
from data.outbox import Outbox
from data.plans import PlanStore
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
        audit=AuditLog(database),
        scans=ScanStore(database),
        runs=RunStore(database),
        jobs=JobStore(database),
        users=UserStore(database),
        views=ViewStore(database),
        links=CrmLinks(database),
        crm=_salesforce(settings.connections.get("salesforce")),
        prices=_prices(settings.connections.get("prices")),
        connections=settings.connections,
        exports=settings.exports,
        now=lambda: datetime.now(UTC),
    )


def _prices(table: Mapping[str, Any] | None) -> PriceSource | None:
    if table is None:
        return None
    source = table.get("source")
    if not isinstance(source, str | Path):
        raise DataError(f"[prices]: expected source, a folder of price files, found {sorted(table) or 'nothing'}")
    return FolderPrices(Path(source))


def _salesforce(table: Mapping[str, Any] | None) -> SalesforceConfig | None:
    if table is None:
        return None
    file = table.get("config")
    if not isinstance(file, str | Path):
        raise DataError(
            f"[salesforce]: expected config, the path of a connection file, found {sorted(table) or 'nothing'}"
        )
    return read_config(Path(file))
