"""The running service: one parent that binds, forks, watches and reloads; workers that serve.

``build`` makes a regime out of files, ``sockets`` binds or takes systemd's, ``notify`` speaks to
systemd, ``channel`` is the line between parent and worker, ``crew`` is a parent, ``supervisor``
the one whose workers take mail, and ``worker`` such a child. A parent has no event loop and no
threads, so it may fork at any time.
"""
