"""The governance pack as CrossGuard starts it: `pulumi preview --policy-pack policies/governance`.

Not here: rules (the modules of this folder). `PolicyPack` serves until the engine ends it.
"""

from pathlib import Path

from pulumi_policy import EnforcementLevel, PolicyPack

from policies.crossguard import policies
from policies.packs import rules_of

PolicyPack(
    name="inferplan-governance",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=policies(rules_of("governance"), Path(__file__).resolve().parents[2]),
)
