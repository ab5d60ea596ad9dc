"""The verb `init`: what somebody needs on the first day, written into one folder."""

import contextlib
import getpass
import os
import shutil
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from omni_bulk.cli import app
from omni_bulk.cli.language import Lang, checked
from omni_bulk.errors import OutputError, SettingsError
from omni_bulk.sentences import listed, said, system, term

_TRIES = 3  # times that something usable may be typed
_FROM_SHOWN = "0212345678"  # in the commands to try, when no originating number was given


@app.command("init")
def init(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where; default: here.", show_default=False)] = Path(),
    from_: Annotated[
        str | None, typer.Option("--from", metavar="NUMBER", help="The registered originating number, not asked then.")
    ] = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Client id and password are the two lines of stdin; nothing is asked.")
    ] = False,
    without_credentials: Annotated[
        bool, typer.Option("--without-credentials", help="Write the rest; nothing is asked.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what is there without asking.")] = False,
    lang: Lang = None,
) -> int:  # fmt: skip
    """Ask for the credentials once; write them, the settings file and a list to try. Sends nothing."""
    checked(lang)
    if stdin and without_credentials:
        raise SettingsError(said("--stdin and --without-credentials contradict each other: keep one"))
    asks = not (stdin or without_credentials)
    if asks and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SettingsError(
            said(
                "init asks for the credentials, and there is no terminal to ask on: give them as two lines on stdin with "
                "--stdin, or write the rest with --without-credentials"
            )
        )
    return _Init(folder, from_, asks=asks, replace=replace).go(credentials=not without_credentials)


