"""The fragment on a city's page: what a visitor reads for running, cancelled, moved and day-long dates."""

from __future__ import annotations

from pathlib import Path

from allmende.pages.render import environment
from allmende.registry import flatten, read_texts
from allmende.testing import make_city, make_context

from plugins.events.config import EventsConfig

FOLDER = Path(__file__).parents[3] / "plugins/events"
EVENT = {
    "id": "1",
    "title": "Konzert <laut>",
    "start": "2026-12-01T19:00:00+01:00",
    "end": "2026-12-01T21:00:00+01:00",
    "lastDay": "2026-12-01",
    "allDay": False,
    "cancelled": False,
    "moved": False,
    "movedFrom": None,
    "free": None,
    "price": None,
    "category": None,
    "url": None,
    "icsUrl": "/adorf/events/1.ics",
    "venue": None,
}


def render(*events: object, language: str = "de") -> str:
    texts = read_texts(FOLDER / "texts")
    ctx = make_context("events", EventsConfig(), texts=texts, language=language)
    template = environment(FOLDER).get_template("preview.html")
    html = template.render(
        data={"upcoming": events}, t=ctx.text, city=make_city("adorf"), language=language, now=ctx.now
    )
    return " ".join(html.split())


def test_times_titles_and_states_are_shown() -> None:
    moved = EVENT | {"moved": True, "movedFrom": "2026-11-30T19:00:00+01:00", "free": True}
    html = render(EVENT | {"cancelled": True, "category": "Musik"}, moved)
    assert "<h3>Konzert &lt;laut&gt;</h3>" in html
    assert "19:00</time>–<time" in html
    assert "21:00</time>" in html
    assert '<strong class="badge bad">Abgesagt</strong> <span class="badge">Musik</span>' in html
    assert "verlegt vom Mo., 30. Nov. 2026, 19:00" in html
    assert "Eintritt frei" in html


def test_days_are_shown_without_times() -> None:
    html = render(EVENT | {"allDay": True, "start": "2026-12-01T00:00:00+01:00", "lastDay": "2026-12-03"})
    assert "bis <time" in html
    assert "00:00</time>" not in html


def test_an_empty_calendar_says_so_in_the_readers_language() -> None:
    assert render() == '<p class="muted">Zurzeit sind keine Veranstaltungen bekannt.</p>'
    assert render(language="en") == '<p class="muted">No events are known at present.</p>'


def test_both_languages_have_the_same_texts() -> None:
    texts = read_texts(FOLDER / "texts")
    assert flatten(texts["de"]).keys() == flatten(texts["en"]).keys()
