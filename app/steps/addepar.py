"""Where is the firm's Addepar, and what is what in there? Discover, test and save a mapping; count what was asked."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from app.ports import PriceSource, Services
from connectors.addepar.budget import Allowance, allowances_of, used
from connectors.addepar.client import AddeparClient
from connectors.addepar.config import AddeparConfig
from connectors.addepar.connection import connection_from_table
from connectors.addepar.discover import (
    Attribute,
    Proposal,
    View,
    as_it_is,
    proposals,
    read_attributes,
    read_view,
    read_views,
)
from connectors.addepar.issues import DataIssue
from connectors.addepar.kept import asked
from connectors.addepar.mapping import AddeparMapping, mapping_from_table
from connectors.addepar.price_source import AddeparPrices
from connectors.addepar.sync import pull
from connectors.addepar.written import merged, settings_with, written_keys
from data.addepar import SavedMapping
from engine.domain.accounts import AccountBook
from engine.domain.errors import DataError, NotAllowed
from engine.domain.identifiers import AccountId
from engine.domain.lifecycle import Role, User

MAPPERS: Final = frozenset({Role.PORTFOLIO_MANAGER, Role.COMPLIANCE, Role.SYSTEM})
_PLACE: Final = "LOTSMITH_CONFIG [addepar]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """used: each allowance with what counts against it. synced: the last good sync; cut_off: since when one waits."""

    used: tuple[tuple[Allowance, int], ...]
    synced: datetime | None
    cut_off: datetime | None
    saved: SavedMapping | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """What the firm's Addepar has, and what each setting should be."""

    attributes: tuple[Attribute, ...]
    views: tuple[View, ...]
    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What a mapping reads of one account. book: None where a fault would fence it."""

    book: AccountBook | None
    issues: tuple[DataIssue, ...]


def is_connected(services: Services) -> bool:
    """Return whether the firm has named its Addepar."""
    return "addepar" in services.connections


def connection(services: Services, changes: Mapping[str, str] | None = None) -> tuple[AddeparConfig, AddeparMapping]:
    """Return the connection of the configuration file and the mapping: the file's, the saved one, then changes over it.

    Raises DataError where Addepar is not connected, or a setting is not known or cannot be.
    """
    table = services.connections.get("addepar")
    if table is None:
        raise DataError("Addepar is not connected: expected a section [addepar] in the file of LOTSMITH_CONFIG")
    config, _ = connection_from_table(table, source=_PLACE)
    saved = services.addepar.mapping()
    sections: Mapping[str, Any] = {name: value for name, value in table.items() if isinstance(value, Mapping)}
    sections = merged(sections, {} if saved is None else saved.settings)
    return config, mapping_from_table(settings_with(sections, changes or {}), source="Addepar mapping")


def price_source(services: Services) -> PriceSource:
    """Return Addepar as a source of prices. Raises DataError where it is not connected."""
    config, mapping = connection(services)
    return AddeparPrices(_client(services, config), mapping.holdings)


def mapping_name(mapping: AddeparMapping) -> str:
    """Return what stands for a whole mapping: what was read by another one is to be read again."""
    return asked(repr(mapping))


def standing(services: Services) -> Standing:
    """Return how the connection stands; asks nothing of Addepar. Raises DataError where it is not connected."""
    config, _ = connection(services)
    last = services.addepar.synced()
    moments = services.addepar.requests(config.firm_id).moments()
    return Standing(
        used=used(allowances_of(config), moments, now=time.time()),
        synced=None if last is None else last.at,
        cut_off=services.addepar.unfinished(),
        saved=services.addepar.mapping(),
    )


def written(services: Services) -> Mapping[str, str]:
    """Return every setting of the present mapping that names an attribute, each in one line."""
    return written_keys(connection(services)[1])


def present(services: Services) -> tuple[Proposal, ...]:
    """Return each setting of the holdings query as it is now, before anything is discovered."""
    return as_it_is(connection(services)[1])


def discover(services: Services, *, view_id: str | None = None) -> Discovered:
    """Return the firm's attributes and saved views, and what each setting should be; some three requests.

    view_id: a saved view by lot, whose columns come before all else. Raises DataError, ExternalRefusal.
    """
    config, mapping = connection(services)
    with _client(services, config) as client:
        attributes, views = read_attributes(client), read_views(client)
        view = None if view_id is None else read_view(client, view_id)
    return Discovered(attributes=attributes, views=views, proposals=proposals(attributes, mapping, view))


def try_mapping(services: Services, account_id: AccountId, changes: Mapping[str, str]) -> Tested:
    """Return what one account would read as with a changed mapping, all its faults included; nothing is changed.

    Spends the requests of a sync of one account. Raises DataError, ExternalRefusal.
    """
    config, mapping = connection(services, changes)
    accounts = [account for account in services.firm.accounts() if account.account_id == account_id]
    if not accounts:
        raise DataError(f"account {account_id}: expected one of the firm's accounts")
    day = max(services.now().date(), services.firm.firm().as_of)
    with _client(services, config) as client:
        found = pull(client, mapping, as_of=day, priced_on=None, reference=services.firm.reference(), accounts=accounts)
    own = tuple(issue for issue in found.issues if issue.account_id == account_id)
    return Tested(book=next(iter(found.books), None), issues=own)


def save_mapping(services: Services, changes: Mapping[str, str], *, user: User) -> None:
    """Write changed settings over the saved mapping; the audit log says by whom, and what it was before.

    The next sync reads every history again. Raises DataError for a setting that cannot be, NotAllowed for a person who
    is neither portfolio manager nor compliance.
    """
    if not user.roles & MAPPERS:
        raise NotAllowed(f"{user.name} may not change the Addepar mapping: expected a portfolio manager or compliance")
    connection(services, changes)
    saved = services.addepar.mapping()
    settings = settings_with({} if saved is None else saved.settings, changes)
    services.addepar.save_mapping(settings, actor=user.user_id, at=services.now())


def _client(services: Services, config: AddeparConfig) -> AddeparClient:
    """A client for a person who waits: it never waits for an allowance longer than a minute."""
    hasty = replace(config, longest_wait_seconds=min(config.longest_wait_seconds, 60.0))
    return AddeparClient(hasty, spent=services.addepar.requests(config.firm_id))
