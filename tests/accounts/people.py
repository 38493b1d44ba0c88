"""Two fictional cities with accounts on a real database, and a clock that the test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from allmende.accounts.service import Accounts
from allmende.accounts.staff import OPERATOR, add_staff, set_password
from allmende.city.model import City, Login
from allmende.db.engine import Database
from allmende.plugin import Permission
from allmende.sealing import Sealer
from allmende.testing import NOON, make_city

HERE, THERE = "aue", "bek"
KEY = "a key for tests, which is long enough"
PASSWORD = "Kastanienallee 12"
REPORTS = (
    Permission(name="triage", title="Meldungen sichten", roles=("case_worker",)),
    Permission(name="publish", title="Meldungen zeigen", roles=("publisher",)),
)


@dataclass
class World:
    """`world.accounts` is what the functions of the room take; `world.wait(hours=1)` moves the clock."""

    database: Database
    now: datetime = NOON
    logins: dict[str, Login] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.accounts = Accounts(
            database=self.database,
            sealer=Sealer([KEY]),
            cities=self.cities,
            plugins=lambda: {"reports": REPORTS},
            clock=lambda: self.now,
        )

    def cities(self) -> dict[str, City]:
        return {slug: make_city(slug, login=self.logins.get(slug, Login())) for slug in (HERE, THERE)}

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    async def staff(
        self, *roles: tuple[str, str], city: str = HERE, email: str = "ada@aue.example", **more: Any
    ) -> str:
        """One of the staff with a password; the id."""
        id_ = await add_staff(self.accounts, city, email, "Ada", roles, by=OPERATOR)
        if more.get("password", True):
            await set_password(self.accounts, city, id_, PASSWORD, by=OPERATOR)
        return id_
