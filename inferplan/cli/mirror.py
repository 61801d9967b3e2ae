"""`inferplan mirror`: bring the images and weights of a stack into its account, in a build that runs there.

Not here: what is brought (inferplan.plan), the calls and the build (mirroring), judging (policies).
"""

from __future__ import annotations

import json
import os

import click

from inferplan.cli.app import Common, common_options
from inferplan.cli.screen import show
from inferplan.cli.specfiles import one_spec
from inferplan.exitcodes import ExitCode

_SIGINT = 130


@click.command()
@click.argument("spec")
@click.option("--print-policy", is_flag=True, help="Print the IAM policy that this needs, and ask nothing.")
@common_options("text", "json")
def mirror(spec: str, print_policy: bool, common: Common) -> int:
    """Bring SPEC's images and weights into its account, as its lock pins them.

    The foundation has to be deployed: its CodeBuild project does the work, inside the Region, with digests
    kept and every hash checked. What is there already is not brought again. Ctrl-C leaves the build running,
    and the next run follows it. A spec that `check --locked` denies is not mirrored.
    """
    from inferplan.cli.review import review
    from inferplan.plan.make import make_plan
    from inferplan.plan.mirror_order import mirror_order
    from inferplan.plan.supply import supply
    from policies.gates import gates

    with one_spec(spec) as file:
        declaration = file.load(common)
    if print_policy:
        from inferplan.cli.mirroring.calls import policy

        click.echo(json.dumps(policy(make_plan(declaration, common.as_of, gates)), indent=2))
        return 0
    from inferplan.cli.mirroring.building import Mirroring, NotMirrored, refuse_lock, refuse_pending
    from inferplan.cli.mirroring.calls import MirrorCalls
    from inferplan.cli.mirroring.following import Follower, on_terminal, speaker
    from inferplan.cli.mirroring.own_images import ordered_build
    from inferplan.plan.built_images import built_image, without_image
    from inferplan.spec.model import InferenceStack

    refuse_lock(file.name, declaration.lock)
    stack = declaration.spec if isinstance(declaration.spec, InferenceStack) else None
    built = built_image(stack, declaration.lock) if stack else None
    if built is not None:
        declaration = without_image(declaration, built.name)
    judged = review(declaration, common.as_of, state=None, locked=built is None)
    plan = judged.plan
    assert plan is not None  # it is, where no state file is judged
    needed = supply(plan, declaration.lock)
    to_build = f"images.{built.name}" if built else ""
    refuse_pending(file.name, [path for path in needed.pending if path != to_build])
    builds = (ordered_build(plan, built),) if built else ()
    if judged.report.decision == "deny":
        from inferplan.report.refusal_text import refusal

        raise NotMirrored(refusal(judged.report))
    calls = MirrorCalls(plan)
    say = speaker(common.quiet)
    follower = Follower(calls, say, bar=on_terminal() and not common.quiet)
    order = mirror_order(plan, needed, os.environ.get("HF_ENDPOINT"), builds)
    mirroring = Mirroring(file.name, plan, order, calls)
    try:
        told = mirroring.bring(follower, say)
    except KeyboardInterrupt:
        if not mirroring.has_build:
            raise
        show("the build goes on without this terminal; the same command follows it again", err=True)
        return _SIGINT
    if common.format == "json":
        from inferplan.report.json_format import mirrored

        click.echo(mirrored(told))
    elif not common.quiet or told.outcome == "incomplete":
        from inferplan.report.mirror_text import lines

        show("\n".join(lines(told, common.verbose)))
    return int(ExitCode.DENIED if told.outcome == "incomplete" else ExitCode.OK)
