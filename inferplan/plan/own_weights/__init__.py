"""The room of own weights: which servers on which GPU nodes carry the load of each backend, and why these.

Not here: the cluster and network around them (cluster, network) and vendors (vendor_backends).
"""

from inferplan.plan.own_weights.servers import Own, plan_own

__all__ = ["Own", "plan_own"]
