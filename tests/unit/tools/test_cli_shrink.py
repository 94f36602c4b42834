"""Private names become short and shared, and nothing else changes."""

import re

from swapcab.compile.firmware import sources
from swapcab.compile.shrink import shrink


def run(text: str, call: str) -> object:
    """What `call` gives after the text has run."""
    space: dict = {}
    exec(text, space)
    return eval(call, space)


ONE = """
_LIMIT = 3

class One:
    def __init__(self, _start):
        self._count = _start
        self.total = 0

    def _step(self, by):
        self._count += by
        return self._count

    def go(self):
        return [self._step(_LIMIT) for _ in range(2)]
"""


def test_private_names_are_short_and_the_code_does_the_same():
    short = shrink({"one.py": ONE})["one.py"]
    assert "_count" not in short and "_step" not in short and "_LIMIT" not in short and "self._b" in short
    assert run(short, "One(4).go()") == run(ONE, "One(4).go()") == [7, 10]
    assert len(short.splitlines()) == len(ONE.splitlines())


def test_files_share_the_short_names():
    short = shrink({"one.py": ONE, "two.py": ONE.replace("_count", "_sum").replace("_step", "_walk")})
    first, second = (set(re.findall(r"\b_[a-z]+", text)) for text in short.values())
    assert first == second == {"_a", "_b", "_c", "_d"}


def test_what_others_look_up_keeps_its_name():
    texts = {
        "a.py": "class A:\n    def __init__(self):\n        self._seen = 1\n        self._other = 2\n        self._told = 3\n",
        "b.py": "def peek(a):\n    return a._seen + getattr(a, '_told')\n",
    }
    short = shrink(texts)
    assert "_seen" in short["a.py"] and "_told" in short["a.py"] and "_other" not in short["a.py"]
    assert run(short["a.py"] + short["b.py"], "peek(A())") == 4


def test_classes_that_inherit_across_files_do_not_collide():
    texts = {
        "base.py": "class Base:\n    def __init__(self):\n        self._base = 1\n\n    def base(self):\n        return self._base\n",
        "sub.py": "class Sub(Base):\n    def own(self):\n        self._alone = 5\n        return self._alone\n",
    }
    short = shrink(texts)
    assert run(short["base.py"] + short["sub.py"], "(lambda s: (s.own(), s.base()))(Sub())") == (5, 1)


def test_a_short_name_never_hides_one_that_is_there():
    text = "_a = 1\n_b = 2\n\ndef f():\n    return _a * 10 + _b + _zz\n"
    short = shrink({"one.py": text, "two.py": "_long = 4\n"})
    assert run("_zz = 5\n" + short["one.py"], "f()") == 17


def test_no_private_name_of_the_firmware_is_longer_than_it_need_be():
    texts = {name: path.read_text() for name, path in sources().items()}
    before = sum(len(text) for text in texts.values())
    assert sum(len(text) for text in shrink(texts).values()) < before
