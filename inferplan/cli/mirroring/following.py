"""Following a build to its end: its log, a bar of what has come on a terminal, and why it failed.

Not here: starting it (building) and what its lines are (worker.telling).
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import click

from inferplan.cli.aws.connection import Refused
from inferplan.cli.mirroring.calls import MirrorCalls
from inferplan.cli.mirroring.worker.telling import MARK
from inferplan.cli.screen import show
from inferplan.report.money import counted

LAST_LINES = 15
PAUSE_S = 5.0
LOST_ANSWERS = 12  # in a row, until a build that nobody answers about is left to itself
GB = 10**9


class Follower:
    """Shows one build while it runs; `say` shows a line, or nothing."""

    def __init__(
        self, calls: MirrorCalls, say: Callable[[str], None], *, bar: bool, pause_s: float = PAUSE_S
    ) -> None:
        self._calls, self._say, self._bar, self._pause_s = calls, say, bar, pause_s
        self._after: str | None = None
        self._has_bar = False
        self.last: deque[str] = deque(maxlen=LAST_LINES)  # of the log, for when it fails

    def to_the_end(self, build: dict[str, Any]) -> dict[str, Any]:
        """The build once it has ended; raises Refused where AWS does not say how it goes any more."""
        phase, lost = "", 0
        while True:
            try:
                build = self._calls.build(build["id"])
                self._log(build)
                lost = 0
            except Refused:
                lost += 1
                if lost == LOST_ANSWERS:
                    raise
            if not self._has_bar and build.get("currentPhase", phase) != phase:
                phase = build["currentPhase"]
                self._say(f"{phase.lower().replace('_', ' ')} ...")
            if build.get("buildStatus") != "IN_PROGRESS" and lost == 0:
                self._drain(build)
                self._clear()
                return build
            time.sleep(self._pause_s)

    def _drain(self, build: dict[str, Any]) -> None:
        """The rest of the log; that it cannot be read changes nothing about the build."""
        try:
            while self._log(build):
                pass
        except Refused:
            return

    def _log(self, build: dict[str, Any]) -> bool:
        """Read what is new in the log, if it has one already; whether there was any."""
        place = build.get("logs", {})
        if not place.get("groupName") or not place.get("streamName"):
            return False
        lines, self._after = self._calls.lines(place["groupName"], place["streamName"], self._after)
        for line in lines:
            self._line(line.rstrip("\n"))
        return bool(lines)

    def _line(self, line: str) -> None:
        if not line.startswith(MARK):
            self.last.append(line)
            return
        try:
            event = json.loads(line.removeprefix(MARK))
        except ValueError:
            self.last.append(line)
            return
        if "item" in event:
            problem = f": {event['problem']}" if event.get("problem") else ""
            self._clear()
            self._say(f"{event['state']:<8} {event['item']}{problem}")
        elif "items" in event:
            self._progress(event)

    def _progress(self, event: dict[str, Any]) -> None:
        """One line that is written over; only on a terminal."""
        if not self._bar:
            return
        done, total = int(event["done_bytes"]), int(event["bytes"])
        told = f"{event['done_items']} of {counted(int(event['items']), 'part')}"
        share = min(done / total, 1.0) if total else event["done_items"] / max(event["items"], 1)
        amount = f", {done / GB:.1f} of {total / GB:.1f} GB" if total else ""
        filled = round(share * 30)
        click.echo(f"\r[{'#' * filled}{'.' * (30 - filled)}] {told}{amount} ", err=True, nl=False)
        self._has_bar = True

    def _clear(self) -> None:
        if self._has_bar:
            click.echo("\r\033[K", err=True, nl=False)
            self._has_bar = False


def reasons(build: dict[str, Any]) -> list[str]:
    """What CodeBuild says about the phases that did not succeed."""
    found = []
    for phase in build.get("phases", ()):
        if phase.get("phaseStatus") not in (None, "SUCCEEDED"):
            said = [one.get("message", "") for one in phase.get("contexts", ())]
            found.append(
                f"{phase['phaseType'].lower()}: {'; '.join(filter(None, said)) or phase['phaseStatus']}"
            )
    return found


def on_terminal() -> bool:
    """Whether a bar can be shown."""
    return sys.stderr is not None and sys.stderr.isatty()


def speaker(quiet: bool) -> Callable[[str], None]:
    """Lines on standard error, or none."""
    return (lambda _: None) if quiet else (lambda text: show(text, err=True))
