"""Texts of feeds: markup is told from mere signs, and nothing of it reaches a title."""

from __future__ import annotations

import pytest

from plugins.events.importers.prose import one_line, prose


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("<img src=x onerror=alert(1)>Fest", "Fest"),
        ("<svg onload=alert(1)><g/></svg>Fest", "Fest"),
        ("<script>alert(1)</script>Fest", "Fest"),
        ("<STYLE>p { color: red }</STYLE>Fest", "Fest"),
        ("Fest <u>im</u> Park", "Fest im Park"),
        ("<table><tr><td>Fest</td></tr></table>", "Fest"),
        ("<h1>Fest</h1>", "Fest"),
        ("Kinder <6 Jahre frei, sonst <5 Euro>", "Kinder <6 Jahre frei, sonst <5 Euro>"),
        ("a < b > c, <3", "a < b > c, <3"),
        ("Rhythm & Blues", "Rhythm & Blues"),
    ],
)
def test_a_title_is_text_whatever_the_feed_writes(text: str, line: str) -> None:
    assert one_line(text) == line


def test_html_is_cleaned_and_has_its_text_beside_it() -> None:
    text, html = prose('<p onclick="x()">Eins<br>zwei</p><p><a href="javascript:x">drei</a><img src=x></p>')
    assert text == "Eins\nzwei\ndrei"
    assert html == '<p>Eins<br>zwei</p><p><a rel="noopener noreferrer">drei</a></p>'
