"""What a plan needs in its account: images by digest, files of the lock under their server's prefix."""

from __future__ import annotations

import pytest

from inferplan.plan.supply import supply
from tests.unit.recorded import STACKS, declaration_of, planned


@pytest.mark.parametrize("stack", STACKS)
def test_all_that_is_pinned_is_supplied(stack: str) -> None:
    plan, lock = planned(stack), declaration_of(stack).lock
    assert lock is not None
    found = supply(plan, lock)
    assert {image.repository for image in found.images} == {
        image.repository for image in plan.pulled_images if image.digest
    }
    pinned = {
        f"{server.weights_key}/{name}": sha256
        for server in plan.servers
        if server.model in lock.models
        for name, sha256 in lock.models[server.model].files.items()
    }
    assert {file.key: file.sha256 for file in found.files if not file.key.startswith("models/adapters/")} == (
        pinned
    )


def test_what_the_lock_does_not_pin_is_pending_and_not_supplied() -> None:
    plan = planned("de-clinic-notes")
    found = supply(plan, None)
    assert not found.files
    assert "models.Qwen/Qwen3-32B-FP8" in found.pending
