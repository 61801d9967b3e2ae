"""One secret in Secrets Manager whose value is set out of band: it is in no spec, plan, program or state.

Not here: reading it (the role of the gateway) and rotating it (who owns the key at the vendor).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True, slots=True)
class VendorSecretArgs:
    """`secret_name` is fixed by the plan, so that policies and processes can name it before it exists."""

    secret_name: str
    description: str
    kms_key_arn: pulumi.Input[str]
    recovery_days: int  # 0 deletes at once; production keeps the name reserved for this long


class VendorSecret(pulumi.ComponentResource):
    """Without replicas, and never with a SecretVersion: its value would be written into the state."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: VendorSecretArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("inferplan:index:VendorSecret", name, None, opts)
        secret = aws.secretsmanager.Secret(
            f"{name}-secret",
            name=args.secret_name,
            description=args.description,
            kms_key_id=args.kms_key_arn,
            recovery_window_in_days=args.recovery_days,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = secret.arn
        self.register_outputs({"arn": self.arn})
