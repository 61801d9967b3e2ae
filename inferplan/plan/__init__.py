"""From spec, organization and catalog to a plan: every chosen value with its derivation.

Not here: resources (stacks, components) and verdicts (policies).
"""
