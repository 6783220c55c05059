"""A project folder: Pulumi.yaml, and a settings file for each stack with its configuration.

The keys are those of sdk/go/common/workspace/project.go; what isn't honoured here is refused.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from sandbox.engine.errors import EngineError, Refused
from sandbox.engine.paths import parse_path
from sandbox.engine.secrets import Crypter, new_salt, passphrase

_PROJECT_KEYS: Final = frozenset(
    {"name", "runtime", "description", "author", "website", "license", "main", "stackConfigDir"}
    | {"options", "backend", "config"}
)
_SETTINGS_KEYS: Final = frozenset({"encryptionsalt", "config"})


@dataclass(frozen=True)
class Project:
    """What Pulumi.yaml says."""

    file: Path
    name: str
    main: str = ""
    virtualenv: str = ""
    stack_config_dir: str = ""
    refresh_always: bool = False
    backend_url: str = ""

    @property
    def root(self) -> Path:
        """The folder of Pulumi.yaml."""
        return self.file.parent

    def entry(self) -> tuple[Path, str]:
        """The folder that the program and its plugins run in, and what is run there.

        Raises:
            EngineError: `main` names what isn't there.
        """
        entry = self.root / self.main
        if not entry.exists():
            raise EngineError(f"project 'main' could not be read: there is no {entry}")
        return (entry, ".") if entry.is_dir() else (entry.parent, entry.name)

    @property
    def python(self) -> Path:
        """The interpreter that runs the program and its dynamic providers.

        Raises:
            EngineError: the virtual environment isn't there.
        """
        if not self.virtualenv:
            return Path(sys.executable)
        python = Path(os.path.normpath(self.root / self.virtualenv)) / "bin" / "python"
        if not python.exists():
            raise EngineError(
                f"the virtualenv option in {self.file} names {self.virtualenv}, which is none"
            )
        return python

    def settings(self, stack: str) -> "Settings":
        """The settings file of a stack, which need not exist yet."""
        file = self.root / self.stack_config_dir / f"Pulumi.{stack}.yaml"
        return Settings(self.name, file, _mapping(file) if file.exists() else {})


def find_project(folder: Path) -> Project:
    """The project that a folder belongs to.

    Raises:
        EngineError: there is no Pulumi.yaml, or it isn't one.
        Refused: it asks for what only the real Pulumi does.
    """
    for candidate in (folder, *folder.parents):
        file = candidate / "Pulumi.yaml"
        if file.exists():
            return _project(file, _mapping(file))
    raise EngineError(
        "no Pulumi.yaml project file found (searching upwards from "
        f"{folder}). If you have not created a project yet, write one first"
    )


def _project(file: Path, content: dict[str, Any]) -> Project:
    if unknown := set(content) - _PROJECT_KEYS:
        raise Refused(f"{', '.join(sorted(unknown))} in Pulumi.yaml")
    if content.get("config"):
        raise Refused("config in Pulumi.yaml (settings belong in a stack's file here)")
    runtime = content.get("runtime")
    name = runtime.get("name") if isinstance(runtime, dict) else runtime
    if name != "python":
        raise Refused(f"the runtime {name}")
    runtime_options = runtime.get("options") or {} if isinstance(runtime, dict) else {}
    if unknown := set(runtime_options) - {"virtualenv"}:
        raise Refused(f"the runtime option {', '.join(sorted(unknown))}")
    options = content.get("options") or {}
    if unknown := set(options) - {"refresh"}:
        raise Refused(f"the project option {', '.join(sorted(unknown))}")
    return Project(
        file=file,
        name=str(content["name"]),
        main=content.get("main") or "",
        virtualenv=runtime_options.get("virtualenv", ""),
        stack_config_dir=content.get("stackConfigDir", ""),
        refresh_always=options.get("refresh") == "always",
        backend_url=(content.get("backend") or {}).get("url", ""),
    )


def _mapping(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text()) or {}
    except (OSError, yaml.YAMLError) as error:
        raise EngineError(f"{file} can't be read: {error}") from error
    if not isinstance(content, dict):
        raise EngineError(f"{file} is not a mapping")
    return content


@dataclass(frozen=True)
class ConfigValue:
    """One setting, decrypted: as the text that a program sees."""

    text: str
    secret: bool = False
    #: The structure behind the text, if it isn't a plain string; its secrets masked in `shown`.
    structured: Any = None
    shown: str = ""


@dataclass
class Settings:
    """A stack's settings file. Writing it keeps the order of keys, not the comments."""

    project: str
    file: Path
    content: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unknown := set(self.content) - _SETTINGS_KEYS:
            raise Refused(f"{', '.join(sorted(unknown))} in {self.file.name}")

    def save(self) -> None:
        """Writes the file."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(yaml.safe_dump(self.content, sort_keys=False, allow_unicode=True))

    def crypter(self) -> Crypter:
        """What encrypts the file's secrets; a file without a salt is given one.

        Raises:
            EngineError: no passphrase is set.
        """
        if "encryptionsalt" not in self.content:
            self.content = {"encryptionsalt": new_salt(passphrase()), **self.content}
            self.save()
        return Crypter(self.content["encryptionsalt"], passphrase())

    def values(self) -> dict[str, ConfigValue]:
        """Every setting under its full key, decrypted, in the order of keys."""
        crypter = self.crypter() if _has_secure(self._config) else None
        decrypt = crypter.decrypt if crypter else str
        return {self.key(key): _value(raw, decrypt) for key, raw in sorted(self._config.items())}

    def set(self, key: str, value: Any, *, path: bool) -> None:
        """Sets a value: text or what `secure` made of it.

        Raises:
            EngineError: the path leads through something that is no map or list.
        """
        config = self.content.setdefault("config", {}) or {}
        self.content["config"] = config
        first, *rest = _parts(key) if path else [key]
        parent: Any = config
        step: str | int = self.key(str(first))
        for following in rest:
            default: Any = [] if isinstance(following, int) else {}
            _extend(parent, step, default)
            parent, step = parent[step], following
        _extend(parent, step, None)
        parent[step] = value if isinstance(value, dict) or not path else _typed(value)

    def remove(self, key: str, *, path: bool) -> None:
        """Removes a value, if it is there."""
        first, *rest = _parts(key) if path else [key]
        parent: Any = self._config
        step: str | int = self.key(str(first))
        try:
            for following in rest:
                parent, step = parent[step], following
            del parent[step]
        except (KeyError, IndexError, TypeError):
            return
        if not self._config:
            self.content.pop("config", None)

    def secure(self, text: str) -> dict[str, str]:
        """What a secret value becomes in the file."""
        return {"secure": self.crypter().encrypt(text)}

    def key(self, key: str) -> str:
        """A key with its namespace, by default the project's."""
        return key if ":" in key else f"{self.project}:{key}"

    @property
    def _config(self) -> dict[str, Any]:
        return self.content.get("config") or {}


