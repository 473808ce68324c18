"""The VideoRoom of a Janus server, by its own web client.

To run one on Debian: `apt-get install janus janus-demos`; raise the room's `bitrate` (128 kbit/s is the package's) and
set its `audiolevel_event`, by which the server says who speaks; serve the pages (`/usr/share/janus/demos`, and
`/usr/share/javascript` as `/javascript`) by https, with a `settings.js` that sets `server`, `iceServers`, `token` and
`apisecret`; name the host in UNDERSTUDY_MEETING_HOSTS. A link is `https://HOST/videoroomtest.html?room=1234`, with
`&pin=...` where the room has one.
"""
