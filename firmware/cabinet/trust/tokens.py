"""The riders whom the cabinet knows without asking anybody."""


class KnownTokens:
    """Looks like a set of texts and takes up their characters only: 500 strings of their own would cost 32 KiB of heap."""

    def __init__(self, tokens: "list[str]") -> None:
        """`tokens` hold no line feeds; config has checked that."""
        self._text = "\n" + "\n".join(tokens) + "\n"

    def __contains__(self, token: str) -> bool:
        return token != "" and "\n" not in token and "\n" + token + "\n" in self._text
