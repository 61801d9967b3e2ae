"""Which backends take part in a mode, in which order, and the load each has to carry.

Not here: how many servers that needs (own_weights) and what the vendor's share costs (inferplan.cost).
"""

from __future__ import annotations

import math

from inferplan.plan.gateway.redaction import (
    redaction_languages,
    refuse_missing_models,
    refuse_redaction_of,
)
from inferplan.records.draft import Traffic
from inferplan.records.no_plan import Conflict, NoPlan
from inferplan.records.notes import Notes
from inferplan.records.plan import Kind, Route
from inferplan.spec.declaration import Declaration
from inferplan.spec.model import InferenceStack
from inferplan.spec.model import Route as SpecRoute

SECONDS_PER_MONTH = 730 * 3600
PEAK_TO_MEAN = 5.0
DEFAULT_PEAK = 0.5
DEFAULT_INPUT_TOKENS = 1000
DEFAULT_OUTPUT_TOKENS = 300
SPEECH = "not stated: half a minute of speech"
SPEECH_INPUT_TOKENS, SPEECH_OUTPUT_TOKENS = 300, 100  # less than the 448 that Whisper's decoder holds
DEFAULT_MAX_OUTPUT_TOKENS = 4096
LEAST_MAX_OUTPUT_TOKENS = 1024
GENERATES = frozenset({"chat", "transcription"})  # other kinds of API answer without tokens
CHATS = frozenset({"chat", "classify"})  # called as chat completions, which take a number of tokens


def serves(spec: InferenceStack, backend: str, kind: Kind) -> bool:
    """Whether a backend may serve in a mode."""
    own = spec.backends[backend].weights is not None
    return kind == "hybrid" or own == (kind == "self-hosted")


def plan_routes(
    declaration: Declaration, spec: InferenceStack, kind: Kind, notes: Notes
) -> tuple[Route, ...]:
    """Every route with the backends that the mode admits, in the spec's order; NoPlan for an empty one."""
    conflicts = []
    routes = []
    for index, route in enumerate(spec.routes):
        admitted = [name for name in route.backends if serves(spec, name, kind)]
        if not admitted:
            kinds = "own weights" if kind == "self-hosted" else "a vendor"
            conflicts.append(
                Conflict(
                    path=f"routes[{index}].backends",
                    value=", ".join(route.backends),
                    reason=f"mode {kind} needs a backend with {kinds}",
                )
            )
            continue
        languages: tuple[str, ...] = ()
        if route.redaction:
            if route.api not in CHATS:
                raise refuse_redaction_of(route.api, f"routes[{index}].redaction")
            path = f"routes[{index}].redaction_languages"
            languages = redaction_languages(spec, route.redaction_languages, path, notes)
            refuse_missing_models(declaration, languages, path, notes)
        if leaves_answers_unchecked(route):
            raise _unread_answers(f"routes[{index}].guardrail")
        _note_unstreamed(route, f"routes[{index}]", notes)
        callers = route.callers
        if not callers:
            notes.default(
                f"routes[{index}].callers",
                (),
                f"no caller is named: counts with the account's ceiling {declaration.account.max_class}",
            )
        routes.append(
            Route(
                name=route.name,
                api=route.api,
                backend=admitted[0],
                fallback=tuple(admitted[1:]),
                reason=_reason(spec, route, admitted, kind),
                classes=route.classes,
                callers=callers,
                redaction=route.redaction,
                redaction_languages=languages,
                guardrail=route.guardrail,
                max_output_tokens=_max_output_tokens(route, f"routes[{index}].max_output_tokens", notes),
            )
        )
    used = {
        spec.backends[name].weights is None for route in routes for name in (route.backend, *route.fallback)
    }
    if kind == "hybrid" and len(used) < 2:
        lacking = "own weights" if used == {True} else "a vendor"
        conflicts.append(
            Conflict(
                path="routes",
                value=", ".join(route.name for route in routes),
                reason=f"mode hybrid needs a backend with {lacking}",
            )
        )
    if conflicts:
        raise NoPlan(f"mode {kind} cannot serve every route", tuple(conflicts))
    return tuple(routes)


def leaves_answers_unchecked(route: SpecRoute) -> bool:
    """Whether the guard reads questions alone although restricted data is admitted."""
    return route.guardrail == "bedrock-input" and "restricted" in route.classes


def _unread_answers(path: str) -> NoPlan:
    conflict = Conflict(
        path=path,
        value="bedrock-input",
        reason="answers on a route that admits restricted data are checked too, which ends streaming",
    )
    return NoPlan("answers would leave unchecked", (conflict,))


def _note_unstreamed(route: SpecRoute, path: str, notes: Notes) -> None:
    """Who waits for the first word should know before he measures it."""
    if route.guardrail == "bedrock":
        notes.warn(f"{path}: {route.name} does not stream: the guardrail reads an answer whole, in one piece")
    elif route.redaction:
        notes.warn(f"{path}: {route.name} gives answers in which personal data is restored in one piece")


