"""What comes back by mail: unsubscribe requests, replies that say STOP, bounces, complaints.

``receiver`` takes the mail, for addresses of ours alone (``desk``). ``letter`` says what one mail
is; ``stop``, ``report``, ``complaint`` and ``bounce`` read the kinds of it, ``evidence`` finds what
in it only the person concerned could know; none of them waits. ``act`` then writes to the store,
and ``forward`` passes on what nobody here understands. Nothing here ever answers a mail.

Anybody can write to these addresses in anybody's name. So only two things count: a token that we
minted, and the Message-ID of a recent message that went to that very person and to nobody else.
"""
