"""What goes in as a photo comes out as nothing but its pixels; what only looks like one does not come in."""

from __future__ import annotations

import io
import tracemalloc

import pytest
from allmende.errors import InputError
from allmende.files.pictures import SIZES, read_picture
from PIL import Image, ImageCms

from .photos import SVG, bomb, photo, with_archive


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_place_and_camera_are_gone_from_every_size(kind: str) -> None:
    raw = photo(3000, 2000, kind)
    assert b"SecretCameraMaker" in raw
    picture = read_picture(raw)
    assert list(picture.sizes) == list(SIZES)
    for name, content in picture.sizes.items():
        image = opened(content)
        assert (image.format, image.mode, max(image.size)) == ("JPEG", "RGB", SIZES[name])
        assert (dict(image.getexif()), b"SecretCameraMaker" in content, b"Exif" in content) == ({}, False, False)


def test_a_small_picture_is_not_made_larger() -> None:
    picture = read_picture(photo(320, 240))
    assert (picture.width, picture.height) == (320, 240)
    assert {opened(content).size for content in picture.sizes.values()} == {(320, 240)}


def test_a_photo_is_turned_as_it_was_held() -> None:
    picture = read_picture(photo(800, 600, orientation=6))  # its left half is shown at the top
    image = opened(picture.sizes["full"])
    assert image.size == (600, 800)
    top, bottom = image.getpixel((300, 50)), image.getpixel((300, 750))
    assert (top[0] > 200 > top[2], bottom[2] > 200 > bottom[0]) == (True, True)  # type: ignore[index]


def test_what_is_transparent_becomes_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(out, "PNG")
    image = opened(read_picture(out.getvalue()).sizes["full"])
    assert min(image.getpixel((25, 25))) > 250  # type: ignore[type-var]


def test_a_broken_colour_profile_does_no_harm() -> None:
    out = io.BytesIO()
    Image.new("RGB", (50, 50), "red").save(out, "JPEG", icc_profile=b"no profile at all")
    assert read_picture(out.getvalue()).width == 50
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    out = io.BytesIO()
    Image.new("RGB", (50, 50), "red").save(out, "JPEG", icc_profile=profile)
    assert opened(read_picture(out.getvalue()).sizes["full"]).info.get("icc_profile") is None


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        pytest.param(b"", "FILE_TYPE", id="empty"),
        pytest.param(b"hello", "FILE_TYPE", id="text"),
        pytest.param(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), "FILE_HEIC", id="heic"),
        pytest.param(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(200), "FILE_HEIC", id="heic by its general brand"),
        pytest.param(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(200), "FILE_TYPE", id="a film"),
        pytest.param(SVG, "FILE_POLYGLOT", id="svg with a script"),
        pytest.param(b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)", "FILE_TYPE", id="gif that is javascript"),
        pytest.param(b"%PDF-1.7\n" + photo(), "FILE_POLYGLOT", id="pdf before a jpeg"),
        pytest.param(photo() + b"<script>alert(1)</script>", "FILE_POLYGLOT", id="html after a jpeg"),
        pytest.param(photo(comment="<?PHP system('id')"), "FILE_POLYGLOT", id="php in the exif"),
        pytest.param(with_archive(photo()), "FILE_POLYGLOT", id="zip after a jpeg"),
        pytest.param(with_archive(photo(kind="PNG")), "FILE_POLYGLOT", id="zip after a png"),
        pytest.param(photo()[:5_000], "FILE_BROKEN", id="half a jpeg"),
        pytest.param(photo(kind="PNG")[:900], "FILE_BROKEN", id="half a png"),
        pytest.param(bomb(), "FILE_PIXELS", id="bomb"),
        pytest.param(bomb(8_000, 8_000), "FILE_PIXELS", id="small bomb"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_code(raw: bytes, code: str) -> None:
    with pytest.raises(InputError) as refused:
        read_picture(raw)
    assert refused.value.code == code


def test_a_bomb_is_refused_before_it_needs_memory() -> None:
    raw = bomb()
    tracemalloc.start()
    with pytest.raises(InputError):
        read_picture(raw)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5_000_000
