"""Rewriting the generated tables from pinned packages and wheels: `make refresh`, or one module alone.

What no package states lies in hand_read/, which people review and edit row by row.
Not here: tables that people read as a whole (sources says which); they are edited where they lie.
"""