def _max_output_tokens(route: SpecRoute, path: str, notes: Notes) -> int | None:
    """What a caller cannot ask more than, all answers to a request together."""
    if route.api not in CHATS:
        return None
    if route.max_output_tokens is not None:
        return route.max_output_tokens
    typical = route.load.output_tokens
    if typical is None:
        return notes.default(path, DEFAULT_MAX_OUTPUT_TOKENS, "neither it nor a typical answer is stated")
    return notes.derive(
        path,
        max(LEAST_MAX_OUTPUT_TOKENS, 4 * typical),
        "tokens",
        f"four times a typical answer, at least {LEAST_MAX_OUTPUT_TOKENS}: one request runs up no costs",
        {"output_tokens": typical},
    )


def _reason(spec: InferenceStack, route: SpecRoute, admitted: list[str], kind: Kind) -> str:
    first = admitted[0]
    what = (
        "own weights" if spec.backends[first].weights is not None else f"vendor {spec.backends[first].vendor}"
    )
    skipped = [name for name in route.backends if name not in admitted]
    order = "first in the spec's order" if first == route.backends[0] else f"first that mode {kind} admits"
    text = f"{first} ({what}): {order}"
    return text + (f"; {', '.join(skipped)} left out by mode {kind}" if skipped else "")


def plan_traffic(spec: InferenceStack, routes: tuple[Route, ...], notes: Notes) -> tuple[Traffic, ...]:
    """The load of every planned route; what the spec leaves open gets a recorded default."""
    by_name = {route.name: (index, route) for index, route in enumerate(spec.routes)}
    planned = []
    for route in routes:
        index, said = by_name[route.name]
        load, path = said.load, f"routes[{index}].load"
        scenarios, peak = load.scenarios, load.peak_requests_per_second
        monthly = load.monthly_requests
        if scenarios is not None and scenarios.expected is not None:
            monthly = scenarios.expected
        if peak is None and monthly is not None:
            peak = max(0.01, round(monthly / SECONDS_PER_MONTH * PEAK_TO_MEAN, 3))
            notes.default(
                f"{path}.peak_requests_per_second",
                peak,
                f"monthly requests spread evenly, x {PEAK_TO_MEAN:g}",
            )
        if peak is None:
            peak = notes.default(
                f"{path}.peak_requests_per_second", DEFAULT_PEAK, "no load is stated: a small one"
            )
        if monthly is None:
            monthly = notes.default(
                f"{path}.monthly_requests",
                math.ceil(peak * SECONDS_PER_MONTH / PEAK_TO_MEAN),
                f"the peak over {PEAK_TO_MEAN:g}, around the clock",
            )
        _note_shares(said, path, own=spec.backends[route.backend].weights is not None, notes=notes)
        planned.append(
            Traffic(
                route=route.name,
                backend=route.backend,
                peak_requests_per_second=peak,
                monthly_requests=monthly,
                monthly_requests_low=scenarios.low if scenarios and scenarios.low is not None else monthly,
                monthly_requests_high=scenarios.high if scenarios and scenarios.high is not None else monthly,
                input_tokens=load.input_tokens or _input_tokens(said, path, notes),
                output_tokens=_output_tokens(said, path, notes),
                growth_percent_per_month=load.growth_percent_per_month,
                cached_input_share=load.cached_input_share,
                batch_share=load.batch_share,
            )
        )
    return tuple(planned)


def _note_shares(route: SpecRoute, path: str, *, own: bool, notes: Notes) -> None:
    """What a plan does not make of the shares that are cached and that may wait."""
    if route.load.cached_input_share and own:
        notes.warn(
            f"{path}.cached_input_share: {route.name} is served by own GPUs, which are sized and priced as "
            "if no prefix were cached"
        )
    if route.load.batch_share and own:
        notes.warn(
            f"{path}.batch_share: {route.name} is served by own GPUs, which are sized for all requests"
        )
    elif route.load.batch_share:
        notes.warn(
            f"{path}.batch_share: the gateway passes no batches: applications hand those of {route.name} to "
            "the vendor by a way of their own, which is not planned"
        )


def typical_tokens(route: SpecRoute) -> int:
    """Tokens of a typical request and its answer, as said or by default."""
    return (route.load.input_tokens or _input_tokens(route, "", Notes())) + _output_tokens(route, "", Notes())


def _input_tokens(route: SpecRoute, path: str, notes: Notes) -> int:
    """Tokens of a typical request for which none are said."""
    if route.api == "transcription":
        return notes.default(
            f"{path}.input_tokens", SPEECH_INPUT_TOKENS, "not stated: half a minute of speech"
        )
    return notes.default(f"{path}.input_tokens", DEFAULT_INPUT_TOKENS, "not stated: a page of text")


def _output_tokens(route: SpecRoute, path: str, notes: Notes) -> int:
    """Tokens of a typical answer: what is said, else a default for APIs that write text, none for others."""
    if route.load.output_tokens is not None:
        return route.load.output_tokens
    if route.api not in GENERATES:
        return 0
    if route.api == "transcription":
        return notes.default(
            f"{path}.output_tokens", SPEECH_OUTPUT_TOKENS, "not stated: half a minute of speech"
        )
    return notes.default(f"{path}.output_tokens", DEFAULT_OUTPUT_TOKENS, "not stated: a few paragraphs")
