"""What does a call from the CRM set off? A look at one plan there; what the call itself says is never believed."""

import json

from app.ports import Services
from app.steps import decisions
from connectors.salesforce.webhook import LATEST, require_signed
from data.crm import accept_call
from engine.domain.errors import DataError, NotAllowed
from engine.domain.identifiers import PlanId


def admit(services: Services, *, timestamp: str, signature: str, body: bytes) -> PlanId:
    """Return the plan that a call is about.

    Raises NotAllowed where no call is expected, or this one is not signed, too old, or was made before; DataError where
    it names no plan of ours.
    """
    secret = None if services.crm is None else services.crm.webhook_secret
    if secret is None:
        raise NotAllowed("no call is expected here: the connection has no webhook_secret")
    require_signed(secret, timestamp=timestamp, signature=signature, body=body, now=services.now())
    with services.database.begin() as connection:
        if not accept_call(connection, signature, at=services.now(), forget=2 * LATEST):
            raise NotAllowed("this call was made before")
    try:
        named = str(json.loads(body)["plan_id"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError('the call: expected a JSON object such as {"plan_id": "…"}') from error
    return services.plans.get(PlanId(named)).plan_id


def look(services: Services, plan_id: PlanId) -> tuple[str, ...]:
    """Read back what was decided on one plan; see decisions.read_decisions."""
    return decisions.read_decisions(services, only=plan_id)
