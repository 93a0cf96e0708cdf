"""``smtpguard demo``: real mail through a real guard, on this machine alone, step by step.

``letters`` are the messages, ``guard`` and ``pages`` run ``smtpguard serve`` and ``smtpguard web``
as an operator would (``program`` is what they share), ``wire`` speaks SMTP to the guard, ``sink``
stands behind it, ``show`` lays out what happened, and ``command`` tells the story.
"""
