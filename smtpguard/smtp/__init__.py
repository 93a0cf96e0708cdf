"""The wire: SMTP and LMTP in front (aiosmtpd), SMTP behind (aiosmtplib), nothing decided here.

``server`` listens and counts, ``conversation`` is one client (``lmtp`` where replies differ per
recipient), ``introduction`` is what it says of itself; ``command`` reads what a client may say,
``inbox`` holds the octets that came, ``data`` judges the octets of a message as a line protocol
sees them. ``auth`` knows who may send as whom: ``users`` holds names and hashes, ``sasl`` and
``saslprep`` read what a client gives. They call a ``receiver``.
``upstream`` leases connections from ``pool`` and gives out a ``delivery``, one transaction on one
``wire``. ``capabilities`` and ``xforward`` serve both sides, ``settings`` tells both their limits.
"""
