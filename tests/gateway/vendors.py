"""Stand-ins on loopback that write down what reaches them: a vendor and Bedrock.

Not here: S3, Secrets Manager, PostgreSQL and Redis (machines); Presidio is the real one.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_USAGE = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}


@dataclass
class Call:
    path: str
    authorization: str
    body: Any


@dataclass
class StandIn:
    """One server; `calls` is what it was asked since the last `clear`."""

    kind: str
    calls: list[Call] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str, body: Any) -> Any:
        """What the real service would say, as far as the proxy looks."""
        return getattr(self, f"_{self.kind}")(path, body)

    def _vendor(self, path: str, body: Any) -> Any:
        text = "echo " + json.dumps(body.get("messages"))
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }
        return {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": body.get("model"),
            "choices": [choice],
            "usage": _USAGE,
        }

    def _bedrock(self, path: str, body: Any) -> Any:
        if "/guardrail/" in path:
            return {"action": "NONE", "outputs": [], "assessments": [], "usage": {}}
        text = "bedrock echo " + json.dumps(body.get("messages"))
        return {
            "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 1000, "outputTokens": 1000, "totalTokens": 2000},
            "metrics": {"latencyMs": 1},
        }


def _events(answer: dict[str, Any]) -> bytes:
    """The same answer word by word, as a vendor streams it."""
    (choice,) = answer["choices"]
    lines = []
    for word in choice["message"]["content"].split(" "):
        part = {"index": 0, "delta": {"role": "assistant", "content": f"{word} "}, "finish_reason": None}
        lines.append({**answer, "object": "chat.completion.chunk", "choices": [part], "usage": None})
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    lines.append({**answer, "object": "chat.completion.chunk", "choices": [end]})
    return "".join(f"data: {json.dumps(line)}\n\n" for line in lines).encode() + b"data: [DONE]\n\n"


def _handler(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Silence: the calls are kept."""

        def do_POST(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size) or b"{}")
            stand_in.calls.append(Call(self.path, self.headers.get("authorization") or "", body))
            answer = stand_in.answer(self.path, body)
            streamed = stand_in.kind == "vendor" and body.get("stream")
            data = _events(answer) if streamed else json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-type", "text/event-stream" if streamed else "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
