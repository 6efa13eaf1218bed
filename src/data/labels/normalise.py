"""The wording of ECG statements made uniform, before patterns are looked for.

Works on the whole text of a record, step by step as ECG-FM's pattern labeler does (its slips included: "elevated"
becomes "rapid", "nsvt" is read as supraventricular). The replacements that are a matter of vocabulary are tables:
`normalisation_phrases.csv` (plain substrings, any case) and `normalisation_terms.csv` (whole terms, one after another).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from src.data.labels.expansions import expansions
from src.data.labels.lead_lists import spread_lead_lists
from src.data.labels.whole_terms import replace_term, without_private
from src.data.tables import read_rows
from src.errors import UserError

TERMS, PHRASES = "normalisation_terms.csv", "normalisation_phrases.csv"
CUT = re.compile("no significant change when compared to the previous ecg|when compared to the previous ecg|"
                 "compared to the previous ecg|compared to the ecg performed|also confirmed by|reconfirmed by|"
                 "confirmed by", re.IGNORECASE)
UPPER_CASE = (("AT", "atrial tachycardia"), ("EAT", "ectopic atrial tachycardia"),
              ("AVR", "accelerated ventricular rhythm"))
OWNED = tuple((f"{beat}'s", f"{beat}s") for beat in
              ("PAC", "APB", "APC", "PVC", "VPB", "PSC", "SVPB", "PJC", "ECG"))
UNFINISHED = (" normal", " abnormal", " borderline")  # a text that ends so lost its last word
SLASH = re.compile(r"\s*/\s*")
WAVES = ((re.compile(r"\b([a-z])\s?-?\s?(waves?)\b"), r"\1 \2"), (re.compile(r"([a-z])(wave)"), r"\1 \2"))
SPACE = re.compile(r"\s+")
SUBSTRINGS = (("-degree ", " degree "), ("-nodal ", " nodal "))
PUNCTUATION = ((re.compile(r"-?\s?-?\s?\?\s?age"), " ? age "), (re.compile(r"^\?"), "<before?> "),
               (re.compile(r"-?-\?"), " <after?> "), (re.compile(r",(\S)"), r", \1"), (SPACE, " "))
PHRASES_AFTER = (("beat(s)", "beats"), ("for age/sex", ""), ("are probably related to", "conceivably related to"),
                 ("may be related to", "conceivably related to"),
                 ("repeat if myocardial injury is suspected", ""),
                 ("interpretation made without knowing patient's age", ""),
                 ("interpretation made without knowledge of patient's age", ""))
PREFIX = re.compile(r"(supra|intra)(?:- | -|-| )(ventricular)|(intra|inter)(?:- | -|-| )(atrial)")
OF_CHAMBER = ((re.compile(r"\bv-\s*(?=\w\w)"), "ventricular "), (re.compile(r"\ba-\s*(?=\w\w)"), "atrial "))
BUNDLE = re.compile("bundle(?! branch)")
HYPHENATED = (("-sensing", " sensing"), ("-pacing", " pacing"))


@dataclass(frozen=True)
class Normaliser:
    """`phrases` and `terms` are (found, replacement) pairs in the order in which they are applied."""

    phrases: tuple[tuple[str, str], ...]
    terms: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, phrases: Path, terms: Path) -> Normaliser:
        """From two tables with the columns `order` and `phrase` (or `term`) and `replacement`."""
        return cls(_read_pairs(phrases, "phrase"), _read_pairs(terms, "term"))

    def __call__(self, text: str) -> str:
        """The text of one record in uniform wording; lower case."""
        text = _cut(without_private(text))
        text = _lower(self._phrases(text))
        for found, replacement in SUBSTRINGS:
            text = text.replace(found, replacement)
        for term, replacement in self.terms:
            if term in text:  # most are not: no call for those
                text = replace_term(text, term, replacement)
        for pattern, replacement in PUNCTUATION:
            text = pattern.sub(replacement, text)
        for found, replacement in PHRASES_AFTER:
            text = text.replace(found, replacement)
        text = _join_words(spread_lead_lists(text))
        for expand in expansions():
            text = expand(text)
        return text.strip()

    def _phrases(self, text: str) -> str:
        for term, replacement in (*UPPER_CASE, *OWNED):
            text = replace_term(text, term, replacement)
        folded = text.lower()
        for phrase, replacement in self.phrases:
            if phrase in folded:
                text = re.sub(re.escape(phrase), lambda _, new=replacement: new, text, flags=re.IGNORECASE)
                folded = text.lower()
        return text


def _cut(text: str) -> str:
    """Without what is said about another record or about who confirmed it."""
    found = CUT.search(text)
    return (text[:found.start()] if found else text).strip()


def _lower(text: str) -> str:
    text = text.lower()
    text = f"{text} ecg" if text.endswith(UNFINISHED) else text
    text = SLASH.sub("/", text.replace("`", " "))
    for pattern, replacement in WAVES:
        text = pattern.sub(replacement, text)
    return replace_term(SPACE.sub(" ", text.replace("&", " and ")), "deg", "degree")


def _join_words(text: str) -> str:
    text = PREFIX.sub(r"\1\2\3\4", text).replace("*", " ")
    for pattern, word in OF_CHAMBER:
        text = pattern.sub(word, text)
    text = BUNDLE.sub("bundle branch", text)
    for found, replacement in HYPHENATED:
        text = text.replace(found, replacement)
    return text


def _read_pairs(path: Path, column: str) -> tuple[tuple[str, str], ...]:
    """Cells as they are, since blanks at the edges of a term count."""
    rows = [row for row in read_rows(path) if row]
    if not rows or not {column, "replacement"} <= set(rows[0]):
        raise UserError(f"{path}: expected the columns order, {column} and replacement, "
                        f"found {', '.join(rows[0]) if rows else 'nothing'}")
    found, replacement = rows[0].index(column), rows[0].index("replacement")
    bad = [number for number, row in enumerate(rows[1:], 2) if len(row) != len(rows[0]) or not row[found]]
    if bad:
        raise UserError(f"{path}: line {bad[0]} has no {column}, or another number of cells than the first line")
    order = rows[0].index("order") if "order" in rows[0] else None
    body = rows[1:] if order is None else sorted(rows[1:], key=lambda row: _number(path, row[order]))
    return tuple((row[found], row[replacement]) for row in body)


def _number(path: Path, cell: str) -> int:
    try:
        return int(cell)
    except ValueError:
        raise UserError(f"{path}: the column order holds {cell!r}, expected whole numbers") from None
