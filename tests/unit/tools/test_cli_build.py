"""The build step compiles what changed and nothing else; the fetch step takes only what the lock file names."""

import hashlib
import io
import json
import tarfile

import pytest

from swapcab.compile import mpy_fetch
from swapcab.compile.firmware import BuildError, build


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "firmware" / "cabinet").mkdir(parents=True)
    (tmp_path / "boards" / "unix").mkdir(parents=True)
    (tmp_path / "firmware" / "main.py").write_text("x = 1\n")
    (tmp_path / "firmware" / "cabinet" / "one.py").write_text("y = 2\n")
    (tmp_path / "boards" / "unix" / "board.py").write_text("z = 3\n")
    return tmp_path


def test_only_what_changed_is_compiled_again(tree):
    out = tree / "out"
    first = build(tree, out)
    assert first >= 3 and (out / "cabinet" / "one.mpy").is_file() and (out / "board.mpy").is_file()
    assert build(tree, out) == 0
    (tree / "firmware" / "cabinet" / "one.py").write_text("y = 4\n")
    assert build(tree, out) == 1


def test_a_module_that_is_gone_leaves_the_build(tree):
    out = tree / "out"
    build(tree, out)
    (tree / "firmware" / "cabinet" / "one.py").unlink()
    build(tree, out)
    assert not (out / "cabinet" / "one.mpy").exists()


def test_a_syntax_error_names_the_file(tree):
    (tree / "firmware" / "cabinet" / "one.py").write_text("def (\n")
    with pytest.raises(BuildError, match="one.py"):
        build(tree, tree / "out")


def archive_of(files: dict[str, bytes], path) -> bytes:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path.read_bytes()


def test_only_the_files_of_the_lock_leave_the_archive(tmp_path):
    archive = tmp_path / "a.tar.gz"
    archive_of({"p-1/p/one.py": b"1", "p-1/p/two.py": b"2", "p-1/../../evil.py": b"3"}, archive)
    mpy_fetch.unpack(archive, {"name": "p", "version": "1", "files": ["p/one.py"]}, tmp_path / "lib")
    assert sorted(path.name for path in (tmp_path / "lib").rglob("*") if path.is_file()) == ["one.py"]


class Index:
    """An index that has one archive."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.s = self
        self.content = data

    def get_project_page(self, name):
        class Candidate:
            version, package_type, url, filename = "1", "sdist", "", "p-1.tar.gz"

        class Page:
            packages = [Candidate]

        return Page

    def get(self, url, timeout):
        return self

    def raise_for_status(self):
        return None


def test_an_archive_with_another_hash_is_refused():
    package = {"name": "p", "version": "1", "sha256": hashlib.sha256(b"good").hexdigest()}
    assert mpy_fetch.sdist_bytes(Index(b"good"), package) == b"good"  # type: ignore[arg-type]
    with pytest.raises(mpy_fetch.FetchError, match="SHA-256"):
        mpy_fetch.sdist_bytes(Index(b"evil"), package)  # type: ignore[arg-type]


def test_a_version_that_the_index_lacks_is_named():
    with pytest.raises(mpy_fetch.FetchError, match="p 2"):
        mpy_fetch.sdist_bytes(Index(b""), {"name": "p", "version": "2", "sha256": ""})  # type: ignore[arg-type]


def test_the_lock_file_pins_each_package_by_version_and_hash():
    packages = json.loads(mpy_fetch.LOCK.read_text())["packages"]
    assert {p["name"] for p in packages} == {"micropython-umqtt.simple", "micropython-modbus"}
    assert all(len(p["sha256"]) == 64 and p["version"] and set(p["compile"]) <= set(p["files"]) for p in packages)
