"""How mail is mended: a rule asks for fixes, this room turns them into edits, and edits into bytes.

Three steps, three modules. ``fix`` is what a rule may ask for, in the words of mail. ``compose``
turns all the fixes of one copy into edits: each leaf part is decoded and encoded again at most
once. ``edit`` applies edits to octets and inverts them. ``verify`` reads the result again and
compares. Octets not named by an edit leave as they came.
"""
