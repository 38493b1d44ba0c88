"""Different spellings of one German word become one term."""

from __future__ import annotations

import re
import unicodedata

import pytest
from allmende.search.fold import MAX_WORD, MAX_WORDS, query, stem, terms, words
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("spelling", ["Müll", "Muell", "MÜLL", "mull", "Mu\u0308ll"])
def test_umlauts_in_every_spelling_are_one_word(spelling: str) -> None:
    assert words(spelling) == ["mull"]


def test_sharp_s_digits_and_inflections() -> None:
    assert words("Königsstraße 12a, Quelle") == ["konigsstrasse", "12a", "quelle"]
    assert stem("spielplatze") == stem("spielplatz") == "spielplatz"
    assert terms("Märkte") == {"markte", "markt"}


@given(st.text() | st.text(alphabet="aeouqäöüßÄÖÜẞſKﬁ_ x1\u0308\u0301", max_size=30))
def test_the_short_way_of_german_texts_finds_the_same_words_as_the_rules(text: str) -> None:
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    assert words(text) == [re.sub("(?<!q)([aou])e", r"\1", word)[:MAX_WORD] for word in re.findall(r"[^\W_]+", plain)]


@given(st.text())
def test_any_text_can_be_folded_and_asked(text: str) -> None:
    assert len(query(text)) <= MAX_WORDS
    assert terms(text) >= set(words(text))


@given(st.text(alphabet="abcdeuoüöäß", max_size=12), st.integers(0, 12))
def test_a_beginning_of_a_word_folds_to_a_beginning_of_its_fold(word: str, length: int) -> None:
    whole, part = words(word), words(word[:length])
    assert not part or whole[0].startswith(part[0])
