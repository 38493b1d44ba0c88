# ruff: noqa: E501 (messages stand here as they are printed)
"""What types cannot say is checked too: keys, places, colours, files, secrets, languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from allmende.city.colour import LEAST, contrast, ink
from allmende.city.files import CityFile
from allmende.city.load import SECRETS, load_cities
from allmende.city.secrets import SecretMissing, resolve_secret
from hypothesis import given
from hypothesis import strategies as st

from tests.city.conftest import CONFIGS

CITY_KEYS = ", ".join(sorted(CityFile.__struct_fields__))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('ags = "05515001"', 'ags = "05515009"', '2:1 ags: "05515009" does not belong to the ars; expected 05515001, which is what the ars 055150000001 says'),
        ('languages = ["de", "en"]', 'timezone = "Europe/Berlln"', '4:1 timezone: unknown time zone "Europe/Berlln"; expected a name such as Europe/Berlin'),
        ('languages = ["de", "en"]', 'languages = ["fr"]', "4:1 languages: offers neither de nor en; expected one of them"),
        ('languages = ["de", "en"]', "languages = []", "4:1 languages: has 0 items; expected at least 1"),
        ('languages = ["de", "en"]', 'subdivision = "DE-BY"', '4:1 subdivision: "DE-BY" is not the Land of ars 055150000001; expected DE-NW'),
        ("lat = 51.9", "lat = 48.1", "10:1 area.bbox: does not hold the centre 48.1, 7.6"),
        ("south = 51.8", "south = 52.8", "10:1 area.bbox: is turned inside out"),
        ('"altdorf.example"', '"https://altdorf.example"', '5:10 hosts[0]: "https://altdorf.example" has the wrong form'),
    ],
)  # fmt: skip
def test_contradictions_in_city_toml_are_named(folder: Any, old: str, new: str, problem: str) -> None:
    text = folder.text("altdorf", 1)
    assert old in text
    folder.write("altdorf/city.toml", text.replace(old, new))
    assert folder.problems()[0].startswith(f"altdorf/city.toml:{problem}")


def test_files_of_sources_must_exist_below_the_city(folder: Any, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("x")
    folder.write("altdorf/data/good.csv", "x")
    (folder.path / "altdorf/data/link.csv").symlink_to(tmp_path / "secret.csv")
    names = ["data/good.csv", "data/none.csv", "../neudorf/city.toml", "/etc/hostname", "data/link.csv"]
    lines = [f'[[sources]]\nid = "s{n}"\nkind = "csv"\nfile = "{name}"\n' for n, name in enumerate(names)]
    folder.write("altdorf/plugins/waste.toml", "".join(lines))
    assert [line.partition(" ")[2].partition(";")[0] for line in folder.problems()] == [
        'sources[1].file: the file "data/none.csv" does not exist',
        'sources[2].file: "../neudorf/city.toml" leads out of the folder',
        'sources[3].file: "/etc/hostname" leads out of the folder',
        'sources[4].file: "data/link.csv" leads out of the folder by a link',
    ]
    assert "altdorf" not in folder.load().by_slug


def test_a_missing_file_alone_does_not_take_the_city_down(folder: Any) -> None:
    folder.write("altdorf/plugins/waste.toml", '[[sources]]\nid = "a"\nkind = "csv"\nfile = "data/none.csv"\n')
    assert len(folder.problems()) == 1
    assert "waste" in folder.load().by_slug["altdorf"].plugins


def test_secrets_are_references_and_their_values_never_shown(folder: Any) -> None:
    folder.write("altdorf/plugins/waste.toml", 'token = "hunter2"\n')
    folder.write("neudorf/plugins/waste.toml", 'token = "secret:FEED_TOKEN"\n')
    found = folder.problems()
    assert found == [
        "altdorf/plugins/waste.toml:1:1 token: a secret must not stand in a file; expected a reference such as secret:FEED_TOKEN",
        "neudorf/plugins/waste.toml:1:1 token: the secret FEED_TOKEN is missing; expected an environment variable FEED_TOKEN"
        " or the file _secrets/FEED_TOKEN",
    ]
    folder.write("altdorf/plugins/waste.toml", "")
    cities = folder.load({"FEED_TOKEN": "value"})
    assert cities.all_problems() == []
    assert cities.origin("neudorf", "waste.token").value == "secret:FEED_TOKEN"


def test_resolve_secret_prefers_the_environment_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "A").write_text("from file\n")
    assert resolve_secret("secret:A", tmp_path, {"A": "from environment"}) == "from environment"
    assert resolve_secret("secret:A", tmp_path, {}) == "from file"
    for reference in ("secret:B", "secret:../A", "plain", "secret:"):
        with pytest.raises(SecretMissing):
            resolve_secret(reference, tmp_path, {})


def test_texts_need_a_language_that_readers_fall_back_to(folder: Any) -> None:
    folder.write("altdorf/plugins/news.toml", 'title = {tr = "Haberler"}\n[categories]\na = {fr = "A", de = "A"}\n')
    assert folder.problems() == ["altdorf/plugins/news.toml:1:1 title: has no text in de; expected a text for de"]


def test_wording_for_a_language_that_the_city_does_not_offer_is_named(folder: Any) -> None:
    folder.write("altdorf/texts/fr.toml", '[news]\ntitle = "Nouvelles"\n')
    assert folder.problems() == ['altdorf/texts/fr.toml:1:1: the city does not offer "fr"; expected one of de, en']


def test_colours_that_cannot_carry_white_text_are_named(folder: Any) -> None:
    folder.write("altdorf/brand/theme.toml", 'primary = "#ffcc00"\nlogo = "none.svg"\n')
    assert folder.problems() == [
        "altdorf/brand/theme.toml:1:1 primary: #ffcc00 has a contrast of 1.5:1 with white; expected a darker colour with"
        " at least 4.5:1 (WCAG 2.2 AA), for text in it and on it",
        'altdorf/brand/theme.toml:2:1 logo: the file "none.svg" does not exist; expected a file below the folder brand/',
    ]


def test_contrast_of_black_and_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == 21.0


@given(st.integers(0, 0xFFFFFF))
def test_ink_can_be_read_on_every_colour(number: int) -> None:
    colour = f"#{number:06x}"
    assert contrast(colour, ink(colour)) >= LEAST


def test_the_cities_of_this_repository_differ_visibly() -> None:
    """Six folders whose own files hold no mistake, each with its own look, languages and wording."""
    path = Path(__file__).parents[2] / "cities"
    plugins = {file.stem for file in path.glob("*/plugins/*.toml")} | {"news", "events", "waste", "places"}
    cities = load_cities(path, {}, environ={}, known=plugins, secrets=SECRETS)
    assert [str(problem) for problem in cities.all_problems()] == []
    assert list(cities.by_slug) == ["beckum", "dortmund", "guetersloh", "muenster", "musterstadt", "rheda-wiedenbrueck"]
    assert len({city.brand.primary for city in cities.by_slug.values()}) == 6
    assert len({city.languages for city in cities.by_slug.values()}) == 5
    assert [slug for slug, city in cities.by_slug.items() if city.fictional] == ["musterstadt"]
    assert {city.subdivision for city in cities.by_slug.values()} == {"DE-NW"}
    assert all(city.texts for city in cities.by_slug.values())


def test_a_mistake_in_city_toml_hides_no_other(folder: Any) -> None:
    text = folder.text("altdorf", 1).replace("lat = 51.9", 'lat = 51.9\nkm2 = "big"')
    folder.write(
        "altdorf/city.toml", 'module_order = ["wast"]\nkreiss = "x"\n' + text.replace('"de", "en"', '"de", "türk"')
    )
    folder.write("altdorf/texts/en.toml", "")
    assert [line.partition(":")[2].split(":")[0:3:2] for line in folder.problems()] == [
        ["1", " unknown plugin `wast` (did you mean `waste`?); expected one of news, waste"],
        ["2", " unknown key `kreiss` (did you mean `kreis`?); expected one of " + CITY_KEYS],
        ["6", ' "türk" has the wrong form; expected BCP 47 tag such as de or en-GB'],
        ["11", ' "big" is text; expected a number above 0'],
    ]


def test_a_layer_of_a_land_may_order_modules_that_this_instance_has_not(folder: Any) -> None:
    folder.write("_shared/05/city.toml", 'land = "NRW"\nmodule_order = ["warnings", "waste"]\n')
    assert folder.problems() == []
    folder.write("altdorf/city.toml", 'module_order = ["warnings", "wast"]\n' + folder.text("altdorf", 1))
    assert [line.partition(" (")[0] for line in folder.problems()] == [
        "altdorf/city.toml:1:29 module_order[1]: unknown plugin `wast`"
    ]


def test_the_second_of_two_sources_with_one_id_is_the_one_that_is_named(folder: Any) -> None:
    source = '[[sources]]\nid = "a"\nkind = "csv"\nfile = "data/{}.csv"\n'
    folder.write("altdorf/data/one.csv", "x")
    folder.write("altdorf/plugins/waste.toml", source.format("one") + source.format("two"))
    assert [line.partition(";")[0] for line in folder.problems()] == [
        'altdorf/plugins/waste.toml:6:1 sources[1].id: "a" is the id of another source too',
        'altdorf/plugins/waste.toml:8:1 sources[1].file: the file "data/two.csv" does not exist',
    ]


def test_an_environment_variable_is_named_by_its_name(folder: Any) -> None:
    folder.write("altdorf/plugins/waste.toml", "")
    variables = {
        "ALLMENDE_CITY__ALTDORF__WASTE__REMINDER_HOUR": "late",
        "ALLMENDE_CITY__ALTDORF__CITY__AREA__KM3": "1",
    }
    assert [line.partition(";")[0] for line in folder.problems(environ=variables)] == [
        "environment:1:1 ALLMENDE_CITY__ALTDORF__CITY__AREA__KM3: unknown key `km3` (did you mean `km2`?)",
        'environment:1:1 ALLMENDE_CITY__ALTDORF__WASTE__REMINDER_HOUR: "late" is text',
    ]


def test_what_lies_in_shared_and_is_read_for_nobody_is_named(folder: Any) -> None:
    folder.write("_shared/05/city.toml", 'land = "NRW"\n')
    folder.write("_shared/05/README.md", "")
    folder.write("_shared/05/texts/de.toml", "")
    folder.write("_shared/nrw/city.toml", "")
    assert [line.partition(";")[0] for line in folder.problems()] == [
        "_shared/05/texts:1:1: unknown name `texts`",
        "_shared/nrw:1:1: unknown name `nrw`",
    ]
    assert folder.load().by_slug["altdorf"].land == "NRW"
    assert folder.load().reload().kept == frozenset(), "it stops nobody's changes"


def test_wording_for_a_text_that_there_is_not_is_named(folder: Any) -> None:
    folder.write(
        "altdorf/texts/de.toml",
        '[waste]\ntitel = "x"\ntitle = "y"\npreview.stret = "z"\nstate.new = "a"\nprview.none = "b"\n',
    )
    texts = {"waste": {"title", "preview.street", "preview.none", "state.old"}}
    cities = load_cities(folder.path, CONFIGS, environ={}, secrets=SECRETS, texts=texts)
    assert [(p.line, p.key, p.message) for p in cities.all_problems()] == [
        (2, "waste.titel", "unknown text `titel` (did you mean `title`?)"),
        (4, "waste.preview.stret", "unknown text `preview.stret` (did you mean `preview.street`?)"),
        (6, "waste.prview.none", "unknown text `prview.none` (did you mean `preview.none`?)"),
    ]
    assert "altdorf" in cities.by_slug


@pytest.mark.parametrize("text", ['{"type": "FeatureColl', '{"type": "Point"}', "[]", "\xff"])
def test_an_outline_that_is_no_area_is_named(folder: Any, text: str) -> None:
    folder.write("altdorf/data/outline.geojson", text.encode("latin-1"))
    city = folder.text("altdorf", 1).replace("lat = 51.9", 'outline = "data/outline.geojson"\nlat = 51.9')
    folder.write("altdorf/city.toml", city)
    (problem,) = folder.problems()
    assert problem.startswith('altdorf/city.toml:8:1 area.outline: "data/outline.geojson" holds no area: ')
    folder.write("altdorf/data/outline.geojson", '{"type": "Polygon", "coordinates": []}')
    assert folder.problems() == []
