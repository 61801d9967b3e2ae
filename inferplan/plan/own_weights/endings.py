"""How a pod of a server ends: the requests in it are answered first, and nothing is ordered for what waits.

Not here: how it starts (pools, inferplan.sizing) and the engine's command line (flags).
"""

from __future__ import annotations

from inferplan.plan.case import Case
from inferplan.records.notes import Notes
from inferplan.records.plan import Shutdown

BEFORE_STOP_SECONDS = 15  # until gateways and kube-proxies have seen that the pod is going
AFTER_LAST_SECONDS = 30  # for the engine to give its GPUs back once nothing is left to answer
# An autoscaler counts no terminating pod, so it would order a node for each pod that waits for one to end.
DELAY_BEYOND_GRACE_SECONDS = 15


def shutdown(case: Case, backend: str) -> Shutdown:
    """The end of a pod that serves the routes of a backend, first or as fallback."""
    served = [route for route in case.routes if backend in (route.backend, *route.fallback)]
    longest = max(route.timeout_seconds for route in served)
    grace = BEFORE_STOP_SECONDS + longest + AFTER_LAST_SECONDS
    return Shutdown(
        request_seconds=longest,
        before_stop_seconds=BEFORE_STOP_SECONDS,
        grace_seconds=grace,
        scale_up_delay_seconds=grace + DELAY_BEYOND_GRACE_SECONDS,
    )


def explain_end(path: str, end: Shutdown, notes: Notes) -> None:
    """Record what each of these seconds is for."""
    inputs = {"longest_request_seconds": end.request_seconds, "before_stop_seconds": BEFORE_STOP_SECONDS}
    for field, formula in (
        ("request_seconds", "the longest request of its routes; the engine's default of 0 cuts every answer"),
        ("before_stop_seconds", "until gateways and kube-proxies have seen that the pod is going"),
        ("grace_seconds", f"before the stop + the longest request + {AFTER_LAST_SECONDS} to end"),
        (
            "scale_up_delay_seconds",
            f"grace + {DELAY_BEYOND_GRACE_SECONDS}: in an update the new pod waits for the old one's GPU",
        ),
    ):
        notes.derive(f"{path}.shutdown.{field}", getattr(end, field), "seconds", formula, inputs)
