"""What a page changes for a listener, by the functions that the command uses."""

import html
import io
import json
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from myi_pipelines.operations.export import ExportFormat
from myi_pipelines.operations.forget import ImportUnderWay
from myi_pipelines.serving import actions
from myi_pipelines.serving.access.passwords import PasswordRefused, is_password, set_password
from myi_pipelines.serving.access.permissions import Sharing, sharing_of
from myi_pipelines.serving.access.sessions import Method, begin_session, viewer_of_session
from myi_pipelines.serving.access.viewers import OPERATOR
from myi_pipelines.serving.actions import Shown
from myi_pipelines.serving.context import Context
from myi_pipelines.serving.process import assembled
from myi_pipelines.warehouse import users
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines_tests.support.web import serving, web_context


class NoRuns:
    """Dagster has never run anything."""

    def unfinished(self, user: str) -> Sequence[str]:
        return ()

    def naming(self, user: str) -> Sequence[str]:
        return ()

    def remove_naming(self, user: str) -> None:
        pass


class BusyRuns(NoRuns):
    """A run imports for everybody."""

    def unfinished(self, user: str) -> Sequence[str]:
        return ["run"]


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written for a moment lies here."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def context(database_url: str, tmp_path: Path) -> Iterator[Context]:
    context = web_context(database_url, tmp_path, uploads=tmp_path / "uploads")
    context.open()
    yield replace(context, runs=lambda settings: NoRuns())
    context.close()


def test_settings(context: Context, conn: Connection) -> None:
    anna = users.known_or_new_user(conn, "anna")
    actions.change_timezone(context, anna, "Pacific/Apia")
    with pytest.raises(users.UnknownTimezone):
        actions.change_timezone(context, anna, "Mars/Olympus")
    actions.change_preferences(context, anna, {"week_starts_on": 6, "session_gap_minutes": 45})
    actions.change_incognito(context, anna, hide=True)
    for impossible in ({"week_starts_on": 7}, {"session_gap_minutes": 0}, {"timezone": 1}, {}):
        with pytest.raises(users.InvalidPreference):
            actions.change_preferences(context, anna, impossible)
    columns = "timezone, week_starts_on, session_gap_minutes, hide_incognito"
    assert conn.execute(f"SELECT {columns} FROM user_settings".encode()).fetchone() == ("Pacific/Apia", 6, 45, True)
    shared = Sharing(is_public_profile=True, share_top_artists=True, allows_comparison=True)
    actions.change_sharing(context, anna, shared)
    assert sharing_of(conn, anna.id) == shared


def test_a_password_is_changed_by_whoever_knows_it_and_ends_other_sessions(context: Context, conn: Connection) -> None:
    anna = users.known_or_new_user(conn, "anna")
    mine, other = (begin_session(conn, anna.id, Method.LINK, device) for device in ("mine", "other"))
    viewer = viewer_of_session(conn, mine)
    assert viewer is not None
    nothing, wrong, right = (Shown(viewer, text) for text in ("", "wrong", "four plain words here"))
    assert actions.change_password(context, nothing, anna.id, "four plain words here") == 1
    assert viewer_of_session(conn, other) is None
    assert viewer_of_session(conn, mine) == viewer
    for shown in (nothing, wrong):
        with pytest.raises(actions.WrongPassword):
            actions.change_password(context, shown, anna.id, "five plain words are here")
        with pytest.raises(actions.WrongPassword):
            actions.remove_password(context, shown, anna.id)
    with pytest.raises(PasswordRefused):
        actions.change_password(context, right, anna.id, "short")
    actions.change_password(context, Shown(OPERATOR), anna.id, "set by the operator")
    assert is_password(conn, anna.id, "set by the operator")
    other = begin_session(conn, anna.id, Method.PASSWORD, "other")
    assert actions.remove_password(context, Shown(viewer, "set by the operator"), anna.id) == 1
    assert viewer_of_session(conn, other) is None
    assert not actions.has_password(context, anna.id)
    actions.change_password(context, nothing, anna.id, "four plain words here")
    actions.remove_password(context, Shown(OPERATOR), anna.id)


