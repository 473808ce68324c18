"""The avatar engine: sound in, synchronised frames and sound out. A library that has never heard of meetings."""
