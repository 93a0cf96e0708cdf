"""The other wire: the exit that the injected links lead to.

Its own process: it holds the link and reference keys and the store, never a DKIM key, and it
never sees mail. GET shows a page and changes nothing, whoever asks; POST unsubscribes at once
(RFC 8058 §3.2).

``settings`` is the configuration, ``site`` what the policies say about those who write,
``wording`` and ``look`` how it is said and shown, ``pages`` an answer. ``exits``, ``preferences``,
``rights`` and ``why`` are the pages; ``desk`` is what they share. ``gate`` turns away what is too
much; ``app`` puts it together, ``status`` is for the operator, and ``server`` opens the door.
``api`` is for the company's own programs, behind a door of its own.
"""
