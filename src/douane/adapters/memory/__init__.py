"""The `Conversations` port: the book in memory, and a small SQLite file behind it.

Rules enforced:
1. What is remembered is bounded, in number and in age; whoever holds the most gives way first, its lowest labels first.
2. Nothing but keyed digests, labels and times is kept, and the key is of this data folder alone.
3. A mark that rose is durable before whoever recorded it goes on; a start finds all that was durable.

Which requests belong to a conversation, and what is recorded when, is left to `gateway.memory`.
"""

from __future__ import annotations

from douane.adapters.memory.conversations import ConversationMemory

__all__ = ["ConversationMemory"]
