"""XML from strangers: the standard library's parser, without document types (so no entities, internal or external),
of bounded size. Tags lose their namespace."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from src.errors import BadRecord

LARGEST = 64 << 20  # bytes; ten seconds of twelve leads are half a megabyte
DEEPEST = 200  # elements inside one another


class _Builder(ElementTree.TreeBuilder):
    depth = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("it declares a document type, which is refused")

    def start(self, tag: str, attrs: dict[str, str]) -> ElementTree.Element:  # type: ignore[override]
        self.depth += 1
        if self.depth > DEEPEST:
            raise ValueError(f"its elements are more than {DEEPEST} deep")
        return super().start(tag.rpartition("}")[2], attrs)

    def end(self, tag: str) -> ElementTree.Element:
        self.depth -= 1
        return super().end(tag.rpartition("}")[2])


def read_xml(path: Path) -> ElementTree.Element:
    """The root element; BadRecord for files that are too large, damaged, or declare a document type."""
    if path.stat().st_size > LARGEST:
        raise BadRecord(path.name, f"is too large: {path.stat().st_size >> 20} MiB of XML, at most {LARGEST >> 20} are "
                                   "read")
    parser = ElementTree.XMLParser(target=_Builder())
    try:
        with path.open("rb") as stream:
            while block := stream.read(1 << 16):
                parser.feed(block)
        return parser.close()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise BadRecord(path.name, f"is no XML that is read here: {error}") from error


def text_of(element: ElementTree.Element, path: str) -> str:
    """The text of the first element found, '' where there is none."""
    return (element.findtext(path) or "").strip()

