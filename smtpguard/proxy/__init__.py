"""One transaction after another, from MAIL to reply: the only room that keeps their order.

``transaction`` is the flow, to be read aloud. ``regime`` is the policy in force with the keys
that go with it, ``trace`` our Received field and ids, ``patience`` what is remembered of faults
that repeat, ``outgoing`` the last octets of a copy and the arguments of its envelope.
"""