class _Init:
    def __init__(self, folder: Path, from_: str | None, *, asks: bool, replace: bool) -> None:
        self.folder = folder
        self.from_ = from_
        self.asks = asks
        self.replace = replace

    def go(self, *, credentials: bool) -> int:
        """Everything is asked before anything is written."""
        from omni_bulk.starter import CREDENTIALS_FILLED, secret_files, starter_files  # noqa: PLC0415

        self._say(
            said("This writes omni-bulk.toml, secrets and a sample list into {folder}.", folder=self._shown)
            if credentials
            else said("This writes omni-bulk.toml, a sample list into {folder}.", folder=self._shown)
        )
        secrets = dict(secret_files("", ""))
        wanted = credentials and self._may_write([path for path in secrets if path.name != ".gitignore"])
        if wanted:
            secrets = dict(secret_files(*self._credentials()))
        if self.asks and self.from_ is None:
            self.from_ = (
                self._typed(said("Originating number, as registered (empty for none now): "), empty=True) or None
            )
        from_ = None if self.from_ is None else _checked_from(self.from_)
        filled = (dict(CREDENTIALS_FILLED) if credentials else {}) | ({} if from_ is None else {"from": from_})
        files = {path: text for path, text in starter_files(filled).items() if self._may_write([path])}
        self._write((secrets if wanted else {}) | files)
        self._tell_next(from_)
        return 0

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _may_write(self, paths: list[Path]) -> bool:
        """Nothing that is there is written over without a yes."""
        from omni_bulk.cli.question import is_yes  # noqa: PLC0415

        there = [str(path) for path in paths if (self.folder / path).exists()]
        if not there or self.replace:
            return True
        if self.asks:
            question = said("{files} is there already. Replace? [y/N] ", files=there[0])
            if there[1:]:
                question = said("{files} are there already. Replace? [y/N] ", files=" and ".join(there))
            if is_yes(self._typed(question, empty=True)):
                return True
        kept = said("  kept     {files}", files=", ".join(there))
        self._say(kept if self.asks else said("{kept} (--replace writes it anew)", kept=kept))
        return False

    def _credentials(self) -> tuple[str, str]:
        if not self.asks:
            lines = [line.strip() for line in sys.stdin.read(4096).splitlines()]
            if len(lines) != 2 or not all(map(_usable, lines)):
                raise SettingsError(said("--stdin takes exactly two lines: the client id, then the password"))
            return lines[0], lines[1]
        return self._typed(said("Client id: ")), self._typed(said("Client password (is not shown): "), hidden=True)

    def _typed(self, question: str, *, hidden: bool = False, empty: bool = False) -> str:
        """What is typed in one line, without white space around it."""
        from omni_bulk.cli.language import spoken  # noqa: PLC0415

        for _ in range(_TRIES):
            try:
                text = (_hidden if hidden else _shown)(spoken(question)).strip()
            except KeyboardInterrupt:
                raise SettingsError(said("interrupted, so nothing was written")) from None
            if _usable(text) or (empty and not text):
                return text
            self._say(said("That is empty, or holds characters that cannot be typed; once more."))
        raise SettingsError(said("nothing usable was typed, so nothing was written"))

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _write(self, files: Mapping[Path, str]) -> None:
        from omni_bulk.replacing import replacing  # noqa: PLC0415

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if any(path.parent.name for path in files):
                (self.folder / "secrets").mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise OutputError(
                said(
                    "{folder} cannot be written ({strerror}); name another folder",
                    folder=self._shown,
                    strerror=system(error),
                )
            ) from None
        for path, text in files.items():
            with replacing(self.folder / path, "the file", "omni-bulk init FOLDER") as file:
                file.write(text.encode())
        for names in _rows(files):
            self._say(said("  wrote    {names}", names=names))

    def _tell_next(self, from_: str | None) -> None:
        words = "sample.csv --text-file sample.txt" + ("" if from_ else f" --from {_FROM_SHOWN}")
        if problems := self._problems():
            self._say(said("Before you send for real:"))
            for problem in problems:
                self._say(listed(("  ", problem), ""))
        self._say(said("Next:"))
        if self.folder.resolve() != Path.cwd():
            self._say(f"  cd {self._shown}")
        self._say(f"  omni-bulk {words} --sandbox")
        self._say(said("      tries everything, sends nothing"))
        self._say("  omni-bulk doctor")
        self._say(said("      says whether all is well, sends nothing"))
        self._say(f"  omni-bulk {words} --test-to +…")
        self._say(said("      sends one message, to a phone of your own"))

    def _problems(self) -> list[str]:
        """What would still stop a `send` there."""
        from omni_bulk.settings import Settings  # noqa: PLC0415

        try:
            with contextlib.chdir(self.folder):
                Settings().require_credentials()
        except SettingsError as error:
            return list(error.problems)
        before = [name for name in sorted(os.environ) if name.startswith("OMNI_CLIENT_") and os.environ[name]]
        return (
            [said("{before} in the environment goes before what is in the files", before=" and ".join(before))]
            if before
            else []
        )

    def _say(self, text: str) -> None:
        from omni_bulk.cli.language import spoken  # noqa: PLC0415
        from omni_bulk.cli.screen import folded, printable  # noqa: PLC0415

        width = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
        print(folded(printable(spoken(text)), width), file=sys.stderr)

    @property
    def _shown(self) -> str:
        return str(self.folder.absolute())


def _rows(files: Mapping[Path, str]) -> Iterator[str]:
    """The files in few lines, those of one folder together."""
    secret = [str(path) for path in files if path.parent.name and path.name != ".gitignore"]
    if secret:
        yield said("{secret} (only you can read them)", secret=", ".join(secret))
    if rest := [str(path) for path in files if not path.parent.name]:
        yield ", ".join(rest)


def _usable(text: str) -> bool:
    return bool(text) and text.isprintable()


def _checked_from(text: str) -> str:
    from omni_bulk.phone import Trouble, check_from  # noqa: PLC0415

    found = check_from(text)
    if isinstance(found, Trouble):
        raise SettingsError(said("--from: {why}", why=term(found.detail)))
    return found


def _shown(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return _line(sys.stdin.readline())


def _hidden(question: str) -> str:
    """Read from the terminal without an echo; where that cannot be had, nothing is read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(question, stream=sys.stderr)
    except EOFError:
        return _line("")
    except getpass.GetPassWarning:
        raise SettingsError(
            said("this terminal cannot hide what is typed, so the password was not asked for: give it with --stdin")
        ) from None


def _line(text: str) -> str:
    if not text:
        raise SettingsError(said("the input ended, so nothing was written"))
    return text
