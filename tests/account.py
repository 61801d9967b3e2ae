"""An account as preflight meets it: by default all that a spec wants is there, and tests take things away.

Not here: how answers reach botocore, whose models judge them (tests.aws_answers), and what comes of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from botocore import xform_name
from msgspec import structs

from inferplan import catalog
from inferplan.cli.preflight_checks import linked_service_roles, node_images, questioning
from inferplan.cli.preflight_checks.account_question import Wanted
from inferplan.plan.make import make_plan
from inferplan.plan.supply import HASH_METADATA
from inferplan.report.preflight_contracts import Layer, PreflightDocument, PreflightFinding
from inferplan.spec.declaration import Declaration
from inferplan.spec.loading import load
from policies.gates import gates
from tests.aws_answers import Answer, Asked, Aws, answered

ROOT = Path(__file__).parents[1]
DAY = date(2026, 11, 20)
BYTES = 1000  # of every file
LATER = datetime(2027, 11, 20, tzinfo=UTC)


def wanted(declaration: Declaration, *, looked_up: bool = True) -> Wanted:
    """What a spec wants; `looked_up`: as if its lock were no longer the documentation's."""
    if looked_up and declaration.lock is not None:
        lock = structs.replace(declaration.lock, documentation_values=False)
        declaration = replace(declaration, lock=lock)
    plan = make_plan(declaration, DAY, gates)
    return Wanted(plan=plan, declaration=declaration, spec="spec.yaml", day=DAY)


