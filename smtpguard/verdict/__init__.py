"""Findings and policy, put together: each recipient is relayed, refused or deferred.

``judge`` runs the rules, ``weigh`` says what each finding leads to on this stream, ``refusal``
writes the reply, ``deliberate`` decides one message at the dot for all its recipients, and
``decision`` is the one value that the reply, the log, the journal and the demo are views of.
Nothing here waits: facts come in, values go out, so it runs as well in another process.
"""
