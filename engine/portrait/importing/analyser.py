"""Finds faces and the figure in one picture: ENV/bin/python -I analyser.py PICTURE FACES FIGURE. Imports nothing
of ours.

It runs in the pinned environment of `environment.py`, never in the bot. It writes FACES (JSON: landmarks in pixels, the
largest face first) and FIGURE (a grey PNG: how much of each pixel is a person), and says nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

MAX_FACES = 5
SURE = 0.4  # detection confidence
SHIFTS = ((0, 0), (9, 0), (-9, 0), (0, 9), (0, -9))  # pixels; the mean of five looks is steadier than one


def main(picture: str, faces_told: str, figure: str) -> None:
    import cv2
    import mediapipe
    import numpy as np

    found_picture: Any = cv2.imdecode(np.fromfile(picture, np.uint8), cv2.IMREAD_COLOR)
    image = cv2.cvtColor(found_picture, cv2.COLOR_BGR2RGB)
    faces = found(mediapipe, image)
    if faces:
        faces[0] = steadied(mediapipe, image, faces[0])
    Path(faces_told).write_text(json.dumps([face.round(2).tolist() for face in faces]))
    with mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0) as segmentation:
        mask = segmentation.process(image).segmentation_mask
    Path(figure).write_bytes(cv2.imencode(".png", (mask * 255).astype("uint8"))[1].tobytes())


def found(mediapipe: Any, image: Any, most: int = MAX_FACES) -> list[Any]:
    """Landmarks of each face, (478, 3), z on the scale of x, largest face first."""
    import numpy as np

    height, width = image.shape[:2]
    with mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=most, refine_landmarks=True, min_detection_confidence=SURE
    ) as mesh:
        answer = mesh.process(image)
    faces = [
        np.array([[mark.x * width, mark.y * height, mark.z * width] for mark in face.landmark])
        for face in answer.multi_face_landmarks or ()
    ]
    return sorted(faces, key=lambda face: -np.ptp(face[:, 1]))


def steadied(mediapipe: Any, image: Any, face: Any) -> Any:
    """The mean of looks at the picture shifted a little; those that take another face for the largest do not count."""
    import cv2
    import numpy as np

    size = np.ptp(face[:, 1])
    looks = []
    for dx, dy in SHIFTS:
        matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        moved = cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=1)
        for look in found(mediapipe, moved)[:1]:
            look[:, :2] -= (dx, dy)
            if np.abs(look - face)[:, :2].mean() < 0.05 * size:
                looks.append(look)
    return np.mean(looks, axis=0) if looks else face


if __name__ == "__main__":
    main(*sys.argv[1:])
