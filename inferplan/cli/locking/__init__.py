"""What the verb `lock` asks, and of whom: registries, the hub, buckets, EKS.

Not here: the verb itself (inferplan.cli.lock), and the records that come of it (inferplan.spec.lock).
"""
