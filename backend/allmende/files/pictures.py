"""Pictures: believed only once they are decoded, and kept only as what the decoder saw.

Nothing of the upload itself is kept or served. What goes out is encoded anew from the pixels, so that neither EXIF
(with the place where it was taken, and the camera's serial number) nor anything that hides in a picture comes along.
Synchronous and slow: run it in a thread.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from struct import error as StructError
from typing import TYPE_CHECKING
from zipfile import is_zipfile
from zlib import error as ZlibError

from msgspec import Struct

from allmende.errors import InputError
from allmende.later import lazily

if TYPE_CHECKING:
    import PIL
    from PIL import Image, ImageCms, ImageOps
else:
    PIL, Image, ImageCms, ImageOps = map(lazily, ("PIL", "PIL.Image", "PIL.ImageCms", "PIL.ImageOps"))

FORMATS = ("JPEG", "PNG", "WEBP")
"""What phones and browsers send, if they are asked for it; see docs/adr/0073."""
MAX_PIXELS = 60_000_000
"""Of one picture; a telephone of today makes 50 million at most unless it is told to make more."""
SIZES = {"full": 2048, "medium": 1024, "small": 400}
"""Name → longest edge in pixels; nothing is made larger than it was."""
QUALITY = 82
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
"""Brands of an ISO base media file (ISO/IEC 23008-12) that is a photo of an iPhone, as it lies on the phone."""
_SIGNS = (b"<script", b"<?php", b"<html", b"<svg ", b"<!doctype")
_FAULTS = (OSError, SyntaxError, ValueError, ZlibError, StructError, EOFError, IndexError, OverflowError, MemoryError)


class Picture(Struct, frozen=True):
    """What is kept: JPEG (sRGB, upright, without metadata) in each size."""

    width: int
    height: int
    """Pixels of the largest size."""
    sizes: dict[str, bytes]


def read_picture(raw: bytes) -> Picture:
    """Decode, turn upright, make smaller, encode anew.

    InputError: FILE_HEIC for an iPhone's own format, FILE_TYPE for all else that is none of the FORMATS, FILE_POLYGLOT
    for one that is something else as well, FILE_PIXELS for too many pixels (looked at before they are decoded),
    FILE_BROKEN for what cannot be decoded.
    """
    _one_thing_only(raw)
    if raw[4:8] == b"ftyp" and raw[8:12] in _HEIC:
        raise InputError(
            f"the picture is in Apple's format HEIC; let the phone send JPEG: {_wanted()}", code="FILE_HEIC"
        )
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(BytesIO(raw), formats=FORMATS) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise Image.DecompressionBombError
                return _encode(_decode(opened))
        except PIL.UnidentifiedImageError as error:
            raise InputError(f"the file is no picture; {_wanted()}", code="FILE_TYPE") from error
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            message = f"the picture has more than {MAX_PIXELS // 1_000_000} million pixels; make it smaller"
            raise InputError(message, code="FILE_PIXELS") from error
        except _FAULTS as error:
            raise InputError("the picture is damaged or incomplete; send it again", code="FILE_BROKEN") from error


def _one_thing_only(raw: bytes) -> None:
    """A picture that a browser, an archiver or a reader of documents would take for something else is no accident."""
    low = raw.lower()
    if any(sign in low for sign in _SIGNS) or b"%PDF-" in raw[:1024] or is_zipfile(BytesIO(raw)):
        raise InputError(f"the file is more than a picture; {_wanted()}", code="FILE_POLYGLOT")


def _decode(opened: Image.Image) -> Image.Image:
    """The first frame, upright, in sRGB, on white where it is transparent, no larger than the largest size."""
    largest = max(SIZES.values())
    opened.draft("RGB", (largest, largest))  # a JPEG is decoded at a fraction of its size already
    profile = opened.info.get("icc_profile")
    upright = ImageOps.exif_transpose(opened)
    upright.thumbnail((largest, largest), Image.Resampling.LANCZOS)
    if upright.has_transparency_data:
        rgba = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    if profile and upright.mode in ("RGB", "CMYK", "L"):
        upright = _to_srgb(upright, profile)
    return upright.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The colours as they were meant; as they are, where the profile makes no sense."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        made = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return made or image


def _encode(image: Image.Image) -> Picture:
    sizes: dict[str, bytes] = {}
    plain = Image.new("RGB", image.size)  # a new picture has nothing of the old one but its pixels
    plain.paste(image)
    for name, edge in SIZES.items():
        part = plain.copy()
        part.thumbnail((edge, edge), Image.Resampling.LANCZOS)
        out = BytesIO()
        part.save(out, "JPEG", quality=QUALITY, optimize=True, progressive=True)
        sizes[name] = out.getvalue()
    return Picture(plain.width, plain.height, sizes)


def _wanted() -> str:
    return f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]} is needed"
