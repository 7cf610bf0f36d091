"""A model's file from the hub: huggingface_hub says where and with which token, our own downloader gets it."""

import asyncio
import os
from pathlib import Path

import httpx

from launchers.store.download import Download, SourceFailed, download
from launchers.store.fetch_meter import FetchMeter
from launchers.store.file_transfer import need_room
from profiles.catalogue import Hub, ModelFile


async def get(
    source: Hub, client: httpx.AsyncClient, file: ModelFile, sha256: str, part: Path, meter: FetchMeter
) -> tuple[Path, str]:
    """A verified `.part` in the store, and its SHA-256. Raises SourceFailed."""
    url, headers = await asyncio.to_thread(_address, source)
    need_room(part.parent, file.bytes - (part.stat().st_size if part.exists() else 0))
    wanted = Download(url=url, part=part, sha256=sha256, bytes=file.bytes, headers=headers)
    try:
        return await download(client, wanted, meter), sha256
    except SourceFailed:
        meter.forget(url)
        raise


def _address(source: Hub) -> tuple[str, dict[str, str]]:
    """Where the file is, by HF_ENDPOINT and the operator's token."""
    # Imported here: it costs 8 MB and 0.14 s, and a show with its models stored never needs it.
    try:
        from huggingface_hub import constants, hf_hub_url
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented, not in __all__

        if constants.is_offline_mode():
            raise SourceFailed("switched off by HF_HUB_OFFLINE")
        endpoint = os.environ.get("HF_ENDPOINT") or None
        url = hf_hub_url(source.repo, source.path, revision=source.revision, endpoint=endpoint)
        headers = dict(build_hf_headers(library_name="galactus"))
    except (ValueError, OSError) as error:  # it reads a dozen variables and the file of a token
        raise SourceFailed(f"its settings (HF_... variables) cannot be used ({error})") from error
    if not all(value.isascii() and value.isprintable() for value in headers.values()):
        raise SourceFailed("its token holds a character that no token has; correct or unset HF_TOKEN")
    if not url.lower().startswith(("http://", "https://")):
        raise SourceFailed(f"HF_ENDPOINT names {endpoint}, which is no address; write it as https://HOST")
    return url, headers
