"""Every row of every table of the catalog: form and provenance; places and hardware against other data.

Not here: models, vendors, prices and serving (test_catalog_facts), and what is computed from the facts.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Collection
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from inferplan import catalog
from inferplan.catalog import places, serving, table
from inferplan.catalog.refresh import instances as refresh_instances
from inferplan.catalog.refresh import rows as refresh_rows
from inferplan.catalog.refresh import zones as refresh_zones
from tests import how_to_rows

READERS: dict[str, Callable[[], Collection[Any]]] = {
    "account_quotas": catalog.account_quotas,
    "build_machines": catalog.build_machines,
    "bedrock_models": catalog.bedrock_models,
    "bedrock_profiles": catalog.bedrock_profiles,
    "bedrock_providers": catalog.bedrock_providers,
    "cost_assumptions": catalog.cost_assumptions,
    "countries": catalog.countries,
    "countries_without_region": catalog.countries_without_region,
    "country_groups": catalog.country_groups,
    "global_services": catalog.global_services,
    "gpus": catalog.gpus,
    "guardrail_profiles": catalog.guardrail_profiles,
    "instances": catalog.instances,
    "licenses": catalog.licenses,
    "linked_roles": catalog.linked_roles,
    "model_hub_hosts": catalog.model_hub_hosts,
    "model_retention": catalog.model_retentions,
    "model_serving": catalog.model_serving,
    "models": catalog.models,
    "named_systems": catalog.named_systems,
    "partitions": catalog.partitions,
    "price_list_products": catalog.price_list_products,
    "purposes": catalog.purposes,
    "redaction_languages": serving._languages,
    "redaction_models": catalog.redaction_models,
    "redaction_recognizers": catalog.redaction_recognizers,
    "regimes": catalog.regimes,
    "region_prices": catalog.region_prices,
    "regions": catalog.regions,
    "sector_extras": catalog.sector_extras,
    "service_prices": catalog.service_prices,
    "serving_settings": catalog.serving_settings,
    "token_prices": catalog.token_prices,
    "vendor_models": catalog.vendor_models,
    "vendors": catalog.vendors,
    "vllm_env": lambda: catalog.vllm_env("0.33.0"),
    "vllm_flags": lambda: catalog.vllm_flags("0.33.0"),
    "vllm_methods": lambda: catalog.vllm_methods("0.33.0"),
}
AS_OF = re.compile(r"^(unknown|\d{4}(-(0[1-9]|1[0-2])(-([0-2]\d|3[01]))?|-Q[1-4]-inferred)?)( .+)?$")
NO_FACTS = (
    "vllm",
    "redaction",
    "countr",
    "purposes",
    "named",
    "bedrock_providers",
    "build_machines",
    "token_prices",
    "cost_assumptions",
    "price_list",
    "account_quotas",
    "linked_roles",
)
BRITISH = re.compile(
    r"licence|localis|authoris|organis|defence|behaviour|recognis|programme|catalogue", re.IGNORECASE
)
NEURON = {"Trainium", "Trainium2", "Inferentia", "Inferentia2"}
MOTO = Path(str(find_spec("moto").origin)).parent  # type: ignore[union-attr]


def strings(value: Any) -> list[str]:
    """Every text inside a row, keys included."""
    if isinstance(value, dict):
        return [text for pair in value.items() for text in (*strings(pair[0]), *strings(pair[1]))]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


# -- form ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", table.table_names())
def test_rows_say_where_they_come_from(name: str) -> None:
    """Each row has sources, a date in a known form and a standing."""
    rows = refresh_rows.read(name)
    assert rows
    for row in rows:
        assert row["source"], row
        assert all(isinstance(source, str) and source.strip() for source in row["source"]), row
        assert AS_OF.match(row["as_of"]), row
        assert row["verified"] in (True, False, "partial"), row
        assert all(row.get("unverified_parts", ["none stated"])), row


@pytest.mark.parametrize("name", table.table_names())
def test_tables_are_in_canonical_form(name: str) -> None:
    """Hand edits and generators give the same bytes: a short row is a line, of a long one every field is."""
    text = (table.DATA / f"{name}.json").read_text()

    assert text == refresh_rows.render(json.loads(text)), f"{name}: run `make format`"


def test_a_changed_price_is_a_changed_line() -> None:
    """A figure of a long row changes one short line of its table."""
    rows = refresh_rows.read("instances")
    before = refresh_rows.render(rows).splitlines()
    rows[3]["quota_od"] = "L-00000000"
    changed = [(a, b) for a, b in zip(before, refresh_rows.render(rows).splitlines(), strict=True) if a != b]

    assert changed == [(' "quota_od": "L-417A185B",', ' "quota_od": "L-00000000",')]


@pytest.mark.parametrize("name", READERS)
def test_readers_return_every_row(name: str) -> None:
    """No row is lost to a duplicate key, and every row fits its record."""
    assert len(READERS[name]()) == len(json.loads(table.raw(name)))


@pytest.mark.parametrize("name", READERS)
def test_spelling_is_american(name: str) -> None:
    """Fields and texts use American spelling; addresses of sources are left alone."""
    for row in json.loads(table.raw(name)):
        body = {key: value for key, value in row.items() if key not in {"source", "documents"}}
        assert not [text for text in strings(body) if BRITISH.search(text)], row


def test_importing_the_catalog_reads_no_table() -> None:
    """`import inferplan.catalog` opens no data file; a reader opens its own table only."""
    code = (
        "import sys; seen = []\n"
        "def hook(event, args):\n"
        "    if event == 'open' and str(args[0]).endswith('.json'): seen.append(str(args[0]))\n"
        "sys.addaudithook(hook)\n"
        "from inferplan import catalog\nassert not seen, seen\n"
        "catalog.gpu('h100')\nassert len(seen) == 1 and seen[0].endswith('gpus.json'), seen\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_digest_covers_names_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest changes with any byte of any table and is the same otherwise."""
    before = catalog.digest()
    table.digest.cache_clear()
    assert catalog.digest() == before
    real = table.raw
    monkeypatch.setattr(table, "raw", lambda name: real(name) + (b" " if name == "gpus" else b""))
    table.digest.cache_clear()
    changed = catalog.digest()
    table.digest.cache_clear()
    assert changed != before


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-20", date(2026, 11, 20)), ("2026-07", date(2026, 7, 1)), ("2026", date(2026, 1, 1)),
        ("2026-Q2-inferred", date(2026, 4, 1)), ("2025-08 or later", date(2025, 8, 1)), ("unknown", None),
    ],
)  # fmt: skip
def test_stated_dates_are_the_earliest_possible(text: str, day: date | None) -> None:
    """A coarse date counts from its first day; an unknown one is None."""
    assert catalog.stated_date(text) == day


