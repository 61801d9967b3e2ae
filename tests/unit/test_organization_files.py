"""The platform team's folder: what loads, what is refused, and with which words.

Area of concern: a slip in the bar must stop everything; it must never lower the bar in silence.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from spec_texts import GOOD

from inferplan.spec.faults import SpecErrors
from inferplan.spec.loading import load, load_organization
from inferplan.spec.registers import RuleIds

ORGANIZATION_TEXT = """\
apiVersion: inferplan/v1beta1
kind: Organization
metadata: {name: lab, owner: me@lab.example}
entities: {lab: {domicile: FR, sector: none, monthly_active_users: 10, annual_revenue_usd: 0}}
accounts:
  "444444444444": {entity: lab, environment: staging, criticality: core, max_class: public, countries: [EU]}
classes:
  public: {backends: [self-hosted]}
  internal: {backends: [self-hosted]}
  confidential: {backends: [self-hosted]}
  restricted: {backends: [self-hosted]}
vendors: {bedrock: {provider: amazon-bedrock, max_class: public, review_by: 2027-03-31}}
stores: {weights: {account: "444444444444", region: eu-west-3}}
evidence: [{kind: exit_test, subject: demo/small, reference: E-1, date: 2026-01-01, approver: me}]
facts: {confirmed: [{id: vendors/openai, by: me, date: 2026-01-01}]}
rules: {EGR-012: {level: mandatory, from: 2027-03-01}}
"""
WAIVER_TEXT = """\
apiVersion: inferplan/v1beta1
kind: Waiver
rule: COST-006
scope: {spec: demo}
reason: a prototype
ticket: T-1
owner: me
approver: you
created: 2026-11-01
expires: 2027-01-31
"""

BAD_ORGANIZATIONS = [
    ("domicile: FR", "domicile: XX", "4:28: entities.lab.domicile: unknown country 'XX'"),
    (
        "sector: none",
        "sector: helthcare",
        "4:40: entities.lab.sector: must be cybersecurity, defense, education, finance, "
        "government, healthcare, legal or none, not 'helthcare'; did you mean healthcare?",
    ),
    (
        "entity: lab",
        "entity: labs",
        "6:28: accounts[\"444444444444\"].entity: unknown entity 'labs'; did you mean lab?",
    ),
    (
        '"444444444444":',
        "444444444444:",
        '6:3: accounts: a key must be text, not the number 444444444444; put it in quotes: "444444444444"',
    ),
    (
        "countries: [EU]",
        "countries: [EUR]",
        "6:105: accounts[\"444444444444\"].countries[0]: unknown country or group 'EUR'; groups are "
        "EU, EEA and EFTA; countries are ISO 3166 codes",
    ),
    (
        "  internal: {backends: [self-hosted]}\n",
        "",
        "7:1: classes.internal: missing; every class of data needs a ceiling",
    ),
    (
        "amazon-bedrock",
        "amazon-bedrok",
        "12:31: vendors.bedrock.provider: unknown provider 'amazon-bedrok'; did you mean amazon-bedrock?",
    ),
    (
        "2027-03-31",
        "2027-03-32",
        "12:77: vendors.bedrock.review_by: '2027-03-32' is not a day of the calendar",
    ),
    (
        "eu-west-3",
        "eu-west-33",
        "13:53: stores.weights.region: unknown Region 'eu-west-33'; did you mean eu-west-3, "
        "eu-west-2 or eu-west-1?",
    ),
    (
        "exit_test",
        "exit-test",
        "14:19: evidence[0].kind: must be audit_rights, data_location, evaluation, exit_test, "
        "human_review, key_rotation, load_test, refusal_tests, region_guard, safety_design, "
        "security_review, transfer_basis, vendor_limit or weight_scan, not 'exit-test'; did you "
        "mean exit_test?",
    ),
    (
        "demo/small",
        "demo/small/x",
        "14:39: evidence[0].subject: must be a subject: a spec, vendor or account, spec/route, "
        "spec/backend, or a model id, not 'demo/small/x'",
    ),
    (
        "vendors/openai",
        "vendors/opnai",
        "15:26: facts.confirmed[0].id: unknown fact 'vendors/opnai'; did you mean vendors/openai?",
    ),
    ("EGR-012:", "egr-012:", "16:9: rules.egr-012: the key must be a rule id such as SOV-001"),
]


def organization_folder(tmp_path: Path, text: str = ORGANIZATION_TEXT, waiver: str = WAIVER_TEXT) -> Path:
    """A folder with one organization and one waiver."""
    folder = tmp_path / "organization"
    (folder / "waivers").mkdir(parents=True)
    (folder / "organization.yaml").write_text(text)
    (folder / "waivers" / "w1.yaml").write_text(waiver)
    return folder


def test_the_organization_that_the_bad_ones_change_is_good(tmp_path: Path) -> None:
    """The folder gives the organization and its waivers."""
    organization, waivers, prices = load_organization(organization_folder(tmp_path))

    assert organization.accounts["444444444444"].countries == ("EU",)
    assert [waiver.rule for waiver in waivers] == ["COST-006"]
    assert prices is None


@pytest.mark.parametrize(("old", "new", "message"), BAD_ORGANIZATIONS)
def test_a_broken_organization_is_an_error(old: str, new: str, message: str, tmp_path: Path) -> None:
    """A slip of the platform team stops everything, at its line, before any spec is judged."""
    assert ORGANIZATION_TEXT.count(old) == 1
    folder = organization_folder(tmp_path, ORGANIZATION_TEXT.replace(old, new))
    (tmp_path / "spec.yaml").write_text(GOOD)

    with pytest.raises(SpecErrors) as caught:
        load(tmp_path / "spec.yaml", folder)

    assert str(caught.value) == f"{folder}/organization.yaml:{message}"


BAD_WAIVERS = [
    ("COST-006", "COST6", "3:7: rule: must be a rule id such as SOV-001, not 'COST6'"),
    ("2027-01-31", "2026-10-31", "10:10: expires: '2026-10-31' is before created, '2026-11-01'"),
    ("reason: a prototype\n", "", "1:1: reason: missing; why"),
    (
        "kind: Waiver",
        "kind: Lock",
        "2:7: kind: 'Lock' is not Waiver; name the spec; the lock beside it is read with it",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), BAD_WAIVERS)
def test_a_broken_waiver_is_an_error(old: str, new: str, message: str, tmp_path: Path) -> None:
    """A waiver that cannot be read is not skipped."""
    assert WAIVER_TEXT.count(old) == 1
    folder = organization_folder(tmp_path, waiver=WAIVER_TEXT.replace(old, new))

    with pytest.raises(SpecErrors) as caught:
        load_organization(folder)

    assert str(caught.value) == f"{folder}/waivers/w1.yaml:{message}"


IDS = RuleIds(built=frozenset({"SOV-001", "EGR-012"}), published=frozenset({"SOV-001", "COST-006"}))
BAD_IDS = [
    (
        ("rules: {EGR-012", "rules: {EGR-112"),
        "organization.yaml:16:9: rules.EGR-112: unknown rule 'EGR-112'; did you mean EGR-012?",
    ),
    (
        ("rules: {EGR-012", "rules: {COST-006"),
        "organization.yaml:16:9: rules.COST-006: rule 'COST-006' is published, and nothing checks it yet; "
        "take it out until it is built; `inferplan rules` lists what is checked",
    ),
    (
        ("stores:", "not_waivable: [SOV-001, SOV-101]\nstores:"),
        "organization.yaml:13:25: not_waivable[1]: unknown rule 'SOV-101'; did you mean SOV-001?",
    ),
    (
        ("rule: COST-006", "rule: COST-066"),
        "waivers/w1.yaml:3:7: rule: unknown rule 'COST-066'; did you mean COST-006?",
    ),
]


@pytest.mark.parametrize(("change", "message"), BAD_IDS)
def test_tried_3_a_rule_that_does_not_exist_is_an_error(
    change: tuple[str, str], message: str, tmp_path: Path
) -> None:
    """In levels, in what nobody may waive, and in waivers; a waiver of a rule to come is kept."""
    text, waiver = (kept.replace(*change) for kept in (ORGANIZATION_TEXT, WAIVER_TEXT))
    folder = organization_folder(tmp_path, text, waiver)

    with pytest.raises(SpecErrors) as caught:
        load_organization(folder, IDS)

    assert str(caught.value) == f"{folder}/{message}"


def test_tried_3_ids_that_exist_are_good(tmp_path: Path) -> None:
    """The same folder without a slip."""
    assert load_organization(organization_folder(tmp_path), IDS).organization.rules


def test_a_folder_without_organization_is_an_error(tmp_path: Path) -> None:
    """A wrong folder must not fall back to the built-in bar in silence."""
    with pytest.raises(SpecErrors, match=r"organization\.yaml:1:1: no such file"):
        load_organization(tmp_path)
    with pytest.raises(SpecErrors, match="nowhere:1:1: no such folder"):
        load_organization(tmp_path / "nowhere")


def test_a_changed_organization_is_read_again(tmp_path: Path) -> None:
    """Reading is remembered for fleets, not beyond a change."""
    folder = organization_folder(tmp_path)
    before = load_organization(folder).organization
    (folder / "organization.yaml").write_text(ORGANIZATION_TEXT.replace("name: lab", "name: other-lab"))

    assert before.metadata.name == "lab"
    assert load_organization(folder).organization.metadata.name == "other-lab"
