"""Who may ask: this machine under its own names, a page of ours, and with ``--token`` who knows it."""

from __future__ import annotations

import hmac
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["LOCAL_NAMES", "Guard"]

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
"""Names under which this machine calls itself."""
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_COOKIE: Final = "megawatt_token"


class Guard:
    """Refuses other hosts, other sites' requests that change something, and whoever lacks the token.

    Parameters
    ----------
    app : ASGIApp
        What is guarded.
    names : tuple of str
        Host names that are answered, without a port.
    token : str
        Asked for as ``Authorization: Bearer``, a cookie, or once as ``?token=``; empty: none.
    """

    def __init__(self, app: ASGIApp, names: tuple[str, ...] = LOCAL_NAMES, token: str = "") -> None:
        self.app, self.names, self.token = app, names, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._refused(Request(scope))
        await (refused or self.app)(scope, receive, sent)

    def _refused(self, request: Request) -> Response | None:
        headers = request.headers
        host = _name(headers.get("host", ""))
        if host not in self.names:
            return _no(400, f"host {host[:80]!r}; allowed: {', '.join(self.names)}")
        if request.method not in ("GET", "HEAD") and not _same_site(headers):
            return _no(403, "a request of another site")
        return self._without_token(request) if self.token else None

    def _without_token(self, request: Request) -> Response | None:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        asked = request.query_params.get("token", "")
        if any(
            hmac.compare_digest(t.encode(), self.token.encode()) for t in (bearer, request.cookies.get(_COOKIE, ""))
        ):
            return None
        if asked and hmac.compare_digest(asked.encode(), self.token.encode()):
            # Once in the address, from then on in a cookie, so that links which are passed on do not hold it.
            rest = request.url.remove_query_params("token")
            answer = RedirectResponse(rest.path + (f"?{rest.query}" if rest.query else ""), 303)
            answer.set_cookie(_COOKIE, self.token, httponly=True, samesite="strict")
            return answer
        return _no(401, "a token is needed: Authorization: Bearer, or ?token= once")


def _name(host: str) -> str:
    """A host without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()


def _same_site(headers: Headers) -> bool:
    """Whether a page of ours asks; a request without an origin is none of a page."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    return origin.partition("://")[2] == headers.get("host", "")


def _no(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": {"message": text}}, status)
