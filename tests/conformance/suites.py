"""Sources of the other projects' tests, and the environment they run in."""

import io
import subprocess
import sysconfig
import tarfile
import tempfile
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree

CACHE = Path(__file__).parents[2] / ".tools" / "conformance"
REQUIREMENTS = Path(__file__).parent / "requirements.txt"
STRAWBERRY = "https://github.com/strawberry-graphql/strawberry"


class FetchError(Exception):
    """The tests or the packages they need could not be fetched."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A project's tests.

    Attributes:
        name: name on the command line.
        paths: tests that execute operations, relative to the root.
        fetch: fetches the tests, from the given source if there is one; returns their root and their version.
    """

    name: str
    paths: Sequence[str]
    fetch: Callable[[str | None], tuple[Path, str]]


def graphql_core(source: str | None) -> tuple[Path, str]:
    """Fetches the source distribution of the installed version; ``source`` is ignored."""
    wanted = f"graphql-core=={version('graphql-core')}"
    root = CACHE / wanted
    if not root.exists():
        with tempfile.TemporaryDirectory() as folder:
            options = ["--no-deps", "--no-binary", "graphql-core", "--dest", folder]
            run([str(environment()), "-m", "pip", "download", "--quiet", *options, wanted])
            (archive,) = Path(folder).glob("*.tar.gz")
            with tarfile.open(archive) as opened:
                unpack(opened, root, strip=1)
    return root, wanted


def strawberry(source: str | None) -> tuple[Path, str]:
    """Fetches a commit of the repository: the newest of ``source``, or the tag of the installed version.

    It extracts only the tests, the settings and the files that tests read: the package would shadow the installed one.
    """
    with tempfile.TemporaryDirectory() as folder:
        if source is None:
            tag = version("strawberry-graphql")
            run(["git", "clone", "--quiet", "--bare", "--depth", "1", "--branch", tag, STRAWBERRY, folder])
            source = folder
        commit = run(["git", "-C", source, "rev-parse", "HEAD"]).decode().strip()
        root = CACHE / f"strawberry-{commit}"
        if not root.exists():
            archive = run(["git", "-C", source, "archive", commit, "tests", "docs/errors", "pyproject.toml"])
            with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
                unpack(opened, root)
    return root, f"strawberry {commit}"


SUITES = {
    "graphql-core": Suite(
        "graphql-core",
        [
            "tests/execution",
            "tests/type",
            "tests/utilities",
            "tests/pyutils/test_description.py",
            "tests/test_docs.py",
            "tests/test_graphql.py",
            "tests/test_star_wars_introspection.py",
            "tests/test_star_wars_query.py",
            "tests/test_user_registry.py",
        ],
        graphql_core,
    ),
    "strawberry": Suite(
        "strawberry",
        [
            "tests/schema",
            "tests/relay",
            "tests/fields",
            "tests/objects",
            "tests/types",
            "tests/enums",
            "tests/tools",
            "tests/extensions",
            "tests/federation",
            "tests/experimental",
            "tests/python_312",
        ],
        strawberry,
    ),
}


def environment() -> Path:
    """The interpreter of an environment with this project's packages and those that the tests need.

    Raises:
        FetchError: The packages could not be fetched.
    """
    folder = CACHE / "environment"
    python, done = folder / "bin" / "python", folder / "requirements.txt"
    if not done.exists() or done.read_text() != REQUIREMENTS.read_text():
        venv.create(folder, clear=True, with_pip=True)
        packages = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
        # pip and the tests see the packages of this project's environment through this file.
        (Path(packages) / "project.pth").write_text(sysconfig.get_path("purelib"))
        run([str(python), "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)])
        done.write_text(REQUIREMENTS.read_text())
    return python


def unpack(archive: tarfile.TarFile, root: Path, strip: int = 0) -> None:
    """Unpacks the whole archive or nothing; ``strip`` is the number of leading folders removed from names."""
    unfinished = root.with_suffix(".unfinished")
    rmtree(unfinished, ignore_errors=True)
    for member in archive.getmembers():
        member.name = str(Path(*Path(member.name).parts[strip:]))
        archive.extract(member, unfinished, filter="data")
    unfinished.rename(root)


def run(command: Sequence[str]) -> bytes:
    """Runs a command and returns its output.

    Raises:
        FetchError: The command failed.
    """
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise FetchError(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
