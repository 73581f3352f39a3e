"""Whom does the org call when a record was decided? What the package's trigger does, done as the documentation says."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from typing import Final

import requests

_PATIENCE_S: Final = 10.0


def caller(address: str, secret: str) -> Callable[[str], None]:
    """Return what calls an address about a plan, in a thread of its own; a call that fails is lost, as Salesforce's."""

    def call(plan_id: str) -> None:
        threading.Thread(target=_call, args=(address, secret, plan_id), daemon=True).start()

    return call


def _call(address: str, secret: str, plan_id: str) -> None:
    body, moment = json.dumps({"plan_id": plan_id}), str(int(time.time()))
    signature = hmac.new(secret.encode(), f"{moment}.{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"X-Lotsmith-Timestamp": moment, "X-Lotsmith-Signature": signature, "Content-Type": "application/json"}
    with requests.Session() as session:
        session.trust_env = False
        try:
            session.post(address, data=body, headers=headers, timeout=_PATIENCE_S)
        except requests.RequestException:
            return
