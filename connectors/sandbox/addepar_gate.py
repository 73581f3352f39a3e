"""Does the stand-in Addepar let a request in? Credentials, firm, allowance, media type, and the faults put in."""

import base64
import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from connectors.sandbox.addepar_wire import MEDIA_TYPE, error

FIRM_ID, KEY, SECRET = "1", "sandbox-key", "sandbox-secret"
ALLOWANCES: Final = ((50, 900.0), (1000, 86400.0))  # requests in seconds


class Gate:
    """Counts and admits requests; clock gives seconds."""

    def __init__(self, *, clock: Callable[[], float], allowances: Iterable[tuple[int, float]]) -> None:
        self._clock, self._first_allowances = clock, tuple(allowances)
        self.reset()

    def reset(self) -> None:
        """Forget every request and fault, and go back to the first allowances."""
        self.requests: list[str] = []
        self.faults: list[dict[str, Any]] = []
        self.allow(self._first_allowances)

    def allow(self, allowances: Iterable[tuple[int, float]]) -> None:
        """Change how many requests are allowed in how many seconds, and start counting afresh."""
        self._allowances = tuple((int(requests), float(seconds)) for requests, seconds in allowances)
        self._arrivals: deque[float] = deque(maxlen=max(requests for requests, _ in self._allowances))

    def refusal(self, request: Request) -> Response | None:
        """Return why this request is not served: no credentials, wrong firm, over the allowance, a fault; or None.

        A fault without a status is left to due_fault.
        """
        self.requests.append(f"{request.method} {request.url.path}")
        expected = "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        if request.headers.get("Authorization") != expected:
            return error(401, "Unauthorized", "The API key or secret is not valid")
        if request.headers.get("Addepar-Firm") != FIRM_ID:
            return error(403, "Forbidden", "This API key has no access to the firm in the Addepar-Firm header")
        wait = self._wait()
        if wait > 0:
            seconds = str(math.ceil(wait))
            return error(429, "Too Many Requests", "Rate limit exceeded", {"X-RateLimit-Retry-After": seconds})
        self._arrivals.append(self._clock())
        media_type = request.headers.get("Content-Type", "").partition(";")[0]
        if request.method in ("POST", "PATCH") and media_type != MEDIA_TYPE:
            return error(415, "Unsupported Media Type", f"Content-Type must be {MEDIA_TYPE}")
        return self._fault(request)

    def _wait(self) -> float:
        full = [(requests, seconds) for requests, seconds in self._allowances if len(self._arrivals) >= requests]
        return max((self._arrivals[-requests] + seconds - self._clock() for requests, seconds in full), default=0.0)

    def due_fault(self, request: Request, *, with_status: bool) -> dict[str, Any] | None:
        """Return the first fault that meets this request, and count it as done; None where there is none."""
        for fault in self.faults:
            met = fault.get("method", request.method) == request.method
            due = fault["times"] > 0 and ("status" in fault) is with_status
            if met and due and request.url.path.startswith(f"/api{fault['path']}"):
                fault["times"] -= 1
                return fault
        return None

    def _fault(self, request: Request) -> Response | None:
        fault = self.due_fault(request, with_status=True)
        if fault is None:
            return None
        detail = str(fault.get("detail", "put in by a test"))
        return error(int(fault["status"]), "Fault", detail, dict(fault.get("headers", {})))
