"""How mail is mended: a rule asks for fixes, this room turns them into edits, and edits into bytes.

``fix`` is what a rule may ask for, in the words of mail. ``compose`` turns all the fixes of one
copy into edits: ``plan`` sorts them by what they touch, ``leaf`` mends one text part, decoded and
encoded again at most once, with the words of ``wording`` and ``footer``, at the place that
``markup`` finds, in the octets of ``transfer`` and ``field``. ``edit`` applies edits to octets and
inverts them. ``verify`` reads the result again and compares; ``proof`` shows by the edits alone
which parts of it are as they were, so that only those mended are read. Octets not named by an edit
leave as they came.
"""
