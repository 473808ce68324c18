"""The figure and the place behind it: how much of each pixel is the figure, and the picture without it.

From transparency where the file has it, from an outline where somebody drew one, from the analyser's figure where that
is sure of itself, else by colour (GrabCut), which suits drawings and objects.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.portrait.importing.canvas import Stage
from engine.portrait.importing.features import Features

Grey = NDArray[np.uint8]
Colour = NDArray[np.uint8]
Field = NDArray[Any]
_SURE = 0.6  # of the analyser's figure
_CUT_PX = 10  # of 640: how far a segmentation's edge may be off
_MIRRORED_PX = 40.0  # of 1280: a turned head uncovers less
_WORK_WIDTH = 640  # GrabCut at this width takes about a second


def matte_of(stage: Stage, figure: Grey | None) -> tuple[Grey, str]:
    """The matte and how it was found: "transparency", "outline", "person" or "colour"."""
    import cv2

    features = stage.features
    if stage.alpha is not None:
        return stage.alpha, "transparency"
    if features.outline is not None:
        mask = np.zeros(stage.bgr.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(features.outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), 1.2), np.uint8), "outline"
    if figure is not None and _trusted(figure, features):
        return _of_person(stage.bgr, figure, features), "person"
    return _by_colour(stage.bgr, features), "colour"


def covers_mouth(matte: Grey, features: Features) -> bool:
    """Is the mouth on the figure? What is not is the place behind it, which never moves."""
    import cv2

    lips = np.zeros(matte.shape, np.uint8)
    around = np.concatenate([features.outer_upper, features.outer_lower[::-1]])
    cv2.fillPoly(lips, [np.round(around).astype(np.int32)], 1)
    return bool(matte[lips > 0].mean() > 127) if lips.any() else False


def plate_of(bgr: Colour, matte: Grey, known: Grey) -> Colour:
    """The picture without the figure: beside its edge what lies across the edge, mirrored, farther in what is around,
    from coarse to fine. A head that turns uncovers a strip of it, which has the texture of the place."""
    import cv2

    size = 2 * round(bgr.shape[1] / 180) + 1
    unseen = ((matte > 5) | (known == 0)).astype(np.uint8)
    hole = np.asarray(cv2.dilate(unseen, np.ones((size, size), np.uint8)), np.uint8)
    if hole.all():
        return studio(bgr)
    filled = _filled(bgr.astype(np.float32), 1.0 - hole.astype(np.float32))
    soft = np.asarray(cv2.GaussianBlur(filled, (0, 0), bgr.shape[1] / 200), np.float32)
    mirrored, near = _mirrored(bgr, hole, known)
    soft += (mirrored - soft) * near[..., None]
    share = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), 2)[..., None] * (hole[..., None] > 0)
    return np.clip(bgr * (1 - share) + soft * share + 0.5, 0, 255).astype(np.uint8)


def _mirrored(bgr: Colour, hole: Grey, known: Grey) -> tuple[Field, Field]:
    """Each pixel of the hole as the one as far beyond its edge, and how much of that is to be shown."""
    import cv2

    unit = bgr.shape[1] / 1280
    far, labels = cv2.distanceTransformWithLabels(hole, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    y, x = np.nonzero(hole == 0)
    edge = np.zeros((int(labels.max()) + 1, 2), np.float32)
    edge[labels[y, x]] = np.stack([x, y], 1)
    nearest = cv2.GaussianBlur(edge[labels], (0, 0), 4 * unit)  # an edge's own raggedness would be streaks
    rows, columns = np.indices(hole.shape, np.float32)
    at = 2 * nearest - np.dstack([columns, rows])
    free = ((hole == 0) & (known > 0)).astype(np.float32)
    seen = cv2.remap(free, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderValue=0.0)
    found = cv2.remap(bgr.astype(np.float32), at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    fades = np.clip(1.6 - far / (_MIRRORED_PX * unit), 0, 1) * cv2.GaussianBlur(seen, (0, 0), 2 * unit)
    return np.asarray(found, np.float32), np.asarray(fades, np.float32)


def studio(bgr: Colour) -> Colour:
    """A quiet backdrop for a figure that came without one."""
    height, width = bgr.shape[:2]
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-0.8, 1.2, height))
    light = np.clip(1 - 0.35 * (x**2 + y**2), 0, 1)[..., None]
    return np.clip(np.array([150, 138, 128]) * (0.62 + 0.42 * light), 0, 255).astype(np.uint8)


def _trusted(figure: Grey, features: Features) -> bool:
    """Does the analyser's figure cover the face?"""
    import cv2

    inside = np.zeros(figure.shape, np.uint8)
    cv2.fillPoly(inside, [np.round(features.oval).astype(np.int32)], 1)
    return float(figure[inside > 0].mean()) > 0.8 * 255 if inside.any() else False


def _of_person(bgr: Colour, figure: Grey, features: Features) -> Grey:
    import cv2

    sure = _connected((figure > _SURE * 255).astype(np.uint8), features)
    unit = bgr.shape[1] / 1280
    sure = _by_colour_near(bgr, sure, features)
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(np.float32) / 255
    soft = _guided(grey, cv2.GaussianBlur(sure.astype(np.float32), (0, 0), 4 * unit), round(9 * unit), 2e-4)
    matte = np.clip((np.clip(soft, 0, 1) - 0.15) / 0.7, 0, 1)
    matte[_grown(sure, 20 * unit) == 0] = 0
    matte[_grown(1 - sure, 12 * unit) == 0] = 1
    return np.asarray(np.round(matte * 255), np.uint8)


