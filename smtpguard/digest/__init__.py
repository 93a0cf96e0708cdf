"""What the owner of a stream is told when its mail is held up, and when it goes on.

``watch`` brings what this worker counted into the store, hears what is held up anywhere, and takes
what an owner is owed a word about; ``news`` says it, for programs and for people; ``letter`` makes
a mail of it, in the words of ``wording``; ``post`` sends that. The mail goes straight to the
upstream, never through a listener of ours, and from nobody, so that nothing answers it.
"""
