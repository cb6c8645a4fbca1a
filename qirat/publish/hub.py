"""The folder on a hub: private unless told, the token from the environment only."""

import os
from pathlib import Path
from typing import Literal

from curation.harness.errors import QiratError

TOKEN = "HF_TOKEN"


def push(folder: Path, repository: str, kind: Literal["dataset", "model"], public: bool) -> str:
    """Makes the repository hold what the folder holds and nothing else; returns its address.

    A repository that is there already keeps who may see it: a public one is refused unless `public`.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token())
    try:
        api.create_repo(repository, repo_type=kind, private=not public, exist_ok=True)
        if not public and not api.repo_info(repository, repo_type=kind).private:
            raise QiratError(f"{repository} is public; name another, make it private there, or say --public")
        api.upload_folder(
            repo_id=repository,
            repo_type=kind,
            folder_path=folder,
            commit_message="Published by qirat",
            delete_patterns="*",
        )
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise QiratError(f"{repository} could not be written: {_short(error)}") from None
    return f"{api.endpoint}/{'datasets/' if kind == 'dataset' else ''}{repository}"


def token() -> str:
    """The token that may write there; never shown, never kept."""
    if found := os.environ.get(TOKEN):
        return found
    raise QiratError(f"{TOKEN} is not set; put a token of the hub that may write there into the environment")


def _short(error: Exception) -> str:
    """The first line of what the hub says, without the token."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return said.replace(os.environ.get(TOKEN) or "\0", "[token]")
