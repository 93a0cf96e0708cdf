"""What kinds of element HTML has, as far as reading a mail is concerned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Attributes = Mapping[str, str | None]
"""As an engine gives them: names in lower case, ``None`` for a name without a value."""

UNSEEN = 1
"""No mail program shows what is in it."""
BLOCK = 2
"""It begins and ends a paragraph, a cell ..."""
CODE = 4
BREAK = 8
IMAGE = 16
INPUT = 32
AREA = 64
ANCHOR = 128
FORM = 256
BUTTON = 512
SMALL = 1024
BIG = 2048
FONT = 4096
PAGE = 8192
"""It may say the language of the page."""
BODY = 16384
"""It may say the colours of the page."""
QUOTE = 32768
CONCEALED = 65536

RESTYLED = SMALL | BIG
"""It looks different even without attributes."""

ALONE = UNSEEN | BREAK | IMAGE | INPUT | AREA
"""Nothing in it is wanted."""
TELLING = CODE | ANCHOR | FORM | BUTTON | PAGE | QUOTE
"""It says something of what is in it, beyond its style."""

_NAMES: Final = {
    0: "abbr b bdi bdo cite del dfn em i ins mark nobr q s span strike strong sub sup tt u var wbr",
    UNSEEN: "head title style script template noembed noframes iframe object applet audio video"
    " canvas datalist select textarea xml",
    BLOCK: "address article aside blockquote body center dd details dir div dl dt fieldset"
    " figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li main menu nav ol p"
    " pre section summary table tbody td tfoot th thead tr ul",
    CODE: "pre code kbd samp",
    BREAK: "br",
    IMAGE: "img amp-img",
    INPUT: "input",
    AREA: "area",
    ANCHOR: "a",
    FORM: "form",
    BUTTON: "button",
    SMALL: "small",
    BIG: "big",
    FONT: "font",
    PAGE: "html body",
    BODY: "body",
    QUOTE: "blockquote",
    CONCEALED: "noscript",
}

KINDS: Final[dict[str, int]] = {}
for _kind, _tags in _NAMES.items():
    for _tag in _tags.split():
        KINDS[_tag] = KINDS.get(_tag, 0) | _kind
"""What kind an element is, by its name; none for those that are not listed."""
