"""The official register is read to the last of its 10,952 municipalities, and a new city's folder is sound at once."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from allmende.city.model import Slug
from allmende.city.new import estimated_box, slug_of, write_city
from allmende.city.register import Municipality, find, read_coordinates, read_register
from allmende.city.walk import walk
from allmende.errors import InputError
from hypothesis import given
from hypothesis import strategies as st

DATA = Path(__file__).parents[2] / "../shared/data/municipalities"
REGISTER = DATA / "GV100AD_31082025.txt"
COORDINATES = DATA / "AuszugGV4QAktuell_koordinaten.csv"
needs_data = pytest.mark.skipif(not REGISTER.exists(), reason="needs ../shared/data/municipalities")


def record(kind: str, key: str, name: str, rest: str = "") -> str:
    return (f"{kind}20250831{key:<12}{name:<50}" + " " * 50 + rest).ljust(220) + "\n"


SMALL = "\ufeff" + "".join(
    [
        record("10", "05", "Nordrhein-Westfalen"),
        record("40", "05570", "Warendorf"),
        record(
            "60",
            "055700080008",
            "Beckum, Stadt",
            "63    " + "00000011146" + "00000037133" + "00000018407" + "    59269",
        ),
        record(
            "60",
            "055700120012",
            "Drensteinfurt, Stadt",
            "63    " + "00000010646" + "00000015762" + "00000007800" + "    48317",
        ),
    ]
)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "GV100AD.txt"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_register_gives_keys_names_area_and_population(small: Path) -> None:
    assert read_register(small)[0] == Municipality(
        ags="05570008",
        ars="055700008008",
        name="Beckum",
        official_name="Stadt Beckum",
        land="Nordrhein-Westfalen",
        kreis="Warendorf",
        km2=111.46,
        population=37133,
        postal_code="59269",
        as_of=date(2025, 8, 31),
    )


def test_register_names_the_line_of_a_broken_record(small: Path) -> None:
    small.write_text(SMALL.replace("00000015762", "0000001576x"), encoding="utf-8")
    with pytest.raises(InputError, match=r"GV100AD.txt:4: not a municipality's record"):
        read_register(small)
    small.write_text("name;key\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"GV100AD.txt:1: unknown record type 'na'"):
        read_register(small)


@given(st.text(max_size=300))
def test_register_never_fails_without_saying_where(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "register.txt"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError):
            read_register(path)


@needs_data
def test_register_of_2025_is_read_as_a_whole() -> None:
    """Counted with cut and uniq on the file itself: 10,952 records of type 60."""
    municipalities = read_register(REGISTER)
    assert len(municipalities) == 10_952
    assert len({m.ars for m in municipalities}) == 10_952
    by_ags = {m.ags: m for m in municipalities}
    dortmund = by_ags["05913000"]
    assert (dortmund.ars, dortmund.name, dortmund.km2, dortmund.population) == (
        "059130000000",
        "Dortmund",
        280.71,
        603_462,
    )
    rheda = by_ags["05754028"]
    assert (rheda.ars, rheda.kreis, rheda.postal_code) == ("057540028028", "Gütersloh", "33378")
    assert by_ags["01002000"].official_name == "Landeshauptstadt Kiel"
    assert by_ags["05158004"].official_name == "Stadt Erkrath", "the register adds `Fundort des Neanderthalers`"


@needs_data
def test_the_example_cities_say_what_the_register_says() -> None:
    import tomllib

    by_ars = {m.ars: m for m in read_register(REGISTER)}
    cities = [tomllib.loads(p.read_text()) for p in (Path(__file__).parents[2] / "cities").glob("[!_]*/city.toml")]
    real = [c for c in cities if not c.get("fictional")]
    assert len(real) == 5
    for city in real:
        m = by_ars[city["ars"]]
        stated = (
            city["ags"],
            city["name"],
            city["official_name"],
            city["kreis"],
            city["area"]["km2"],
            city["area"]["population"],
        )
        assert stated == (m.ags, m.name, m.official_name, m.kreis, m.km2, m.population)
        assert city["contact"]["postal_code"] == m.postal_code


@needs_data
def test_coordinates_are_read_for_nearly_all() -> None:
    coordinates = read_coordinates(COORDINATES)
    assert coordinates["05570008"] == (51.75574, 8.042672)
    assert len(coordinates) > 10_500


@needs_data
def test_muenster_lies_inside_its_box() -> None:
    """Every corner of the official district polygons."""
    import json
    import tomllib

    districts = json.loads((DATA.parent / "areas/muenster_stadtbezirke.geojson").read_text())
    box = tomllib.loads((Path(__file__).parents[2] / "cities/muenster/city.toml").read_text())["area"]["bbox"]

    def corners(value: Any) -> Any:
        if isinstance(value[0], (int, float)):
            yield value
        else:
            for part in value:
                yield from corners(part)

    points = [point for feature in districts["features"] for point in corners(feature["geometry"]["coordinates"])]
    assert len(points) > 1000
    outside = [p for p in points if not (box["west"] <= p[0] <= box["east"] and box["south"] <= p[1] <= box["north"])]
    assert outside == []


@needs_data
def test_find_lists_candidates_where_a_name_is_not_enough() -> None:
    municipalities = read_register(REGISTER)
    assert find(municipalities, "beckum").ags == "05570008"
    assert find(municipalities, "055700008008").name == "Beckum"
    with pytest.raises(InputError, match=r"several municipalities are named 'Buchholz'"):
        find(municipalities, "Buchholz")
    with pytest.raises(InputError, match=r"055700008008  Stadt Beckum \(Warendorf, Nordrhein-Westfalen\)"):
        find(municipalities, "Bekcum")
    with pytest.raises(InputError, match="no municipality has the key 05570999"):
        find(municipalities, "05570999")


def test_a_new_folder_passes_the_check_when_coordinates_were_given(folder: Any, small: Path) -> None:
    folder.write("_shared/05/city.toml", 'land = "Nordrhein-Westfalen"\nsubdivision = "DE-NW"\n')
    write_city(
        folder.path,
        read_register(small)[0],
        slug="beckum",
        position=(51.7557, 8.0409),
        defaults={"land": "Nordrhein-Westfalen", "subdivision": "DE-NW"},
        plugins=["news", "waste"],
    )
    assert folder.problems() == []
    beckum = folder.load().by_slug["beckum"]
    assert (beckum.official_name, beckum.land, list(beckum.plugins)) == (
        "Stadt Beckum",
        "Nordrhein-Westfalen",
        ["news", "waste"],
    )
    assert "land =" not in (folder.path / "beckum/city.toml").read_text()


def test_a_new_folder_without_coordinates_says_what_is_missing(folder: Any, small: Path) -> None:
    write_city(folder.path, read_register(small)[0], slug="beckum", position=None, defaults={}, plugins=[])
    assert [line.partition(" ")[2] for line in folder.problems()] == [
        "area.bbox: is missing; expected a table",
        "area.lat: is missing; expected a number from -90 to 90",
        "area.lon: is missing; expected a number from -180 to 180",
    ]


def test_a_folder_that_exists_is_not_overwritten(folder: Any, small: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        write_city(folder.path, read_register(small)[0], slug="altdorf", position=None, defaults={}, plugins=[])


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Rheda-Wiedenbrück", "rheda-wiedenbrueck"),
        ("Cottbus/Chóśebuz", "cottbus-chosebuz"),
        ("Weißenfels", "weissenfels"),
    ],
)
def test_slug_of_a_name(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@needs_data
def test_every_name_of_the_register_makes_a_slug() -> None:
    assert [m.name for m in read_register(REGISTER) if walk(slug_of(m.name), Slug)] == []


@given(st.floats(47, 55), st.floats(6, 15), st.floats(0.5, 900))
def test_the_estimated_box_holds_the_centre_and_more_than_the_area(lat: float, lon: float, km2: float) -> None:
    box = estimated_box(lat, lon, km2)
    assert box.contains(lat, lon)
    assert (box.north - box.south) * 111.195 == pytest.approx(1.6 * km2**0.5, rel=0.01)
