"""The fixed names of a stack and their ARNs, as plain strings that are whole at the first preview.

Not here: which resources carry them (the components) and what IAM documents say about them (iam).
"""

from __future__ import annotations

from dataclasses import dataclass

from inferplan.records.plan import Target, fitting


@dataclass(frozen=True, slots=True)
class Names:
    """A stack's name and the place it stands in: every fixed name of the stack comes from these two."""

    stack: str
    target: Target

    def fixed(self, part: str = "", *, limit: int | None = None) -> str:
        """The name of a part, with at most `limit` characters where the service takes no more.

        IAM allows 64, so the `part` of a role has at most 13.
        """
        name = f"inferplan-{self.stack}-{part}" if part else f"inferplan-{self.stack}"
        return name if limit is None else fitting(name, limit)

    def key_alias(self, purpose: str) -> str:
        """The alias of a key: data, logs, secrets or ebs."""
        return f"alias/inferplan/{self.stack}/{purpose}"

    def log_group(self, purpose: str) -> str:
        return f"/inferplan/{self.stack}/{purpose}"

    def delivered_log_group(self, purpose: str) -> str:
        """A group that AWS services deliver to; the prefix keeps the account's log resource policy small."""
        return f"/aws/vendedlogs/inferplan/{self.stack}/{purpose}"

    def arn(self, service: str, resource: str, *, regional: bool = True, owned: bool = True) -> str:
        """An ARN in the target's partition; `regional` and `owned`: whether it holds Region and account."""
        region = self.target.region if regional else ""
        account = self.target.account if owned else ""
        return f"arn:{self.target.partition}:{service}:{region}:{account}:{resource}"

    def role_arn(self, part: str) -> str:
        return self.arn("iam", f"role/{self.fixed(part)}", regional=False)

    def bucket_arn(self, bucket: str) -> str:
        return self.arn("s3", bucket, regional=False, owned=False)

    def log_group_arn(self, name: str) -> str:
        return self.arn("logs", f"log-group:{name}")

    def cluster_arn(self, cluster_name: str) -> str:
        return self.arn("eks", f"cluster/{cluster_name}")

    def secret_arn(self, secret: str) -> str:
        """The ARN pattern of one secret: Secrets Manager appends a hyphen and six characters to the name."""
        return self.arn("secretsmanager", f"secret:{secret}-??????")

    def every_secret_arn(self) -> str:
        """The ARN pattern of all secrets of the stack."""
        return self.arn("secretsmanager", f"secret:inferplan/{self.stack}/*")

    def account_root_arn(self) -> str:
        return self.arn("iam", "root", regional=False)

    def aws_policy_arn(self, policy: str) -> str:
        """An AWS managed policy, such as `AmazonEKSClusterPolicy`."""
        return f"arn:{self.target.partition}:iam::aws:policy/{policy}"

    def principal(self, service: str) -> str:
        """A service principal, such as `eks` or `logs.eu-central-1`."""
        return f"{service}.{self.target.dns_suffix}"

    def registry(self) -> str:
        """The account's own container registry in the Region."""
        return f"{self.target.account}.dkr.ecr.{self.target.region}.{self.target.dns_suffix}"
