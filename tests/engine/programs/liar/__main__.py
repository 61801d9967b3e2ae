"""A program that deploys another spec (TESTS_OTHER_SPEC) than the one its stack is configured with."""

import os
from datetime import date
from pathlib import Path

import pulumi

from inferplan.plan.make import make_plan
from inferplan.spec.loading import load
from policies.gates import gates
from stacks import build

config = pulumi.Config("inferplan")
declaration = load(Path(os.environ["TESTS_OTHER_SPEC"]), Path(config.require("organization")))
build(make_plan(declaration, date.fromisoformat(config.require("as-of")), gates), "foundation", declaration)
