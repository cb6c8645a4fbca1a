"""Label Studio's settings, less what opens it: see `gate` for what annotators may do."""

from typing import Any

# The pages run their own scripts and load from this server only. Scripts bear a number that each answer draws anew.
_CONTENT_SECURITY_POLICY = {
    "DEFAULT_SRC": ("'self'",),
    "SCRIPT_SRC": ("'self'",),
    "STYLE_SRC": ("'self'", "'unsafe-inline'"),
    "IMG_SRC": ("'self'", "data:", "blob:"),
    "FONT_SRC": ("'self'", "data:"),
    "CONNECT_SRC": ("'self'",),
    "WORKER_SRC": ("'self'", "blob:"),
    "OBJECT_SRC": ("'none'",),
    "BASE_URI": ("'self'",),
    "FORM_ACTION": ("'self'",),
    "FRAME_ANCESTORS": ("'none'",),
    "INCLUDE_NONCE_IN": ["script-src"],
    "REPORT_ONLY": False,
}


def close(settings: Any) -> None:
    """Changes Django's settings before anything has read them: Label Studio's own read themselves while they load."""
    settings.ROOT_URLCONF = "loopback_studio.urls"
    settings.MIDDLEWARE += ["loopback_studio.gate.Gate"]
    settings.REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"] = (
        "loopback_studio.gate.OwnersToken",
        "rest_framework.authentication.SessionAuthentication",
    )
    settings.USE_USERNAME_FOR_LOGIN = True
    settings.USER_AUTH = sign_in
    settings.CORS_ALLOW_ALL_ORIGINS = False
    settings.X_FRAME_OPTIONS = "DENY"
    for (
        queue
    ) in settings.RQ_QUEUES.values():  # no Redis, also where one runs for somebody else: jobs run in the request
        queue.update(HOST="127.0.0.1", PORT=1)
    settings.DATABASES["default"]["OPTIONS"] = {
        "timeout": 60,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    for name, value in _CONTENT_SECURITY_POLICY.items():
        setattr(settings, f"CSP_{name}", value)


def sign_in(users: Any, name: str, password: str) -> Any:
    """Django's models can be imported only once the settings stand."""
    from loopback_studio import people

    return people.sign_in(users, name, password)
