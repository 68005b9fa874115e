"""YAML from strangers: plain values alone, and never more of them than a settings file can mean.

A YAML file of a few hundred bytes can expand to gigabytes (aliases of aliases), nest so deep that the reader runs out of stack, or
hold a date such as 2020-99-99, over which the usual reader stumbles. Here dates are texts, aliases are refused, and size, depth and
number of values are limited. The package that reads YAML comes with the extra ``train``.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from aufait.errors import InputError, MissingExtraError

MOST_BYTES = 1 << 20
"""Of a file; the largest recipe of the package has 2 KB."""

MOST_DEPTH = 16
"""Of mappings and lists inside each other; recipes have 2."""

MOST_VALUES = 20_000
"""Keys and values together."""

_DATE = "tag:yaml.org,2002:timestamp"


def read_yaml(path: Path) -> Any:
    """The value of a YAML file in UTF-8.

    Raises:
        InputError: it cannot be read, is too large, is not UTF-8, or as ``parse_yaml``.
        MissingExtraError: the package that reads YAML is missing.
    """
    try:
        if not path.is_file():
            raise InputError(f"{path} is not a file")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}); check its permissions") from error
    if len(content) > MOST_BYTES:
        raise InputError(f"{path} is larger than {MOST_BYTES >> 20} MiB, which no file of settings is")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start} is {content[error.start]:#04x}); save it as UTF-8") from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, where: str) -> Any:
    """The value of a YAML text: mappings, lists, texts, numbers, true, false and null.

    Args:
        text: of a file or a command line.
        where: what it is, for messages.

    Raises:
        InputError: not YAML, aliases, several documents, or more or deeper values than ``MOST_VALUES`` and ``MOST_DEPTH``.
        MissingExtraError: the package that reads YAML is missing.
    """
    yaml = load_yaml_package()
    try:
        _check_size(yaml, text, where)
        return yaml.load(text, Loader=_loader())  # a SafeLoader
    except InputError:
        raise
    except yaml.YAMLError as error:
        raise InputError(f"{where} is not readable YAML: {_short(error)}") from error
    except (ValueError, RecursionError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        # "0x_", a key that is a list, a number of 5,000 digits and the like: PyYAML lets Python's own errors through
        raise InputError(f"{where} is not readable YAML ({type(error).__name__}: {_short(error)})") from error


def load_yaml_package() -> Any:
    """The module ``yaml``.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError("reading recipes", "train") from error
    return yaml


def _check_size(yaml: Any, text: str, where: str) -> None:
    """Checks the events alone, which need no stack, before anything is built."""
    depth = count = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise InputError(f"{where} uses an alias (*{event.anchor}); write the values out")
        count += isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            raise InputError(f"{where} nests values more than {MOST_DEPTH} deep, which no settings need")
        if count > MOST_VALUES:
            raise InputError(f"{where} holds more than {MOST_VALUES} values, which no settings need")


@lru_cache(maxsize=1)
def _loader() -> type:
    """PyYAML's SafeLoader, to which a date is a text."""
    yaml = load_yaml_package()
    rules = {
        first: [(tag, pattern) for tag, pattern in known if tag != _DATE]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    loader = type("PlainLoader", (yaml.SafeLoader,), {"yaml_implicit_resolvers": rules})
    loader.add_constructor(_DATE, yaml.SafeLoader.construct_yaml_str)  # type: ignore[attr-defined]  # where the file asks for one
    return loader


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else text[:300] + " ..."
