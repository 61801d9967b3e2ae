"""The gateway's certificate: without one there is no listener, and a balancer takes only its own Region's.

Not here: making one, which needs a zone or an authority that is yours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from inferplan.cli.preflight_checks.account_question import (
    Answer,
    Question,
    Said,
    Wanted,
    advice,
    lookup,
    ok,
    to_do,
    told,
)

ABSENT = ("ResourceNotFoundException",)
SOON = timedelta(days=30)


def questions(wanted: Wanted) -> Iterator[Question[Any]]:
    """Only of a gateway that is called from outside its cluster."""
    gateway = wanted.plan.gateway
    if gateway.existing_url is not None:
        return
    if gateway.host is None and gateway.certificate is None:
        if gateway.host_kind == "ecs":
            yield told(
                "certificate",
                "foundation",
                "the gateway",
                to_do("no host and no certificate: nobody can call it", _host(wanted)),
            )
        return
    if gateway.certificate is None:
        yield told(
            "certificate",
            "foundation",
            str(gateway.host),
            to_do("has no certificate, so no listener is made", _request(wanted, str(gateway.host))),
        )
        return
    if gateway.host is None:
        yield told(
            "certificate",
            "foundation",
            gateway.certificate,
            to_do("has no host, so no listener is made", _host(wanted)),
        )
        return
    region, account = gateway.certificate.split(":")[3:5]
    if (region, account) != (wanted.region, wanted.account):
        said = to_do(
            f"lies in {region} of account {account}: the balancer does not take it",
            _request(wanted, gateway.host),
        )
        yield told("certificate", "foundation", gateway.certificate, said)
        return
    arn = gateway.certificate
    yield Question(
        check="certificate",
        layer="foundation",
        subject=gateway.host,
        asks={"acm:DescribeCertificate": (arn,)},
        ask=lookup(ABSENT, "acm", "describe_certificate", CertificateArn=arn),
        judge=partial(usable, wanted, gateway.host, arn),
    )


def _host(wanted: Wanted) -> str:
    return wanted.field("gateway: {host: HOST, certificate: ARN}")


def _request(wanted: Wanted, host: str) -> str:
    return wanted.aws(f"acm request-certificate --domain-name {host} --validation-method DNS")


def usable(wanted: Wanted, host: str, arn: str, answer: Answer | None) -> Iterable[Said]:
    """Issued, for the host, and for longer than a month."""
    if answer is None:
        return [to_do("the certificate does not exist", _request(wanted, host))]
    found = answer["Certificate"]
    status = found["Status"]
    if status == "PENDING_VALIDATION":
        fields = "Certificate.DomainValidationOptions[].ResourceRecord"
        fix = wanted.aws(f"acm describe-certificate --certificate-arn {arn} --query '{fields}'")
        return [to_do("the certificate waits for its validation: publish the record", fix)]
    if status != "ISSUED":
        return [to_do(f"the certificate is {status}", _request(wanted, host))]
    names = [found.get("DomainName", ""), *found.get("SubjectAlternativeNames", ())]
    if not any(covers(name, host) for name in names):
        told_names = ", ".join(dict.fromkeys(filter(None, names)))
        return [to_do(f"the certificate is for {told_names}, not for {host}", _request(wanted, host))]
    end = _day(found.get("NotAfter"))
    if end is not None and end <= wanted.day:
        return [to_do(f"the certificate ended on {end}", _request(wanted, host))]
    if end is not None and end - wanted.day <= SOON and found.get("RenewalEligibility") != "ELIGIBLE":
        return [advice(f"the certificate ends on {end} and is not renewed by itself", _request(wanted, host))]
    return [ok("issued" + (f", until {end}" if end else ""))]


def covers(name: str, host: str) -> bool:
    """Whether a certificate's name is the host's; `*.` stands for one label."""
    name, host = name.lower(), host.lower()
    return name == host or (name.startswith("*.") and host.partition(".")[2] == name[2:])


def _day(at: datetime | None) -> date | None:
    return at.date() if at is not None else None
