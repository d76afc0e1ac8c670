"""Tells whether the end of a text lies within an address that somebody's program may call: there no value is put back.

Who can make a model write an address can make it write a picture's, which a client fetches unasked. So this errs on the
side of the address. Rules enforced:
1. An address begins with `://` (also with escaped slashes), `www.` or `mailto:` and ends at white space or `<`.
2. What follows `](` or `url(` is an address up to the closing bracket; within `<` and `>` brackets do not count.
3. A tag is one up to its `>`; where a quotation mark stands in it, up to an empty line, since browsers and readers of
   markdown disagree on where such a tag ends. What `<pre`, `<script`, `<style`, `<textarea`, `<!` or `<?` begins has no
   end that both agree on.
4. In JSON, the quotation mark that ends a string ends what was begun in it.
"""

from __future__ import annotations

import re
from typing import Final

_LATER: Final = 4096
_LONGEST_SIGN: Final = 64
_OUT, _TAG, _TARGET, _BARE, _ENDLESS = 0, 1, 2, 3, 4
_OPENING: Final = r"<(?:pre|script|style|textarea|[a-z/!?])"
_SLASH: Final = r"(?:\\?/|\\u002f)"
_EMPTY_LINE: Final = r"\n[ \t\r]{0,16}\n"


def _signs(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


_SIGNS: Final = (
    _signs(rf':{_SLASH}{{2}}|{_OPENING}|\]\(|url\(|www\.|mailto:|\\.|"'),
    _signs(rf"""\\\\|\\>|\\?["']|>|{_EMPTY_LINE}"""),
    _signs(rf'\\.|[()"<]|{_EMPTY_LINE}'),
    _signs(r'\]\(|url\(|\\.|[\s<"]'),
    _signs(r'\\.|"'),
)
_OPEN_END: Final = _signs(
    r"(?:\\|\]|<[a-z]{0,8}|:(?:/|\\(?:u00?2?f?)?)*+|w{1,3}|u|ur|url|m|ma|mai|mail|mailt|mailto|\n[ \t\r]*)\Z"
)
"""What may be the beginning of a sign that the next piece ends."""


class Surroundings:
    """Follows one text. It is read when somebody asks, or when much has come together."""

    __slots__ = ("_depth", "_json", "_quoted", "_size", "_state", "_unread")

    def __init__(self, *, is_json: bool = False) -> None:
        self._json = is_json
        self._unread: list[str] = []
        self._size = 0
        self._state = _OUT
        self._depth = 0
        self._quoted = False

    def note(self, text: str) -> None:
        """Take what was said next."""
        self._unread.append(text)
        self._size += len(text)
        if self._size > _LATER:
            self._read(all_of_it=False)

    def within_address(self) -> bool:
        """Tell whether what is said next would be part of an address. What was said so far is over then."""
        self._read(all_of_it=True)
        return self._state != _OUT

    def _read(self, *, all_of_it: bool) -> None:
        text = "".join(self._unread)
        end = len(text)
        if not all_of_it:
            open_end = _OPEN_END.search(text, max(0, end - _LONGEST_SIGN))
            end = open_end.start() if open_end is not None else end
        at = 0
        while at < end:
            sign = _SIGNS[self._state].search(text, at)
            if sign is None or sign.start() >= end:
                break
            at = self._step(sign[0], sign.end())
        rest = text[max(at, end) :]
        self._unread = [rest] if rest else []
        self._size = len(rest)

    def _step(self, sign: str, after: int) -> int:
        """Take one sign; return where to go on."""
        if sign == '"' and self._json:
            self._state, self._depth, self._quoted = _OUT, 0, False
        elif self._state == _TAG:
            self._in_tag(sign)
        elif self._state == _TARGET:
            self._in_target(sign)
        elif self._state == _BARE:
            return self._in_address(sign, after)
        elif self._state == _OUT and sign[0] not in ('"', "\\"):
            self._enter(sign)
        return after

    def _enter(self, sign: str) -> None:
        if sign[0] == "<":
            self._state = _ENDLESS if len(sign) > len("<a") or sign[1] in "!?" else _TAG
        elif sign[-1] == "(":
            self._state, self._depth = _TARGET, 1
        else:
            self._state = _BARE

    def _in_tag(self, sign: str) -> None:
        if sign[0] == "\n":
            self._state, self._depth, self._quoted = _OUT, 0, False
        elif sign[-1] in ('"', "'"):
            self._quoted = True
        elif sign == ">" and not self._quoted:
            self._state = _TARGET if self._depth else _OUT

    def _in_target(self, sign: str) -> None:
        if sign[0] == "\n":
            self._state, self._depth = _OUT, 0
        elif sign == "(":
            self._depth += 1
        elif sign == ")":
            self._depth -= 1
            self._state = _TARGET if self._depth else _OUT
        elif sign == "<":
            self._state = _TAG

    def _in_address(self, sign: str, after: int) -> int:
        if sign[-1] == "(" and sign[0] != "\\":
            self._state, self._depth = _TARGET, 1
        elif sign == "<":
            self._state = _OUT
            return after - 1
        elif sign.isspace() or (self._json and sign in (r"\n", r"\r", r"\t")):
            self._state = _OUT
        return after
