"""The one table of views. A new one is one file, one line here and its rows in data/detectors/views.toml."""

from __future__ import annotations

from douane.detect.accounts import shape_of
from douane.detect.rules import Rules
from douane.detect.views.encoded import EncodedView, SpacedHexView
from douane.detect.views.escapes import escape_views
from douane.detect.views.fold import FoldView
from douane.detect.views.joins import BlankView, LineView, MarkupView, SpacedView, WrapView
from douane.detect.views.mirrors import LeetView, Rot13View, TurnedView
from douane.detect.views.spelled import NumberWordView, SignView
from douane.detect.views.view import View


def views(rules: Rules) -> tuple[View, ...]:
    """Return every view, in the order in which they are asked."""
    shapes = {code: shape_of(code, length) for code, length in rules.iban_lengths.items()}
    return (
        FoldView(rules.alike),
        *escape_views(),
        EncodedView(),
        SpacedHexView(),
        SpacedView(),
        BlankView(),
        LineView(),
        WrapView(),
        MarkupView(),
        SignView(),
        NumberWordView(rules.spoken),
        LeetView(shapes),
        TurnedView(),
        Rot13View(shapes),
    )
