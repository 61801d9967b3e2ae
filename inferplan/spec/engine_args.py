"""What flags of the engine would do that a plan cannot keep: keys in clear, models that nobody mirrors.

Not here: whether a flag exists and which ones the planner sets (names).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from inferplan.spec.names import Inputs
from inferplan.spec.position import Part
from inferplan.spec.problem import Problem

SECRET = {
    "api-key": "callers' keys are those of the gateway, and only it reaches the server",
    "hf-token": "weights are mirrored once, and servers reach no hub",
}
# vLLM ends at once without the other flag (vllm/entrypoints/openai/cli_args.py, 0.33.0).
NEEDS = {"enable-auto-tool-choice": "tool-call-parser", "enable-log-outputs": "enable-log-requests"}


def engine_args_sound(inputs: Inputs) -> Iterator[Problem]:
    """What the flags of each backend ask for can be started and stays where it belongs."""
    for name, backend in inputs.spec.backends.items():
        parts: tuple[Part, ...] = ("backends", name, "engine", "args")
        args = backend.engine.args
        for flag, why in SECRET.items():
            if flag in args:
                problem = "a key here would stand in the spec, the plan and Pulumi's state"
                yield Problem((*parts, flag), problem, hint=f"take it out: {why}")
        for flag, other in NEEDS.items():
            if args.get(flag) is True and other not in args:
                yield Problem(
                    (*parts, flag),
                    f"the engine does not start without {other}",
                    hint=f"add {other} or take it out",
                )
        if "speculative-config" in args:
            yield from _speculation((*parts, "speculative-config"), args["speculative-config"])


def _speculation(parts: tuple[Part, ...], said: object) -> Iterator[Problem]:
    """A draft model would be fetched when the server starts, and its memory is in no sum."""
    try:
        config = msgspec.json.decode(str(said), type=dict[str, object])
    except msgspec.MsgspecError:
        yield Problem(parts, "must be a JSON object in quotes", hint='such as \'{"method": "ngram"}\'')
        return
    if "model" in config:
        problem = f"a second model ({config['model']}) is neither mirrored nor counted yet"
        yield Problem(parts, problem, hint="take a method without a model, such as ngram")
