"""Label Studio's addresses, and two more: who may annotate, and records many at once."""

from core.urls import *  # noqa: F403
from core.urls import urlpatterns as _studio
from django.urls import path
from loopback_studio.people import People
from loopback_studio.records import Records

urlpatterns = [
    path("qirat/people/", People.as_view()),
    path("qirat/records/<int:project>/", Records.as_view()),
    *_studio,
]
