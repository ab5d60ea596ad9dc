"""What is wrong with a command line as such: the parser's own errors, in our words, where English is not spoken.

The parser says them in English only, with its usage line; where English is spoken that is what is shown.
"""

from collections.abc import Iterator
from typing import Any

from omni_bulk.sentences import Sentence, said


def sentences(error: Any) -> Iterator[Sentence]:
    """`error` is a usage error of typer's parser, told by what it carries: its classes are not public."""
    yield _sentence(error)
    command = "omni-bulk" if getattr(error, "ctx", None) is None else error.ctx.command_path
    yield said("`{command} --help` shows what there is", command=command)


def _sentence(error: Any) -> Sentence:
    option, parameter = getattr(error, "option_name", None), getattr(error, "param", None)
    if option is not None and hasattr(error, "possibilities"):
        nothing = said("there is no option {option}", option=option)
        near = ", ".join(error.possibilities or ())
        return said("{nothing}: did you mean {near}?", nothing=nothing, near=near) if near else nothing
    if option is not None:
        return said("{option} needs a value", option=option)
    if parameter is None:
        return said("the command cannot be understood: {why}", why=error.format_message())
    what = parameter.metavar if parameter.param_type_name == "argument" and parameter.metavar else parameter.opts[0]
    if hasattr(error, "param_type"):
        return said("{what} is missing", what=what)
    return said("{what} cannot have this value: {why}", what=what, why=error.message)
