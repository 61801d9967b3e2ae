"""Hand-written pages whose commands are run: in a copy of the examples, in the order in which they stand.

Not here: the pages. In a page, every line of an `sh` block is run, except those that start with a word of
`NOT_RUN`; `# exits 1` at its end says that it is meant to end with that code. Between the comments
`begin: output` and `end` stands what the block before them printed, and with a command line in place of
`output`, what that prints (`recorded`: also before an account that is given). A `yaml` block whose first line
is a comment with a path is written to that path.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.command_line import Answer, inferplan

ROOT = Path(__file__).parents[2]
HAND_WRITTEN = ("README.md", "CONTRIBUTING.md", "docs/*.md", "docs/how-to/*.md")
COPIED = ("specs", "accounts", "organization", "tests/fixtures/state")
NOT_RUN = frozenset({"make", "git", "cd", "source", "pulumi", "uvx", "aws", "python", "kubectl"})
TIMEOUT_S = 600

_SHELL = re.compile(r"[|&;<>$*?`]")
_EXITS = re.compile(r"#.*\bexits (\d)\b")
_PARTS = re.compile(
    r"^```sh\n(?P<block>.*?)^```\n"
    r"|^```yaml\n(?P<written># (?P<path>\S+)\n.*?)^```\n"
    r"|^<!-- begin: (?P<shown>.+?) -->\n(?:.*?)^<!-- end -->\n",
    re.M | re.S,
)


@dataclass(frozen=True, slots=True)
class Command:
    """One command line of a page and the exit codes that it may end with."""

    text: str
    codes: frozenset[int]

    @property
    def words(self) -> list[str]:
        """The words of the line."""
        return self.text.split()

    @property
    def plain(self) -> list[str]:
        """The arguments of an `inferplan` that needs no shell, which is run in this process; else nothing."""
        words = shlex.split(self.text)
        return words[1:] if words[0] == "inferplan" and not _SHELL.search(self.text) else []

    @property
    def is_run(self) -> bool:
        """Whether it can run here: without network, cloud or engine, and with nothing to fill in."""
        return self.words[0] not in NOT_RUN


def commands(block: str) -> Iterator[Command]:
    """The commands of an `sh` block; a verdict without a fixed date may lapse, so 1 is as good as 0."""
    for line in block.replace("\\\n", " ").splitlines():
        text, _, _ = line.partition(" # ")
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        said = _EXITS.search(line)
        judged = " ".join(text.split()[:2]) == "inferplan check" and "--as-of" not in text
        codes = {int(said[1])} if said else {0, 1} if judged else {0}
        yield Command(" ".join(text.split()), frozenset(codes))


def page_commands(page: Path) -> list[Command]:
    """Every command in the `sh` blocks of a page."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    return [command for block in blocks for command in commands(block)]


def has_commands(page: Path) -> bool:
    """Whether any part of the page is run or shown."""
    return any(command.is_run for command in page_commands(page)) or "<!-- begin: " in page.read_text("utf-8")


def filled(page: Path) -> str:
    """The page with every shown output as it is now; raises ValueError where a command ends otherwise."""
    before = ""

    def part(found: re.Match[str]) -> str:
        nonlocal before
        if found["block"] is not None:
            before = "".join(run(command, scratch) for command in commands(found["block"]) if command.is_run)
            return found[0]
        if found["written"] is not None:
            (scratch / found["path"]).write_text(found["written"], "utf-8")
            return found[0]
        wanted = found["shown"]
        shown = before if wanted == "output" else recorded(wanted, scratch)
        if not shown.strip():
            raise ValueError(f"{page.name}: nothing is printed by {wanted!r}")
        return f"<!-- begin: {wanted} -->\n```text\n{_plain(shown)}\n```\n<!-- end -->\n"

    with tempfile.TemporaryDirectory(prefix="inferplan-docs-") as made:
        scratch = Path(made)
        for name in COPIED:
            shutil.copytree(ROOT / name, scratch / name)
        try:
            return _PARTS.sub(part, page.read_text("utf-8"))
        except ValueError as problem:
            raise ValueError(f"{page.relative_to(ROOT)}: {problem}") from None


def recorded(wanted: str, scratch: Path) -> str:
    """What a command line prints; `of a new account` behind it says who answers."""
    text, asks, _ = wanted.partition(" of a new account")
    command = Command(text, frozenset({0, 1}))
    if not asks:
        return run(command, scratch)
    from tests.account import new_account
    from tests.aws_answers import answered

    with answered(new_account()):
        return run(command, scratch)


def run(command: Command, scratch: Path) -> str:
    """What a command prints on standard output in the copy of the examples."""
    answer = inferplan(*command.plain, cwd=scratch) if command.plain else _shell(command.text, scratch)
    if answer.code not in command.codes:
        meant = " or ".join(map(str, sorted(command.codes)))
        raise ValueError(
            f"`{command.text}` ended with {answer.code}, not {meant}\n{answer.err or answer.out}"
        )
    if str(scratch) in answer.out:
        raise ValueError(f"`{command.text}` prints a path of this machine")
    return answer.out


def _shell(text: str, scratch: Path) -> Answer:
    path = os.pathsep.join((str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"))
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", text],
        cwd=scratch,
        env={"PATH": path, "HOME": str(scratch), "LANG": "C.UTF-8", "COLUMNS": "100", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
