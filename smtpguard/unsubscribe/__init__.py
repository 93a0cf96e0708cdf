"""The way out: links that let one reader leave, and the header fields that carry them.

``link`` mints and reads what a link carries; ``fields`` reads and writes List-Unsubscribe and
List-Unsubscribe-Post. Nothing here fetches a link: that would unsubscribe people.
"""
