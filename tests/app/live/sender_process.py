"""What a person does, as a process that can be killed: approve and send each plan that waits, one after the other."""

import sys
import time

from app import wiring
from app.settings import read_settings
from app.steps import execute, review
from engine.domain.errors import LotsmithError
from engine.domain.lifecycle import Action, PlanState

TO_SEND = (PlanState.APPROVED, PlanState.RELEASED)


def main(pace_s: float) -> None:
    services = wiring.connect(read_settings())
    actor = services.users.user("alan")
    while True:
        waiting = services.plans.heads(states=[PlanState.IN_REVIEW, *TO_SEND])
        for head in sorted(waiting, key=lambda head: head.state not in TO_SEND):  # what is begun is finished first
            try:
                if head.state is PlanState.IN_REVIEW:
                    review.decide(
                        services, head.plan_id, Action.APPROVE, actor=actor, comment="", seen=head.plan_id
                    )  # fmt: skip
                execute.send(services, [head.plan_id], actor=actor)
            except LotsmithError as error:
                sys.stderr.write(f"{head.plan_id[:12]}: {error}\n")
            time.sleep(pace_s)
        time.sleep(0.2)


if __name__ == "__main__":
    main(float(sys.argv[1]))
