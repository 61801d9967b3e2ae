"""Rewriting the generated tables from installed packages: `python -m inferplan.catalog.refresh.<module>`.

Not here: facts, prices and shapes, which people review and edit row by row.
"""
