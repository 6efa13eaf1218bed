"""A folder of the pattern labeler: which words are which entities and descriptors, and how entities hang together.

The files and their fields are those that ECG-FM published (JSON lists of objects; further fields are left unread).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from src.errors import UserError, did_you_mean

DEFAULT = Path(__file__).parent / "default_config"
LABEL_DEFINITION = "label_def.csv"
LARGEST = 1 << 26  # bytes of one file
ENTITY, BEFORE, AFTER, BOTH, CONNECTIVE = "e", "b", "a", "ab", "c"  # kinds of patterns


class Named(NamedTuple):
    """An entity (or descriptor) with descriptors of its own."""

    name: str
    descriptors: tuple[str, ...] = ()


class Pattern(NamedTuple):
    """Literal text. `entities` of kind e; `descriptors` of b and a; `left` and `right` of a connective."""

    text: str
    kind: str
    entities: tuple[Named, ...] = ()
    descriptors: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    first: bool = False  # looked for before the entities


class Compound(NamedTuple):
    entity: str
    including: tuple[Named, ...]
    excluding: tuple[Named, ...]


@dataclass(frozen=True)
class Configuration:
    """Everything that a folder says. `parents`: entity -> its more general entities, directly above it."""

    parents: Mapping[str, tuple[str, ...]]
    needs_descriptor: frozenset[str]
    creates: Mapping[str, tuple[str, ...]]  # descriptor -> entities that come with it
    patterns: tuple[Pattern, ...]
    compounds: tuple[Compound, ...]
    attached: Mapping[tuple[str, str], tuple[str, ...]]  # (entity, descriptor) -> entities
    travelling: tuple[tuple[str, frozenset[str]], ...]  # (entity, descriptors)
    certainty: Mapping[str, float]  # descriptor -> probability


def read_configuration(folder: Path) -> Configuration:
    """UserError for a missing required file, names used twice or not defined, and circles among entities."""
    entities = _by_name(folder, "entity_tem.json", required=True)
    descriptors = _by_name(folder, "desc_tem.json")
    parts = {item["name"]: item for item in _items(folder, "split_desc_tem.json", ("name", "split"))}
    entity = _Known(folder, "entity_tem.json", entities)
    descriptor = _Known(folder, "desc_tem.json", descriptors, {name: item["split"] for name, item in parts.items()})
    parents = {name: entity.names(item.get("sup") or (), f"sup of {name}") for name, item in entities.items()}
    _refuse_circles(folder, parents)
    return Configuration(
        parents=parents,
        needs_descriptor=frozenset(name for name, item in entities.items() if item.get("require_descriptors")),
        creates={name: entity.names(item["create_entities"], f"create_entities of {name}")
                 for name, item in descriptors.items() if item.get("create_entities")},
        patterns=_patterns(folder, entity, descriptor, parts),
        compounds=_compounds(folder, entity, descriptor),
        attached=_attached(folder, entity, descriptor),
        travelling=tuple((entity.names([item["entity"]], "a rule")[0],
                          frozenset(descriptor.names(item["descriptors"], f"the rule of {item['entity']}")))
                         for item in _items(folder, "traveling_desc_tem.json", ("entity", "descriptors"))),
        certainty=_certainty(folder, descriptor))


@dataclass(frozen=True)
class _Known:
    """The names of one file of templates, to check references against."""

    folder: Path
    file: str
    table: Mapping[str, Any]
    parts: Mapping[str, list[str]] | None = None  # a split name -> its parts

    def names(self, given: Any, where: str) -> tuple[str, ...]:
        """Plain names, a split one replaced by its parts, or the `tem` of objects (theirs are not looked at)."""
        return tuple(name for item in _list(given, self.folder, where)
                     for name in self._one(item["tem"] if _is_object(item) else item, where))

    def named(self, given: Any, where: str, descriptors: _Known) -> tuple[Named, ...]:
        """Names, or objects of a name and its descriptors."""
        return tuple(Named(self.names([item], where)[0],
                           descriptors.names(item.get("descriptors") or (), where) if _is_object(item) else ())
                     for item in _list(given, self.folder, where))

    def _one(self, name: Any, where: str) -> tuple[str, ...]:
        if isinstance(name, str) and self.parts and name in self.parts:
            whole = _Known(self.folder, self.file, self.table)  # parts are not split again
            return whole.names(self.parts[name], f"split of {name}")
        if not isinstance(name, str) or name not in self.table:
            raise UserError(f"{self.folder}: {where} names {name!r}, which {self.file} does not define"
                            f"{did_you_mean(str(name), self.table)}", f"add it to {self.file}, or correct the name")
        return (name,)


def _patterns(folder: Path, entity: _Known, descriptor: _Known, parts: Mapping[str, Any]) -> tuple[Pattern, ...]:
    patterns = [Pattern(item["pattern"], ENTITY, entity.named(item["entities"], _of(item), descriptor))
                for item in _items(folder, "entity_pat.json", ("pattern", "entities"), required=True)]
    patterns += [Pattern(item["pattern"], _side(folder, item), (), descriptor.names(item["descriptors"], _of(item)),
                         first=bool(item.get("parse_before_entities")))
                 for item in _items(folder, "desc_pat.json", ("pattern", "descriptors"))]
    patterns += [Pattern(text, BEFORE, (), descriptor.names([name], f"the split {name}"))
                 for name, item in parts.items() for text in item.get("patterns") or ()]
    for item in _items(folder, "connective.json", ("pattern", "descriptors")):
        if len(_list(item["descriptors"], folder, _of(item))) != 2:
            raise UserError(f"{folder}: {_of(item)} of connective.json needs two lists of descriptors, "
                            "for the entity on its left and for that on its right")
        left, right = (descriptor.names(side, _of(item)) for side in item["descriptors"])
        patterns.append(Pattern(item["pattern"], CONNECTIVE, left=left, right=right))
    texts = [pattern.text for pattern in patterns]
    _refuse_doubles(folder, "patterns", texts)
    if not all(isinstance(text, str) and text for text in texts):
        raise UserError(f"{folder}: a pattern is empty or no text")
    return tuple(patterns)


def _side(folder: Path, item: Mapping[str, Any]) -> str:
    side = item.get("before_after") or BEFORE
    if side not in (BEFORE, AFTER, BOTH):
        raise UserError(f"{folder}: before_after of {_of(item)} is {side!r}, expected b, a or ab")
    return side


def _compounds(folder: Path, entity: _Known, descriptor: _Known) -> tuple[Compound, ...]:
    return tuple(Compound(entity.names([item["entity"]], "compound_tem.json")[0],
                          entity.named(item["including"], f"including of {item['entity']}", descriptor),
                          entity.named(item.get("excluding") or (), f"excluding of {item['entity']}", descriptor))
                 for item in _items(folder, "compound_tem.json", ("entity", "including")))


def _attached(folder: Path, entity: _Known, descriptor: _Known) -> dict[tuple[str, str], tuple[str, ...]]:
    rules: dict[tuple[str, str], tuple[str, ...]] = {}
    for item in _items(folder, "attached_desc_tem.json", ("resulting_entity", "entity", "descriptor")):
        result, bearer = entity.names([item["resulting_entity"], item["entity"]], "attached_desc_tem.json")
        key = (bearer, descriptor.names([item["descriptor"]], "attached_desc_tem.json")[0])
        rules[key] = tuple(dict.fromkeys((*rules.get(key, ()), result)))
    return rules


def _certainty(folder: Path, descriptor: _Known) -> dict[str, float]:
    table = _read(folder, "uncertainty_map.json", False, dict) or {}
    descriptor.names(list(table), "uncertainty_map.json")
    wrong = [name for name, value in table.items() if not isinstance(value, (int, float)) or not 0 <= value <= 1]
    if wrong:
        raise UserError(f"{folder}: uncertainty_map.json gives {wrong[0]} {table[wrong[0]]!r}, expected 0 to 1")
    return {name: float(value) for name, value in table.items()}


def _refuse_circles(folder: Path, parents: Mapping[str, tuple[str, ...]]) -> None:
    from graphlib import CycleError, TopologicalSorter

    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        raise UserError(f"{folder}: entity_tem.json goes round in a circle: {' above '.join(error.args[1])}",
                        "an entity cannot be more general than itself: correct sup") from None


def _by_name(folder: Path, file: str, required: bool = False) -> dict[str, Any]:
    items = _items(folder, file, ("name",), required)
    _refuse_doubles(folder, file, [item["name"] for item in items])
    return {item["name"]: item for item in items}


def _refuse_doubles(folder: Path, what: str, names: Iterable[Any]) -> None:
    seen = set()
    for name in map(str, names):
        if name in seen:
            raise UserError(f"{folder}: {what} hold {name!r} twice",
                            "entity, descriptor and connective patterns share one name space" if what == "patterns"
                            else "leave one of them out")
        seen.add(name)


def _items(folder: Path, file: str, fields: tuple[str, ...], required: bool = False) -> list[dict[str, Any]]:
    items = _read(folder, file, required, list) or []
    for number, item in enumerate(items):
        missing = [field for field in fields if field not in item] if isinstance(item, dict) else list(fields)
        if missing or not isinstance(item.get(fields[0]), (str, list)):
            raise UserError(f"{folder}: item {number} of {file} needs the fields {', '.join(fields)}; "
                            f"found {json.dumps(item)[:80]}")
    return items


def _read(folder: Path, file: str, required: bool, kind: Callable[..., Any]) -> Any:
    path = folder / file
    if not path.is_file():
        if required:
            raise UserError(f"{path} is missing", "a labeler configuration needs entity_tem.json and entity_pat.json; "
                            "--labeler_config names its folder")
        return None
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"{path}: {path.stat().st_size >> 20} MiB is too large for a labeler configuration")
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON file: {error}") from error
    if not isinstance(found, kind):  # type: ignore[arg-type]
        raise UserError(f"{path}: expected a JSON {'list' if kind is list else 'object'}")
    return found


def _list(given: Any, folder: Path, where: str) -> list[Any] | tuple[Any, ...]:
    if not isinstance(given, (list, tuple)):
        raise UserError(f"{folder}: {where}: expected a list, found {given!r}")
    return given


def _is_object(item: Any) -> bool:
    return isinstance(item, dict) and "tem" in item


def _of(item: Mapping[str, Any]) -> str:
    return f"pattern {item['pattern']!r}"
