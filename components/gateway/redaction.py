"""What runs inside the redaction helpers: Presidio's engines behind a few lines of HTTP on loopback.

Not here: which languages and recognizers (the plan) and where the helpers run (ecs, pod).

The images' own start is not used: it reads configuration files that the image would have to hold, listens to
everybody, takes language and entities from the request, and fetches what it misses. The analyzer looks for
every planned language in one pass, reads the text alone, and ends when the image lacks a model.
"""

from __future__ import annotations

import json

from inferplan.records.plan import Sidecar

CONFIGURATION = "ANALYZER_CONFIGURATION"  # JSON: Presidio's configuration file

_SERVE = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.reply(200, "up")

    def do_POST(self):
        try:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.reply(200, answer(asked))
        except Exception as error:  # its text may quote the person's
            self.reply(500, {"error": type(error).__name__})

    def reply(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""

_ANALYZER = (
    """\
import json, os
import spacy.util, tldextract.tldextract
from presidio_analyzer import AnalyzerEngineProvider

# Otherwise the first address of a mail fetches the list of domains.
tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
text = os.environ["ANALYZER_CONFIGURATION"]
languages = json.loads(text)["supported_languages"]
for model in json.loads(text)["nlp_configuration"]["models"]:
    if not spacy.util.is_package(model["model_name"]):
        raise SystemExit("the image lacks " + model["model_name"])  # Presidio would download it
with open(os.environ["ANALYZER_CONF_FILE"], "w") as file:
    file.write(text)
engine = AnalyzerEngineProvider(os.environ["ANALYZER_CONF_FILE"]).create_engine()
if engine.supported_languages != languages:
    raise SystemExit("Presidio has not taken its configuration")  # it falls back to English

def answer(asked):
    found = [result for language in languages for result in engine.analyze(asked["text"], language)]
    return [{key: vars(result)[key] for key in ("entity_type", "start", "end", "score")} for result in found]
"""
    + _SERVE
)

_ANONYMIZER = (
    """\
import json, os
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import RecognizerResult

engine = AnonymizerEngine()

def answer(asked):
    results = [RecognizerResult.from_json(result) for result in asked["analyzer_results"]]
    return json.loads(engine.anonymize(asked["text"], results).to_json())
"""
    + _SERVE
)

_ALIVE = 'import os, urllib.request as r; r.urlopen("http://127.0.0.1:" + os.environ["PORT"], timeout=5)'


def command(sidecar: Sidecar) -> list[str]:
    """The helper's whole command line: the engine whose configuration it has."""
    return ["python", "-c", _ANALYZER if sidecar.config else _ANONYMIZER]


def alive_command() -> list[str]:
    """Exit 0 when the helper answers; it listens on loopback, so only its own container can ask."""
    return ["python", "-c", _ALIVE]


def environment(sidecar: Sidecar, temporary: str) -> dict[str, str]:
    """Where it listens and what it looks for; its root is read-only, so it writes to `temporary` alone."""
    variables = {"HOME": temporary, "PORT": str(sidecar.port)}
    if sidecar.config:
        variables |= {
            "ANALYZER_CONF_FILE": f"{temporary}/analyzer.json",
            CONFIGURATION: json.dumps(sidecar.config, sort_keys=True),
        }
    return dict(sorted(variables.items()))
