"""Filling registry and bucket: the order, the build that carries it out, and the program that runs in it.

Not here: the verb itself (inferplan.cli.mirror) and what is needed (inferplan.plan).
"""
