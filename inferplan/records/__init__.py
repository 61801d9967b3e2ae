"""Plain frozen records: the plan, which sizing, cost and decision fill in and stacks read, and the verdicts.

Not here: how any value is chosen; this package imports spec and catalog only.
"""
