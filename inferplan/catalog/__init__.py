"""Sourced facts as typed, frozen records; each table is read once, when it is first asked for.

Not here: anything decided from the facts (sizing, cost, plan, policies) and the organization's register.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inferplan.catalog.account_needs import AccountQuota as AccountQuota
    from inferplan.catalog.account_needs import LinkedRole as LinkedRole
    from inferplan.catalog.account_needs import account_quotas as account_quotas
    from inferplan.catalog.account_needs import linked_roles as linked_roles
    from inferplan.catalog.bedrock import BedrockModel as BedrockModel
    from inferplan.catalog.bedrock import BedrockProfile as BedrockProfile
    from inferplan.catalog.bedrock import bedrock_base as bedrock_base
    from inferplan.catalog.bedrock import bedrock_callers as bedrock_callers
    from inferplan.catalog.bedrock import bedrock_ids as bedrock_ids
    from inferplan.catalog.bedrock import bedrock_ids_inside as bedrock_ids_inside
    from inferplan.catalog.bedrock import bedrock_models as bedrock_models
    from inferplan.catalog.bedrock import bedrock_profile as bedrock_profile
    from inferplan.catalog.bedrock import bedrock_profiles as bedrock_profiles
    from inferplan.catalog.bedrock import bedrock_providers as bedrock_providers
    from inferplan.catalog.bedrock import bedrock_regions_inside as bedrock_regions_inside
    from inferplan.catalog.capacity_blocks import BlockPrice as BlockPrice
    from inferplan.catalog.capacity_blocks import block_price as block_price
    from inferplan.catalog.capacity_blocks import block_prices as block_prices
    from inferplan.catalog.codebuild import BuildMachine as BuildMachine
    from inferplan.catalog.codebuild import build_machines as build_machines
    from inferplan.catalog.costing import CostAssumption as CostAssumption
    from inferplan.catalog.costing import cost_assumption as cost_assumption
    from inferplan.catalog.costing import cost_assumptions as cost_assumptions
    from inferplan.catalog.hardware import Gpu as Gpu
    from inferplan.catalog.hardware import Instance as Instance
    from inferplan.catalog.hardware import gpu as gpu
    from inferplan.catalog.hardware import gpus as gpus
    from inferplan.catalog.hardware import instance as instance
    from inferplan.catalog.hardware import instances as instances
    from inferplan.catalog.lifetimes import End as End
    from inferplan.catalog.lifetimes import VendorModel as VendorModel
    from inferplan.catalog.lifetimes import kin as kin
    from inferplan.catalog.lifetimes import model_end as model_end
    from inferplan.catalog.lifetimes import model_ids as model_ids
    from inferplan.catalog.lifetimes import vendor_models as vendor_models
    from inferplan.catalog.managed_apis import BEDROCK as BEDROCK
    from inferplan.catalog.managed_apis import DeploymentType as DeploymentType
    from inferplan.catalog.managed_apis import GuardrailProfile as GuardrailProfile
    from inferplan.catalog.managed_apis import Host as Host
    from inferplan.catalog.managed_apis import KnownHost as KnownHost
    from inferplan.catalog.managed_apis import Vendor as Vendor
    from inferplan.catalog.managed_apis import guardrail_profiles as guardrail_profiles
    from inferplan.catalog.managed_apis import known_host as known_host
    from inferplan.catalog.managed_apis import vendor as vendor
    from inferplan.catalog.managed_apis import vendors as vendors
    from inferplan.catalog.open_weights import ImageModel as ImageModel
    from inferplan.catalog.open_weights import License as License
    from inferplan.catalog.open_weights import LicenseStanding as LicenseStanding
    from inferplan.catalog.open_weights import Model as Model
    from inferplan.catalog.open_weights import ModelHubHost as ModelHubHost
    from inferplan.catalog.open_weights import ModelServing as ModelServing
    from inferplan.catalog.open_weights import image_models as image_models
    from inferplan.catalog.open_weights import license_of as license_of
    from inferplan.catalog.open_weights import licenses as licenses
    from inferplan.catalog.open_weights import model as model
    from inferplan.catalog.open_weights import model_hub_hosts as model_hub_hosts
    from inferplan.catalog.open_weights import model_serving as model_serving
    from inferplan.catalog.open_weights import models as models
    from inferplan.catalog.open_weights import published_as as published_as
    from inferplan.catalog.open_weights import transcribers as transcribers
    from inferplan.catalog.places import CountryGroup as CountryGroup
    from inferplan.catalog.places import Partition as Partition
    from inferplan.catalog.places import Regime as Regime
    from inferplan.catalog.places import Region as Region
    from inferplan.catalog.places import SectorExtra as SectorExtra
    from inferplan.catalog.places import countries as countries
    from inferplan.catalog.places import countries_without_region as countries_without_region
    from inferplan.catalog.places import country_groups as country_groups
    from inferplan.catalog.places import expand_places as expand_places
    from inferplan.catalog.places import partition as partition
    from inferplan.catalog.places import partitions as partitions
    from inferplan.catalog.places import regimes as regimes
    from inferplan.catalog.places import region as region
    from inferplan.catalog.places import regions as regions
    from inferplan.catalog.places import sector_extras as sector_extras
    from inferplan.catalog.price_list import PriceListProduct as PriceListProduct
    from inferplan.catalog.price_list import price_list_products as price_list_products
    from inferplan.catalog.prices import BASE_REGION as BASE_REGION
    from inferplan.catalog.prices import InstancePrice as InstancePrice
    from inferplan.catalog.prices import ServicePrice as ServicePrice
    from inferplan.catalog.prices import instance_price as instance_price
    from inferplan.catalog.prices import is_region_priced as is_region_priced
    from inferplan.catalog.prices import region_prices as region_prices
    from inferplan.catalog.prices import service_price as service_price
    from inferplan.catalog.prices import service_prices as service_prices
    from inferplan.catalog.prices import spot_price as spot_price
    from inferplan.catalog.resource_types import ResourceModule as ResourceModule
    from inferplan.catalog.resource_types import doing as doing
    from inferplan.catalog.resource_types import harmless as harmless
    from inferplan.catalog.resource_types import resource_modules as resource_modules
    from inferplan.catalog.retention import ModelRetention as ModelRetention
    from inferplan.catalog.retention import model_retention as model_retention
    from inferplan.catalog.retention import model_retentions as model_retentions
    from inferplan.catalog.retention import storing_features as storing_features
    from inferplan.catalog.serving import GlobalService as GlobalService
    from inferplan.catalog.serving import NamedSystem as NamedSystem
    from inferplan.catalog.serving import ServingSetting as ServingSetting
    from inferplan.catalog.serving import global_service as global_service
    from inferplan.catalog.serving import global_services as global_services
    from inferplan.catalog.serving import named_system as named_system
    from inferplan.catalog.serving import named_systems as named_systems
    from inferplan.catalog.serving import purposes as purposes
    from inferplan.catalog.serving import redaction_languages as redaction_languages
    from inferplan.catalog.serving import redaction_models as redaction_models
    from inferplan.catalog.serving import redaction_recognizers as redaction_recognizers
    from inferplan.catalog.serving import serving_settings as serving_settings
    from inferplan.catalog.serving import vllm_env as vllm_env
    from inferplan.catalog.serving import vllm_flags as vllm_flags
    from inferplan.catalog.serving import vllm_gone_flags as vllm_gone_flags
    from inferplan.catalog.serving import vllm_methods as vllm_methods
    from inferplan.catalog.serving import vllm_omni_flags as vllm_omni_flags
    from inferplan.catalog.serving import vllm_versions as vllm_versions
    from inferplan.catalog.standing import Fact as Fact
    from inferplan.catalog.standing import facts as facts
    from inferplan.catalog.standing import is_fact as is_fact
    from inferplan.catalog.standing import may_be_vouched_for as may_be_vouched_for
    from inferplan.catalog.standing import names_host as names_host
    from inferplan.catalog.table import Row as Row
    from inferplan.catalog.table import UnknownName as UnknownName
    from inferplan.catalog.table import Verified as Verified
    from inferplan.catalog.table import digest as digest
    from inferplan.catalog.table import stated_date as stated_date
    from inferplan.catalog.token_rates import Asked as Asked
    from inferplan.catalog.token_rates import Rates as Rates
    from inferplan.catalog.token_rates import RequestPrice as RequestPrice
    from inferplan.catalog.token_rates import TokenRate as TokenRate
    from inferplan.catalog.token_rates import request_price as request_price
    from inferplan.catalog.token_rates import request_usd as request_usd
    from inferplan.catalog.token_rates import token_price as token_price
    from inferplan.catalog.token_rates import token_prices as token_prices
    from inferplan.catalog.weighing import Criterion as Criterion
    from inferplan.catalog.weighing import DecisionSetting as DecisionSetting
    from inferplan.catalog.weighing import LeadTimeItem as LeadTimeItem
    from inferplan.catalog.weighing import Side as Side
    from inferplan.catalog.weighing import criteria as criteria
    from inferplan.catalog.weighing import decision_settings as decision_settings
    from inferplan.catalog.weighing import lead_times as lead_times

_EXPORTS = {
    "account_needs": "AccountQuota LinkedRole account_quotas linked_roles",
    "codebuild": "BuildMachine build_machines",
    "capacity_blocks": "BlockPrice block_price block_prices",
    "costing": "CostAssumption cost_assumption cost_assumptions",
    "token_rates": "Asked Rates RequestPrice TokenRate request_price request_usd token_price token_prices",
    "weighing": "Criterion DecisionSetting LeadTimeItem Side criteria decision_settings lead_times",
    "standing": "Fact facts is_fact may_be_vouched_for names_host",
    "hardware": "Gpu Instance gpu gpus instance instances",
    "open_weights": "ImageModel License LicenseStanding Model ModelHubHost ModelServing license_of "
    "image_models licenses model model_hub_hosts model_serving models published_as transcribers",
    "places": "CountryGroup Partition Regime Region SectorExtra countries countries_without_region "
    "country_groups expand_places partition partitions regimes region regions sector_extras",
    "price_list": "PriceListProduct price_list_products",
    "prices": "BASE_REGION InstancePrice ServicePrice instance_price is_region_priced region_prices "
    "service_price service_prices spot_price",
    "resource_types": "ResourceModule doing harmless resource_modules",
    "serving": "GlobalService NamedSystem ServingSetting global_service global_services named_system "
    "named_systems purposes redaction_languages redaction_models redaction_recognizers serving_settings "
    "vllm_env vllm_flags vllm_gone_flags vllm_methods vllm_omni_flags vllm_versions",
    "table": "Row UnknownName Verified digest stated_date",
    "bedrock": "BedrockModel BedrockProfile bedrock_base bedrock_callers bedrock_ids bedrock_ids_inside "
    "bedrock_models bedrock_profile bedrock_profiles bedrock_providers bedrock_regions_inside",
    "retention": "ModelRetention model_retention model_retentions storing_features",
    "lifetimes": "End VendorModel kin model_end model_ids vendor_models",
    "managed_apis": "BEDROCK DeploymentType GuardrailProfile Host KnownHost Vendor guardrail_profiles "
    "known_host vendor vendors",
}
_MODULE_OF = {name: module for module, names in _EXPORTS.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import the module that holds `name` when it is first used."""
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value
