"""In which order tasks come: by their rank in the line, whatever was made first; the languages that a person reads."""

from pathlib import Path
from typing import Any

from hosting.languages import languages_of


def in_the_order_of_the_line(home: Path) -> None:
    """Label Studio takes tasks as they were made, or any of those that somebody has answered already."""
    from projects.functions import next_task

    first = next_task._get_first_unlocked

    def by_rank(tasks: Any, user: Any) -> Any:
        return first(
            _read_by(tasks, languages_of(home, user.email)).order_by("language_read", "data__rank", "id"), user
        )

    next_task._get_first_unlocked = by_rank
    next_task._try_breadth_first = lambda tasks, user, project: None


def _read_by(tasks: Any, read: list[str]) -> Any:
    """Those in the languages, all where there are none, with the place of the language as `language_read`."""
    from django.db.models import Case, IntegerField, Value, When

    places = [When(data__language=language, then=Value(place)) for place, language in enumerate(read)]
    found = tasks.filter(data__language__in=read) if read else tasks
    return found.annotate(language_read=Case(*places, default=Value(len(read)), output_field=IntegerField()))
