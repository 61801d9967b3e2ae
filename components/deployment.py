"""The root component of a deployment: it carries the declaration, and every resource descends from it.

Not here: what is deployed (stacks) and whether it may be (policies, which read the inputs of this component).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.names import Names


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentArgs:
    """`declaration` and `claims` are canonical JSON; `digest` is the SHA-256 of the declaration."""

    declaration: str
    digest: str
    layer: str
    claims: str
    names: Names
    tags: dict[str, str]


class Deployment(pulumi.ComponentResource):
    """Inputs: declaration, digest, layer, name, claims. `options()` makes a resource one of its children.

    `names` is what every part of the stack is called by.
    """

    aws: aws.Provider
    names: Names
    digest: pulumi.Output[str]

    def __init__(self, name: str, args: DeploymentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = {
            "declaration": args.declaration,
            "digest": args.digest,
            "layer": args.layer,
            "name": args.names.stack,
            "claims": args.claims,
        }
        super().__init__("inferplan:index:Deployment", name, inputs, opts)
        self.names = args.names
        self.digest = pulumi.Output.from_input(args.digest)
        self.aws = aws.Provider(
            f"{name}-aws",
            region=args.names.target.region,
            allowed_account_ids=[args.names.target.account],
            default_tags=aws.ProviderDefaultTagsArgs(tags=args.tags),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._providers_of_children: list[pulumi.ProviderResource] = [self.aws]
        # Stack rules see of a component only what it registers here (pulumi-facts 1).
        self.register_outputs({"digest": args.digest})

    def use(self, provider: pulumi.ProviderResource) -> None:
        """Let children made from now on inherit another provider, such as the cluster's."""
        self._providers_of_children.append(provider)

    def options(self, **more: Any) -> pulumi.ResourceOptions:
        """Resource options of a child: this component as parent and the explicit providers."""
        return pulumi.ResourceOptions(parent=self, providers=list(self._providers_of_children), **more)
