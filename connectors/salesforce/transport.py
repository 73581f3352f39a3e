"""Which way do requests leave? A session with time-outs and, where configured, another address and authority."""

from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from connectors.salesforce.config import SalesforceConfig


def open_session(config: SalesforceConfig) -> requests.Session:
    """Return a session whose every https request leaves as the configuration says; nothing is sent yet."""
    session = requests.Session()
    session.mount("https://", _Door(config))
    return session


class _Door(HTTPAdapter):
    """The way out: a time-out on everything, and where configured another address and authority than the usual.

    The authority is set here and not on the session because REQUESTS_CA_BUNDLE in the environment beats the session's.
    """

    def __init__(self, config: SalesforceConfig) -> None:
        self._config = config
        super().__init__()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        if self._config.address:
            parts = request.url.split("/", 3) if request.url else []
            request.url = f"{self._config.address.rstrip('/')}/{parts[3] if len(parts) > 3 else ''}"
            proxies = None  # they lead to Salesforce, not to this address
        limits = timeout or (self._config.connect_timeout_s, self._config.read_timeout_s)
        authority = self._config.ca_file or verify
        return super().send(request, stream=stream, timeout=limits, verify=authority, cert=cert, proxies=proxies)
