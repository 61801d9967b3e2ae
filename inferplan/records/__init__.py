"""The plan as plain frozen records: what sizing, cost, decision and planning fill in and stacks read.

Not here: how any value is chosen; this package imports spec and catalog only.
"""
