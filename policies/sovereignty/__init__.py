"""The sovereignty pack: residency, egress, vendors and routing of data.

Not here: how rules are run (policies.evaluate) and the CrossGuard entry point (__main__).
"""

from policies.rule import Rule
from policies.sovereignty import (
    bedrock,
    boundary,
    copies,
    egress,
    encryption,
    endpoints,
    exposure,
    firewall,
    isolation,
    jurisdiction,
    observed,
    profiles,
    residency,
    resolver,
    routing,
    serving,
    sinks,
    vendor_hosts,
    vendors,
)

MODULES = (
    residency,
    jurisdiction,
    copies,
    sinks,
    profiles,
    bedrock,
    vendors,
    routing,
    encryption,
    boundary,
    egress,
    isolation,
    exposure,
    endpoints,
    firewall,
    resolver,
    vendor_hosts,
    serving,
    observed,
)

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (value for module in MODULES for value in vars(module).values() if isinstance(value, Rule)),
        key=lambda rule: rule.id,
    )
)
