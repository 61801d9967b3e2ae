"""Type tokens with `*`, matched against the types of resources.

Not here: the tokens themselves (types) and what is checked on a match (rule).
"""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=512)
def _pattern(tokens: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(token).replace(r"\*", ".*") for token in tokens))


def matches(tokens: tuple[str, ...], type_token: str) -> bool:
    """Whether a resource of this type is meant by one of the tokens; `*` stands for any letters."""
    return bool(_pattern(tokens).fullmatch(type_token))
