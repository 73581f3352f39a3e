"""Did this call come from the firm's own org, just now? A secret that both know signs the moment and the body."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Final

from engine.domain.errors import NotAllowed

TIMESTAMP: Final = "X-Lotsmith-Timestamp"
SIGNATURE: Final = "X-Lotsmith-Signature"
LATEST: Final = timedelta(minutes=5)  # how far the two clocks, and the way here, may be apart


def signature_of(secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a call: HMAC-SHA256 over the timestamp, a point and the body, in hexadecimal digits.

    timestamp: seconds since 1970 UTC, as its header states them.
    """
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def require_signed(secret: str, *, timestamp: str, signature: str, body: bytes, now: datetime) -> None:
    """Raise NotAllowed unless a call carries the signature of its body and was made within LATEST of now."""
    expected = signature_of(secret, timestamp, body)
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise NotAllowed("the call is not signed with the secret of this installation")
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise NotAllowed(f"{TIMESTAMP}: expected seconds since 1970, found {timestamp[:40]!r}")
    age = now - datetime.fromtimestamp(min(int(timestamp), 2**40), tz=UTC)
    if abs(age) > LATEST:
        raise NotAllowed(f"the call was signed {age.total_seconds():,.0f} s ago; expected at most {LATEST.seconds} s")
