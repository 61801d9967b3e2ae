"""What each component is for, in the first sentence of the module that makes it.

Not here: the sentences themselves (components), and what a single resource says of itself in its inputs.
"""

from __future__ import annotations

import sys

import pulumi


def purposes() -> dict[str, str]:
    """The purpose of every component that has been used so far, by type token.

    A component's token ends in the name of its class; tests hold that and that each has a sentence.
    """
    return {
        f"inferplan:index:{made.__name__}": _first_sentence(made.__module__)
        for made in pulumi.ComponentResource.__subclasses__()
        if made.__module__.startswith("components.")
    }


def _first_sentence(module: str) -> str:
    return (sys.modules[module].__doc__ or "").partition("\n")[0].rstrip(".")