def look_up(values: Mapping[str, ConfigValue], key: str, *, path: bool) -> ConfigValue | None:
    """A setting, or a part of it; a part of what holds a secret anywhere counts as one."""
    if not path:
        return values.get(key)
    first, *rest = _parts(key)
    whole = values.get(str(first))
    if whole is None or not rest:
        return whole
    found: Any = whole.structured
    try:
        for step in rest:
            found = found[step]
    except (KeyError, IndexError, TypeError):
        return None
    return ConfigValue(
        _text(found), whole.secret, found if isinstance(found, dict | list) else None
    )


def _parts(path: str) -> list[str | int]:
    namespace, colon, rest = path.rpartition(":")
    parts = parse_path(rest)
    if not parts or isinstance(parts[0], int):
        raise EngineError(f"invalid configuration path {path!r}")
    return [f"{namespace}{colon}{parts[0]}", *parts[1:]]


def _extend(parent: Any, step: str | int, default: Any) -> None:
    if isinstance(parent, list) and step == len(parent):
        parent.append(default)
    elif isinstance(parent, dict) and isinstance(step, str):
        parent.setdefault(step, default)
    elif not (isinstance(parent, list) and isinstance(step, int) and step < len(parent)):
        raise EngineError(f"the path leads through {step!r}, which can't be set there")


def _typed(text: str) -> Any:
    """With --path, `true`, `false` and whole numbers are more than text."""
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?(0|[1-9]\d*)", text):
        return int(text)
    return text


def _has_secure(raw: Any) -> bool:
    if isinstance(raw, dict):
        return _is_secure(raw) or any(_has_secure(item) for item in raw.values())
    return isinstance(raw, list) and any(_has_secure(item) for item in raw)


def _is_secure(raw: Any) -> bool:
    return isinstance(raw, dict) and set(raw) == {"secure"} and isinstance(raw["secure"], str)


def _value(raw: Any, decrypt: Callable[[str], str]) -> ConfigValue:
    if _is_secure(raw):
        return ConfigValue(decrypt(raw["secure"]), secret=True, shown="[secret]")
    if isinstance(raw, dict | list):
        value = _decrypted(raw, decrypt)
        masked = _decrypted(raw, lambda _: "[secret]")
        return ConfigValue(_text(value), _has_secure(raw), value, _text(masked))
    text = _text(raw)
    return ConfigValue(text, shown=text)


def _decrypted(raw: Any, decrypt: Callable[[str], str]) -> Any:
    if _is_secure(raw):
        return decrypt(raw["secure"])
    if isinstance(raw, dict):
        return {key: _decrypted(item, decrypt) for key, item in sorted(raw.items())}
    if isinstance(raw, list):
        return [_decrypted(item, decrypt) for item in raw]
    return raw


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
