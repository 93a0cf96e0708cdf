"""An SMTP proxy that lets commercial mail leave only if it says who sends it and how to leave.

The house, room by room, along the wire. Data flows one way: a room imports only the rooms
that stand before it. ``IMPORTS`` below is that law; ``tests/test_house.py`` keeps it.

====================  ==========================================================================
mail                  what travels: addresses, envelope, message, fields, parts, readable text
person                what is known of a recipient: suppressions, first contact, source
keys                  DKIM, link and reference keys: the only room that holds secrets
unsubscribe           the way out: links minted and read, List-Unsubscribe fields
edit                  how mail is mended: fixes become edits, edits become bytes
policy                what is asked of whom: controllers, brands, streams, packs
rules                 what can be wrong: one file, one fault
reply                 what the client is told
verdict               findings + policy: Relay, Refuse or Defer
-- above this line nothing waits; below it nothing decides ------------------------------------
inspector             the same verdict in another process, where the mail is large
sign                  DKIM signatures
store                 who may be written to, in Redis or Valkey
journal               what can be proved: one line a decision
outlet                where those lines go that the next room writes
log                   every line an operator reads
metrics               every number that is counted
courier               HTTP requests that we make ourselves
web                   the other wire: exit pages
config                config/smtpguard.yaml
smtp                  the wire: server, LMTP, XFORWARD, upstream, pool
proxy                 one transaction, from MAIL to reply
feedback              what comes back by mail: unsubscribe, STOP, bounces, complaints
digest                what the owner of a stream is told when its mail is held up
service               the running service: parent, workers, reload
cli                   serve, check, lint, explain, suppress, keys, store
====================  ==========================================================================
"""

__version__ = "0.1.0"

_PURE = "mail person keys unsubscribe edit policy rules reply verdict"
_GUARD = f"{_PURE} inspector sign store journal log"

IMPORTS: dict[str, frozenset[str]] = {
    room: frozenset(may.split())
    for room, may in {
        "mail": "",
        "person": "mail",
        "keys": "",
        "unsubscribe": "mail keys",
        "edit": "mail unsubscribe",
        "policy": "mail person edit",
        "reply": "",
        "rules": "mail person unsubscribe edit policy",
        "verdict": "mail person keys unsubscribe edit policy rules reply",
        "inspector": "verdict",
        "sign": "mail keys",
        "store": "mail person keys",
        "journal": "mail policy rules reply verdict",
        "outlet": "",
        "log": "mail verdict journal outlet",
        "metrics": "",
        "courier": "",
        "web": "mail person keys unsubscribe policy rules store log metrics courier",
        "config": "policy web",
        "smtp": "mail reply log config",
        "proxy": f"{_GUARD} smtp",
        "feedback": (
            "mail person keys unsubscribe policy rules reply store journal log metrics smtp proxy"
        ),
        "digest": "mail keys policy rules reply store log metrics proxy",
        "service": (
            "keys unsubscribe policy rules inspector sign store journal log metrics courier config"
            " smtp proxy feedback digest"
        ),
        "cli": f"{_GUARD} metrics courier config smtp web proxy service",
    }.items()
}
"""Which room may import which. Each may import itself."""

PURE = frozenset(_PURE.split())
"""The rooms above the line: no ``async``, socket, clock, random, logging or redis."""
