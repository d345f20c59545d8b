"""Fetches one file into the cache with pooch, and keeps it only if its checksum is right."""

from __future__ import annotations

from pathlib import Path

from graph2nn.errors import UserError
from graph2nn.progress import Bar


def download(url: str, known_hash: str | None, folder: Path, *, progress: bool) -> Path:
    """The file behind a URL, in a folder; not fetched again when it is there and whole.

    Args:
        url: its last part is the name of the file.
        known_hash: "sha256:..." or "md5:..."; None where the caller checks what came by other means.
        folder: made when it is not there.
        progress: show a bar on a terminal.

    Returns:
        Path of the file.

    Raises:
        UserError: it cannot be reached, cannot be written, or has another checksum; nothing is kept then.
    """
    import pooch
    import requests

    name = url.rsplit("/", 1)[-1]
    remedy = f"put {name} into {folder}, or name your copy with --data"
    bar = Bar(f"downloading {name}", 0, show=progress)
    # Whole seconds without a byte mean that the line is dead; the download itself may take as long as it likes.
    fetch = pooch.HTTPDownloader(progressbar=bar, timeout=30)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Path(pooch.retrieve(url, known_hash, fname=name, path=folder, downloader=fetch))
    except requests.exceptions.HTTPError as error:
        status = error.response.status_code if error.response is not None else "?"
        raise UserError(f"data: {url} answered with HTTP status {status}; {remedy}.") from error
    except requests.exceptions.RequestException as error:
        raise UserError(f"data: {url} cannot be reached ({type(error).__name__}); {remedy}.") from error
    except OSError as error:
        raise UserError(
            f"data: {name} cannot be kept in {folder} ({error.strerror or error}); pass --cache."
        ) from error
    except ValueError as error:  # pooch's word for a wrong checksum; it has deleted the file
        raise UserError(
            f"data: what {url} sent is incomplete or has changed (wrong checksum), and was not kept; "
            f"try again, or {remedy}."
        ) from error
    finally:
        bar.close()
