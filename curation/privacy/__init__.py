"""Personal data in conversations: what stands where, and how it is kept out of data sets, reports and terminals.

`conversation_finds` reads a conversation, `pseudonymised` puts a tag such as `[phone_1]` in the place of every value,
`covered` does so for people who look at it; `finds` and `masked` do the same for a text without its conversation.
"""

from curation.privacy.finds import COVER, KINDS, PATTERNED, finds, masked
from curation.privacy.pseudonyms import conversation_finds, covered, pseudonymised

__all__ = ["COVER", "KINDS", "PATTERNED", "conversation_finds", "covered", "finds", "masked", "pseudonymised"]
