"""What travels: addresses, envelope, message, fields, parts and the text a person reads.

Everything here is a value read from octets that are never rewritten. Spans are half-open
``(start, end)`` offsets into the message as received. Imports no other room.
"""
