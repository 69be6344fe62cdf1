"""HEAD as GET without a body: what a route would say, for programs that only look whether something has changed."""

from __future__ import annotations

from myi_pipelines.runtime.request_guard import App, Message, Receive, Scope, Send


class HeadAsGet:
    """Answers HEAD by what GET is answered with. The size given is that of the body which is left out."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        asked: Scope = {**scope, "method": "GET"}  # the server goes by the method of its own
        try:
            await self._app(asked, receive, send_head)
        finally:
            scope["route"] = asked.get("route")  # by which requests are counted
