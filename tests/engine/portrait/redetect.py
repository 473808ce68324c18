"""Lips and lids found again in painted frames: ENV/bin/python redetect.py FOLDER, in the environment that finds faces.

Prints JSON: for each PNG of the folder, in order, how open mouth and eyes are (height by width), or null.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import mediapipe
import numpy as np

MOUTH, EYES = (13, 14, 78, 308), ((159, 145, 33, 133), (386, 374, 263, 362))


def main(folder: str) -> None:
    found = []
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as mesh:
        for path in sorted(Path(folder).glob("*.png")):
            picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            faces = mesh.process(picture).multi_face_landmarks
            found.append(measured(faces[0], picture.shape) if faces else None)
    print(json.dumps(found))


def measured(face, shape):
    at = np.array([[mark.x * shape[1], mark.y * shape[0]] for mark in face.landmark])

    def by_width(upper, lower, left, right):
        return float(np.linalg.norm(at[upper] - at[lower]) / np.linalg.norm(at[left] - at[right]))

    return [by_width(*MOUTH), min(by_width(*eye) for eye in EYES)]


if __name__ == "__main__":
    main(sys.argv[1])
