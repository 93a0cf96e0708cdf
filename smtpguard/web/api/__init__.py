"""The API: HTTP for the company's own programs, on a listener of its own.

``caller`` is who asks and what they may, ``gate`` turns away whom it does not know, ``asked`` and
``answered`` are the shapes of what is said, ``problem`` is what is said instead. ``call`` is one
request; ``suppressions``, ``check``, ``clean``, ``requests`` and ``stats`` are what it may be for.
``operations`` lists them all, ``openapi`` describes the list, ``app`` serves it.
"""
