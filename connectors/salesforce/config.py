"""Where is Salesforce, who are we there, and how does the firm name its objects?"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from engine.domain.errors import DataError

_SECRET_LENGTH: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyNames:
    """The object that says who has a part in a financial account, and how: its lookups, and the role of an owner."""

    object: str = "FinancialAccountParty"
    financial_account: str = "FinancialAccountId"
    account: str = "AccountId"
    role: str = "Role"
    owner: str = "Owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinancialAccountNames:
    """The firm's object for a financial account; the defaults are those of the FSC managed package.

    key: the field that holds Lotsmith's account_id. household: the lookup to the household's Account record, None where
    party leads from the financial account to its owner's instead. link: the lookup on Rebalance_Plan__c that points
    here (folders metadata/force-app-finserv and force-app-standard).
    """

    object: str = "FinServ__FinancialAccount__c"
    key: str = "FinServ__SourceSystemId__c"
    household: str | None = "FinServ__Household__c"
    party: PartyNames | None = None
    link: str = "Financial_Account__c"


MANAGED_PACKAGE: Final = FinancialAccountNames()
STANDARD_OBJECTS: Final = FinancialAccountNames(
    object="FinancialAccount", key="Lotsmith_Account_Id__c", household=None, party=PartyNames()
)
_MODELS: Final = {"managed_package": MANAGED_PACKAGE, "standard_objects": STANDARD_OBJECTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceConfig:
    """One connection to one org.

    domain: "login", "test" or the My Domain ("acme.my"), as in https://<domain>.salesforce.com. Credentials are one of:
    consumer_key, username and private_key_pem (JWT bearer, RS256); consumer_key and client_secret (client credentials,
    My Domain only); access_token and instance (host name). address: where to connect ("https://host:port"), None for
    the domain itself. ca_file: PEM file with the authority that signed the server, None for the usual ones.
    attempts: how often a request is tried in all; back-off doubles from backoff_s. financial_accounts: None for an org
    without them, where plans are not linked to accounts and households. webhook_secret: what the org signs its calls
    with, None where it makes none. Raises DataError for a mix that cannot work.
    """

    domain: str = "login"
    consumer_key: str | None = None
    username: str | None = None
    private_key_pem: str | None = field(default=None, repr=False)
    client_secret: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    instance: str | None = None
    api_version: str = "62.0"
    address: str | None = None
    ca_file: str | None = None
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 120.0
    attempts: int = 5
    backoff_s: float = 0.5
    approval_process: str = "Rebalance_Review"
    financial_accounts: FinancialAccountNames | None = MANAGED_PACKAGE
    webhook_secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        secret = self.consumer_key and self.client_secret
        token = self.access_token and self.instance
        if not (self.signs_with_key or secret or token):
            raise DataError(
                "Salesforce: expected consumer_key + username + private_key, consumer_key + client_secret, "
                "or access_token + instance; found none of them complete"
            )
        if not token and not self.signs_with_key and self.domain in ("login", "test"):
            raise DataError(f"Salesforce: client credentials need the My Domain as domain, found {self.domain}")
        if self.address is not None and not self.address.startswith("https://"):
            raise DataError(f"Salesforce: address must start with https://, found {self.address}")
        if self.attempts < 1:
            raise DataError(f"Salesforce: attempts must be >= 1, found {self.attempts}")
        if self.webhook_secret is not None and len(self.webhook_secret) < _SECRET_LENGTH:
            raise DataError(f"Salesforce: webhook_secret must have {_SECRET_LENGTH} characters or more")
        if self.private_key_pem:
            try:
                load_pem_private_key(self.private_key_pem.encode(), password=None)
            except (ValueError, TypeError, UnsupportedAlgorithm) as error:
                raise DataError(f"Salesforce: private_key is not an unencrypted PEM private key: {error}") from error

    @property
    def signs_with_key(self) -> bool:
        """Whether the JWT bearer flow can be used; it comes before client credentials."""
        return bool(self.consumer_key and self.username and self.private_key_pem)

    def acting_as(self, username: str) -> Self:
        """Return the same connection for another user, so that a reviewer's decision carries the reviewer's name.

        Raises DataError without a private key: only the JWT bearer flow can speak for several users.
        """
        if not self.signs_with_key:
            raise DataError(f"Salesforce: acting as {username} needs the JWT bearer flow (private_key)")
        return replace(self, username=username)


def read_config(path: Path) -> SalesforceConfig:
    """Return the connection written in a JSON file with the names of SalesforceConfig as keys.

    private_key_file, and ca_file where it is given, are paths relative to the file. Raises DataError for an unreadable
    file or an unknown key.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if key_file := values.pop("private_key_file", None):
            values["private_key_pem"] = (path.parent / key_file).read_text(encoding="ascii")
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise DataError(f"{path}: expected a JSON object that describes the Salesforce connection: {error}") from error
    if ca_file := values.get("ca_file"):
        values["ca_file"] = str(path.parent / ca_file)
    if "financial_accounts" in values:
        values["financial_accounts"] = _financial_accounts(values["financial_accounts"], path)
    return SalesforceConfig(**_known(values, SalesforceConfig, path))


def _financial_accounts(given: Any, path: Path) -> FinancialAccountNames | None:
    """Return one of the two models of Financial Services Cloud by its name, or names of the firm's own."""
    if given is None:
        return None
    if isinstance(given, str) and given in _MODELS:
        return _MODELS[given]
    if not isinstance(given, Mapping):
        raise DataError(
            f"{path}: financial_accounts: expected {' or '.join(_MODELS)}, a JSON object or null, found {given}"
        )
    names = dict(_known(given, FinancialAccountNames, path))
    if isinstance(names.get("party"), Mapping):
        names["party"] = PartyNames(**_known(names["party"], PartyNames, path))
    return FinancialAccountNames(**names)


def _known(values: Mapping[str, Any], kind: type, path: Path) -> Mapping[str, Any]:
    names = [f.name for f in fields(kind)]
    unknown = sorted(set(values) - set(names))
    if unknown:
        raise DataError(f"{path}: unknown key {unknown[0]}; expected some of {', '.join(names)}")
    return values