def _by_colour_near(bgr: Colour, sure: Grey, features: Features) -> Grey:
    """The figure with its edge where the colours change: a segmentation of people cuts ears and loose hair."""
    import cv2

    shrink = _WORK_WIDTH / bgr.shape[1]
    small = np.asarray(cv2.resize(bgr, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
    share = cv2.resize(sure.astype(np.float32), small.shape[1::-1], interpolation=cv2.INTER_AREA)
    person = (np.asarray(share) > 0.5).astype(np.uint8)
    mask = np.where(person > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    mask[_grown(person, _CUT_PX) == 0] = cv2.GC_BGD
    mask[_grown(1 - person, _CUT_PX) == 0] = cv2.GC_FGD
    if not ((mask == cv2.GC_BGD).any() and (mask == cv2.GC_FGD).any()):
        return sure
    found = _cut(small, mask, features, shrink).astype(np.float32)
    return np.asarray(cv2.resize(found, bgr.shape[1::-1], interpolation=cv2.INTER_CUBIC) > 0.5, np.uint8)


def _cut(small: Colour, mask: Grey, features: Features, shrink: float) -> Grey:
    """GrabCut from what `mask` says is or may be the figure: the head's part, in one piece."""
    import cv2

    cv2.setRNGSeed(1)
    cv2.grabCut(small, mask, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 6, cv2.GC_INIT_WITH_MASK)
    found = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    found = np.asarray(cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    return _holes_filled(_connected(found, features, shrink))


def _by_colour(bgr: Colour, features: Features) -> Grey:
    """GrabCut from a head, shoulders below it, and edges that are background."""
    import cv2

    shrink = _WORK_WIDTH / bgr.shape[1]
    small = np.asarray(cv2.resize(bgr, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
    height, width = small.shape[:2]
    cx, cy, rx, ry = (round(value * shrink) for value in features.head)
    mask = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    cv2.ellipse(mask, (cx, cy), (round(1.5 * rx), round(1.3 * ry)), 0, 0, 360, cv2.GC_PR_FGD, -1)
    if not features.marked:
        body = np.array(
            [[cx - rx // 2, cy + ry], [cx + rx // 2, cy + ry], [cx + 2 * rx, height], [cx - 2 * rx, height]]
        )
        cv2.fillPoly(mask, [body], cv2.GC_PR_FGD)
    edge = max(2, width // 60)
    mask[:edge] = mask[: height // 3, :edge] = mask[: height // 3, -edge:] = cv2.GC_BGD
    cv2.ellipse(mask, (cx, cy), (round(0.8 * rx), round(0.8 * ry)), 0, 0, 360, cv2.GC_FGD, -1)
    figure = _cut(small, mask, features, shrink)
    grown = cv2.resize(figure.astype(np.float32), bgr.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    unit = bgr.shape[1] / 1280
    grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY).astype(np.float32) / 255
    edge_zone = (_grown((grown > 0.5).astype(np.uint8), 5 * unit) > 0) & (
        _grown((grown <= 0.5).astype(np.uint8), 5 * unit) > 0
    )
    fine = np.clip((_guided(grey, grown, round(5 * unit), 1e-4) - 0.2) / 0.6, 0, 1)
    return np.round(np.where(edge_zone, fine, grown > 0.5) * 255).astype(np.uint8)


def _connected(mask: Grey, features: Features, scale: float = 1.0) -> Grey:
    """The part of the mask that the head belongs to."""
    import cv2

    _, labels = cv2.connectedComponents(mask)
    height, width = mask.shape
    x, y = min(width - 1, round(features.head[0] * scale)), min(height - 1, round(features.head[1] * scale))
    here = labels[y, x]
    return (labels == here).astype(np.uint8) if here else mask


def _holes_filled(mask: Grey) -> Grey:
    import cv2

    _, labels = cv2.connectedComponents(1 - mask)
    edges = np.unique(np.concatenate([labels[0], labels[:, 0], labels[:, -1]]))
    return np.where(np.isin(labels, edges) & (mask == 0), 0, 1).astype(np.uint8)


def _grown(mask: Grey, radius: float) -> Grey:
    import cv2

    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))), np.uint8)


def _guided(guide: Field, values: Field, radius: int, eps: float) -> Field:
    """He, Sun and Tang's guided filter: `values` smoothed, but for edges that `guide` has, too."""
    import cv2

    def mean(field: Field) -> Field:
        return np.asarray(cv2.boxFilter(field, -1, (2 * radius + 1, 2 * radius + 1)), np.float32)

    at, of = mean(guide), mean(values)
    slope = (mean(guide * values) - at * of) / (mean(guide * guide) - at * at + eps)
    return mean(slope) * guide + mean(of - slope * at)


def _filled(picture: Field, known: Field) -> Field:
    """Where `known` is 0, the mean of what is known around, from ever coarser pictures."""
    import cv2

    height, width = known.shape
    if min(height, width) <= 2 or known.min() >= 1:
        total = max(float(known.sum()), 1e-6)
        mean = (picture * known[..., None]).sum((0, 1)) / total
        return np.asarray(picture * known[..., None] + mean * (1 - known[..., None]))
    half = (math.ceil(width / 2), math.ceil(height / 2))
    weights = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(picture * known[..., None], half, interpolation=cv2.INTER_AREA)
    coarse = coarse / np.maximum(weights, 1e-6)[..., None]
    below = _filled(coarse, np.minimum(1.0, weights * 4).astype(np.float32))
    up = cv2.resize(below, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(picture * known[..., None] + up * (1 - known[..., None]), np.float32)
