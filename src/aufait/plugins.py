"""Networks, data sets, finders and protocols of other packages, found by their entry points when somebody asks for them.

A package names what it brings in its ``pyproject.toml``::

    [project.entry-points."aufait.networks"]
    tiny-net = "aufait_tiny:ENTRY"

| group | what the entry is |
|---|---|
| ``aufait.networks`` | a ``ModelEntry`` |
| ``aufait.datasets`` | a reader: a function of a folder and options that returns an ``AUDataset``, its docstring the summary |
| ``aufait.finders`` | a function of model_path, device, max_faces, min_confidence (keywords) that returns a ``FaceFinder`` |
| ``aufait.protocols`` | a ``Protocol`` |

A plug-in that cannot be used affects nothing else: it is left out, and asking for its name gives the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, packages_distributions, version
from typing import Any

from aufait.errors import InputError

GROUPS = ("aufait.networks", "aufait.datasets", "aufait.finders", "aufait.protocols")
"""Entry points that are looked for."""


@dataclass
class Plugins:
    """What the packages of one group bring.

    Attributes:
        objects: name -> the object of the entry.
        origins: name -> package and version.
        problems: name -> why it cannot be used.
    """

    objects: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def refuse_broken(self, name: str) -> None:
        """Raise if a plug-in of that name is there and cannot be used.

        Raises:
            InputError: with the reason.
        """
        if name in self.problems:
            raise InputError(self.problems[name])


def find_plugins(group: str, ours: Collection[str], check: Callable[[str, Any], str]) -> Plugins:
    """Load the plug-ins of one group.

    Args:
        group: one of ``GROUPS``.
        ours: names that the package has itself; a plug-in cannot take one.
        check: is given name and object, and says what is wrong with it, "" for nothing.
    """
    found = Plugins()
    what = group.rpartition(".")[2].removesuffix("s").replace("dataset", "data set")  # for messages
    for name, points in _by_name(group).items():
        origins = [_origin(point) for point in points]
        if len(points) > 1:
            found.problems[name] = (
                f"two plug-ins bring a {what} named {name!r}: {' and '.join(origins)}; uninstall one of them"
            )
        elif name in ours:
            found.problems[name] = f"the plug-in {origins[0]} brings a {what} named {name!r}, a name of aufait's own; rename it"
        else:
            _load(points[0], name, what, check, found)
    return found


def refuse_taken(what: str, name: str, taken: Collection[str]) -> None:
    """Raise if a name that is being registered is taken.

    Raises:
        InputError: so it is.
    """
    if name in taken:
        raise InputError(f"a {what} named {name!r} exists already; choose another name")


def origin_of(module: str) -> str:
    """Package and version that a module comes from, as pip names it; the module's package where pip does not know it.

    >>> origin_of("aufait.models.arl.model").split()[0]
    'aufait'
    """
    root = module.partition(".")[0]
    for distribution in _distributions().get(root, ()):
        try:
            return f"{distribution} {version(distribution)}"
        except PackageNotFoundError:
            continue
    return root


@lru_cache(maxsize=1)
def _distributions() -> dict[str, list[str]]:
    return dict(packages_distributions())


def _by_name(group: str) -> dict[str, list[EntryPoint]]:
    names: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=group):
        names.setdefault(point.name.lower(), []).append(point)
    return names


def _load(point: EntryPoint, name: str, what: str, check: Callable[[str, Any], str], found: Plugins) -> None:
    origin = _origin(point)
    try:
        value = point.load()
    except Exception as error:  # a stranger's module may raise anything, and must not stop other commands
        found.problems[name] = (
            f"the plug-in {origin} with the {what} {name!r} cannot be loaded ({type(error).__name__}: {error}); repair or "
            "uninstall it"
        )
        return
    wrong = check(name, value)
    if wrong:
        found.problems[name] = f"the plug-in {origin} breaks the contract of a {what} in {point.value}: {wrong}"
        return
    found.objects[name], found.origins[name] = value, origin


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value
