"""The words of the spec language: closed lists and scalars with their patterns, and the base of its records.

Not here: the fields that use them (model, backends, organization).
"""

from __future__ import annotations

from typing import Annotated, Literal, dataclass_transform, get_args

from msgspec import Meta, Struct, field

API_VERSION = "inferplan/v1beta1"

# -- vocabulary: closed lists of the language itself
Mode = Literal["self-hosted", "managed-api", "hybrid", "auto"]
DataClass = Literal["public", "internal", "confidential", "restricted"]
DATA_CLASSES: tuple[DataClass, ...] = ("public", "internal", "confidential", "restricted")  # loosest first
Api = Literal["chat", "embeddings", "rerank", "classify", "images", "transcription"]
Purpose = Literal[
    "general", "drafting", "summarization", "customer-support", "coding", "search", "translation",
    "decision-support", "medical-advice", "legal-advice", "law-enforcement", "military", "other",
]  # fmt: skip
Sector = Literal[
    "none", "finance", "healthcare", "government", "defense", "legal", "education", "cybersecurity"
]
Priority = Literal[
    "sovereignty", "third_party_comfort", "regulation", "certificates", "expertise", "infrastructure",
    "time_to_market", "low_maintenance", "customization", "domain_fit", "top_performance", "lock_in", "audit",
    "volume", "pay_per_use", "cost", "support", "safety", "control", "stability", "updates", "edge",
    "mixed_use", "predictability", "ease_of_use", "general_use", "domain_use", "own_product", "community",
]  # fmt: skip

PRIORITIES: tuple[Priority, ...] = get_args(Priority)

# -- scalars
END = r"$(?!\n)"  # the end of the text in every dialect; Python's bare $ lets a line break through
Name = Annotated[
    str,
    Meta(
        pattern=rf"^[a-z][a-z0-9-]{{0,39}}{END}",
        title="a name (lower case letters, digits, dashes; at most 40)",
    ),
]
Account = Annotated[str, Meta(pattern=rf"^[0-9]{{12}}{END}", title="an AWS account id (12 digits in quotes)")]
Arn = Annotated[str, Meta(pattern=rf"^arn:[a-z-]+:[a-z0-9-]+:[^\s]*{END}", title="an ARN")]
KeyAlias = Annotated[
    str,
    Meta(pattern=rf"^alias/[a-zA-Z0-9/_-]{{1,250}}{END}", title="the alias of a key in KMS (alias/name)"),
]
Country = Annotated[
    str, Meta(pattern=rf"^[A-Z]{{2}}{END}", title="an ISO 3166 alpha-2 country code such as DE")
]
Place = Annotated[
    str,
    Meta(pattern=rf"^[A-Z]{{2,4}}{END}", title="a country code such as DE, or a group such as EU or EEA"),
]
Cidr = Annotated[
    str,
    Meta(
        pattern=rf"^[0-9]{{1,3}}(\.[0-9]{{1,3}}){{3}}/[0-9]{{1,2}}{END}",
        title="an IPv4 range such as 10.0.0.0/16",
    ),
]
Days = Annotated[str, Meta(pattern=rf"^[1-9][0-9]{{0,4}}d{END}", title="a number of days such as 365d")]
KeptFor = Annotated[
    str, Meta(pattern=rf"^(none|[1-9][0-9]{{0,4}}d){END}", title="none, or a number of days such as 30d")
]
Date = Annotated[str, Meta(pattern=rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{END}", title="a date (YYYY-MM-DD)")]
Email = Annotated[str, Meta(pattern=rf"^[^@\s]+@[^@\s]+{END}", title="an email address")]
Time = Annotated[
    str,
    Meta(pattern=rf"^([01][0-9]|2[0-3]):[0-5][0-9]{END}", title='a time of day in quotes such as "08:00"'),
]
Language = Annotated[str, Meta(pattern=rf"^[a-z]{{2}}{END}", title="a language code such as de")]
RuleId = Annotated[str, Meta(pattern=rf"^[A-Z]{{2,6}}-[0-9]{{3}}{END}", title="a rule id such as SOV-001")]
Text = Annotated[str, Meta(min_length=1, max_length=2000, title="text")]
WeightsUri = Annotated[
    str,
    Meta(
        pattern=rf"^(hf|s3|oci)://[^\s]+{END}",
        title="a weights URI (hf://org/name, s3://store/path, oci://host/path)",
    ),
]
Percent = Annotated[float, Meta(ge=0, le=100)]
Share = Annotated[float, Meta(ge=0, le=1, title="a share from 0 to 1")]
Usd = Annotated[float, Meta(ge=0, le=1e12, title="US dollars")]
Count = Annotated[int, Meta(ge=0, le=10**12)]
Tokens = Annotated[int, Meta(ge=1, le=10**8)]
DayCount = Annotated[int, Meta(ge=1, le=36500)]


Weight = Annotated[int, Meta(ge=1, le=5, title="1 light to 5 decisive")]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of every spec record: immutable, by keyword, unknown fields refused."""
