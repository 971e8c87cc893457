"""Error responses: `application/problem+json`, RFC 9457, with the types that the other contexts use."""

from fastapi.responses import JSONResponse


class Problem(Exception):
    """A request that is rejected."""

    def __init__(self, status: int, kind: str, title: str, detail: str | None = None, **headers: str) -> None:
        super().__init__(kind)
        self.document = {"type": f"urn:flotilla:problem:{kind}", "title": title, "status": status}
        if detail is not None:
            self.document["detail"] = detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self) -> JSONResponse:
        """The response."""
        return JSONResponse(self.document, self.document["status"], self.headers, media_type="application/problem+json")


def bad_request(detail: str) -> Problem:
    """400: the request is malformed."""
    return Problem(400, "bad-request", "The request cannot be read", detail)


def unauthorized() -> Problem:
    """401: the caller is not authenticated. The reason is not disclosed."""
    return Problem(401, "unauthorized", "Authentication required", "a valid token is needed: Authorization: Bearer …")


def forbidden(*roles: str) -> Problem:
    """403: the caller has none of these roles."""
    return Problem(403, "forbidden", "Not allowed", f"requires the role {' or '.join(roles)}")


def not_found(detail: str) -> Problem:
    """404: no such resource."""
    return Problem(404, "not-found", "Not found", detail)


def method_not_allowed(allow: str) -> Problem:
    """405: the resource does not support the method."""
    return Problem(405, "method-not-allowed", "The method is not allowed here",
                   "see the Allow header for the methods of this resource", allow=allow)


def misdirected(host: str) -> Problem:
    """421: the request is for another host."""
    return Problem(421, "misdirected", "Misdirected request",
                   f"this process does not answer for the host {host}: ALLOWED_HOSTS lists those that it answers for")


def unavailable(detail: str, seconds: int) -> Problem:
    """503: temporarily unavailable."""
    return Problem(503, "unavailable", "Service unavailable", detail, retry_after=str(seconds))


def internal() -> Problem:
    """500: the cause belongs in the log, not in the response."""
    return Problem(500, "internal", "Internal error")