class Account:
    """Answers by operation; what a test changes is an attribute."""

    def __init__(self, of: Wanted) -> None:
        plan = of.plan
        self.wanted = of
        self.number = of.account
        self.refuses: dict[str, str] = {}  # operation -> code
        self.region_status = "ENABLED"
        self.quotas: dict[str, float] = {}  # by code; what is not here is plenty
        self.defaults: set[str] = set()  # codes without a value of the account's own
        self.unknown_quotas: set[str] = set()
        self.requests: dict[str, list[dict[str, Any]]] = {}
        zones = catalog.region(of.region).zones
        self.zones = {zone: (f"{of.region}{'abcdef'[-1 - at]}", "available") for at, zone in enumerate(zones)}
        self.offers = {pool.instance_type: [*zones] for pool in plan.pools}
        self.no_image: set[str] = set()
        self.own_image: dict[str, Any] | None = {"State": "available", "Architecture": "x86_64"}
        self.services = {endpoint.service_name: {*zones} for endpoint in plan.network.endpoints}
        self.names_zones = False  # whether endpoint services name their zones and give no ids
        self.roles = {row.role for row in linked_service_roles.needed(of)}
        self.reservation: dict[str, Any] | None = None
        self.images = {image.repository: {image.digest} for image in plan.pulled_images}
        self.files: dict[str, tuple[int, str | None]] = {
            file.key: (BYTES, file.sha256) for file in of.supply.files
        }
        self.bucket = plan.weights_bucket
        self.secrets: dict[str, dict[str, Any]] = {
            name: {"VersionIdsToStages": {"a" * 32: ["AWSCURRENT"]}} for name in plan.gateway.secrets
        }
        self.certificate: dict[str, Any] | None = {
            "Status": "ISSUED",
            "DomainName": plan.gateway.host or "host.example",
            "NotAfter": LATER,
        }
        self.models = {
            catalog.bedrock_base(vendor.model): ["ON_DEMAND"]
            for vendor in plan.vendors
            if vendor.provider == catalog.BEDROCK
        }
        self.profiles = {vendor.model for vendor in plan.vendors if vendor.provider == catalog.BEDROCK}
        self.lifecycle = "ACTIVE"
        self.availability: dict[str, Any] | None = {
            "modelId": "model",
            "agreementAvailability": {"status": "AVAILABLE"},
            "authorizationStatus": "AUTHORIZED",
            "entitlementAvailability": "AVAILABLE",
            "regionAvailability": "AVAILABLE",
        }
        self.vpcs: list[dict[str, Any]] = []
        self.addresses: list[dict[str, Any]] = []
        self.subnets: list[dict[str, Any]] = []
        self.route_tables: list[dict[str, Any]] = []
        self.dns_off: set[str] = set()
        self.vpc_endpoints: list[dict[str, Any]] = []
        self.cluster: dict[str, Any] | None = None
        self.addons: list[str] = []

    def __call__(self, operation: str, region: str, asked: Asked) -> Answer:
        """One page, or the code of a refusal."""
        if operation in self.refuses:
            return self.refuses[operation]
        answer: Callable[[Asked], Answer] = getattr(self, f"_{xform_name(operation)}")
        return answer(asked)

    def _get_caller_identity(self, _: Asked) -> Answer:
        return {"Account": self.number, "Arn": f"arn:aws:iam::{self.number}:user/somebody", "UserId": "AIDA"}

    def _get_region_opt_status(self, asked: Asked) -> Answer:
        return {"RegionName": asked["RegionName"], "RegionOptStatus": self.region_status}

    def _describe_regions(self, asked: Asked) -> Answer:
        opted = "opted-in" if self.region_status == "ENABLED" else "not-opted-in"
        return {"Regions": [{"RegionName": asked["RegionNames"][0], "OptInStatus": opted}]}

    def _get_service_quota(self, asked: Asked) -> Answer:
        code = asked["QuotaCode"]
        return "NoSuchResourceException" if code in self.defaults | self.unknown_quotas else self._quota(code)

    def _get_aws_default_service_quota(self, asked: Asked) -> Answer:
        code = asked["QuotaCode"]
        return "NoSuchResourceException" if code in self.unknown_quotas else self._quota(code)

    def _quota(self, code: str) -> Answer:
        return {"Quota": {"QuotaCode": code, "Value": self.quotas.get(code, 100_000.0)}}

    def _list_requested_service_quota_change_history_by_quota(self, asked: Asked) -> Answer:
        return {"RequestedQuotas": self.requests.get(asked["QuotaCode"], [])}

    def _describe_vpcs(self, _: Asked) -> Answer:
        return {"Vpcs": self.vpcs}

    def _describe_addresses(self, _: Asked) -> Answer:
        return {"Addresses": self.addresses}

    def _describe_availability_zones(self, _: Asked) -> Answer:
        return {
            "AvailabilityZones": [
                {"ZoneId": zone, "ZoneName": name, "State": state, "ZoneType": "availability-zone"}
                for zone, (name, state) in self.zones.items()
            ]
        }

    def _describe_instance_type_offerings(self, asked: Asked) -> Answer:
        assert asked["LocationType"] == "availability-zone-id"
        (instance,) = asked["Filters"][0]["Values"]
        where = self.offers.get(instance, [*catalog.region(self.wanted.region).zones])
        return {"InstanceTypeOfferings": [{"InstanceType": instance, "Location": zone} for zone in where]}

    def _get_parameters(self, asked: Asked) -> Answer:
        bad = [name for name in asked["Names"] if name in self.no_image]
        good = [
            {"Name": name, "Value": "ami-0123456789abcdef0"} for name in asked["Names"] if name not in bad
        ]
        return {"Parameters": good, **({"InvalidParameters": bad} if bad else {})}

    def _describe_vpc_endpoint_services(self, asked: Asked) -> Answer:
        wanted_names, kinds = asked["Filters"][0]["Values"], ("Gateway", "Interface")
        details = []
        for name in wanted_names:
            zones = sorted(self.services.get(name, ()))
            named = sorted(self.zones[zone][0] for zone in zones if zone in self.zones)
            for kind in kinds if name.endswith(".s3") else kinds[1:]:
                if name in self.services:
                    where = (
                        {"AvailabilityZones": named} if self.names_zones else {"AvailabilityZoneIds": zones}
                    )
                    details.append({"ServiceName": name, "ServiceType": [{"ServiceType": kind}], **where})
        return {"ServiceDetails": details}

    def _get_role(self, asked: Asked) -> Answer:
        name = asked["RoleName"]
        if name not in self.roles:
            return "NoSuchEntity"
        arn = f"arn:aws:iam::{self.number}:role/{name}"
        made = {"Path": "/", "RoleName": name, "RoleId": "AROA1234567890ABCDEF", "Arn": arn}
        return {"Role": {**made, "CreateDate": LATER}}

    def _describe_capacity_reservations(self, _: Asked) -> Answer:
        if self.reservation is None:
            return "InvalidCapacityReservationId.NotFound"
        return {"CapacityReservations": [self.reservation]}

    def _describe_images(self, asked: Asked) -> Answer:
        if "repositoryName" not in asked:  # EC2 has an operation of that name too
            return {"Images": [self.own_image]} if self.own_image else "InvalidAMIID.NotFound"
        held = self.images.get(asked["repositoryName"])
        if held is None:
            return "RepositoryNotFoundException"
        digest = asked["imageIds"][0]["imageDigest"]
        return {"imageDetails": [{"imageDigest": digest}]} if digest in held else "ImageNotFoundException"

    def _list_objects_v2(self, asked: Asked) -> Answer:
        if self.bucket is None:
            return "NoSuchBucket"
        found = {key: size for key, (size, _) in self.files.items() if key.startswith(asked["Prefix"])}
        return {"Contents": [{"Key": key, "Size": size} for key, size in found.items()]} if found else {}

    def _head_object(self, asked: Asked) -> Answer:
        size, digest = self.files[asked["Key"]]
        return {"ContentLength": size, "Metadata": {HASH_METADATA: digest} if digest else {}}

    def _describe_secret(self, asked: Asked) -> Answer:
        return self.secrets.get(asked["SecretId"], "ResourceNotFoundException")

    def _describe_certificate(self, _: Asked) -> Answer:
        return "ResourceNotFoundException" if self.certificate is None else {"Certificate": self.certificate}

    def _get_foundation_model(self, asked: Asked) -> Answer:
        name = asked["modelIdentifier"]
        if name not in self.models:
            return "ResourceNotFoundException"
        arn = f"arn:aws:bedrock:{self.wanted.region}::foundation-model/{name}"
        details = {"modelArn": arn, "modelId": name, "inferenceTypesSupported": self.models[name]}
        return {"modelDetails": {**details, "modelLifecycle": {"status": self.lifecycle}}}

    def _get_inference_profile(self, asked: Asked) -> Answer:
        name = asked["inferenceProfileIdentifier"]
        if name not in self.profiles:
            return "ResourceNotFoundException"
        return {
            "inferenceProfileName": name,
            "inferenceProfileArn": f"arn:aws:bedrock:{self.wanted.region}:{self.number}:inference-profile/x",
            "models": [{"modelArn": "arn:aws:bedrock:::foundation-model/x"}],
            "inferenceProfileId": name,
            "status": "ACTIVE",
            "type": "SYSTEM_DEFINED",
        }

    def _get_foundation_model_availability(self, _: Asked) -> Answer:
        return "ResourceNotFoundException" if self.availability is None else self.availability

    def _describe_subnets(self, _: Asked) -> Answer:
        return {"Subnets": self.subnets} if self.subnets else "InvalidSubnetID.NotFound"

    def _describe_route_tables(self, _: Asked) -> Answer:
        return {"RouteTables": self.route_tables}

    def _describe_vpc_attribute(self, asked: Asked) -> Answer:
        attribute = asked["Attribute"]
        key = f"E{attribute[1:]}"
        return {"VpcId": asked["VpcId"], key: {"Value": attribute not in self.dns_off}}

    def _describe_vpc_endpoints(self, _: Asked) -> Answer:
        return {"VpcEndpoints": self.vpc_endpoints}

    def _describe_cluster(self, _: Asked) -> Answer:
        return "ResourceNotFoundException" if self.cluster is None else {"cluster": self.cluster}

    def _list_addons(self, _: Asked) -> Answer:
        return {"addons": self.addons}


