"""What several rules look at: views, exits, targets, declared words, first contact.

Evidence is read here and judged in the rules. Nothing here yields a finding, and nothing here
knows a rule by name.
"""
