"""``POST /1/submit-listens``: programs that know ListenBrainz submit plays, and say what is playing now."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from myi_pipelines.serving.access.identity import IN_ADDRESS, bearer
from myi_pipelines.serving.api.listenbrainz import PREFIXES, error_answer, error_of
from myi_pipelines.serving.api.listens import LARGEST_BODY, Refused, read_submission
from myi_pipelines.serving.context import Context, context_of
from myi_pipelines.serving.playing_now import keep_playing_now
from myi_pipelines.serving.submissions import Submitter, TooLarge, body_of, land, submitter_of

TOO_LARGE = f"Payload too large. Payload cannot exceed {LARGEST_BODY} bytes"


async def submit_listens(request: Request) -> Response:
    """Answer a submission, whatever becomes of it, with ListenBrainz' words."""
    context = context_of(request)
    submissions = context.submissions
    rate: Mapping[str, str] = {}
    try:
        with submissions.place():
            text = bearer(request)
            in_address = not text
            if in_address and not (text := request.query_params.get(IN_ADDRESS, "")):
                return error_answer(401, "You need to provide an Authorization header.")
            submitter = await submissions.work(submitter_of, context, text, in_address=in_address)
            rate = submitter.rate.headers()
            with submissions.place_of(submitter):
                body = await body_of(request, LARGEST_BODY)
                await submissions.work(_submit, context, submitter, body)
    except TooLarge:
        return error_answer(400, TOO_LARGE, rate)
    except Refused as refused:
        return error_answer(refused.code, str(refused), rate)
    except Exception as error:
        return error_of(error, rate)
    return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store", **rate})


def _submit(context: Context, submitter: Submitter, body: bytes) -> None:
    submitted = read_submission(body)
    if not submitted.is_playing_now:
        land(context, submitter, [listen.play for listen in submitted.listens])
        return
    [listen] = submitted.listens
    seconds = round(listen.length_s) if listen.length_s is not None else None
    with context.keeping() as conn:
        keep_playing_now(conn, submitter.user_id, listen.track_metadata, seconds)


SUBMIT_LISTENS: list[BaseRoute] = [
    Route(f"{prefix}/1/submit-listens", submit_listens, methods=["POST"]) for prefix in PREFIXES
]
