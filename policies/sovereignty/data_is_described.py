"""The questions about its data that a spec must answer.

Not here: where resources are (regions_are_allowed) and whose law reaches an operator
(operators_answer_to_own_law).
"""

from __future__ import annotations

from collections.abc import Iterator

from inferplan.spec.model import InferenceStack
from policies.context import Context
from policies.rule import DROP, Outcome, Rule, fail
from policies.views.regimes import implied_regimes

data_is_described = Rule(
    id="SOV-002",
    title="The spec says whose data it is and where it may be",
    why="Every other rule rests on these answers; a default would be a guess about somebody else's data.",
    fix="Say data.subjects and data.residency.countries; leave data.regimes out, or name at least the "
    "implied ones.",
    source=("001:109", "000:145"),
    level="mandatory",
)


@data_is_described.check("spec")
def _answers(spec: InferenceStack, _context: Context) -> Iterator[Outcome]:
    data = spec.data
    implied = implied_regimes(data.subjects or ())
    if data.subjects is None or (data.personal is not False and not data.subjects):
        yield fail("data.subjects is empty: whose data is it?", path="data")
    if data.residency is None:
        law = f"; the subjects imply {', '.join(implied)}" if implied else ""
        yield fail(f"data.residency.countries is empty: where may it be?{law}", path="data")
    missing = sorted(set(implied) - set(data.regimes))
    if data.regimes and missing:
        yield fail(
            f"data.regimes leaves out {', '.join(missing)}, which the subjects imply", path="data.regimes"
        )


data_is_described.passes("subjects and residency are said; regimes follow from them")
data_is_described.fails("no subjects", {"spec:data.subjects": DROP})
data_is_described.fails("personal data of nobody", {"spec:data.subjects": []})
data_is_described.fails("no residency", {"spec:data.residency": DROP})

data_is_described.passes("regimes are named and complete", given={"spec:data.regimes": ["EU-GDPR"]})
data_is_described.fails("a regime is left out", {"spec:data.regimes": ["CH-FADP"]})