def test_facts_carry_their_standing() -> None:
    """Fact ids name table and key; unverified and partial rows are marked as such."""
    facts = catalog.facts()
    assert facts["vendors/stability"].verified is False
    assert facts["vendors/openai"].verified == "partial"
    assert facts["licenses/apache-2.0"].unverified_parts
    assert facts["regions/me-west-1"].verified is False
    hosts = {f"vendors/{one.id}/{host.host}" for one in catalog.vendors().values() for host in one.hosts}
    assert hosts <= facts.keys()
    assert len(facts) == sum(len(READERS[name]()) for name in READERS if not name.startswith(NO_FACTS)) + len(
        catalog.countries_without_region()
    ) + len(hosts)


# -- places ----------------------------------------------------------------------------------------
def test_regions_and_partitions_agree_with_botocore() -> None:
    """The catalog knows exactly botocore's partitions and Regions, with the same DNS suffixes."""
    data = botocore.session.get_session().get_component("data_loader").load_data("partitions")
    for entry in data["partitions"]:
        row = catalog.partition(entry["id"])
        assert (row.dns_suffix, row.dual_stack_suffix) == (
            entry["outputs"]["dnsSuffix"],
            entry["outputs"]["dualStackDnsSuffix"],
        )
        names = {name for name in entry["regions"] if not name.endswith("-global")}
        assert names == {
            region.region for region in catalog.regions().values() if region.partition == entry["id"]
        }
    assert len(data["partitions"]) == len(catalog.partitions())


