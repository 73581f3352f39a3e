"""Where is the firm's Addepar, and who are we there?"""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from engine.domain.errors import DataError

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AddeparConfig:
    """Address, certificate and credentials of one firm.

    base_url ends in /api, as https://acme.addepar.com/api; plain http is taken on this machine only, because the
    credentials travel with every request. certificate is a file of trusted authorities, None for the usual ones.
    longest_wait_seconds bounds every single wait for a request allowance; job_timeout_seconds a whole job.
    """

    base_url: str
    firm_id: str
    key: str
    secret: str = field(repr=False)
    certificate: str | None = None
    request_timeout_seconds: float = 65.0  # Addepar itself stops after 60
    longest_wait_seconds: float = 1800.0
    job_timeout_seconds: float = 14400.0  # Addepar's own limit of a job
    requests_per_15_minutes: int = 50  # Addepar's own allowances for a firm: fewer leaves some to other programs
    requests_per_day: int = 1000
    accounts_per_job: int = 100  # each of 2,000 lots and 3,000 transactions takes some 13 MB while it is read

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise DataError(f"Addepar address: expected something like https://firm.addepar.com/api, "
                            f"found {self.base_url}")  # fmt: skip
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise DataError(f"Addepar address: expected https, found {self.base_url}")
        missing = [name for name in ("firm_id", "key", "secret") if not getattr(self, name).strip()]
        if missing:
            raise DataError(f"Addepar credentials: expected {', '.join(missing)}, found nothing")
        for name in ("accounts_per_job", "requests_per_15_minutes", "requests_per_day"):
            if getattr(self, name) < 1:
                raise DataError(f"Addepar: {name} must be at least 1, found {getattr(self, name)}")
