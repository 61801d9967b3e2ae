"""From spec, organization and catalog to a plan: every chosen value with its derivation.

The spine is make (the plan of a mode, or of the mode that is decided) and search (a stack in every Region);
own weights, the gateway and specs without a plan have rooms of their own. Not here: resources (stacks,
components) and verdicts (policies).
"""
