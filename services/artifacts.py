"""Fetch what `artifacts.toml` pins, once, and check it at every use.

Each artifact is a folder of the cache, named for what pins it, with a manifest of checksums. It is made beside its
place and renamed, under a lock: whoever comes second waits and uses it, and a fetch that was killed leaves nothing
that looks complete. mvn, go and pip keep what they had downloaded, so the next fetch goes on from there.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from services.errors import Absent, ServiceError

_HERE = Path(__file__).parent
_ROOT = _HERE.parent
_MANIFEST = "MANIFEST"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"


def cache() -> Path:
    """Where artifacts are kept: $HEADGATE_SERVICES_CACHE, or `headgate-services` in the user's cache folder."""
    chosen = os.environ.get("HEADGATE_SERVICES_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "headgate-services"


@functools.cache
def pins() -> dict[str, dict[str, dict[str, str]]]:
    """`artifacts.toml`: kind, name, keys."""
    return tomllib.loads((_HERE / "artifacts.toml").read_text(encoding="utf-8"))


def names() -> list[str]:
    """What `fetch` takes: every artifact, and the trees made from several."""
    return [name for kind in pins().values() for name in kind]


@functools.cache
def maven(name: str) -> Path:
    """The file of a Java artifact, fetched with `mvn`."""
    pin = pins()["maven"][name]
    group, artifact, version, *rest = pin["coordinates"].split(":")
    kind, classifier = [*rest, *["jar", ""][len(rest) :]]
    file = f"{artifact}-{version}{'-' if classifier else ''}{classifier}.{kind}"

    def fill(folder: Path) -> None:
        seed = _seed(file)
        if seed is not None:
            shutil.copyfile(seed, folder / file)
        else:
            options = [f"-Dartifact={pin['coordinates']}", f"-DoutputDirectory={folder}"]
            _run("mvn", ["-q", "-B", _COPY, *options], needed_for=f"{group}:{artifact}", install="Apache Maven")
        found = _sha256(folder / file)
        if found != pin["sha256"]:
            raise ServiceError(
                f"{pin['coordinates']} has the checksum {found}, and services/artifacts.toml says {pin['sha256']}. "
                "Do not use it; if the version was changed on purpose, change the checksum with it."
            )

    return _artifact(name, pin["sha256"], fill) / file


@functools.cache
def go(name: str) -> Path:
    """The binary of a Go program, built from pinned sources."""
    pin = pins()["go"][name]
    source = _HERE / pin["folder"]
    program = pin["package"].rsplit("/", 1)[-1]
    key = hashlib.sha256((source / "go.mod").read_bytes() + (source / "go.sum").read_bytes()).hexdigest()

    def fill(folder: Path) -> None:
        seed = _seed(program)
        if seed is not None:
            shutil.copy(seed, folder / program)
            return
        options = ["-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", str(folder / program)]
        _run("go", ["build", *options, pin["package"]], needed_for=name, install="Go 1.25 or newer", cwd=source)

    return _artifact(name, key, fill) / program


@functools.cache
def environment(name: str) -> Path:
    """The Python of a virtual environment that holds pinned wheels."""
    requirements = _ROOT / pins()["pip"][name]["requirements"]
    # An environment is tied to the interpreter that it was made with.
    key = hashlib.sha256(requirements.read_bytes() + f"{sys.base_prefix} {sys.version}".encode()).hexdigest()

    def fill(folder: Path) -> None:
        venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
        _pip(["--python", str(folder / "bin" / "python"), "install", "-r", str(requirements)])

    return _artifact(name, key, fill) / "bin" / "python"


@functools.cache
def wheels(name: str) -> Path:
    """A folder with the content of pinned wheels, outside any environment."""
    requirements = _ROOT / pins()["pip"][name]["requirements"]

    def fill(folder: Path) -> None:
        _pip(["install", "--no-deps", "--target", str(folder), "-r", str(requirements)])

    return _artifact(name, hashlib.sha256(requirements.read_bytes()).hexdigest(), fill)


@functools.cache
def jars(name: str) -> Path:
    """A folder of Java libraries, fetched with one run of `mvn`; no library brings others along."""
    listed = _HERE / pins()["jars"][name]["list"]
    pinned = dict(line.rsplit(" sha256:", 1) for line in listed.read_text().splitlines() if " sha256:" in line)

    def fill(folder: Path) -> None:
        project = folder / "pom.xml"
        dependencies = "".join(_dependency(coordinates) for coordinates in pinned)
        project.write_text(
            '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>services'
            f"</groupId><artifactId>{name}</artifactId><version>1</version><dependencies>{dependencies}</dependencies>"
            "</project>",
            encoding="utf-8",
        )
        options = ["-f", str(project), "-DexcludeTransitive=true", f"-DoutputDirectory={folder}"]
        _run("mvn", ["-q", "-B", f"{_COPY}-dependencies", *options], needed_for=name, install="Apache Maven")
        project.unlink()
        found = sorted(_sha256(file) for file in folder.glob("*.jar"))
        if found != sorted(pinned.values()):
            raise ServiceError(
                f"What was fetched for {name} does not have the checksums of {listed.name}. Do not use it; if a version"
                " was changed on purpose, change its checksum with it."
            )

    return _artifact(name, hashlib.sha256(listed.read_bytes()).hexdigest(), fill)


def _dependency(coordinates: str) -> str:
    group, artifact, version, *rest = coordinates.split(":")
    classifier = f"<classifier>{rest[1]}</classifier>" if rest else ""
    return (
        f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>"
        f"{classifier}</dependency>"
    )


@functools.cache
def trino() -> Path:
    """A folder with Trino's `lib` and the one plugin that is needed, `plugin/iceberg`."""
    key = hashlib.sha256("".join(pins()["maven"][file]["sha256"] for file in _TRINO).encode()).hexdigest()

    def fill(folder: Path) -> None:
        server, plugin = map(maven, _TRINO)
        with tarfile.open(server) as archive:
            members = (member for member in archive if "/lib/" in member.name)
            archive.extractall(folder, members, filter="data")
        (top,) = folder.iterdir()
        (top / "lib").rename(folder / "lib")
        shutil.rmtree(top)
        with zipfile.ZipFile(plugin) as packed:
            packed.extractall(folder / "plugin")  # noqa: S202  # the archive has the checksum that is pinned
        (unpacked,) = (folder / "plugin").iterdir()
        unpacked.rename(folder / "plugin" / "iceberg")

    return _artifact("trino", key, fill)


_TRINO = ("trino-server-core", "trino-iceberg")


def fetch(chosen: list[str]) -> Iterator[tuple[str, Path]]:
    """Fetch artifacts by name, all that tests need when none is named; yields each name with where it is."""
    unknown = sorted(set(chosen) - set(names()))
    if unknown:
        raise ServiceError(f"There is no artifact {', '.join(unknown)}. There are: {', '.join(names())}.")
    kinds: dict[str, Callable[[str], Path]] = {"maven": maven, "go": go, "pip": _pip_artifact, "jars": jars}
    for kind, take in kinds.items():
        for name, pin in pins()[kind].items():
            if name in chosen or not (chosen or "fetched" in pin):
                yield name, take(name)
    if not chosen or set(_TRINO) <= set(chosen):
        yield "trino", trino()


def _pip_artifact(name: str) -> Path:
    return environment(name) if name in ("spark", "peers") else wheels(name)


def _artifact(name: str, key: str, fill: Callable[[Path], None]) -> Path:
    """The folder of an artifact, filled when it is missing or not what its manifest says."""
    place = cache() / f"{name}-{key[:16]}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place.with_name(f"{place.name}.lock")):
        if place.exists():
            damaged = _damaged(place)
            if not damaged:
                return place
            _say(f"{place} is damaged ({damaged}); fetching it again")
            shutil.rmtree(place)
        _say(f"fetching {name}")
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{name}-") as temporary:
            filled = Path(temporary) / "filled"
            filled.mkdir()
            fill(filled)
            manifest = "".join(f"{digest}  {file}\n" for file, digest in sorted(_digests(filled).items()))
            (filled / _MANIFEST).write_text(manifest, encoding="utf-8")
            filled.rename(place)
    return place


def _say(what: str) -> None:
    sys.stderr.write(f"services: {what}\n")
    sys.stderr.flush()


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _damaged(place: Path) -> str | None:
    """The first file that is missing or changed. Files that came later, compiled Python for example, do not count."""
    try:
        lines = (place / _MANIFEST).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return _MANIFEST
    expected = {file: digest for digest, file in (line.split("  ", 1) for line in lines)}
    found = _digests(place, list(expected))
    return next((file for file, digest in expected.items() if found.get(file) != digest), None)


def _digests(folder: Path, files: list[str] | None = None) -> Mapping[str, str]:
    """Checksums of files below a folder, of all but compiled Python and links when none is named."""
    if files is None:
        paths = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        files = [path.relative_to(folder).as_posix() for path in paths if path.suffix != ".pyc"]
    present = [file for file in files if (folder / file).is_file()]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(present, pool.map(lambda file: _sha256(folder / file), present), strict=True))


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _seed(file: str) -> Path | None:
    """A copy that somebody brought along in $HEADGATE_SERVICES_SEED, for a machine without a package index."""
    folder = os.environ.get("HEADGATE_SERVICES_SEED")
    return Path(folder, file) if folder and Path(folder, file).is_file() else None


def _pip(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run([*command, "--require-hashes", "--no-compile"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServiceError(f"pip could not install {arguments[-1]}:\n{done.stderr.strip()}")


def _run(program: str, arguments: list[str], *, needed_for: str, install: str, cwd: Path | None = None) -> None:
    found = shutil.which(program)
    if found is None:
        raise Absent(f"{program} is not on PATH, and {needed_for} is fetched with it. Install {install}.")
    done = subprocess.run([found, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        output = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise ServiceError(f"{program} could not fetch {needed_for} (exit code {done.returncode}):\n{output}")
