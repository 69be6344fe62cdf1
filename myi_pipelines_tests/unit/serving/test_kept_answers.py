"""Answers that still hold are given from memory, within bounds."""

from starlette.responses import HTMLResponse, Response

from myi_pipelines.serving.asgi.etags import with_etag
from myi_pipelines.serving.asgi.kept_answers import LARGEST_BYTES, KeptAnswers


def page(text: str, etag: str) -> Response:
    return with_etag(HTMLResponse(text), etag)


def test_an_answer_is_given_again_with_its_headers() -> None:
    answers = KeptAnswers()
    made = page("<p>Ada", 'W/"1"')
    answers.keep('W/"1"', made)
    kept = answers.get('W/"1"')
    assert kept is not None
    assert (kept.body, kept.raw_headers) == (made.body, made.raw_headers)
    assert answers.get('W/"2"') is None


def test_what_was_asked_for_longest_ago_makes_room() -> None:
    answers = KeptAnswers(kept_bytes=25)
    for etag in "abc":
        answers.keep(etag, page(10 * etag, etag))
        answers.get("a")
    assert [answers.get(etag) is not None for etag in "abc"] == [True, False, True]


def test_errors_huge_answers_and_those_with_a_cookie_are_not_kept() -> None:
    answers = KeptAnswers()
    with_cookie = page("x", "cookie")
    with_cookie.set_cookie("session", "1")
    answers.keep("cookie", with_cookie)
    answers.keep("error", HTMLResponse("x", 404))
    answers.keep("huge", page((LARGEST_BYTES + 1) * "x", "huge"))
    assert [answers.get(etag) for etag in ("cookie", "error", "huge")] == [None, None, None]
