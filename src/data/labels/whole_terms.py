"""Literal terms in text, as whole words: no regular expressions, since thousands of terms are looked for.

A term that starts (ends) with a letter or digit must not follow (precede) a word character; a term with a punctuation
edge has no such condition there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

FIRST_PRIVATE, LAST_PRIVATE = 0xE000, 0xF8FF  # characters that no text uses and that are no word characters
_PRIVATE = dict.fromkeys(range(FIRST_PRIVATE, LAST_PRIVATE + 1), " ")


def without_private(text: str) -> str:
    """Blanks for the characters that mark what is already matched."""
    return text if text.isascii() else text.translate(_PRIVATE)


def starts_of(term: str, text: str) -> Iterator[int]:
    """Where `term` stands in `text` as a whole term, from left to right, without overlaps."""
    start = text.find(term)
    while start >= 0:
        end = start + len(term)
        whole = _is_whole(term, text, start, end)
        if whole:
            yield start
        start = text.find(term, end if whole else start + 1)


def replace_term(text: str, term: str, replacement: str) -> str:
    """Every whole occurrence of `term`; the replacement is not looked at again."""
    if term not in text:
        return text
    parts, done = [], 0
    for start in starts_of(term, text):
        parts += [text[done:start], replacement]
        done = start + len(term)
    return "".join(parts) + text[done:]


def replace_once(text: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Whole terms in the order of `pairs`, where replaced text is never matched again."""
    replaced: list[str] = []
    for term, replacement in pairs:
        if term in text:
            marked = replace_term(text, term, chr(FIRST_PRIVATE + len(replaced)))
            if marked != text:
                text = marked
                replaced.append(replacement)
    for number, replacement in enumerate(replaced):
        text = text.replace(chr(FIRST_PRIVATE + number), replacement)
    return text


def _is_whole(term: str, text: str, start: int, end: int) -> bool:
    if term[0].isalnum() and start > 0 and _is_word(text[start - 1]):
        return False
    return not (term[-1].isalnum() and end < len(text) and _is_word(text[end]))


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
