"""What of personal data a person at the terminal is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.privacy import KINDS, masked, pseudonymised


@dataclass(frozen=True)
class Shown:
    """What is told of a row: personal data or tags in its place, and also findings that decide nothing."""

    countries: Sequence[str]  # whose phone numbers are known without a country code
    personal_data: bool = False
    every: bool = False

    def text(self, text: str) -> str:
        return text if self.personal_data else masked(text, self.countries)

    def messages(self, messages: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        return messages if self.personal_data else pseudonymised(messages, KINDS, self.countries)[0]
