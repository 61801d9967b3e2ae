"""Serving facts of the catalog: vLLM's flags, services without a Region, named systems, redaction, hubs.

Not here: models, vendors and prices (test_catalog_facts); tables, places and hardware (test_catalog).
"""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from inferplan import catalog
from inferplan.catalog.refresh import global_services as refresh_global_services
from inferplan.catalog.refresh.vllm_flags import ENGINE, ENVIRONMENT, FRONTEND, Wheel

VERSION = "0.33.0"


def test_settings_exist_in_the_pinned_server() -> None:
    """Arguments and variables that rules look at exist in the pinned vLLM."""
    flags, variables = catalog.vllm_flags(VERSION), catalog.vllm_env(VERSION)
    for setting in catalog.serving_settings().values():
        if setting.kind == "arg":
            assert setting.name in flags
        if setting.kind == "env" and setting.name.startswith("VLLM_"):
            assert setting.name in variables
    assert {"--max-model-len", "--no-enable-prefix-caching", "-tp", "--served-model-name"} <= flags
    assert not {"--swap-space", "--disable-log-requests", "--no-max-model-len", "--model-tag"} & flags
    assert catalog.vllm_methods(VERSION)["fbgemm_fp8"].deprecated
    assert "bitsandbytes" not in catalog.vllm_methods(VERSION)


def test_flags_are_read_from_source(tmp_path: Path) -> None:
    """The extraction follows config classes, inheritance and vLLM's rule for switches."""
    engine = (
        "class EngineArgs:\n    @staticmethod\n    def add_cli_args(parser):\n"
        "        kwargs = get_kwargs(ModelConfig)\n"
        "        group.add_argument('--dtype', '-d', **kwargs['dtype'])\n"
        "        group.add_argument('--eager', **{**kwargs['eager'], 'default': None})\n"
        "        group.add_argument('--maybe', **kwargs['maybe'])\n"
        "        group.add_argument('--plain', action=argparse.BooleanOptionalAction)\n"
        "        parser.add_argument('tag')\n"
    )
    files = {
        ENGINE: engine,
        FRONTEND: "class Base:\n    api_key: str | None = None\n"
        "class FrontendArgs(Base):\n    log_it: bool = False\n",
        ENVIRONMENT: "environment_variables: dict[str, object] = {'VLLM_A': 1, 'B': 2}\n",
        "vllm/config/model.py": "class ModelConfig:\n    dtype: str\n"
        "    eager: Optional[bool]\n    maybe: bool | str | None\n",
        "vllm/other.py": "raise SystemExit\n",
    }
    path = tmp_path / "vllm-1.2.3-py3.whl"
    with ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    wheel = Wheel(path)
    expected = "--api-key --dtype --eager --log-it --maybe --no-eager --no-log-it --no-plain --plain -d"
    assert sorted(wheel.flags()) == expected.split()
    assert (wheel.version, wheel.environment()) == ("1.2.3", ["VLLM_A", "B"])


def test_global_services_are_those_of_the_installed_provider() -> None:
    """The table holds exactly the types of the installed pulumi_aws that take no `region`."""
    without = {token for token, regional in refresh_global_services.resource_types().items() if not regional}
    assert without == {token for row in catalog.global_services().values() for token in row.types}
    assert catalog.global_service("aws:iam/role:Role") is not None
    assert catalog.global_service("aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock") is not None
    for token in (
        "aws:s3/bucket:Bucket",
        "aws:route53/resolverFirewallConfig:ResolverFirewallConfig",
        "pulumi:providers:aws",
    ):
        assert catalog.global_service(token) is None
    for row in catalog.global_services().values():
        assert row.home_region is None or catalog.region(row.home_region)
        assert row.holds


SYSTEMS = {
    "plan": [
        "Llama 2", "LLaMA", "Mistral 7B", "Mixtral 8x7B", "DeepSeek", "BLOOM", "GPT-2", "BERT",
        "Stable Diffusion", "GPT", "GPT-4", "ChatGPT", "Claude", "Gemini", "Perplexity AI", "Hugging Face",
    ],
    "refuse": [
        "Google Bard", "Bard", "Microsoft Copilot", "Copilot", "Microsoft 365 Copilot", "Amazon Alexa",
        "Midjourney", "PyTorch", "TensorFlow", "Linux", "Python",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("treatment", "name"), [(key, name) for key, names in SYSTEMS.items() for name in names]
)
def test_named_systems_have_an_answer(treatment: str, name: str) -> None:
    """Every system the documents name either plans on something that exists or names what to use instead."""
    system = catalog.named_system(name.upper())
    assert system is not None
    assert system.treatment == treatment
    assert all(model in catalog.models() for model in system.models)
    assert all(vendor in catalog.vendors() for vendor in system.vendors)
    assert (system.server is None) == (treatment == "refuse")
    if treatment == "refuse":
        assert system.use_instead
    else:
        assert system.models or system.vendors
    servers = {catalog.models()[model].server for model in system.models}
    assert (
        servers <= {"vllm"}
        if str(system.server).startswith("vllm")
        else servers <= {"diffusers", "vllm-omni"}
    )


def test_names_of_systems_are_unambiguous() -> None:
    """A product name stands for one system; a name nobody listed for none."""
    names = [name.lower() for row in catalog.named_systems().values() for name in (row.system, *row.names)]
    assert len(set(names)) == len(names)
    assert catalog.named_system("Qwen") is None


def test_redaction_languages() -> None:
    """Every inhabited country has languages; a name that is no country is refused, never skipped."""
    served = set(catalog.countries())
    silent = {country for country in served if not catalog.redaction_languages([country])}
    assert silent == {"AQ", "BV", "HM", "TF"}
    assert catalog.redaction_languages(["IE", "IN", "DE", "FR"]) == ("de", "en", "fr")
    assert set(catalog.redaction_languages(served)) <= set(catalog.redaction_models())
    assert catalog.redaction_models()["de"] is not None
    assert catalog.redaction_models()["th"] is None
    with pytest.raises(catalog.UnknownName):
        catalog.redaction_languages(["DE", "ZZ"])


def test_model_hubs_are_denied_at_run_time() -> None:
    """No hub host may be reached at run time; only the mirror job may reach the hub itself."""
    assert all(host.runtime == "deny" for host in catalog.model_hub_hosts().values())
    assert catalog.model_hub_hosts()["huggingface.co"].mirror_job == "allow"
    assert catalog.model_hub_hosts()["stats.vllm.ai"].mirror_job == "deny"
    assert {row.server for row in catalog.model_serving()} >= {"vllm", "vllm pooling", "vllm-omni"}
