"""What does a use case need from outside? The stores, the CRM, the clock and the folder for exports, in one value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

from connectors.salesforce.config import SalesforceConfig
from connectors.salesforce.crm import SalesforceCrm
from data.addepar import AddeparStore
from data.audit import AuditLog
from data.crm import CrmLinks
from data.database import Database
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
from engine.domain.market import MarketSnapshot, Security
from engine.domain.quotes import Quotes


class PriceSource(Protocol):
    """Where closes and corporate actions come from. A firm's vendor is one more class with these two."""

    @property
    def name(self) -> str:
        """What people call it."""

    def quotes(self, securities: Sequence[Security], *, since: date, until: date) -> Quotes:
        """Return what it knows of these securities in these days, both included; what it does not know is left out.

        Raises DataError for data that cannot be read, ExternalRefusal where it refuses or cannot be reached.
        """


Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction done, 0 to 1."""


def no_progress(doing: str, done: float) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a use case may call. crm is None where the firm has not connected Salesforce.

    markets: the firm's market by version of its data, so that one import estimates risk once. orgs: the CRM by user,
    so that each signs in once.
    """

    database: Database
    firm: FirmStore
    plans: PlanStore
    opinions: OpinionStore
    orders: OrderStore
    outbox: Outbox
    inbox: Inbox
    audit: AuditLog
    scans: ScanStore
    runs: RunStore
    rehearsals: RehearsalStore
    jobs: JobStore
    users: UserStore
    views: ViewStore
    links: CrmLinks
    sources: SourceStore
    addepar: AddeparStore
    crm: SalesforceConfig | None
    connections: Mapping[str, Mapping[str, Any]]
    exports: Path
    now: Callable[[], datetime]
    markets: dict[str, MarketSnapshot] = field(default_factory=dict)
    orgs: dict[str | None, SalesforceCrm] = field(default_factory=dict)

    def org(self, *, as_user: str | None = None) -> SalesforceCrm:
        """Return the connected CRM, for a reviewer by e-mail address where one is given. Raises DataError for none."""
        if self.crm is None:
            raise DataError("no CRM is connected: expected a section [salesforce] in the file of LOTSMITH_CONFIG")
        if as_user not in self.orgs:
            self.orgs[as_user] = SalesforceCrm(self.crm if as_user is None else self.crm.acting_as(as_user))
        return self.orgs[as_user]
