"""The neural face: a causal, audio-driven video diffusion model that streams four frames at a time.

Nothing here imports torch until an engine is opened; `config` and `estimate` never do.
"""
