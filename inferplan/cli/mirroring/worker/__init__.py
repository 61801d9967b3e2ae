"""The program of the mirror's build: it runs there without inferplan, on the standard library and boto3.

Not here: starting it (inferplan.cli.mirroring). No module of this package imports one outside of it.
"""
