"""The state of a first contact: none, reserved, committed.

Each step is one script on one key, so that of concurrent mails only one holds the reservation;
the others inform as well, which is harmless. A reservation is held by a token and lapses by
itself. Who does not hold it commits nothing: unsure counts as not informed.
"""

from __future__ import annotations

from urllib.parse import quote

from smtpguard.store.wire import command

RESERVE = """
local now = tonumber(redis.call('TIME')[1])
local held = redis.call('HGET', KEYS[1], 'r')
if held then
  local expiry, token = held:match('^(%d+) (%S+) ')
  if token ~= ARGV[1] and tonumber(expiry) > now then return 0 end
end
local value = string.format('%d %s %d %s', now + ARGV[2], ARGV[1], now, ARGV[3])
redis.call('HSET', KEYS[1], 'r', value)
return 1
"""

COMMIT = """
local held = redis.call('HGET', KEYS[1], 'r')
if not held then return 0 end
local token, notice = held:match('^%d+ (%S+) %d+ (.*)$')
if token ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'c', redis.call('TIME')[1] .. ' ' .. notice)
redis.call('HDEL', KEYS[1], 'r')
return 1
"""

ROLL_BACK = """
local held = redis.call('HGET', KEYS[1], 'r')
if not held or held:match('^%d+ (%S+) ') ~= ARGV[1] then return 0 end
return redis.call('HDEL', KEYS[1], 'r')
"""


def reserve(key: bytes, token: str, lapse: int, notice: str) -> bytes:
    """Reserve for ``lapse`` seconds; replies 1 when the reservation is the token's."""
    line = " ".join(notice.split())
    return command(b"EVAL", RESERVE, 1, key, quote(token, safe=""), lapse, line)


def commit(key: bytes, token: str) -> bytes:
    """The notice was accepted downstream; replies 1 when the token held the reservation."""
    return command(b"EVAL", COMMIT, 1, key, quote(token, safe=""))


def roll_back(key: bytes, token: str) -> bytes:
    """The notice was not accepted; replies 1 when the token held the reservation."""
    return command(b"EVAL", ROLL_BACK, 1, key, quote(token, safe=""))
