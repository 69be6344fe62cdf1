"""What every route of the API does: who is let in, what is said when something is wrong, what is not sent again."""

from __future__ import annotations

import http.client
import json
from contextlib import closing

from myi_pipelines_tests.integration.serving.api.conftest import Api


def test_who_asks_is_told(api: Api) -> None:
    assert api.data("/me") == {"kind": "operator", "listener": None, "rights": []}
    assert api.data("/me", "token 1 stats:read") == {"kind": "token", "listener": "user-1", "rights": ["stats:read"]}
    assert api.data("/me", "stranger")["kind"] == "stranger"


def test_the_operator_pages_through_all_listeners_and_a_listener_sees_one(api: Api) -> None:
    first = api.get("/users?limit=3")
    assert len(first.json["data"]) == 3
    path = first.headers["link"].partition("<")[2].partition(">")[0]
    names = [one["name"] for one in first.json["data"]]
    while True:
        answer = api.get(path.removeprefix("/api/v1"))
        names += [one["name"] for one in answer.json["data"]]
        if (cursor := answer.json["page"]["next"]) is None:
            break
        path = f"/api/v1/users?limit=3&after={cursor}"
    assert names == sorted(f"user-{number}" for number in range(1, 9))
    [fourth] = [one for one in api.data("/users") if one["name"] == "user-4"]
    assert api.data("/users", "listener 4") == [fourth]
    assert api.problem("/users", 401, "stranger")["title"] == "Not signed in"


def test_what_is_private_is_not_there(api: Api) -> None:
    for viewer in ("stranger", "listener 2", "token 2 stats:read"):
        private = api.problem("{u}", 404, viewer)
        assert private == api.problem("/users/nobody", 404, viewer)
    assert api.data("{u}", "listener 1")["name"] == "user-1"
    assert api.problem("{u}/settings", 404, "token 1 stats:read")
    assert api.data("{u}/settings", "listener 1")["session_gap_minutes"] == 30


def test_answers_say_as_of_when_they_are(api: Api) -> None:
    answer = api.get("{u}").json
    assert answer["meta"]["listener"] == "user-1"
    assert answer["meta"]["deriving"] is None
    assert "MANAGE" in answer["data"]["shown"]
    assert api.data("{u}/freshness")["user_months"] == 0


def test_what_has_not_changed_is_not_sent_again(api: Api) -> None:
    first = api.get("{u}")
    again = api.get("{u}", If_None_Match=first.headers["etag"])
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert api.get("{u}", "listener 1", If_None_Match=first.headers["etag"]).status == 200
    assert api.get("{u}", "stranger", If_None_Match=first.headers["etag"]).status == 404


def test_problems_are_told_in_a_sentence(api: Api) -> None:
    assert api.problem("/nothing", 404)["type"].startswith("/api/v1/docs#")
    assert "limit" in api.problem("/users?limit=0", 400)["detail"]
    assert "cursor" in api.problem("/users?after=nonsense", 400)["detail"]
    assert api.problem("/users/a%00b", 400)["detail"].startswith("name: ")
    posted = api.server.ask("POST", "/api/v1/me", {"Content-Type": "application/json"}, "{}")
    assert posted.status == 405
    assert json.loads(posted.body)["title"] == "Method not allowed"


def test_a_head_is_a_get_without_its_body(api: Api) -> None:
    asked = {"X-Viewer": "operator"}
    whole = api.server.ask("GET", "/api/v1/users/user-1", asked)
    head = api.server.ask("HEAD", "/api/v1/users/user-1", asked)
    assert (head.status, head.body, head.headers["etag"]) == (200, b"", whole.headers["etag"])
    assert head.headers["content-length"] == str(len(whole.body))
    assert api.server.ask("HEAD", "/api/v1/users/nobody", asked).status == 404
    with closing(http.client.HTTPConnection("127.0.0.1", api.server.port, timeout=10)) as kept:
        kept.auto_open = False
        kept.connect()
        for method in ("HEAD", "HEAD", "GET"):  # over one connection, which stays
            kept.request(method, "/api/v1/users/user-1", headers=asked)
            answer = kept.getresponse()
            assert (answer.status, answer.read()) == (200, b"" if method == "HEAD" else whole.body)


def test_time_zones_can_be_found(api: Api) -> None:
    assert {"name": "Asia/Kathmandu", "utc_offset_minutes": 345} in api.data("/time-zones?q=kathm")


def test_the_documentation_is_a_page_without_scripts_of_its_own(api: Api) -> None:
    page = api.server.get("/api/v1/docs")
    assert page.status == 200
    assert "style=" not in page.text
    assert "<script>" not in page.text
    assert "http://" not in page.text.replace("http://www.w3.org", "")
    assert "/api/v1/users/{name}/freshness" in page.text
    assert api.server.get("/api/v1/docs", If_None_Match=page.headers["etag"]).status == 304


def test_the_same_question_is_answered_from_memory_to_the_same_viewer_alone(api: Api) -> None:
    first = api.get("{u}/totals?range=2025-07")
    again = api.get("{u}/totals?range=2025-07")
    assert (again.status, again.body, again.headers["etag"]) == (200, first.body, first.headers["etag"])
    assert api.get("{u}/totals?range=2025-07&format=csv").headers["etag"] != first.headers["etag"]
    assert api.get("{u}/totals?range=2025-07", "stranger").status == 404
    assert "etag" not in api.get("{u}/freshness").headers
