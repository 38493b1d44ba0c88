"""A device gets its identity by the API; whoever asks for very many of them is told to wait."""

from __future__ import annotations

from typing import Any

from allmende.accounts import attempts
from allmende.accounts.tables import Account, Attempt
from allmende.db.engine import Database
from allmende.graphql.execute import Operation
from allmende.testing import NOON
from sqlalchemy import func, select

from ..graphql.gazette import make_engine

REGISTER = 'mutation { accountRegisterDevice(input: { city: "oben" }) { token } }'


async def test_so_many_devices_for_one_address_and_the_machine_itself_is_not_counted(database: Database) -> None:
    engine = make_engine(database)
    charged: list[int] = []

    async def register(client: str, *, counted: bool = True) -> Any:
        charge = charged.append if counted else None
        body = (await engine.execute(Operation(query=REGISTER, client=client, charge=charge))).body
        return [error["extensions"]["code"] for error in body.get("errors", ())]

    accounts, most = engine.services.accounts, attempts.of_devices("").free
    async with database.transaction("oben") as session:
        key = attempts._hash(accounts, attempts.of_devices("192.0.2.1"))
        session.add(Attempt(key=key, failures=most - 1, last=NOON, until=NOON))
    assert [await register("192.0.2.1") for _ in range(2)] == [[], ["RATE_LIMITED"]]
    assert [await register("192.0.2.2"), await register("local", counted=False)] == [[], []]
    async with database.session("oben") as session:
        assert (await session.execute(select(func.count()).select_from(Account))).scalar_one() == 3
        kept = str((await session.scalars(select(Attempt.key))).all())
    assert "192.0.2" not in kept, "addresses are not kept"
