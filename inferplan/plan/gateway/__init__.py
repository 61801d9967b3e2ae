"""The room of the gateway: the proxy that every mode has, its configuration, and what it redacts.

Not here: what the gateway reaches (own_weights, vendor_backends) and its resources (components).
"""

from inferplan.plan.gateway.service import plan_gateway

__all__ = ["plan_gateway"]
