"""The formulas, against values that were worked out by hand, and what is said of hard texts."""

from __future__ import annotations

from allmende.content.readability import readability

EASY = "Das Bad ist auf. Du kannst dort gut und viel im See sein. Komm doch mit uns mit. Es ist warm. Wir sind da."
HARD = (
    "Die Inanspruchnahme der Gebührenbefreiungsregelung setzt voraus, dass die antragstellende Person die"
    " Anspruchsvoraussetzungen gegenüber der zuständigen Verwaltungsbehörde fristgerecht nachgewiesen und die"
    " entsprechenden Unterlagen vollständig eingereicht hat."
)


def test_words_of_one_syllable_in_short_sentences_are_easy() -> None:
    """24 words of one syllable in 5 sentences: SL 4.8, MS 0, IW 0, ES 100; Flesch 116.7, cut at 100."""
    found = readability(EASY)
    assert found is not None
    assert (found.words, found.grade) == (24, round(0.1672 * 4.8 - 0.0327 * 100 - 0.875, 1))
    assert (found.flesch, found.level) == (100.0, "easy")


def test_a_sentence_of_the_administration_is_hard_and_says_why() -> None:
    found = readability(HARD)
    assert found is not None
    assert (found.level, found.grade > 15, found.flesch) == ("hard", True, 0.0)
    assert len(found.sentences) == 1
    assert found.long_words[:2] == ("Gebührenbefreiungsregelung", "Anspruchsvoraussetzungen")


def test_a_few_words_say_nothing() -> None:
    assert readability("Das Bad öffnet am Montag.") is None
    assert readability("") is None


def test_an_ordinal_or_a_short_word_before_a_full_stop_ends_no_sentence() -> None:
    text = "Am 1. Mai öffnet das Bad um 9 Uhr z. B. für alle, die gern schwimmen oder auf der Wiese am Becken liegen."
    found = readability(text)
    assert found is not None
    assert len(found.sentences) == 1
