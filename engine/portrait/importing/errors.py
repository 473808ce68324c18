"""Why a picture cannot become a character. Each class says what is wrong and what to do about it."""

from __future__ import annotations

from engine.api import BadCharacter, EngineError


class NotAPicture(BadCharacter):
    """This is not a PNG or JPEG file that can be read; save the picture as PNG or JPEG."""

    code = "not_a_picture"


class PictureTooLarge(BadCharacter):
    """The picture is too large; save it smaller."""

    code = "picture_too_large"


class PictureTooSmall(BadCharacter):
    """The picture is too small to make a face of; use one at least 160 pixels high and wide."""

    code = "picture_too_small"


class PrintColours(BadCharacter):
    """The picture is in the colours of print (CMYK); save it as RGB."""

    code = "print_colours"


class AnimatedPicture(BadCharacter):
    """The picture is animated; save one still of it as PNG."""

    code = "animated_picture"


class NoFace(BadCharacter):
    """No face was found. For a drawing, an animal or a thing give a points file that says where eyes and mouth are."""

    code = "no_face"


class SeveralFaces(BadCharacter):
    """More than one face is in the picture; cut it to the one that shall speak."""

    code = "several_faces"


class FaceCutOff(BadCharacter):
    """The face reaches over the edge of the picture; use one that shows it whole, with a little room around."""

    code = "face_cut_off"


class FaceNotUpright(BadCharacter):
    """The head lies on its side or upside down; turn the picture upright."""

    code = "face_not_upright"


class MouthOutsideFigure(BadCharacter):
    """The mouth is not on the figure, which an outline in a points file, or what is not see-through, must include."""

    code = "mouth_outside_figure"


class BadPoints(BadCharacter):
    """The points file cannot be used; the message says which entry is wrong."""

    code = "bad_points"


class NoAnalyser(EngineError):
    """The environment that finds faces could not be made; the message says why. With a points file it is not needed."""

    code, retryable = "no_analyser", True
