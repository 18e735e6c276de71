"""Tokens of pages: what `$skiptoken` holds, and when it is no longer taken."""

from __future__ import annotations

import base64
import binascii

from orgcal_emulator.graph.errors import bad_request


class PageTokens:
    """Makes and reads the tokens of one emulator's directory.

    Graph ends tokens in the middle of long listings, and takes none of them afterwards: the client has to begin anew.
    Source: issue 2254 of microsoftgraph/msgraph-sdk-dotnet.
    """

    def __init__(self) -> None:
        self._series = 0
        self._left: int | None = None

    def expire(self, after: int = 0) -> None:
        """Take no token any more that was made before this happens.

        Args:
            after: how many further pages are given by a token before it happens.

        Raises:
            ValueError: `after` is no whole number from 0 to 1,000,000.
        """
        if type(after) is not int or not 0 <= after <= 1_000_000:
            raise ValueError("`expire_after` must be a whole number of pages from 0 to 1000000")
        self._left = after
        if not after:
            self._end()

    def clear(self) -> None:
        """Let no token expire that has not yet."""
        self._left = None

    def token(self, start: int) -> str:
        """The token of the page that begins at an offset."""
        return self.token_of(f"page:{start}")

    def token_of(self, text: str) -> str:
        """A token with a text that only this emulator reads."""
        return base64.urlsafe_b64encode(f"{self._series}:{text}".encode()).rstrip(b"=").decode()

    def start(self, token: str) -> int:
        """The offset in a token.

        Raises:
            GraphFailure: 400 for a token that has expired, or that this emulator did not make.
        """
        mark, _, digits = (self.text(token) or "").partition(":")
        if mark == "page" and digits.isascii() and digits.isdigit() and len(digits) < 16:
            return int(digits)
        raise bad_request("The specified page token value is invalid.", "Directory_ExpiredPageToken")

    def text(self, token: str) -> str | None:
        """The text in a token; None for one that has expired, or that this emulator did not make."""
        if self._left == 0:
            self._end()
        try:
            series, _, text = base64.urlsafe_b64decode(token.encode("ascii") + b"==").decode("utf-8").partition(":")
        except (ValueError, binascii.Error):
            return None
        if series != str(self._series):
            return None
        if self._left is not None:
            self._left -= 1
        return text

    def _end(self) -> None:
        self._series += 1
        self._left = None
