"""An IAM role with a fixed name, its attached managed policies and at most one inline policy.

Not here: what the role may do (whoever creates it says so).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True, slots=True)
class RoleArgs:
    """`managed` maps a short name to a policy ARN; `policy` is a whole document as a plain string."""

    role_name: str
    trust: str
    managed: dict[str, str]
    policy: str | None = None


class Role(pulumi.ComponentResource):
    """Depend on this component, not on the role, to wait for its permissions too."""

    arn: pulumi.Output[str]
    role_name: str

    def __init__(self, name: str, args: RoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:Role", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.role_name = args.role_name
        role = aws.iam.Role(f"{name}-role", name=args.role_name, assume_role_policy=args.trust, opts=child)
        self.arn = role.arn
        for short, policy_arn in args.managed.items():
            aws.iam.RolePolicyAttachment(f"{name}-{short}", role=role.name, policy_arn=policy_arn, opts=child)
        if args.policy is not None:
            aws.iam.RolePolicy(
                f"{name}-policy", name=args.role_name, role=role.name, policy=args.policy, opts=child
            )
        self.register_outputs({"arn": self.arn})