@pytest.mark.parametrize("region", catalog.regions().values(), ids=lambda region: region.region)
def test_regions_resolve(region: catalog.Region) -> None:
    """Partition, country, regimes and zones of a Region exist and agree; unknown zones are marked."""
    assert catalog.partition(region.partition).dns_suffix == region.dns_suffix
    assert region.country in catalog.countries()
    assert region.operator_home in catalog.countries()
    assert all(regime in catalog.regimes() for regime in region.regimes)
    assert len(set(region.zones)) == len(region.zones)
    assert all(refresh_zones.ZONE.match(zone) for zone in region.zones)
    assert region.zones or not region.zones_verified
    if region.partition == "aws" and region.verified is True:
        assert len(region.zones) >= 2


def test_zone_ids_belong_to_one_region() -> None:
    """No zone id appears in two Regions."""
    zones = Counter(zone for region in catalog.regions().values() for zone in region.zones)
    assert not [zone for zone, count in zones.items() if count > 1]


def test_country_groups() -> None:
    """The groups have their members, and places expand or are refused with a near match."""
    assert len(catalog.expand_places(["EU"])) == 27
    assert catalog.expand_places(["EEA"]) == catalog.expand_places(["EU", "IS", "LI", "NO"])
    assert catalog.expand_places(("EEA", "CH")) == catalog.expand_places(["EU", "EFTA"])
    assert catalog.expand_places(["NO"]) == {"NO"}
    assert "GB" not in catalog.expand_places(["EEA"])
    with pytest.raises(catalog.UnknownName, match="UK"):
        catalog.expand_places(["UK"])
    assert len(catalog.countries()) == 249
    assert all(
        code in catalog.countries() for row in catalog.country_groups().values() for code in row.countries
    )


@pytest.mark.parametrize("regime", catalog.regimes().values(), ids=lambda regime: regime.id)
def test_regimes_resolve(regime: places.Regime) -> None:
    """Places of a regime exist (a subdivision by its country)."""
    catalog.expand_places([place.partition("-")[0] for place in regime.jurisdictions])
    catalog.expand_places([entry.place for entry in regime.adequacy.entries])
    assert (regime.adequacy.status == "list published") <= bool(regime.adequacy.entries)


def test_sector_extras_and_countries_without_region_resolve() -> None:
    """Their places exist, and a country listed as without Region has none."""
    for row in catalog.sector_extras():
        assert catalog.expand_places(row.places)
        assert row.sector in {"finance", "healthcare", "government", "defense"}
    served = {region.country for region in catalog.regions().values()}
    assert not served & set(catalog.countries_without_region())


# -- hardware --------------------------------------------------------------------------------------
GPU_NAMES = {
    "T4", "T4g", "A10G", "A100-40GB", "A100-80GB", "L4", "L40S", "H100", "H200", "B200", "GB200", "B300",
    "RTX-PRO-6000", "RTX-PRO-4500",
}  # fmt: skip


def test_gpu_names_and_aliases() -> None:
    """Every GPU name of the command line is known; aliases are unambiguous and case does not count."""
    assert GPU_NAMES | {"V100"} == set(catalog.gpus())
    assert catalog.gpu("rtx pro server 6000").usable_gib == 94.8
    spellings = [name.lower() for gpu in catalog.gpus().values() for name in (gpu.name, *gpu.aliases)]
    assert len(set(spellings)) == len(spellings)
    with pytest.raises(catalog.UnknownName, match="did you mean A100-40GB, A100-80GB or"):
        catalog.gpu("A100")


@pytest.mark.parametrize("instance", catalog.instances().values(), ids=lambda instance: instance.type)
def test_instances_resolve(instance: catalog.Instance) -> None:
    """Regions, zones, GPU, AMI and quota codes exist; no offering outside the commercial partition."""
    assert list(instance.offered) == sorted(instance.offered)
    for region, zones in instance.offered.items():
        assert catalog.region(region).partition == "aws"
        assert zones
        assert set(zones) <= set(catalog.region(region).zones)
        assert instance.offers(region) == zones
    assert instance.offers("us-gov-west-1") == ()
    assert (instance.gpu in NEURON) == (instance.vllm == "neuron")
    if instance.gpu not in NEURON:
        gpu = catalog.gpu(instance.gpu)
        assert instance.mem_gib * (1 / (instance.fraction or 1)) >= gpu.usable_gib
    assert re.fullmatch(r"L-[0-9A-F]{8}", instance.quota_od)
    assert re.fullmatch(r"L-[0-9A-F]{8}", instance.quota_spot)
    assert instance.ami_verified or "ami" in instance.unverified_parts
    assert (instance.fraction is None) == (instance.vllm != "partition")


