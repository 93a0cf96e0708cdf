"""LMTP (RFC 2033): LHLO, and after the dot one reply for every recipient that was accepted."""

from __future__ import annotations

from smtpguard.smtp.conversation import Conversation, Verb


class LmtpConversation(Conversation):
    """An LMTP session."""

    protocol = "LMTP"

    def _replies(self) -> int:
        return self._accepted


def _verbs() -> dict[bytes, Verb]:
    verbs = dict(Conversation.verbs)
    verbs[b"LHLO"] = verbs.pop(b"EHLO")
    del verbs[b"HELO"]
    return verbs


LmtpConversation.verbs = _verbs()