def test_the_present_password_is_tried_as_often_as_at_signing_in(context: Context, conn: Connection) -> None:
    anna = users.known_or_new_user(conn, "anna")
    set_password(conn, anna.id, "four plain words here")
    secret = begin_session(conn, anna.id, Method.LINK, "a test")
    with serving(assembled(context)) as server:
        cookies = {f"myi_{server.port}": secret}

        def said(**form: str) -> str:
            sent = server.submit("/u/anna/settings/password", form, cookies)
            return html.unescape(server.get(sent.headers["location"], {**cookies, **sent.cookies}).text)

        assert "The password is removed" not in said(remove="yes")
        assert 'name="present"' in server.get("/u/anna/settings", cookies).text
        for number in range(4):
            assert "That is not your present password." in said(present=f"wrong {number}", password="x" * 20)
        assert "Too many tries. Wait 15 minutes" in said(present="four plain words here", remove="yes")
        assert server.submit("/sign-in", {"name": "anna", "password": "four plain words here"}).status == 429
        context.attempts.forget(anna.id, "127.0.0.1")
        assert "The password is removed." in said(present="four plain words here", remove="yes")


def test_tokens_and_sessions_are_listed_and_ended(context: Context, conn: Connection) -> None:
    anna, bob = users.known_or_new_user(conn, "anna"), users.known_or_new_user(conn, "bob")
    made = actions.make_token(context, anna.id, "widget", ["stats:read"])
    assert actions.list_tokens(context, anna.id)[0] == made.token
    assert not actions.revoke_token(context, bob.id, made.token.id)
    assert actions.revoke_token(context, anna.id, made.token.id)
    begin_session(conn, anna.id, Method.LINK, "Firefox")
    [session] = actions.list_sessions(context, anna.id)
    assert not actions.end_session(context, bob.id, session.id)
    assert actions.end_session(context, anna.id, session.id)
    assert not actions.unlink_spotify(context, anna)


def test_everything_is_exported_and_forgotten(context: Context, conn: Connection, tmp_path: Path) -> None:
    anna = users.known_or_new_user(conn, "anna")
    actions.make_token(context, anna.id, "widget", ["stats:read"])
    pieces = actions.exported(context, anna, ExportFormat.CSV)
    first = next(pieces)
    with zipfile.ZipFile(io.BytesIO(first + b"".join(pieces))) as archive:
        assert archive.testzip() is None
        account = json.loads(archive.read("account.json"))
        assert account["users"][0]["name"] == "anna"
        assert account["api_tokens"][0]["name"] == "widget"
        assert "secret_hash" not in account["api_tokens"][0]
        assert "plays.csv" in archive.namelist()
    assert list(Path(tempfile.gettempdir()).glob("myi-export-*")) == []
    for typed in ("", "Anna", "bob"):
        with pytest.raises(actions.NotMeant):
            actions.begin_forgetting(context, anna, typed)
    busy = replace(context, runs=lambda settings: BusyRuns())
    with pytest.raises(ImportUnderWay):
        actions.begin_forgetting(busy, anna, "anna")
    actions.begin_forgetting(context, anna, "anna").result(timeout=60)
    assert users.find_user(conn, "anna") is None
    assert conn.execute("SELECT count(*) FROM api_tokens").fetchone() == (0,)


def test_pages_export_and_forget_without_making_the_browser_wait(context: Context, conn: Connection) -> None:
    anna = users.known_or_new_user(conn, "anna")
    entered, may_go_on = Event(), Event()

    class SlowRuns(NoRuns):
        def remove_naming(self, user: str) -> None:
            entered.set()
            may_go_on.wait(60)

    secret = begin_session(conn, anna.id, Method.LINK, "a test")
    with serving(assembled(replace(context, runs=lambda settings: SlowRuns()))) as server:
        cookies = {f"myi_{server.port}": secret}
        downloaded = server.submit("/u/anna/settings/export", {"form": "parquet"}, cookies)
        assert downloaded.headers["content-disposition"] == 'attachment; filename="myi-export.zip"'
        assert "plays.parquet" in zipfile.ZipFile(io.BytesIO(downloaded.body)).namelist()
        refused = server.submit("/u/anna/settings/forget", {"typed": "bob"}, cookies)
        assert (refused.status, refused.headers["location"]) == (303, "/u/anna/settings")
        assert (
            "To remove everything, type the name" in server.get("/u/anna/settings", {**cookies, **refused.cookies}).text
        )
        request = urllib.request.Request(
            f"{server.url}/u/anna/settings/forget",
            b"typed=anna",
            {"Origin": server.url, "Cookie": f"myi_{server.port}={secret}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            begun = answer.read1().decode()
            assert "Everything of anna is being removed" in begun
            assert entered.wait(30)
            assert server.get("/healthz").status == 200
            may_go_on.set()
            assert "Nothing of yours is left here" in answer.read().decode()
    assert users.find_user(conn, "anna") is None
