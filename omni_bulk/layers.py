"""Where settings come from, below the arguments: the environment, files that hold a secret, and ``omni-bulk.toml``.

A layer that cannot give a value gives a `Faulty` in its place. So a mistake is reported together with all others, and
only when its layer is the one that decides.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, TomlConfigSettingsSource

from omni_bulk.sentences import said, system, term

CONFIG_DEFAULT = Path("omni-bulk.toml")  # in the current directory
SECRET_FILE_MAX = 65_536  # bytes; a larger file is no secret but a mistake

CREDENTIALS = ("client_id", "client_password")
FROM_ENVIRONMENT = (*CREDENTIALS, "base_url", "ledger", "rate", "workers", "proxy", "ca_file", "webhook_secret", "dlr")
_SWITCH_WORDS = {"true": True, "1": True, "false": False, "0": False}
_WITHOUT_FLAG = (*CREDENTIALS, "text_max", "require_plan", "budget", "webhook_secret")
_SECRETS = ("client_password", "proxy", "webhook_secret")
IN_FILES = (*CREDENTIALS, "webhook_secret")
_SECRET_FILES = tuple(f"{name}_file" for name in IN_FILES)
_PATHS = ("ledger", "ca_file", "rules", "prices", "suppress", *_SECRET_FILES)
_MODE_BITS = os.name == "posix"
_OTHERS = 0o077  # the mode bits of everyone but the owner


class Given(TypedDict, total=False):
    """What may be handed to `Settings`. None means "not given": the next layer decides."""

    config: str | Path | None
    client_id: str | None
    client_password: str | SecretStr | None
    base_url: str | None
    ledger: str | Path | None
    rate: float | None
    workers: int | None
    proxy: str | SecretStr | None
    ca_file: str | Path | None
    timeout: float | None
    drain: float | None
    from_: str | None
    region: str | None
    numbers: str | None
    countries: str | Iterable[str] | None
    tz: str | None
    text_max: int | None
    only_mobile: bool | None
    rules: str | Path | None
    purpose: str | None
    allow: str | Iterable[str] | None
    strict: bool | None
    signature: str | None
    gsm7: bool | None
    normalize: str | None
    require_plan: bool | None
    webhook_secret: str | SecretStr | None
    prices: str | Path | None
    suppress: str | Path | None
    window: str | None
    window_tz: str | None
    once_per: str | None
    budget: Mapping[str, Any] | None
    dlr: bool | None


class Faulty:
    """Stands for a value that a layer could not give; its sentences come out with all other problems."""

    def __init__(self, *sentences: str) -> None:
        self.sentences = sentences


def covered(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with every secret wrapped, so that no ``repr`` on the way shows one."""
    return {
        name: SecretStr(value) if name in _SECRETS and isinstance(value, str) else value
        for name, value in values.items()
    }


def named(field: str) -> str:
    """The setting as people know it: by its variable and its flag."""
    flag = "--" + field.strip("_").replace("_", "-")
    names = [f"OMNI_{field.upper()}"] * (field in FROM_ENVIRONMENT) + [flag] * (field not in _WITHOUT_FLAG)
    return f"{field.strip('_')} ({', '.join(names)})" if names else field


def unknown(name: str, place: str, known: Iterable[str]) -> str:
    """One sentence for a setting that does not exist."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    if near:
        return said("{place} has no setting `{name}`: did you mean `{near}`?", place=place, name=name, near=near[0])
    return said("{place} has no setting `{name}`.", place=place, name=name)


class Environment(PydanticBaseSettingsSource):
    """``OMNI_*``. An empty variable counts as unset."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Never asked: this layer is read whole."""
        raise AssertionError(field, field_name)

    def __call__(self) -> dict[str, Any]:
        names = (*FROM_ENVIRONMENT, *_SECRET_FILES)
        layer: dict[str, Any] = {name: value for name in names if (value := os.environ.get(_variable(name)))}
        if "dlr" in layer:  # the only switch that a variable turns; another word is told with all other problems
            layer["dlr"] = _SWITCH_WORDS.get(layer["dlr"].strip().lower(), layer["dlr"])
        return covered(_with_secret_files(layer, {name: _variable(name) for name in names}))


