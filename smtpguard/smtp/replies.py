"""The replies of our own, each with its enhanced code (RFC 3463)."""

from __future__ import annotations

from smtpguard.reply import Reply

GO = b"354 End data with <CR><LF>.<CR><LF>\r\n"
OK = b"250 2.0.0 Ok\r\n"
BYE = b"221 2.0.0 Bye\r\n"
SENDER_OK = b"250 2.1.0 Ok\r\n"
AUTHENTICATED = b"235 2.7.0 Authentication successful\r\n"
NOT_VERIFIED = Reply(252, "0.0", ("will not verify, but will try to relay",))
NO_HTTP = Reply(221, "7.0", ("this is a mail server",))
SYNTAX = Reply(500, "5.2", ("not a command line",))
TOO_LONG = Reply(500, "5.2", ("command line too long",))
UNKNOWN = Reply(500, "5.1", ("command not recognized",))
NOT_HERE = Reply(502, "5.1", ("command not implemented",))
NO_ARGUMENT = Reply(501, "5.4", ("this command takes no argument",))
NAME_NEEDED = Reply(501, "5.4", ("a host name is needed, and nothing after it",))
GREET_FIRST = Reply(503, "5.1", ("say EHLO first",))
NESTED = Reply(503, "5.1", ("a transaction is under way",))
MAIL_FIRST = Reply(503, "5.1", ("MAIL first",))
NO_RECIPIENTS = Reply(503, "5.1", ("no valid recipients",))
NO_RELAY = Reply(550, "7.1", ("this client may not relay here (relay_from)",))
NO_XFORWARD = Reply(550, "7.0", ("this client may not forward attributes (xforward_from)",))
CROWDED = Reply(452, "5.3", ("too many recipients in one transaction, send the rest in another",))
TLS_FIRST = Reply(530, "7.0", ("say STARTTLS first",))
TLS_FOR_AUTH = Reply(538, "7.11", ("no password in the clear: say STARTTLS first",))
AUTH_FIRST = Reply(530, "7.0", ("authentication required",))
AUTH_ALREADY = Reply(503, "5.1", ("authenticated already",))
EXPELLED = Reply(421, "7.0", ("this user may not send any more",))
AUTH_CANCELLED = Reply(501, "7.0", ("authentication cancelled",))
AUTH_TOO_LONG = Reply(500, "5.6", ("authentication exchange line is too long",))
AUTH_FAILED = Reply(535, "7.8", ("authentication credentials invalid",))
AUTH_BUSY = Reply(454, "7.0", ("too many passwords are being looked at, try again later",))
NO_MECHANISM = Reply(504, "5.4", ("this authentication mechanism is not offered",))
TLS_ALREADY = Reply(503, "5.1", ("TLS is on already",))
TOO_MANY_ERRORS = Reply(421, "7.0", ("too many errors",))
TOO_MUCH_JUNK = Reply(421, "7.0", ("too many commands without a message",))
IDLE = Reply(421, "4.2", ("timed out waiting for a command",))
SLOW = Reply(421, "4.2", ("message data came too slowly",))
DRAINING = Reply(421, "3.2", ("service is restarting, try again",))
NO_ANSWER = Reply(451, "3.0", ("no answer was found; try again later",))
NO_ROOM = Reply(452, "3.1", ("too many octets in flight here, try again later",))
TOO_MANY_SESSIONS = Reply(421, "3.2", ("too many sessions, try again later",))
TOO_MANY_OF_YOURS = Reply(421, "7.0", ("too many sessions from your address, try again later",))
