"""What is asked of whom: controllers, their brands and streams, and the packs of rules they obey.

``shape`` is what an operator writes, ``parse`` reads it and tells every problem at once, and the
rest are the compiled values that the other rooms use. Rules are known here by their ids only.
"""