def test_ami_types_exist_in_botocore() -> None:
    """Every AMI type is a value of the EKS API."""
    known = set(botocore.session.get_session().get_service_model("eks").shape_for("AMITypes").enum)
    assert {ami for instance in catalog.instances().values() for ami in instance.ami} <= known


def test_instances_agree_with_moto() -> None:
    """Counts, sizes and memory are those of AWS, except where the source is known to be wrong.

    A type that the installed moto does not know yet rests on its own sources.
    """
    types = json.loads(gzip.decompress((MOTO / "ec2/resources/instance_types.json.gz").read_bytes()))
    for instance in [*catalog.instances().values(), how_to_rows.record("instances")]:
        if instance.type not in types:
            assert not [source for source in instance.source if "moto" in source], instance.type
            continue
        record = types[instance.type]
        info = next(
            record[key] for key in ("GpuInfo", "NeuronInfo", "InferenceAcceleratorInfo") if key in record
        )
        device = next(value for value in info.values() if isinstance(value, list))[0]
        assert record["VCpuInfo"]["DefaultVCpus"] == instance.vcpu
        assert record["MemoryInfo"]["SizeInMiB"] == instance.ram_gib * 1024
        assert record.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0) == instance.nvme_gb
        assert record["NetworkInfo"].get("EfaInfo", {}).get("MaximumEfaInterfaces", 0) == instance.efa
        if instance.efa:  # aws-real 9: cards that carry IP only come first (aws-parallelcluster#7143)
            cards = instance.efa + instance.ena_only_cards
            assert record["NetworkInfo"]["MaximumNetworkCards"] == cards, instance.type
        fractional = instance.fraction is not None
        assert device["Count"] == (0 if fractional else instance.count), instance.type
        memory_gib = device["MemoryInfo"]["SizeInMiB"] / 1024
        if instance.gpu == "Trainium2":
            assert (memory_gib, instance.mem_gib) == (512, 96)
            assert instance.corrected
        else:
            assert memory_gib == pytest.approx(instance.mem_gib, abs=0.01)
        assert device.get("GpuPartitionSize", 1) == (instance.fraction or 1)


def test_offerings_agree_with_moto() -> None:
    """Zones of Regions are those of the installed moto, over all types that it knows."""
    for region, zones in refresh_zones.by_region().items():
        assert list(catalog.region(region).zones) == zones


def test_a_type_newer_than_moto_is_what_people_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row that the how-to page shows comes into the table as it is; one that moto knows is corrected."""
    new = json.loads(how_to_rows.shown()["instances"])
    said = [new, {"type": "g6.xlarge", "mem_gib": 21.0, "source": ["a driver"], "as_of": "2026-01-01"}]
    read = refresh_rows.hand_read
    monkeypatch.setattr(refresh_rows, "hand_read", lambda name: said if name == "instances" else read(name))
    rows = {row["type"]: row for row in refresh_instances.tables()["instances"]}
    assert rows["g9.xlarge"] == new
    assert rows["g6.xlarge"]["mem_gib"] == 21.0
    assert rows["g6.xlarge"]["source"][-1] == "a driver"
    assert rows["g6.xlarge"]["as_of"] == "2026-01-01"
    assert rows["g6.2xlarge"]["mem_gib"] == catalog.instance("g6.2xlarge").mem_gib


def test_a_family_that_nobody_has_read_about_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new family is in no table until somebody says what its images and quotas are."""
    read = refresh_rows.hand_read
    monkeypatch.setattr(
        refresh_rows,
        "hand_read",
        lambda name: [row for row in read(name) if name != "instance_families" or row["family"] != "p5en"],
    )
    assert refresh_instances.left_out() == ["p5en.48xlarge"]
    assert "p5en.48xlarge" not in {row["type"] for row in refresh_instances.tables()["instances"]}