def asked_of(account: Account, layer: Layer | None = None) -> tuple[PreflightDocument, Aws]:
    """What a preflight of the account finds, and which calls that took."""
    with answered(account) as aws:
        found = questioning.preflight(account.wanted, layer, lambda _: None)
    return found, aws


def findings(account: Account, check: str, layer: Layer | None = None) -> list[PreflightFinding]:
    """Those of one check."""
    return [one for one in asked_of(account, layer)[0].findings if one.check == check]


def finding(account: Account, check: str, subject: str = "") -> PreflightFinding:
    """The one of a check about something; fails where there are several."""
    (found,) = [one for one in findings(account, check) if subject in one.subject]
    return found


def gpu_image(of: Wanted) -> str:
    """The parameter of the image of the GPU nodes."""
    assert of.plan.cluster is not None
    return str(node_images.parameter(of.plan.pools[0].ami_type, of.plan.cluster.version))


def new_account() -> Account:
    """What a new account has of all that the clinic wants: nothing that has to be asked for or made."""
    of = wanted(load(ROOT / "specs/de-clinic-notes.yaml", ROOT / "organization"))
    made = Account(of)
    made.roles = set()
    made.quotas = {pool.quota_code: 0 for pool in of.plan.pools if pool.quota_code}
    made.quotas |= {catalog.account_quotas()["standard-vcpus"].code: 5}
    made.quotas |= {catalog.account_quotas()["vpcs"].code: 5}
    made.certificate = {**(made.certificate or {}), "Status": "PENDING_VALIDATION"}
    return made
