"""Rights requests: who asks for their data, and until when they must have an answer."""

from __future__ import annotations

import re
from dataclasses import asdict

from smtpguard import log
from smtpguard.store.requests import DIGITS, Request, answered, every
from smtpguard.store.requests import show as look_up
from smtpguard.unsubscribe.asker import unseal
from smtpguard.web.api.answered import Asker, RightsRequest, RightsRequests, RightsRequestShown
from smtpguard.web.api.asked import RequestsQuery
from smtpguard.web.api.call import Call
from smtpguard.web.api.check import moment
from smtpguard.web.api.problem import Refused

NUMBER = re.compile(rf"R-[0-9]{{6}}-[{DIGITS}]{{6}}")
MOST = 500
"""Requests in one answer."""


async def listed(call: Call) -> RightsRequests:
    """Those that are open, and with ``done`` those that were answered; the soonest due first."""
    asked = call.query(RequestsQuery)
    found: list[RightsRequest] = []
    async for one in every(call.desk.store):
        if call.caller.sees(one.controller) and (asked.done or not one.done):
            if len(found) == MOST:
                return RightsRequests(requests=tuple(found), more=True)
            found.append(_said(call, one))
    return RightsRequests(requests=tuple(found), more=False)


async def shown(call: Call) -> RightsRequestShown:
    """One request, and who makes it: personal data. That it was looked at is logged."""
    one = await _wanted(call)
    log.api("request-shown", token=call.caller.name or "-", number=one.number)
    asker = unseal(call.desk.ring, one.sealed)
    return RightsRequestShown(
        **_said(call, one).model_dump(), asker=Asker(**asdict(asker)) if asker else None
    )


async def done(call: Call) -> RightsRequest:
    """Note that a request was answered; it stays until its day of deletion."""
    one = await _wanted(call)
    if not one.done and await answered(call.desk.store, one.number, call.desk.now):
        log.api("request-done", token=call.caller.name or "-", number=one.number)
        one = await _wanted(call)
    return _said(call, one)


async def _wanted(call: Call) -> Request:
    """The request that the path names. Raises ``Refused``."""
    number = call.request.path_params["number"]
    one = await look_up(call.desk.store, number) if NUMBER.fullmatch(number) else None
    if one is None or not call.caller.sees(one.controller):
        raise Refused("not-found", "there is no such request, or it was deleted")
    return one


def _said(call: Call, one: Request) -> RightsRequest:
    return RightsRequest(
        number=one.number,
        kind=one.kind,
        controller=one.controller,
        opened=moment(one.opened),
        due=moment(one.due),
        overdue=not one.done and one.due < call.desk.now,
        done=moment(one.done) if one.done else None,
        deleted=moment(one.forgotten),
    )
