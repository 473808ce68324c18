"""What a meeting's link looks like, platform by platform. Strings in, strings out; asks no network."""
