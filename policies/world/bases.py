"""The declarations that rule examples start from: one organization, and a spec for each kind of stack.

Not here: resources (things) and the edits that make a case of them (cases).
"""

from __future__ import annotations

from typing import Any

from policies.world.things import ACCOUNT, REGION

ORGANIZATION: dict[str, Any] = {
    "apiVersion": "inferplan/v1beta1",
    "kind": "Organization",
    "metadata": {"name": "examples", "owner": "platform@example.com"},
    "entities": {
        "clinic": {
            "domicile": "DE",
            "sector": "healthcare",
            "monthly_active_users": 1000,
            "annual_revenue_usd": 1e6,
        },
        "desk": {"domicile": "IE", "sector": "none", "monthly_active_users": 1000, "annual_revenue_usd": 1e6},
    },
    "accounts": {
        ACCOUNT: {
            "entity": "clinic",
            "environment": "production",
            "criticality": "supporting",
            "max_class": "restricted",
            "countries": ["DE"],
        },
        "222222222222": {
            "entity": "desk",
            "environment": "production",
            "criticality": "supporting",
            "max_class": "internal",
            "countries": ["EEA", "CH"],
        },
    },
    "facts": {
        "confirmed": [{"id": "sector_extras/healthcare-EU", "by": "dpo@example.com", "date": "2026-10-01"}]
    },
    "classes": {
        "public": {"backends": ["self-hosted", "managed-api"]},
        "internal": {"backends": ["self-hosted", "managed-api"]},
        "confidential": {"backends": ["self-hosted"]},
        "restricted": {"backends": ["self-hosted"]},
    },
    "applications": {
        "ward": {"class": "restricted", "owner": "it@example.com"},
        "office": {"class": "internal", "owner": "it@example.com"},
    },
    "vendors": {
        "openai-eu": {
            "provider": "openai",
            "host": "eu.api.openai.com",
            "max_class": "internal",
            "tier": "enterprise",
            "retention": {"days": 0, "reference": "ZDR-1", "date": "2026-05-20"},
            "trains_on_data": False,
            "contract": "DPA-1",
            "subprocessors": [{"name": "hosting", "country": "IE"}],
            "assessment": {
                "reference": "PIA-1",
                "date": "2026-07-01",
                "approver": "dpo@example.com",
                "classes": ["public", "internal"],
            },
            "review_by": "2027-06-30",
        },
        "bedrock": {
            "provider": "amazon-bedrock",
            "max_class": "internal",
            "retention": {"days": 0, "reference": "DPA-2", "date": "2026-05-20"},
            "trains_on_data": False,
            "contract": "DPA-2",
            "subprocessors": [],
            "assessment": {
                "reference": "PIA-2",
                "date": "2026-07-01",
                "approver": "dpo@example.com",
                "classes": ["public", "internal"],
            },
            "review_by": "2027-06-30",
        },
    },
}
_OWN: dict[str, Any] = {
    "apiVersion": "inferplan/v1beta1",
    "kind": "InferenceStack",
    "metadata": {"name": "example", "owner": "ml@example.com"},
    "mode": "self-hosted",
    "target": {"platform": "aws", "account": ACCOUNT, "region": REGION},
    "data": {"subjects": ["DE"], "personal": True, "residency": {"countries": ["DE"]}},
    "backends": {"qwen": {"weights": "hf://Qwen/Qwen3-4B"}},
    "routes": [
        {"name": "notes", "api": "chat", "classes": ["restricted"], "callers": ["ward"], "backends": ["qwen"]}
    ],
}
_VENDOR: dict[str, Any] = {
    **_OWN,
    "mode": "managed-api",
    "target": {"platform": "aws", "account": "222222222222", "region": REGION},
    "data": {"subjects": ["DE"], "personal": True, "residency": {"countries": ["EEA", "CH"]}},
    "backends": {
        "gpt": {"vendor": "openai-eu", "model": "gpt-4.1-2025-04-14"},
        "mistral": {"vendor": "bedrock", "model": "mistral.mistral-large-2402-v1:0"},
    },
    "routes": [
        {
            "name": "desk",
            "api": "chat",
            "classes": ["public", "internal"],
            "callers": ["office"],
            "backends": ["gpt", "mistral"],
        }
    ],
}
_BOTH: dict[str, Any] = {
    **_OWN,
    "mode": "hybrid",
    "backends": {
        "qwen": {"weights": "hf://Qwen/Qwen3-4B"},
        "mistral": {"vendor": "bedrock", "model": "mistral.mistral-large-2402-v1:0"},
    },
    "routes": [
        {
            "name": "notes",
            "api": "chat",
            "classes": ["restricted"],
            "callers": ["ward"],
            "backends": ["qwen"],
        },
        {
            "name": "desk",
            "api": "chat",
            "classes": ["internal"],
            "callers": ["office"],
            "backends": ["mistral"],
        },
    ],
}
WORLDS = {"own": _OWN, "vendor": _VENDOR, "both": _BOTH}


def _image(name: str) -> dict[str, str]:
    return {"repository": f"registry.example/{name}", "tag": "v1", "digest": "sha256:" + "0" * 64}


LOCK = {
    "apiVersion": "inferplan/v1beta1",
    "kind": "Lock",
    "images": {
        name: _image(name) for name in ("vllm", "litellm", "presidio-analyzer", "presidio-anonymizer")
    },
}


# Edits of a base that builds into a registered network, and into a registered cluster in it.
GIVEN_VPC, GIVEN_SUBNET, GIVEN_CLUSTER_NAME = "vpc-0123456789abcdef0", "subnet-0123456789abcdef0", "shared"
_REVIEWED = {"reference": "NET-1", "date": "2026-09-01", "approver": "network@example.com"}
GIVEN_NETWORK: dict[str, Any] = {
    "spec:network": {"existing": {"vpc": GIVEN_VPC, "subnets": [GIVEN_SUBNET]}},
    "organization:networks": {
        GIVEN_VPC: {
            "account": ACCOUNT,
            "region": REGION,
            "cidr": "10.40.0.0/16",
            "subnets": {GIVEN_SUBNET: {"zone": "euc1-az2", "cidr": "10.40.0.0/20", "tiers": ["gpu"]}},
            "endpoints": [
                "ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "logs", "monitoring", "s3", "secretsmanager",
                "sts",
            ],
            "internet": "none",
            "names": "closed",
            "flow_logs": "flow-logs",
            "query_logs": "query-logs",
            **_REVIEWED,
        }
    },
}  # fmt: skip
GIVEN_CLUSTER: dict[str, Any] = {
    **GIVEN_NETWORK,
    "spec:cluster": {"existing": {"name": GIVEN_CLUSTER_NAME}},
    "organization:clusters": {
        GIVEN_CLUSTER_NAME: {
            "network": GIVEN_VPC,
            "version": "1.36",
            "endpoint": "https://api.example.com",
            "certificate_authority": "Y2VydGlmaWNhdGU=",
            "control_plane_group": "sg-0123456789abcdef0",
            "services_group": "sg-0123456789abcdef1",
            **_REVIEWED,
        }
    },
}


def of_network(field: str) -> str:
    """The edit that names a field of the registered network."""
    return f"organization:networks.{GIVEN_VPC}.{field}"
