"""What can go wrong for a user, as opposed to what is a bug.

Every message is for a person at a terminal: what is wrong, where, and how to mend it. The command line prints these
and nothing else; every other exception is a defect of the library and keeps its traceback.
"""

from __future__ import annotations

__all__ = ["BackboneError", "OverpaintError", "PatchError", "PlanError", "RunError", "out_of_memory", "unreachable"]


class OverpaintError(Exception):
    """Base of all errors that a user can mend."""


class PlanError(OverpaintError):
    """A plan cannot be read, contradicts itself or does not fit the model. One line per problem.

    Attributes:
        problems: the single lines, in the order of the file; joined by line feeds they are the message.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))

    def __reduce__(self) -> tuple[type[PlanError], tuple[str, ...]]:
        """Pickle the lines, not the joined message, so that `problems` outlives a process border."""
        return type(self), self.problems


class BackboneError(OverpaintError):
    """A model is missing, unsupported, or cannot do what was asked of it."""


class PatchError(OverpaintError):
    """A patch is damaged or does not belong to the model it is applied to."""


class RunError(OverpaintError):
    """A run folder is in use, damaged, or belongs to another plan or model."""


def out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine had too little memory.

    Known by name and words, so that torch is not imported for it: only its GPU allocator has an error of its own.
    """
    words = ("out of memory", "can't allocate memory", "not enough memory")
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or (isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words))


def unreachable(error: BaseException) -> bool:
    """Whether a server could not be reached, said by the error or by one that it came of.

    Known by name, as libraries change those that they ask servers through; ``HF_HUB_OFFLINE`` counts.
    """
    names = {"ConnectionError", "NetworkError", "TimeoutException", "Timeout", "gaierror"}
    one: BaseException | None = error
    while one is not None:
        if any(kind.__name__ in names for kind in type(one).__mro__):
            return True
        one = one.__cause__ or one.__context__
    return False
