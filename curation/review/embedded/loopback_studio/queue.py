"""In which order tasks come: by their rank in the line, whatever was made first."""

from typing import Any


def in_the_order_of_the_line() -> None:
    """Label Studio takes tasks as they were made, or any of those that somebody has answered already."""
    from projects.functions import next_task

    first = next_task._get_first_unlocked

    def by_rank(tasks: Any, user: Any) -> Any:
        return first(tasks.order_by("data__rank", "id"), user)

    next_task._get_first_unlocked = by_rank
    next_task._try_breadth_first = lambda tasks, user, project: None
