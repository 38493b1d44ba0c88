"""E-mail: plain text, with a link by which one click ends it (RFC 2369, RFC 8058)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib
from msgspec import Struct

from allmende.city.model import City
from allmende.notify.channels.channel import SENT, Note, Outcome, Target
from allmende.notify.words import word

CONFIRM = "core.confirm"
"""Topic of the mail that asks whether an address may be written to."""
Dial = Callable[[str, int], Awaitable[socket.socket]]
"""Opens a connection to a mail server, if it is one that may be reached."""


class Server(Struct, frozen=True, kw_only=True):
    """The city's mail server, with the password itself."""

    host: str
    port: int
    security: str
    username: str
    password: str
    sender: str
    site: str
    """https address under which citizens reach this instance; without a slash at the end."""


class Email:
    """One connection for as long as the channel lives, one mail at a time on it."""

    def __init__(self, server: Server, city: City, dial: Dial, seconds: float = 30.0) -> None:
        self._server, self._city, self._dial, self._seconds = server, city, dial, seconds
        self._smtp: aiosmtplib.SMTP | None = None
        self._lock = asyncio.Lock()

    def service(self, target: Target) -> str:
        return "email"

    async def send(self, note: Note, target: Target) -> Outcome:
        try:
            mail = compose(note, target, self._city, self._server)
        except ValueError as error:  # an address that is none, which none of our checks has seen
            return Outcome(kind="gone", reason=f"no address: {error}"[:200])
        async with self._lock:
            try:
                async with asyncio.timeout(self._seconds):
                    await (await self._connected()).send_message(mail)
            except aiosmtplib.SMTPRecipientsRefused as error:
                code = error.recipients[0].code if error.recipients else 550
                return Outcome(kind="gone" if code >= 500 else "again", reason=f"{code} the recipient was refused")
            except aiosmtplib.SMTPResponseException as error:
                lasting = error.code >= 500 and error.code != 535  # a wrong password is ours to mend
                return Outcome(kind="refused" if lasting else "again", reason=f"{error.code} {error.message}"[:200])
            except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
                self._smtp = None
                return Outcome(kind="again", reason=f"{type(error).__name__}: {error}"[:200], down=True)
            except Exception as error:  # the egress guard
                self._smtp = None
                return Outcome(kind="again", reason=f"{type(error).__name__}: {error}"[:200], down=True)
        return SENT

    async def close(self) -> None:
        if self._smtp is not None and self._smtp.is_connected:
            self._smtp.close()
        self._smtp = None

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._smtp is None or not self._smtp.is_connected:
            server = self._server
            smtp = aiosmtplib.SMTP(
                hostname=server.host,
                sock=await self._dial(server.host, server.port),
                use_tls=server.security == "tls",
                start_tls=server.security == "starttls",
                username=server.username or None,
                password=server.password or None,
                timeout=self._seconds,
            )
            await smtp.connect()
            self._smtp = smtp
        return self._smtp


def compose(note: Note, target: Target, city: City, server: Server) -> EmailMessage:
    """The mail. ValueError where the address cannot stand in a header."""
    here = f"{server.site}/{city.slug}/notify"
    confirm, out = f"{here}/confirm/{target.ticket}", f"{here}/out/{target.ticket}"
    mail = EmailMessage()
    mail["Subject"] = " ".join(note.title.split())
    mail["From"] = Address(city.name, addr_spec=server.sender)
    mail["To"] = Address(addr_spec=target.address)
    mail["Date"] = format_datetime(note.sent)
    mail["Message-ID"] = f"<{note.id}.{target.id}@{server.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    if note.urgent:
        mail["Importance"] = "high"
    if note.topic == CONFIRM:
        parts = [note.body, confirm, word(note.language, "confirm.ignore")]
    else:
        mail["List-Unsubscribe"] = f"<{out}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        link = note.link if note.link.startswith("https://") else f"{server.site}/{city.slug}"
        footer = (
            f"-- \n{word(note.language, 'mail.footer', city=city.name)}\n{word(note.language, 'mail.opt_out')} {out}"
        )
        parts = [note.body, f"{word(note.language, 'mail.read_on')} {link}", footer]
    mail.set_content("\n\n".join(part for part in parts if part) + "\n")
    return mail
