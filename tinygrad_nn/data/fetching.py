"""Getting one file from the network, with its size and its time bounded."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tinygrad_nn.errors import DataError

if TYPE_CHECKING:
    from http.client import HTTPResponse

__all__ = ["fetch_url"]

Fetch = Callable[[str, float], bytes]
"""Takes an address and the seconds it may take; returns the body or raises OSError."""

_CHUNK: Final = 1 << 16
# The largest file of MNIST is 10 MB as compressed.
_MAX_DOWNLOAD: Final = 16 << 20


def fetch_url(url: str, timeout: float) -> bytes:
    """Return the body of an http or https address, at most 16 MiB.

    Args:
        url: the address.
        timeout: seconds for the whole body, and for any single wait.

    Raises:
        DataError: another kind of address, an error status, or a body that is too long.
        OSError: the network failed, or the time is over.
    """
    # A quarter of the time that `import tinygrad_nn.data` took; few ever fetch anything.
    import http.client
    import urllib.error
    import urllib.request

    if not url.startswith(("https://", "http://")):
        raise DataError(f"{url}: expected an address that starts with https:// or http://")
    request = urllib.request.Request(url, headers={"User-Agent": "tinygrad_nn"})
    deadline = time.monotonic() + timeout
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return _read_until(response, deadline)
    except urllib.error.HTTPError as error:
        error.close()
        raise DataError(f"HTTP status {error.code} {error.reason}") from error
    except http.client.HTTPException as error:
        raise DataError(f"no proper HTTP answer ({type(error).__name__}: {error})") from error


def _read_until(response: HTTPResponse, deadline: float) -> bytes:
    body = bytearray()
    # read1 returns what has arrived: a server that sends drop by drop cannot outwait the check.
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > _MAX_DOWNLOAD:
            raise DataError(f"more than {_MAX_DOWNLOAD:,} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("the time is over before the file is complete")
    return bytes(body)
