"""One renderer that owns chat template, loss mask and stop token, for any chat model.

Nothing is assumed of the template. For each assistant turn it renders the prompt that a server would build
(`add_generation_prompt`) and the conversation up to and with the reply; the reply is what the second adds to the
first, up to the stop token. Where the template reads one message after another, all of these come out of one run
(beginnings.py). What is trained is the server's prompt, token for token, and then the reply. The template is proved on
PROBE before anything else, then each conversation as it is rendered:

- the text of the prompt begins the text of the conversation,
- the supervised tokens decode to the reply's words and the stop token, no more and no less,
- every message, tool and tool call stands in the text, in order,
- on PROBE also: each message stands there once, and each role is told alike at every turn.

A template that fails on PROBE is a defect and stops (QiratError). A conversation on which a proved template fails
is set aside with the reason (InexpressibleError): `</think>` in one reply must not stop the other thousands.
"""

from training.model.template.masked_renderer import IGNORED, Example, Renderer
from training.model.template.messages import InexpressibleError
from training.model.template.split import split_examples

__all__ = ["IGNORED", "Example", "InexpressibleError", "Renderer", "split_examples"]
