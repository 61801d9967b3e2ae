"""Fields of catalog rows that no code reads yet, and what each is kept for; a test keeps the list true.

Not here: source, as_of, verified and unverified_parts, which every row has (table).
"""

from __future__ import annotations

from collections.abc import Mapping

# What they are kept for -> record -> fields. Whoever reads one takes it off the list.
KEPT: dict[str, dict[str, str]] = {
    "said to whoever reads or edits the row": {
        "BedrockProfile": "note",
        "Constant": "unit note",
        "CostAssumption": "unit meaning",
        "Country": "name",
        "CountryGroup": "name",
        "Criterion": "when note contested",
        "DecisionSetting": "unit meaning",
        "EngineDefault": "note",
        "Gpu": "note",
        "GuardrailProfile": "note",
        "Instance": "corrected",
        "LeadTimeItem": "meaning",
        "License": "note",
        "ModelHubHost": "use",
        "NamedSystem": "documents",
        "NoFloat16": "model_type",
        "Partition": "name launched note",
        "PriceListProduct": "note",
        "Purpose": "meaning",
        "Region": "name note bedrock_runtime_basis zones_verified zones_source",
        "ServingSetting": "kind want why",
        "StartupConstant": "unit note",
        "Supplement": "note",
        "Vendor": "document_names note",
    },
    "the evidence for a field that is read": {
        "Criterion": "gates",
        "License": "covers",
        "Model": "license",
        "ModelServing": "architecture server note",
        "NamedSystem": "server",
        "Vendor": "certifications_verified",
    },
    "what the machine is, checked against AWS's own data": {"Instance": "mem_gib nvme_gb fraction"},
    "the conditions of a measurement, for whoever fits the model again": {
        "Constant": "low high",
        "Gpu": "aic",
        "ReferencePoint": "dtype instance block_size kv_dtype cudagraph_gib batch_hint note",
        "ThroughputPoint": "all_at_once input_tokens_per_second_per_gpu note",
    },
    "rules on licenses and on the origin of weights": {
        "License": "restrictions duties geographic_limits required_notices output_use trains_others_barred",
        "Model": "base_models",
    },
    "rules on vendors, their retention and who works for them": {
        "Vendor": "eea_entity retention_note retention_modes outside_residency subprocessors hold_history "
        "private_endpoint_services model_families absent",
    },
    "rules on transfers abroad and on what sectors add": {
        "Adequacy": "status entries other intra_eea excluded not_listed_notable",
        "AdequacyEntry": "place condition",
        "Regime": "name localization adequacy sector_extras notes review_flags",
        "Region": "regimes",
    },
    "rules on partitions and on services without a Region": {
        "GlobalService": "home_region holds",
        "Partition": "authorizations conditions isolation residual_risk warning",
        "Region": "operator account_scope place",
    },
    "the choice of a Region by what it offers": {
        "Region": "bedrock_control_plane bedrock_mantle network_firewall"
    },
    "what copies weights into the account, and what it warns of": {
        "Model": "gated",
        "ModelHubHost": "mirror_job",
        "VllmMethod": "deprecated",
    },
}


def reserved(record: str) -> Mapping[str, str]:
    """The unread fields of a record, each with what it is kept for."""
    return {field: purpose for purpose, kept in KEPT.items() for field in kept.get(record, "").split()}
