"""Prices of the day asked from AWS: read-only calls, their answers as rows of prices.json, and what changed.

Not here: the verb (inferplan.cli.prices) and what the rows are used for (inferplan.spec.price_book).
"""
