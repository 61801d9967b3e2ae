"""The governance pack: licenses today; supply chain, cost, staff and the other families as they come.

Not here: where data may be (policies.sovereignty), and how rules are found (policies.packs).
"""
