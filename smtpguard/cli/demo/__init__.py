"""``smtpguard demo``: real mail through a real guard, on this machine alone, step by step.

``letters`` are the messages, ``guard`` runs ``smtpguard serve`` as an operator would, ``wire``
speaks SMTP to it, ``sink`` stands behind it, ``show`` lays out what happened, and ``command``
tells the story.
"""
