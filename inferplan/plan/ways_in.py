"""Who reaches a stack from outside: a runner that deploys it, and the clients, who want answers over TLS.

Not here: the network itself (network) and who may call which route (gateway).
"""

from __future__ import annotations

from ipaddress import IPv4Network

from inferplan.plan.case import Case
from inferplan.records.notes import Notes
from inferplan.records.plan import ClientRoute, Target


def state_bucket(case: Case, target: Target, notes: Notes) -> str | None:
    """The bucket with the state of a runner inside the VPC; None where there is none that it can reach."""
    if not case.has_cluster or case.spec.cluster.deploy_from != "vpc-runner":
        return None
    said = case.declaration.account.state_backend
    scheme, _, rest = (said or "").partition("://")
    place, _, query = rest.partition("?")
    bucket = place.partition("/")[0]
    stated = [part.removeprefix("region=") for part in query.split("&") if part.startswith("region=")]
    lost = "cluster.deploy_from vpc-runner: the runner cannot read its state"
    if said is None:
        notes.warn(f"{lost}: the organization registers no state_backend for account {target.account}")
    elif scheme != "s3" or not bucket:
        notes.warn(f"{lost}: {said} is no S3 bucket, and the VPC has no other way out; take tunnel or gitops")
    elif stated not in ([], [target.region]):
        notes.warn(
            f"{lost}: {said} lies elsewhere, and the VPC's endpoint serves {target.region} only; register a "
            "bucket there, or take tunnel or gitops"
        )
    else:
        return bucket
    return None


def check_certificate(case: Case, target: Target, notes: Notes) -> None:
    """A balancer takes certificates of its own Region and account only."""
    certificate = case.spec.gateway.certificate if case.spec.gateway else None
    if certificate is None:
        return
    region, account = certificate.split(":")[3:5]
    if (region, account) != (target.region, target.account):
        notes.warn(
            f"gateway.certificate lies in {region} of account {account}: a balancer in {target.region} of "
            f"account {target.account} will not take it"
        )


def client_routes(case: Case, cidr: IPv4Network, notes: Notes) -> tuple[ClientRoute, ...]:
    """A route for each range of `gateway.clients` outside the VPC, through the spec's attachments."""
    gateway, attachments = case.spec.gateway, case.spec.network.attachments
    if attachments and (gateway is None or not gateway.clients):
        notes.warn("network.attachments lead to nobody: gateway.clients is empty, so none is made")
    if gateway is None or gateway.existing is not None or case.spec.network.existing is not None:
        return ()
    outside = [text for text in gateway.clients if not IPv4Network(text).subnet_of(cidr)]
    if outside and not attachments:
        notes.warn(
            f"gateway.clients {', '.join(outside)} lie outside the VPC and get no answer: no route leads "
            "back; name the transit gateway or peering connection in network.attachments"
        )
    return tuple(
        ClientRoute(cidr=text, via=attachment.id)
        for attachment in attachments
        for text in (attachment.clients or gateway.clients)
        if text in outside
    )
