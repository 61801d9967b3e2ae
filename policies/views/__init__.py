"""What rules look through: networks, hosts, pods, proxy configurations and policy documents.

Not here: any judgment (the packs) and the engine that runs it (evaluate).
"""
