"""Characters that no file and no name may hold, and text that is safe to print.

Not here: printing (inferplan.cli.screen).
"""

from __future__ import annotations

import re

# Control characters; U+0085, U+2028 and U+2029, which libyaml takes for line breaks, YAML 1.2 not; those that
# turn the direction of text, so that it reads as what it is not (CVE-2021-42574); halves of a pair of
# surrogates, which stand for bytes that are no UTF-8 in a name.
NOT_TEXT = re.compile(
    r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_OWN_STYLE = r"\x1b\[[0-7]{1,2}m"  # what click.style writes
_UNSAFE = re.compile(rf"{_OWN_STYLE}|\r|{NOT_TEXT.pattern}")


def printable(text: str) -> str:
    """Text with its own styles, and every other character that is no text made visible."""
    return _UNSAFE.sub(_visible, text)


def _visible(found: re.Match[str]) -> str:
    held = found.group()
    return held if len(held) > 1 else ascii(held)[1:-1]
