"""Pictures as phones, jokers and attackers send them, made here."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from PIL import Image

GPS = 0x8825


def photo(width: int = 800, height: int = 600, kind: str = "JPEG", *, orientation: int = 1, comment: str = "") -> bytes:
    """A photo with the place and the camera in its EXIF: the left half red, the right half blue."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("blue", (width // 2, 0, width, height))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SecretCameraMaker"
    if comment:
        exif[0x010E] = comment
    exif.get_ifd(GPS).update({1: "N", 2: (51.0, 57.0, 46.0), 3: "E", 4: (7.0, 37.0, 44.0)})
    out = io.BytesIO()
    image.save(out, kind, exif=exif, quality=90)
    return out.getvalue()


def bomb(width: int = 50_000, height: int = 50_000) -> bytes:
    """A PNG of a few kilobytes with 2.5 billion pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + chunk(b"IEND", b"")


def with_archive(content: bytes) -> bytes:
    """A picture that is a ZIP archive, too."""
    out = io.BytesIO(content)
    out.seek(0, io.SEEK_END)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("payload.js", "alert(1)")
    return out.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
