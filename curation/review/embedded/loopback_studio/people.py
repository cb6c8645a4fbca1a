"""The annotators' accounts. Nobody is deleted: Label Studio deletes people's answers with them."""

import time
from collections import deque
from typing import Any

from django.contrib.auth import authenticate
from django.forms import ValidationError
from rest_framework.permissions import IsAdminUser
from rest_framework.response import Response
from rest_framework.views import APIView

_SECONDS = 60
_FAILURES, _FAILURES_OF_ALL = 5, 50  # within those seconds: for one name, and for all together

_failures: deque[tuple[float, str]] = deque()  # when and for whom, oldest first


def email_of(name: str) -> str:
    """By which Label Studio knows a person; no mail is ever sent."""
    return f"{name.lower()}@localhost"


def sign_in(users: Any, name: str, password: str) -> Any:
    """The user of this name. Who has failed too often waits, also with the right password."""
    now, name = time.monotonic(), name.removesuffix("@localhost")
    while _failures and _failures[0][0] <= now - _SECONDS:
        _failures.popleft()
    if sum(failed == name for _, failed in _failures) >= _FAILURES or len(_failures) >= _FAILURES_OF_ALL:
        raise ValidationError("too many failed logins; wait a minute")
    attempt = (now, name)
    _failures.append(attempt)  # before the check: tries at the same time count too
    user = authenticate(email=email_of(name), password=password)
    if user is not None and attempt in _failures:
        _failures.remove(attempt)
    return user


class People(APIView):  # type: ignore[misc]
    """GET lists, POST makes or lets in again with a password, DELETE takes the access away; for the owner only."""

    permission_classes = (IsAdminUser,)

    def get(self, request: Any) -> Response:
        from users.models import User

        return Response(
            [
                {"id": u.id, "name": u.username, "email": u.email, "owner": u.is_superuser, "active": u.is_active}
                for u in User.objects.order_by("username")
            ]
        )

    def post(self, request: Any) -> Response:
        from organizations.models import Organization
        from users.models import User

        name, password = request.data["name"], request.data["password"]
        user = User.objects.filter(email=email_of(name)).first()
        if user is None:
            user = User(email=email_of(name), username=name)
        elif user.is_superuser:
            return Response({"detail": "the owner is no annotator"}, status=409)
        user.set_password(password)
        user.is_active = True
        user.active_organization = organization = Organization.objects.first()
        user.save()
        organization.add_user(user)
        return Response({"name": user.username}, status=201)

    def delete(self, request: Any) -> Response:
        from users.models import User

        user = User.objects.filter(email=email_of(request.data["name"]), is_superuser=False).first()
        if user is None:
            return Response({"detail": "there is no such annotator"}, status=404)
        user.is_active = False
        user.set_unusable_password()
        user.save()
        return Response(status=204)
