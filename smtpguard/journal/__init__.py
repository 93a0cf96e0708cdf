"""What can be proved: one line for each decision, appended before the reply.

No address in the clear, no body text: a recipient is the reference under which the store knows
them, and a finding is a rule's name and a place.
"""
