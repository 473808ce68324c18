"""Sound in, attributed words out."""
