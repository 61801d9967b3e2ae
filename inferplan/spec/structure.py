"""A parsed file as a frozen record; what does not fit the JSON Schema becomes one message per problem.

Not here: checks that need more than one field, or the catalog (crossfield).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
from msgspec import Struct

from inferplan.near import did_you_mean, listed, near
from inferplan.spec.faults import SpecError, SpecErrors, clip
from inferplan.spec.position import Part, joined, look_up, place
from inferplan.spec.schema import schema
from inferplan.spec.vocabulary import API_VERSION
from inferplan.spec.yaml12 import MAX_PROBLEMS, Node, describe

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

S = TypeVar("S", bound=Struct)
Schema = dict[str, Any]

_PLAIN = re.compile(r"\w[\w.:/@-]*")  # in a list as it is, without quotes
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
_READ_AS = {
    "Lock": "name the spec; the lock beside it is read with it",
    "Organization": "it is read from the organization folder",
    "Waiver": "it is read from the organization folder, waivers/",
    "Prices": "it is read from the organization folder, prices.json",
}
_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}


def kind_of(node: Node, kinds: tuple[str, ...]) -> str:
    """The kind a file says it is; raises SpecErrors unless it is one of `kinds` in a version we know."""
    problems = []
    for name, allowed in (("apiVersion", (API_VERSION,)), ("kind", kinds)):
        found = node.value.get(name)
        if found is None:
            file, line, column = place(node, ())
            problem, hint = "missing", f"write {name}: {listed(allowed)}"
        elif found.value not in allowed:
            file, line, column = place(node, (name,), of_value=True)
            problem = f"{describe(found)} is not {listed(allowed)}"
            hint = did_you_mean(near(found.text, allowed)) if isinstance(found.value, str) else ""
            if name == "kind" and isinstance(found.value, str):
                hint = _READ_AS.get(found.value, hint)
        else:
            continue
        problems.append(
            SpecError(
                file=file, line=line, column=column, path=name, problem=problem, allowed=allowed, hint=hint
            )
        )
    if problems:
        raise SpecErrors(problems)
    return str(node.value["kind"].value)


def convert(node: Node, type_: type[S]) -> S:
    """The record that `node` holds; raises SpecErrors with every problem.

    The records decide, since they are a hundred times faster; the JSON Schema made from them says what is
    wrong. A test holds that both accept the same documents.
    """
    plain = node.plain()
    try:
        return msgspec.convert(plain, type_)
    except (msgspec.ValidationError, OverflowError) as refused:
        problems = explain(node, plain, schema(type_.__name__))
        raise SpecErrors(problems or [SpecError(file=node.file, problem=str(refused))]) from None


def explain(node: Node, plain: Any, whole: Schema) -> list[SpecError]:
    """Everything that the schema refuses, in words, each with the place it stands at."""
    from jsonschema.validators import Draft202012Validator

    errors = islice(Draft202012Validator(whole).iter_errors(plain), MAX_PROBLEMS)
    explanation = _Explanation(node, whole)
    found = [problem for error in errors for problem in explanation.problems(error, ())]
    return [problem for problem in found if problem.path not in explanation.misspelled]


class _Explanation:
    """Words for what jsonschema reports about one document."""

    def __init__(self, root: Node, whole: Schema) -> None:
        self._root = root
        self._definitions: dict[str, Schema] = whole["$defs"]
        self.misspelled: set[str] = set()  # missing fields that an unknown field was meant to be

    def problems(self, error: ValidationError, above: tuple[Part, ...]) -> Iterator[SpecError]:
        """One report of jsonschema as one problem per field."""
        at = (*above, *error.relative_path)
        schema_, value = cast(Schema, error.schema), cast(Any, error.instance)
        match error.validator:
            case "anyOf":
                yield from self._best_branch(error, at)
            case "additionalProperties":
                for key in value:
                    if key not in schema_["properties"]:
                        yield self._unknown(key, schema_, at)
            case "required":
                for name in schema_["required"]:
                    if name not in value and error.message.startswith(repr(name)):
                        yield self._missing(name, schema_, at)
            case "propertyNames":
                pass  # reported by the checks of the name itself, below
            case _ if "propertyNames" in error.absolute_schema_path:
                yield self._bad_key(value, schema_, at)
            case "minItems" | "minProperties":
                yield self._problem(at, "must not be empty")
            case "maxItems":
                problem = f"must hold at most {schema_['maxItems']} entries, not {len(value)}"
                yield self._problem(at, problem)
            case "maxLength":
                yield self._problem(
                    at, f"must be at most {schema_['maxLength']} characters, not {len(value)}"
                )
            case "minLength" if value == "":
                yield self._problem(at, "must not be empty")
            case bound if bound in _BOUNDS:
                limit = f"{error.validator_value:,}".replace(",", "")
                found = look_up(self._root, at)
                text = found.text if found is not None else str(value)
                yield self._problem(at, f"must be {_BOUNDS[str(bound)]} {limit}, not {clip(text)}")
            case _:
                yield self._mismatch([schema_], at, value)

    def _best_branch(self, error: ValidationError, at: tuple[Part, ...]) -> Iterator[SpecError]:
        """What is wrong with the choice that the author seems to have meant."""
        branches: dict[int, list[ValidationError]] = {}
        for cause in error.context or ():
            branches.setdefault(int(cause.relative_schema_path[0]), []).append(cause)
        choices = [self._resolved(choice) for choice in cast(list[Schema], error.validator_value)]
        meant = {
            index: causes
            for index, causes in branches.items()
            if choices[index].get("type") != "null"
            and not any(not cause.relative_path and cause.validator == "type" for cause in causes)
        }
        if len(meant) > 1:  # an enum has no type of its own
            meant = {i: causes for i, causes in meant.items() if isinstance(error.instance, str)} or meant
            meant = {i: causes for i, causes in meant.items() if not _wrong_at_root(causes)} or meant
        if len(meant) == 1 and not _wrong_at_root(next(iter(meant.values()))):
            (causes,) = meant.values()
            for cause in causes:
                yield from self.problems(cause, at)
            return
        yield self._mismatch(
            [choice for choice in choices if choice.get("type") != "null"], at, error.instance
        )

    def _resolved(self, choice: Schema) -> Schema:
        return self._definitions[choice["$ref"].rpartition("/")[2]] if "$ref" in choice else choice

    def _unknown(self, key: str, schema_: Schema, at: tuple[Part, ...]) -> SpecError:
        known = tuple(schema_["properties"])
        close = near(key, known)
        hint = did_you_mean(close)
        if close:
            self.misspelled |= {joined((*at, name)) for name in close if name in schema_["required"]}
        else:
            elsewhere = self._elsewhere(key)
            hint = f"it belongs into {elsewhere}" if elsewhere else f"known fields: {', '.join(known)}"
        return self._problem((*at, key), "unknown field", known, hint, of_value=False)

    def _elsewhere(self, key: str) -> str:
        """The one block of the root that has a field of this name."""
        blocks = {
            name: self._resolved((field.get("anyOf") or [field])[0])
            for name, field in self._definitions[str(self._root.value["kind"].value)]["properties"].items()
        }
        owners = [name for name, block in blocks.items() if key in block.get("properties", ())]
        return owners[0] if len(owners) == 1 else ""

    def _missing(self, name: str, schema_: Schema, at: tuple[Part, ...]) -> SpecError:
        words = schema_["properties"][name].get("description", "")
        return self._problem((*at, name), "missing", hint=words, of_value=False)

    def _bad_key(self, key: str, schema_: Schema, at: tuple[Part, ...]) -> SpecError:
        allowed, words = self._wanted([schema_])
        close = near(key, allowed)
        problem = f"the key must be {words}" if not allowed else f"the key is not {words}"
        return self._problem((*at, key), problem, allowed, did_you_mean(close), of_value=False)

    def _mismatch(self, choices: list[Schema], at: tuple[Part, ...], value: Any) -> SpecError:
        allowed, words = self._wanted(choices)
        hint = did_you_mean(near(value, allowed)) if isinstance(value, str) else ""
        hint = hint or next((hint for choice in choices if (hint := self._repair(choice, at, value))), "")
        return self._problem(at, f"must be {words}, not {self._found(at)}", allowed, hint)

    def _wanted(self, choices: list[Schema]) -> tuple[tuple[str, ...], str]:
        allowed: list[str] = []
        others: list[str] = []
        for choice in choices:
            if "enum" in choice:
                allowed += map(str, choice["enum"])
            else:
                others.append(choice.get("title", "") if choice.get("type") != "object" else "")
                others[-1] = others[-1] or _TYPES[choice["type"]]
        return tuple(allowed), listed([*allowed, *dict.fromkeys(others)])

    def _repair(self, choice: Schema, at: tuple[Part, ...], value: Any) -> str:
        """The hint that turns the value into a good one, where that is plain to see."""
        node = look_up(self._root, at)
        text = node.text if node is not None else ""
        type_ = choice.get("type")
        if type_ == "array" and isinstance(value, str | int | float) and _PLAIN.fullmatch(text):
            return f"write [{clip(text)}]"
        if type_ == "boolean" and text.lower() in {"yes", "on", "y", "no", "off", "n"}:
            return f"write {'true' if text.lower() in {'yes', 'on', 'y'} else 'false'}"
        if (
            type_ in {"integer", "number"}
            and isinstance(value, str)
            and re.fullmatch(r"[0-9]+(\.[0-9]+)?", value)
        ):
            return "remove the quotes"
        if type_ == "integer" and isinstance(value, float) and value.is_integer():
            return f"write {int(value)}"
        if type_ == "string" and isinstance(value, bool | int | float):
            pattern = choice.get("pattern", "")
            if re.search(pattern, text):
                return f'put it in quotes: "{clip(text)}"'
            return f"write {text}d" if re.search(pattern, f"{text}d") else ""
        if "pattern" in choice and isinstance(value, str):
            tried = (value.strip(), value.lower(), value.upper(), value.lower().replace("_", "-"))
            return did_you_mean([good for good in tried if re.search(choice["pattern"], good)][:1])
        return ""

    def _found(self, at: tuple[Part, ...]) -> str:
        node = look_up(self._root, at)
        return describe(node) if node is not None else "that"

    def _problem(
        self,
        at: tuple[Part, ...],
        problem: str,
        allowed: tuple[str, ...] = (),
        hint: str = "",
        *,
        of_value: bool = True,
    ) -> SpecError:
        file, line, column = place(self._root, at, of_value=of_value)
        return SpecError(
            file=file, line=line, column=column, path=joined(at), problem=problem, allowed=allowed, hint=hint
        )


def _wrong_at_root(causes: list[ValidationError]) -> bool:
    return any(not cause.relative_path and cause.validator in {"type", "enum"} for cause in causes)