class Toml(TomlConfigSettingsSource):
    """The TOML at `given`, else ``omni-bulk.toml`` in the current directory if there is one.

    What is wrong with the file as a whole is reported in place of the setting `config`, which no layer above has.
    """

    def __init__(self, settings_cls: type[BaseSettings], given: str | Path | None, known: Iterable[str]) -> None:
        self._known = {*known, *_SECRET_FILES}
        self._path = CONFIG_DEFAULT if given is None else Path(given)
        self._faults: list[str] = []
        try:
            super().__init__(settings_cls, toml_file=self._path)
            if given is not None and not self._path.is_file():
                self._faults.append(said("{path} (--config) is no file; `omni-bulk init` writes one.", path=self._path))
        except OSError as error:
            self._faults.append(said("{path} cannot be read: {strerror}.", path=self._path, strerror=system(error)))
        except ValueError as error:  # no TOML, or no UTF-8; the sentence holds a position, never a line
            self._faults.append(said("{path} is not valid TOML: {error}.", path=self._path, error=error))

    def __call__(self) -> dict[str, Any]:
        layer: dict[str, Any] = {}
        for key, value in {} if self._faults else self.toml_data.items():
            if key not in self._known:
                self._faults.append(unknown(key, str(self._path), self._known))
            elif key in _PATHS and isinstance(value, str):
                layer[key] = str(self._path.parent / _at_home(value))
            else:
                layer["from_" if key == "from" else key] = value
        if isinstance(budget := layer.get("budget"), dict) and "tz" in layer:
            layer["budget"] = {"tz": layer["tz"], **budget}  # no flag moves the midnight of a budget
        self._faults += self._exposed(layer)
        layer = _with_secret_files(
            layer, {name: said("`{name}` in {path}", name=name, path=self._path) for name in self._known}
        )
        if self._faults:
            layer["config"] = Faulty(*self._faults)
        elif self._path.is_file():
            layer["config"] = self._path
        return covered(layer)

    def _exposed(self, layer: Mapping[str, Any]) -> list[str]:
        """A secret in the file is for its owner's eyes only. Windows has no such bits: there the directory guards."""
        proxy = layer.get("proxy")
        filed = ("client_password", "webhook_secret")
        held: dict[str, str] = {name: said(", or use `{name}_file`", name=name) for name in filed if name in layer}
        if isinstance(proxy, str) and "@" in proxy:
            held["proxy"] = ""
        if not held or not _MODE_BITS or not self._path.stat().st_mode & _OTHERS:
            return []
        return [
            said(
                "{path} holds `{name}` and others can read it: run `chmod 600` on it{way}.",
                path=self._path,
                name=name,
                way=way,
            )
            for name, way in held.items()
        ]


def _at_home(path: str) -> str:
    """`path` with a leading ``~`` resolved where there is such a home; else as it is, to be found missing by name."""
    return os.path.expanduser(path)  # noqa: PTH111  pathlib's raises where there is no such user


def _variable(name: str) -> str:
    return f"OMNI_{name.upper()}"


def _with_secret_files(layer: dict[str, Any], called: Mapping[str, str]) -> dict[str, Any]:
    """`layer` with each ``…_file`` replaced by what that file holds; `called` names a setting as its layer does."""
    for name, by_file in zip(IN_FILES, _SECRET_FILES, strict=True):
        path = layer.pop(by_file, None)
        if path is None:
            continue
        if name in layer:
            layer[name] = Faulty(
                said("{one} and {other} are both given: keep one of them.", one=called[name], other=called[by_file])
            )
        else:
            layer[name] = _secret_in(path, called[by_file])
    return layer


def _secret_in(path: Any, called: str) -> str | Faulty:
    """The file's text without surrounding white space. A secret's file may be a pipe, so it is read only once."""
    if not isinstance(path, str):
        return Faulty(said("{called} must be the path of a file.", called=called))
    try:
        with Path(path).open("rb") as file:
            text = file.read(SECRET_FILE_MAX + 1).decode("utf-8-sig").strip()
    except OSError as error:
        return Faulty(
            said("{called} cannot be read: {path}: {strerror}.", called=called, path=path, strerror=system(error))
        )
    except ValueError:  # not UTF-8; or a zero byte in the path
        return Faulty(said("{called} names no UTF-8 text: {path}.", called=called, path=path))
    if not text or len(text) > SECRET_FILE_MAX:
        return Faulty(
            said(
                "{called} names a file that is {what}: {path}.",
                called=called,
                what=term("too large" if text else "empty"),
                path=path,
            )
        )
    return text
