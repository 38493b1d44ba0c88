"""What city admins do: modules off with a reason, people and their roles, tokens, the log."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

from allmende.accounts.staff import OPERATOR, add_staff
from allmende.notify.chores import forget_old
from allmende.notify.tables import Delivery, Endpoint, Outgoing
from allmende.notify.tally import GLANCE, tally
from allmende.testing import NOON, Town
from allmende.town import Town as Cities
from allmende.usage import UsageCount
from allmende.usage.keeping import keep_counts
from sqlalchemy import delete, insert, select, update

from tests.desk.conftest import Hire
from tests.desk.staff import words
from tests.desk.test_cases import CONFIG as REPORTS
from tests.desk.test_cases import file

NEWS = "modules { name status reason }"


async def test_module_that_is_switched_off_at_the_desk_is_off_everywhere_and_back_again(town: Town, hire: Hire) -> None:
    town.switch_on("news")
    staff, worker = hire("desk.settings", "desk.audit"), Cities(lambda before: town.instance.cities)

    async def look() -> tuple[bool, str, str | None]:
        """As each worker does when the board says that something was written."""
        await worker.look(town.instance.database)
        town.instance.cities = worker.cities
        module = next(m for m in (await town.ask(NEWS))["modules"] if m["name"] == "news")
        return town.city.config("news") is not None, module["status"], module["reason"]

    assert (await look())[:2] == (True, "ON")
    assert "nennen Sie den Grund" in await staff.done("modules/news/off", reason_de="")
    assert "In wenigen Sekunden" in await staff.done("modules/news/off", reason_de="Falsche Meldung, wir prüfen.")
    assert await look() == (False, "OFF", "Falsche Meldung, wir prüfen.")
    assert "Abgeschaltet: Falsche Meldung, wir prüfen." in await staff.text("modules")
    town.instance.reload()
    await staff.done("modules/news/on")
    assert (await look())[:2] == (True, "ON")
    seen = await staff.text("log", verify="1")
    assert "2 Einträge, unverändert" in seen
    assert "Probe Modul abgeschaltet module.off news reason: de: Falsche Meldung, wir prüfen." in seen


async def test_every_setting_says_in_which_file_and_line_it_is(town: Town, hire: Hire) -> None:
    town.switch_on("news", "keep_days = 100\n")
    seen = await hire("desk.settings").text("settings", of="news")
    assert re.search(r"news\.keep_days 100 \S*plugins/news\.toml:1", seen)
    assert "news.sources [] Vorgabe" in seen
    of_city = await hire("desk.settings").text("settings")
    assert re.search(r"area\.bbox\.south 51\.8 \S*city\.toml:\d+", of_city)
    assert "area {" not in of_city
    town.switch_on("news", '[[sources]]\nid = "rathaus"\nkind = "feed"\nurl = "https://rathaus.example/feed"\n')
    with_parts = await hire("desk.settings").text("settings", of="news")
    assert 'news.sources[0].id "rathaus"' in with_parts
    assert "news.sources [" not in with_parts
    assert "login.passwords true Vorgabe" in of_city
    assert of_city == await hire("desk.settings").text("settings", of="nonsense")


async def test_somebody_is_added_given_roles_and_shut_out(town: Town, hire: Hire) -> None:
    accounts = town.instance.services.accounts
    await add_staff(accounts, town.slug, "chefin@example.org", "Chefin", [("admin", "*")], by=OPERATOR)
    staff = hire("desk.users")
    new = {"name": "Neu", "email": "neu@example.org", "role": "editor", "scope": "news"}
    answer = await staff.post("users/new", **new)
    assert re.search(r"http://desk\.example/teststadt/desk/enter\?link=teststadt\.\S+", words(answer.text))
    assert (await staff.post("users/new", **new)).status_code == 422
    listed = await staff.get("users", q="neu@")
    assert "Redaktion (Aktuelles)" in words(listed.text)
    found = re.search(r'href="/teststadt/desk/(users/[0-9a-f]{32})"', listed.text)
    assert found
    assert "Sachbearbeitung Alles" in await staff.done(found[1], what="give", role="case_worker", scope="*")
    assert "Sachbearbeitung Alles" not in await staff.done(found[1], what="take", grant="case_worker *")
    assert "Gesperrt" in await staff.done(found[1], what="disable")
    assert (await hire("content.edit").get("users")).status_code == 403


async def test_token_is_shown_once_and_opens_nothing_when_removed(town: Town, hire: Hire) -> None:
    staff, accounts = hire("desk.users"), town.instance.services.accounts
    assert (await staff.post("tokens", name="Importer")).status_code == 422
    made = await staff.post("tokens", name="Importer", permissions="cases.read")
    token = re.search(r"teststadt\.[\w-]{43}", made.text)
    assert token
    assert (await accounts.reader(token[0])).permissions == {"cases.read"}
    page = (await staff.get("tokens")).text
    assert token[0] not in page
    gone = re.search(r'action="/teststadt/desk/(tokens/[0-9a-f]{32}/remove)"', page)
    assert gone
    assert "Noch keine Schlüssel" in await staff.done(gone[1])


def message(title: str, to: list[str] | None = None, **states: int) -> list[Any]:
    """The rows of a message of which so many deliveries are in each state."""
    id_ = uuid4().hex
    told = Outgoing(
        id=id_, topic="reports.mine" if to else "warnings.issued", key=id_, texts={"de": {"title": title}},
        urgency="normal", breaks_quiet=False, matches=[], to=to, state="spread", created=NOON, expires=NOON,
    )  # fmt: skip
    kept = [
        Delivery(message=id_, endpoint=uuid4().hex, state=state, rank=2, due=NOON, settled=NOON)
        for state, number in states.items()
        for _ in range(number)
    ]
    return [told, *kept]


async def test_delivery_of_notifications_is_counted_and_nobody_named(town: Town, hire: Hire) -> None:
    async with town.instance.database.transaction(town.slug) as session:
        session.add_all(message("Bombenfund", sent=7, waiting=1, failed=2, dropped=3))
        session.add_all(message("Antwort für Maria", to=["device1"], sent=1))
    staff = hire("desk.notify")
    seen = await staff.text("pushes")
    assert re.search(r"Bombenfund \S.* 7 1 2 3 ", seen)
    assert "Persönliche Mitteilung" in seen
    assert "Maria" not in seen
    assert (await hire("desk.users").get("pushes")).status_code == 403
    assert "Noch keine Mitteilung" in await hire("desk.notify", city=town.neighbour().slug).text("pushes")


async def test_page_of_deliveries_counts_no_more_for_a_large_city_and_numbers_outlive_the_rows(
    town: Town, hire: Hire
) -> None:
    database, staff = town.instance.database, hire("desk.notify")
    large = message("An alle")[0]
    rows = [
        {"message": large.id, "endpoint": f"{n:032}", "state": "waiting" if n < 5 else "sent", "rank": 2, "due": NOON,
         "settled": None if n < 5 else NOON}
        for n in range(GLANCE + 50)
    ]  # fmt: skip
    async with database.transaction(town.slug) as session:
        session.add_all([large, *message("An wenige", sent=3, failed=1), *message("An niemand")])
        await session.flush()
        await session.execute(insert(Delivery), rows)
        phones = {"owner": "x", "channel": "fcm", "address": "x", "language": "de", "confirmed": True, "created": NOON}
        await session.execute(
            insert(Endpoint),
            [{"id": f"{n}", "digest": f"{n}", "ticket": f"{n}", "keys": {}, **phones} for n in range(9)],
        )
    await keep_counts(database, town.city, town.now)
    with town.count() as statements:
        seen = await staff.text("pushes")
    assert len(statements) == 3
    assert not [one for one in statements if "notify_delivery" in one and "LIMIT" not in one]
    assert "Android 9" in seen
    assert f"unterwegs; gezählt sind die ersten {GLANCE}" in seen

    assert await tally(database, town.slug) == 2  # what nobody waits for any more
    async with database.transaction(town.slug) as session:
        await session.execute(update(Delivery).where(Delivery.state == "waiting").values(state="failed", settled=NOON))
    assert await tally(database, town.slug) == 1
    assert await tally(database, town.slug) == 0
    town.wait(days=15)
    await forget_old(database, town.slug, town.now)
    async with database.session(town.slug) as session:
        assert (await session.scalars(select(Delivery))).all() == []
    with town.count() as statements:
        seen = await staff.text("pushes")
    assert not [one for one in statements if "notify_delivery" in one]
    assert re.search(rf"An alle \S.* {GLANCE + 45:,} 0 5 0 ".replace(",", r"\."), seen), seen
    assert re.search(r"An wenige \S.* 3 0 1 0 ", seen)


def counted(*, fewer: int = 3) -> list[Any]:
    """Counts of ten days and their weeks."""
    numbers = [
        ("request", "", 1200), ("operation", "Home", 900), ("operation", "News", 250), ("operation", "other", 50),
        ("module", "news", 1100), ("module", "events", 300), ("module", "waste", 700), ("module", "places", fewer),
        ("release", "2.3.1", 1000), ("release", "2.2.0", 180), ("release", "", 18), ("release", "9.9.9", fewer),
        ("language", "de", 1100), ("language", "en", 97), ("language", "uk", fewer),
        ("report", "reports", 7), ("device", "fcm", 300), ("device", "webpush", fewer),
    ]  # fmt: skip
    today = NOON.date()
    return [
        UsageCount(span=span, begins=today - age * length, measure=measure, name=name, number=number + age)
        for span, length in (("day", timedelta(days=1)), ("week", timedelta(weeks=1)))
        for age in range(10)
        for measure, name, number in numbers
    ]


async def test_usage_is_shown_and_saved_as_a_file_without_what_is_rare(town: Town, hire: Hire) -> None:
    staff = hire("desk.usage")
    assert "Noch nichts gezählt" in await staff.text("usage")
    town.switch_on("reports", REPORTS)
    await file(town, "Die Laterne ist aus.")
    assert "Meldungen 23. Nov. 2026" not in (seen := await staff.text("usage"))
    assert "Mo., 23. Nov. 2026 0 weniger als 5 0" in seen
    async with town.instance.database.transaction(town.slug) as session:
        await session.execute(delete(UsageCount))
        session.add_all(counted(fewer=0))
    with town.count() as statements:
        seen = await staff.text("usage", by="week")
    assert len(statements) < 5
    assert re.search(r"Aktuelles 11\.045 Abfall\S* 7\.045 ", seen), seen
    assert "2.3.1 10.045" in seen
    assert "Mo., 23. Nov. 2026 1.200 7 300" in seen
    days = re.findall(r'class="bar" x="(\d+)"', (await staff.get("usage")).text.partition("report_day")[0])
    assert sorted({int(day) for day in days})[:1] == [80], "the last ten of ninety days stand at the right end"
    answer = await staff.get("usage/file", by="day")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''teststadt-usage-day.csv"
    lines = list(csv.reader(answer.text.splitlines()))
    assert lines[0] == ["begins", "span", "measure", "name", "number"]
    assert ["2026-11-23", "day", "operation", "Home", "900"] in lines
    assert ["2026-11-20", "day", "module", "places", "<5"] in lines
    assert [line for line in lines if "9.9.9" in line and line[0] > "2026-11-18"] == []
    assert (await hire("desk.settings").get("usage")).status_code == 403
    assert "Noch nichts gezählt" in await hire("desk.usage", city=town.neighbour().slug).text("usage")
