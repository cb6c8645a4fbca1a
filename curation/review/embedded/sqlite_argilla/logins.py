"""A limit to guessing passwords. Argilla has none, and each try costs it a fifth of a second of everybody's time."""

import asyncio
import time
from collections import deque
from typing import Any

from argilla_server.contexts import accounts
from fastapi import HTTPException, status

_SECONDS = 60
_FAILURES, _FAILURES_OF_ALL = 5, 50  # within those seconds: for one user name, and for all together

_failures: deque[tuple[float, str]] = deque()  # when and for whom, oldest first


def limit() -> None:
    """Who has failed too often waits, also with the right password: otherwise guessing could go on."""

    async def authenticate(db: Any, username: str, password: str) -> Any:
        wait = _seconds_to_wait(username, time.monotonic())
        if wait > 0:
            raise HTTPException(
                status.HTTP_429_TOO_MANY_REQUESTS,
                f"too many failed logins; wait {wait} seconds",
                {"Retry-After": str(wait)},
            )
        attempt = (time.monotonic(), username)
        _failures.append(attempt)  # before the check: tries at the same time count too
        user = await accounts.get_user_by_username(db, username)
        hashed = user.password_hash if user else accounts._DUMMY_HASH
        if await asyncio.to_thread(accounts.verify_password, password, hashed) and user:
            if attempt in _failures:
                _failures.remove(attempt)
            return user
        return None

    accounts.authenticate_user = authenticate


def _seconds_to_wait(username: str, now: float) -> int:
    while _failures and _failures[0][0] <= now - _SECONDS:
        _failures.popleft()
    limits = (
        ([moment for moment, name in _failures if name == username], _FAILURES),
        ([moment for moment, _ in _failures], _FAILURES_OF_ALL),
    )
    ends = [moments[-most] + _SECONDS for moments, most in limits if len(moments) >= most]
    return int(max(ends) - now) + 1 if ends else 0
