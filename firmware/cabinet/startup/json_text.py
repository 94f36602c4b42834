"""Strict reading of JSON text: what json.loads takes in silence is refused here, with line and column.

json.loads keeps the last of two settings with one name and drops the other. MicroPython's also takes texts without commas and colons.
The scan holds the names of the objects that are open, and nothing else.
"""

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_MOST_DEPTH = 8  # objects and lists inside one another; the settings need five
_VALUE = "a value: an object, a list, a text in double quotes, a number, true, false or null"
_NAME = "the name of a setting in double quotes"
_BLANKS = b" \t\r\n"
_WORD_ENDS = b' \t\r\n,:{}[]"'


class JsonError(ValueError):
    """The text is no JSON; the message says where."""


def load(text: "Any") -> "Any":
    """The value of a JSON text (bytes, or text). Raises JsonError with line and column."""
    data = text.encode() if isinstance(text, str) else text
    _Scan(data).run()
    try:
        return json.loads(data)
    except (ValueError, RuntimeError) as error:  # a number or an escape that the scan does not look into; bytes that are not UTF-8
        raise JsonError("the text is not JSON in UTF-8: %s" % error)  # noqa: B904  MicroPython has no exception chaining


def place(data: bytes, at: int) -> str:
    """Line and column of a byte, both counted from 1."""
    line_start = data.rfind(b"\n", 0, at) + 1
    return "line %d, column %d" % (data.count(b"\n", 0, at) + 1, at - line_start + 1)


def _hint(data: bytes, at: int) -> str:
    """What people write who mean something else than JSON."""
    if data[at : at + 1] in (b"/", b"#"):
        return "; JSON has no comments: remove them"
    if data[at : at + 1] == b"'":
        return "; write double quotes in place of single ones"
    if data[at : at + 1] in (b"}", b"]", b","):
        return "; remove the comma before it"
    return ""


class _Scan:
    """One pass over the bytes. `open` holds, for each object around the place, its names so far, and None for each list."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.open: "list[dict | None]" = []

    def run(self) -> None:
        data = self.data
        if data[:3] == b"\xef\xbb\xbf":
            raise JsonError("the file begins with a byte order mark; save it as UTF-8 without one")
        if data[:2] in (b"\xff\xfe", b"\xfe\xff") or 0 in data[:64]:
            raise JsonError("the file is not a text in UTF-8; save it as UTF-8")
        self._blanks()
        if self.at == len(data):
            raise JsonError("the file is empty; write one JSON object {...}")
        while True:
            self._value()
            if not self._after_value():
                break
        self._blanks()
        if self.at < len(data):
            raise self._error("the end of the file; remove what follows the last brace")

    def _error(self, wanted: str, hint: str = "") -> JsonError:
        if self.at >= len(self.data):
            shown = "the file ends"
        elif 0x20 < self.data[self.at] < 0x7F:
            shown = "there is %s" % chr(self.data[self.at])
        else:
            shown = "there is the byte 0x%02x" % self.data[self.at]
        return JsonError("%s: %s; needed: %s%s" % (place(self.data, self.at), shown, wanted, hint or _hint(self.data, self.at)))

    def _blanks(self) -> None:
        data = self.data
        at = self.at
        while at < len(data) and data[at] in _BLANKS:
            at += 1
        self.at = at

    def _value(self) -> None:
        """Past a value, or into objects and lists down to the first value inside."""
        data = self.data
        while True:
            self._blanks()
            first = data[self.at : self.at + 1]
            if first == b'"':
                self._text()
                return
            if first not in (b"{", b"["):
                self._word()
                return
            if len(self.open) == _MOST_DEPTH:
                raise JsonError("%s: more than %d objects and lists inside one another" % (place(data, self.at), _MOST_DEPTH))
            self.open.append({} if first == b"{" else None)
            self.at += 1
            self._blanks()
            if data[self.at : self.at + 1] == (b"}" if first == b"{" else b"]"):
                return  # empty; _after_value closes it
            if first == b"{":
                self._name()

    def _after_value(self) -> bool:
        """Past what closes objects and lists, and past the comma before the next value. False at the end of the outermost one."""
        while self.open:
            self._blanks()
            names = self.open[-1]
            mark = self.data[self.at : self.at + 1]
            if mark == (b"]" if names is None else b"}"):
                self.open.pop()
                self.at += 1
            elif mark == b",":
                self.at += 1
                self._blanks()
                if names is not None:
                    self._name()
                return True
            else:
                raise self._error("a comma or %s" % ("]" if names is None else "}"))
        return False

    def _name(self) -> None:
        if self.data[self.at : self.at + 1] != b'"':
            raise self._error(_NAME)
        began = self.at
        self._text()
        name = self.data[began : self.at]
        if b"\\" in name:
            raise JsonError("%s: a name without backslashes is needed" % place(self.data, began))
        names = self.open[-1]
        if names is not None:
            if name in names:
                raise JsonError("%s: the name %s stands twice in one object, first at %s; remove one of them"
                                % (place(self.data, began), str(name)[2:-1], place(self.data, names[name])))
            names[name] = began
        self._blanks()
        if self.data[self.at : self.at + 1] != b":":
            raise self._error("a colon behind the name")
        self.at += 1

    def _text(self) -> None:
        data = self.data
        began = self.at
        at = began + 1
        while at < len(data) and data[at] != 0x22:
            if data[at] < 0x20:
                break
            at += 2 if data[at] == 0x5C else 1
        if at >= len(data) or data[at] < 0x20:
            raise JsonError("%s: a text begins here and does not end in its line; needed: a double quote at its end" % place(data, began))
        self.at = at + 1

    def _word(self) -> None:
        """Past a number, true, false or null. Which numbers there are, json.loads knows."""
        data = self.data
        began = at = self.at
        while at < len(data) and data[at] not in _WORD_ENDS:
            at += 1
        word = data[began:at]
        if not word or not (word in (b"true", b"false", b"null") or word[0] == 0x2D or 0x30 <= word[0] <= 0x39):
            raise self._error(_VALUE)
        if word[0] == 0x30 and word[1:2].isdigit():
            raise JsonError("%s: a number does not begin with 0" % place(data, began))
        self.at = at
