"""How does Salesforce say no?"""


class Refused(Exception):
    """One of Salesforce's errors: its code, its sentence, the fields it is about, the HTTP status of a single call."""

    def __init__(self, code: str, message: str, fields: tuple[str, ...] = (), status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.fields = fields
        self.status = status


def error_body(refused: Refused) -> list[dict[str, object]]:
    """Return the body of a request that is refused as a whole."""
    body: dict[str, object] = {"message": str(refused), "errorCode": refused.code}
    return [body | {"fields": list(refused.fields)} if refused.fields else body]
