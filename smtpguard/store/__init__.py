"""Who may be written to: suppressions, first contacts and sources, in Redis or Valkey.

The store holds no addresses. A person of a controller is one hash under a keyed reference
(``record``), read and written by ``store`` over one ``wire`` that batches what the transactions
of one loop turn ask for. ``trust`` says why a store may not be believed, ``contact`` moves the
state of a first contact, ``leaving`` writes an opt-out down, ``consent`` what speaks for the
contrary, ``counts`` what all hosts count together. ``embedded`` keeps a Valkey of our own alive,
``keyfiles`` keeps the keys without which the references mean nothing, ``table`` reads lists of
addresses.
"""
