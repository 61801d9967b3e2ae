"""The part of Suricata's language that an exact TLS allowlist needs; anything else counts as not provable.

Not here: what may be on the list (sovereignty.vendors_are_behind_a_firewall).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from inferplan.resource import Resource
from policies.read import each, get, known, listed, text

_LINE = re.compile(
    r"(?P<action>\w+)\s+(?P<protocol>[\w-]+)\s+(?P<source>\S+)\s+(?P<source_port>\S+)\s+(?:->|<>)\s+"
    r"(?P<destination>\S+)\s+(?P<port>\S+)\s*\((?P<options>.*)\)\s*"
)
SERVER_NAME = frozenset({"tls.sni", "tls_sni"})  # the content that follows is the server name
_EXACT = frozenset({"startswith", "endswith"})
_HARMLESS = frozenset(
    {"startswith", "endswith", "nocase", "bsize", "msg", "sid", "rev", "flow", "content", "tls.sni",
     "tls_sni", "ssl_state", "metadata", "reference", "priority", "classtype"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pass:
    """One rule that lets traffic out; `host` is the server name it asks for, None when it asks for none."""

    path: str
    host: str | None
    problem: str | None


def passes(resource: Resource) -> Iterator[Pass]:
    """Every rule of a stateful rule group that lets traffic out, from text and from blocks."""
    base = "ruleGroup.rulesSource"
    written = (*each(resource.props, f"{base}.rulesString"), *each(resource.props, "rules"))
    for path, said in written:
        for line in str(known(said)).splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                yield from _from_text(path, line.strip())
    for path, block in each(resource.props, f"{base}.statefulRules[]"):
        if str(get(block, "action", "")).upper() == "PASS":
            options = [
                (
                    text(get(option, "keyword"), "a keyword of a firewall rule"),
                    ",".join(map(str, listed(get(option, "settings", [])))),
                )
                for option in get(block, "ruleOptions", [])
            ]
            header = {key: str(get(block, f"header.{key}", "ANY")) for key in ("protocol", "destinationPort")}
            yield _judge(path, header["protocol"], header["destinationPort"], options)


def _from_text(path: str, line: str) -> Iterator[Pass]:
    match = _LINE.fullmatch(line)
    if match is None:
        yield Pass(path, None, "a rule that cannot be read")
    elif match["action"].lower() not in {"drop", "reject", "alert", "pass"}:
        yield Pass(path, None, f"has the action {match['action']}, which is not known to stop anything")
    elif match["action"].lower() == "pass":
        yield _judge(path, match["protocol"], match["port"], list(_options(match["options"])))


def _options(text: str) -> Iterator[tuple[str, str]]:
    for part in re.findall(r'((?:[^;"]|"(?:[^"\\]|\\.)*")+);?', text):
        keyword, _, value = part.strip().partition(":")
        if keyword.strip():
            yield keyword.strip(), value.strip()


def _judge(path: str, protocol: str, port: str, options: list[tuple[str, str]]) -> Pass:
    """A rule may pass only TLS to 443 whose server name equals one host."""
    keywords = [keyword for keyword, _ in options]
    contents = [value for keyword, value in options if keyword == "content"]
    host = contents[0].strip('"').lower() if len(contents) == 1 else None
    before = keywords[: keywords.index("content")] if contents else []
    problem = None
    if "http.host" in keywords or protocol.lower() == "http":
        problem = "matches the HTTP Host header, which the client writes and which goes in clear"
    elif protocol.lower() != "tls" or port != "443":
        problem = f"passes {protocol.lower()} to port {port.lower()}; only TLS to 443 may pass"
    elif not SERVER_NAME & set(before) or host is None or contents[0].startswith("!"):
        problem = "does not ask for one server name"
    elif extra := [keyword for keyword in keywords if keyword not in _HARMLESS]:
        problem = f"uses {extra[0]}, which cannot be shown to match one host"
    elif not set(keywords) >= _EXACT and ("bsize", str(len(host))) not in options:
        problem = f"also matches names that only contain {host} (startswith and endswith are missing)"
    return Pass(path, host, problem)
