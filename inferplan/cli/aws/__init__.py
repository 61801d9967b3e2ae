"""Asking AWS: one connection for every verb that does, and the policies that they need.

Not here: what is asked (the verbs and their folders).
"""
