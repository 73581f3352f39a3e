"""A call is believed only when the shared secret signed exactly this body, just now."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from connectors.salesforce.webhook import require_signed, signature_of
from engine.domain.errors import NotAllowed

SECRET = "0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
BODY = b'{"plan_id": "abc"}'
STAMP = str(int(NOW.timestamp()))


def test_a_signature_is_the_hmac_of_the_moment_and_the_body():
    by_hand = hmac.new(SECRET.encode(), STAMP.encode() + b'.{"plan_id": "abc"}', hashlib.sha256).hexdigest()

    assert signature_of(SECRET, STAMP, BODY) == by_hand
    require_signed(SECRET, timestamp=STAMP, signature=by_hand, body=BODY, now=NOW)


@pytest.mark.parametrize(
    ("secret", "stamp", "body"),
    [
        ("another secret of enough length!", STAMP, BODY),
        (SECRET, str(int(STAMP) + 1), BODY),
        (SECRET, STAMP, b'{"plan_id": "abd"}'),
        (SECRET, "", BODY),
    ],
)
def test_a_signature_of_anything_else_is_none(secret, stamp, body):
    signature = signature_of(secret, stamp, body)

    with pytest.raises(NotAllowed, match="is not signed with the secret"):
        require_signed(SECRET, timestamp=STAMP, signature=signature, body=BODY, now=NOW)


def test_signs_that_are_no_digits_are_refused_and_not_stumbled_over():
    with pytest.raises(NotAllowed, match="is not signed"):
        require_signed(SECRET, timestamp=STAMP, signature="ä", body=BODY, now=NOW)
    for stamp in ("", "now", "-5", "²"):
        with pytest.raises(NotAllowed, match="expected seconds since 1970"):
            require_signed(SECRET, timestamp=stamp, signature=signature_of(SECRET, stamp, BODY), body=BODY, now=NOW)


@pytest.mark.parametrize(("minutes", "believed"), [(5, True), (-5, True), (5.1, False), (-5.1, False), (10**9, False)])
def test_an_old_call_and_one_from_the_future_are_refused(minutes, believed):
    stamp = str(int(NOW.timestamp() + 60 * minutes))
    signature = signature_of(SECRET, stamp, BODY)

    if believed:
        require_signed(SECRET, timestamp=stamp, signature=signature, body=BODY, now=NOW)
        return
    with pytest.raises(NotAllowed, match="expected at most 300 s"):
        require_signed(SECRET, timestamp=stamp, signature=signature, body=BODY, now=NOW + timedelta(0))
