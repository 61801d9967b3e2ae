"""The small world that rule examples live in: its declarations, its things, and the cases made of them.

Not here: the examples themselves, which stand beside each rule.
"""
