"""One request to an Argilla, and in a sentence whatever can go wrong between here and there."""

from typing import Any

from curation.harness.errors import QiratError
from curation.review.embedded.process import Address

_CURE = "set QIRAT_ARGILLA_URL to Argilla's own address, with the path it stands under (https://host/argilla)"


def content(client: Any, url: str, method: str, place: str, **details: Any) -> Any:
    """What Argilla says to a request, None where it says nothing. `client` is httpx's, its base URL that of the API.

    Raises QiratError where nothing answers at `url`, something else than Argilla does, or Argilla refuses.
    """
    import httpx

    try:
        answer = client.request(method, place, **details)
        if answer.is_redirect:
            to = answer.headers.get("location", "").partition("?")[0]
            raise QiratError(f"{url} sends on to {to}; {_CURE}")
        if answer.is_error:
            raise QiratError(f"Argilla at {url} refused {method} {place}: {answer.text[:500]}")
        return answer.json() if answer.content else None
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise QiratError(
            f"no Argilla answers at {url} ({error}); start it, or set QIRAT_ARGILLA_URL to where it is"
        ) from None
    except httpx.DecodingError as error:
        raise QiratError(f"what {url} says cannot be read ({error}); {_CURE}") from None
    except ValueError:
        raise QiratError(f"what answers at {url} is no Argilla; {_CURE}") from None


def connected(address: Address) -> Any:
    """A client of httpx for the API of this Argilla. Raises QiratError where none answers there or the key is wrong."""
    import httpx

    if not (address.api_key.isascii() and address.api_key.isprintable()):  # httpx would quote it in its error
        raise QiratError("the key in QIRAT_ARGILLA_API_KEY has signs that no key has; copy it again")
    try:
        client = httpx.Client(
            base_url=f"{address.url.rstrip('/')}/api/v1/",
            headers={"X-Argilla-Api-Key": address.api_key},
            timeout=60,
            transport=httpx.HTTPTransport(retries=1),  # given one, httpx asks no proxy of the environment
        )
    except httpx.InvalidURL as error:
        raise QiratError(f"QIRAT_ARGILLA_URL is no address ({error}); {_CURE}") from None
    me = content(client, address.url, "GET", "me")
    if not (isinstance(me, dict) and "username" in me):
        raise QiratError(f"what answers at {address.url} is no Argilla; {_CURE}")
    return client
