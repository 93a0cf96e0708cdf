"""The other wire: the exit that the injected links lead to.

Its own process: it holds the link and reference keys and the store, never a DKIM key, and it
never sees mail. GET shows a page and changes nothing, whoever asks; POST unsubscribes at once
(RFC 8058 §3.2).
"""
