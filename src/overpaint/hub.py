"""Files to the Hugging Face hub. Nothing is sent but by `push`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from overpaint.errors import OverpaintError, unreachable

__all__ = ["HubError", "push"]


class HubError(OverpaintError):
    """The hub cannot be reached, or will not take the files."""


def push(
    files: Mapping[str, Path | bytes],
    repository: str,
    *,
    private: bool = False,
    message: str = "Upload with Overpaint",
    endpoint: str | None = None,
    token: str | None = None,
) -> str:
    """Upload files as one commit, so that the repository is as before or whole; it is made if it is missing.

    Args:
        files: what to send, by its path in the repository.
        repository: ``owner/name``.
        private: of a repository that is made.
        message: of the commit.
        endpoint: the hub's address; huggingface_hub's own setting (``HF_ENDPOINT``) if None.
        token: a write token; the one of ``hf auth login`` or ``HF_TOKEN`` if None.

    Returns:
        The repository's address.

    Raises:
        HubError: in one line, the hub cannot be reached or refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    api = HfApi(endpoint=endpoint, token=token, library_name="overpaint")
    try:
        url = api.create_repo(repository, private=private, exist_ok=True)
        operations = [
            CommitOperationAdd(name, source if isinstance(source, bytes) else str(source))
            for name, source in sorted(files.items())
        ]
        api.create_commit(repository, operations, commit_message=message)
    except LocalTokenNotFoundError:
        raise HubError(f"{repository}: not logged in; run 'hf auth login' or set HF_TOKEN") from None
    except Exception as error:
        if unreachable(error):
            reason = type(error).__name__
            raise HubError(f"{repository}: the hub cannot be reached ({reason}); check the network") from error
        if not isinstance(error, (HfHubHTTPError, HFValidationError, OSError)):
            raise
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise HubError(f"{repository}: the hub did not take it ({reason}); check the name and the token") from error
    return str(url)
